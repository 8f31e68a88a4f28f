"""VGG: 3×3 convolutions all the way."""

import keras

from thinkkeras.models.arguments import check_image_classifier
from thinkkeras.models.blocks import conv_relu, pooled, preprocess
from thinkkeras.models.classification.widths import scaled
from thinkkeras.models.weights import Weights, load_weights

# Convolutions of each stage: configurations A, B, D and E of the paper.
STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}

_PUBLISHED = {16: keras.applications.VGG16, 19: keras.applications.VGG19}


def vgg(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int = 1000,
    *,
    depth: int = 16,
    alpha: float = 1.0,
    units: int = 4096,
    dropout: float = 0.0,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = True,
    name: str = "vgg",
) -> keras.Model:
    """Builds a VGG network; its depth counts the layers with weights.

    Five stages of 3×3 convolutions of 64, 128, 256, 512 and 512 maps, each followed by a pooling,
    then two dense layers. With the other default arguments depth 11 has 132,863,336 parameters, 13
    has 133,047,848, 16 has 138,357,544 and 19 has 143,667,240.

    Args:
        input_shape: `(height, width, channels)` of the images, at least 32 pixels a side.
        classes: Number of classes.
        depth: 11, 13, 16 or 19.
        alpha: Factor on the number of maps.
        units: Of each of the two dense layers.
        dropout: Fraction of the dense layers' outputs dropped in training; the paper has 0.5.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`); ImageNet's weights are those of
            depths 16 and 19, with the top for images of 224×224.

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.
        ConnectionError: ImageNet's weights could not be downloaded.

    Source:
        Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
        Recognition", ICLR 2015, section 2.2 and table 1.
    """
    check_image_classifier(
        input_shape, classes, include_top, pooling, classifier_activation, alpha=alpha, smallest=32
    )
    if depth not in STAGES:
        raise ValueError(f"expected a depth out of {tuple(STAGES)}, received {depth}")
    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = preprocess(x, "caffe")
    for stage, (count, filters) in enumerate(
        zip(STAGES[depth], (64, 128, 256, 512, 512), strict=True), start=1
    ):
        for number in range(1, count + 1):
            x = conv_relu(x, scaled(filters, alpha), 3, name=f"stage{stage}_conv{number}")
        x = keras.layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x)
    if include_top:
        x = keras.layers.Flatten(name="flatten")(x)
        for number in (1, 2):
            x = keras.layers.Dense(
                units, activation="relu", kernel_initializer="he_normal", name=f"dense{number}"
            )(x)
            if dropout:
                x = keras.layers.Dropout(dropout, name=f"dropout{number}")(x)
        x = keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    else:
        x = pooled(x, pooling)
    return load_weights(
        keras.Model(inputs, x, name=name),
        weights,
        include_top=include_top,
        classes=classes,
        published=_PUBLISHED.get(depth),
        mode="caffe",
    )
