"""MobileNetV1: depthwise-separable blocks all the way."""

import keras

from thinkkeras.models.arguments import check_image_classifier
from thinkkeras.models.blocks import batch_norm_relu, classifier_top, preprocess, separable_block
from thinkkeras.models.weights import Weights, load_weights

# Filters and strides of the thirteen blocks.
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)


def mobilenet_v1(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int = 1000,
    *,
    alpha: float = 1.0,
    small_images: bool = False,
    dropout: float = 1e-3,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = True,
    name: str = "mobilenet_v1",
) -> keras.Model:
    """Builds MobileNetV1.

    One full convolution, thirteen depthwise-separable blocks, the average. The default arguments
    give 4,253,864 parameters and 569 million multiply-accumulates.

    Args:
        input_shape: `(height, width, channels)` of the images.
        classes: Number of classes.
        alpha: Factor on the number of maps.
        small_images: Whether the first two steps of 2 pixels are steps of 1, for images of 32
            pixels or so.
        dropout: Fraction of the averaged features dropped in training.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`).

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.
        ConnectionError: ImageNet's weights could not be downloaded.

    Source:
        Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
        Applications", 2017, section 3 and table 1.
    """
    check_image_classifier(
        input_shape, classes, include_top, pooling, classifier_activation, alpha=alpha
    )
    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = preprocess(x, "tf")
    x = keras.layers.Conv2D(
        int(alpha * 32),
        3,
        strides=1 if small_images else 2,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name="stem",
    )(x)
    x = batch_norm_relu(x, max_value=6, name="stem")
    for number, (filters, strides) in enumerate(BLOCKS, start=1):
        if small_images and number == 2:
            strides = 1
        x = separable_block(
            x, int(alpha * filters), strides=strides, max_value=6, name=f"block{number}"
        )
    x = classifier_top(
        x,
        classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
        dropout=dropout,
    )
    return load_weights(
        keras.Model(inputs, x, name=name),
        weights,
        include_top=include_top,
        classes=classes,
        published=lambda **options: keras.applications.MobileNet(alpha=alpha, **options),
        mode="tf",
    )
