"""EfficientNet-Lite0: EfficientNet's layout with what integer accelerators have."""

import keras

from thinkkeras.models.arguments import check_image_classifier
from thinkkeras.models.blocks import (
    classifier_top,
    conv_block,
    preprocess,
)
from thinkkeras.models.classification.inverted_residuals import inverted_residual_stages
from thinkkeras.models.weights import Weights, load_weights

# Table 1 of the paper: kernel, expansion, filters, repeats, strides.
STAGES = (
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (5, 6, 40, 2, 2),
    (3, 6, 80, 3, 2),
    (5, 6, 112, 3, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)


def efficientnet_lite0(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int = 1000,
    *,
    alpha: float = 1.0,
    last: int = 1280,
    small_images: bool = False,
    dropout: float = 0.2,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = True,
    name: str = "efficientnet_lite0",
) -> keras.Model:
    """Builds EfficientNet-Lite0: B0 with ReLU6 and without squeeze-and-excitation.

    The default arguments give 4,694,024 parameters, 4,652,008 of them trained.

    Args:
        input_shape: `(height, width, channels)` of the images.
        classes: Number of classes.
        alpha: Factor on the number of maps between stem and last convolution; multiples of 8.
        last: Maps of the last convolution.
        small_images: Whether the first two steps of 2 pixels are steps of 1, for images of 32
            pixels or so.
        dropout: Fraction of the averaged features dropped in training.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`).

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
        ICML 2019, table 1; the Lite variants are those of github.com/tensorflow/tpu,
        models/official/efficientnet/lite.
    """
    check_image_classifier(
        input_shape, classes, include_top, pooling, classifier_activation, alpha=alpha
    )
    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = preprocess(x, "tf")
    strides = 1 if small_images else 2
    x = conv_block(x, 32, strides=strides, activation="relu6", name="stem")
    x = inverted_residual_stages(x, STAGES, alpha=alpha, small_images=small_images)
    x = conv_block(x, last, kernel_size=1, activation="relu6", name="last")
    x = classifier_top(
        x,
        classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
        dropout=dropout,
    )
    return load_weights(
        keras.Model(inputs, x, name=name), weights, include_top=include_top, classes=classes
    )
