"""AlexNet: LeNet's plan at ImageNet's size."""

import keras

from thinkkeras.models.arguments import check_image_classifier
from thinkkeras.models.blocks import conv_relu, pooled, preprocess
from thinkkeras.models.classification.widths import scaled
from thinkkeras.models.weights import Weights, load_weights


def alexnet(
    input_shape: tuple[int, int, int] = (227, 227, 3),
    classes: int = 1000,
    *,
    alpha: float = 1.0,
    small_images: bool = False,
    dropout: float = 0.5,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = True,
    name: str = "alexnet",
) -> keras.Model:
    """Builds AlexNet as one tower.

    Five convolutions and three dense layers. The default arguments give 62,378,344 parameters; the
    paper's 60 million are those of two towers on two GPUs, of which most convolutions see one. The
    local response normalization is left out: VGG's paper found no use of it (section 4).

    Args:
        input_shape: `(height, width, channels)` of the images.
        classes: Number of classes.
        alpha: Factor on the number of maps and units.
        small_images: Whether the first convolution has 5×5 pixels at stride 1 in place of 11×11 at
            stride 4, for images of 32 pixels or so.
        dropout: Fraction of the dense layers' inputs dropped in training.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`).

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
        Networks", NIPS 2012, section 3.5 and figure 2.
    """
    check_image_classifier(
        input_shape,
        classes,
        include_top,
        pooling,
        classifier_activation,
        alpha=alpha,
        smallest=15 if small_images else 67,
    )
    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = preprocess(x, "unit")
    size, strides, padding = (5, 1, "same") if small_images else (11, 4, "valid")
    plan = ((96, size, True), (256, 5, True), (384, 3, False), (384, 3, False), (256, 3, True))
    for number, (filters, kernel_size, pools) in enumerate(plan, start=1):
        x = conv_relu(
            x,
            scaled(filters, alpha),
            kernel_size,
            strides=strides if number == 1 else 1,
            padding=padding if number == 1 else "same",
            name=f"conv{number}",
        )
        if pools:
            x = keras.layers.MaxPooling2D(3, strides=2, name=f"pool{number}")(x)
    if include_top:
        x = keras.layers.Flatten(name="flatten")(x)
        for number in (1, 2):
            x = keras.layers.Dropout(dropout, name=f"dropout{number}")(x)
            x = keras.layers.Dense(
                scaled(4096, alpha),
                activation="relu",
                kernel_initializer="he_normal",
                name=f"dense{number}",
            )(x)
        x = keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    else:
        x = pooled(x, pooling)
    return load_weights(keras.Model(inputs, x, name=name), weights)
