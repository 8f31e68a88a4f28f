"""MobileNetV2: inverted residual blocks."""

import keras

from thinkkeras.models.arguments import check_image_classifier
from thinkkeras.models.blocks import (
    classifier_top,
    conv_block,
    preprocess,
)
from thinkkeras.models.classification.inverted_residuals import inverted_residual_stages
from thinkkeras.models.classification.widths import divisible
from thinkkeras.models.weights import Weights, load_weights

# Table 2 of the paper: kernel, expansion, filters, repeats, strides.
STAGES = (
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (3, 6, 32, 3, 2),
    (3, 6, 64, 4, 2),
    (3, 6, 96, 3, 1),
    (3, 6, 160, 3, 2),
    (3, 6, 320, 1, 1),
)


def mobilenet_v2(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int = 1000,
    *,
    alpha: float = 1.0,
    last: int = 1280,
    small_images: bool = False,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = True,
    name: str = "mobilenet_v2",
) -> keras.Model:
    """Builds MobileNetV2.

    A convolution, seventeen inverted residual blocks, a 1×1 convolution, the average. The default
    arguments give 3,538,984 parameters and 300 million multiply-accumulates.

    Args:
        input_shape: `(height, width, channels)` of the images.
        classes: Number of classes.
        alpha: Factor on the number of maps; multiples of 8 come out.
        last: Maps of the last convolution, which grow with `alpha` above 1.
        small_images: Whether the first two steps of 2 pixels are steps of 1, for images of 32
            pixels or so.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`).

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.
        ConnectionError: ImageNet's weights could not be downloaded.

    Source:
        Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, section
        4 and table 2.
    """
    check_image_classifier(
        input_shape, classes, include_top, pooling, classifier_activation, alpha=alpha
    )
    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = preprocess(x, "tf")
    strides = 1 if small_images else 2
    x = conv_block(x, divisible(32 * alpha), strides=strides, activation="relu6", name="stem")
    x = inverted_residual_stages(x, STAGES, alpha=alpha, small_images=small_images)
    last = divisible(last * max(alpha, 1.0))
    x = conv_block(x, last, kernel_size=1, activation="relu6", name="last")
    x = classifier_top(
        x,
        classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
    )
    return load_weights(
        keras.Model(inputs, x, name=name),
        weights,
        include_top=include_top,
        classes=classes,
        published=lambda **options: keras.applications.MobileNetV2(alpha=alpha, **options),
        mode="tf",
    )
