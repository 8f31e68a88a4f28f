"""A depthwise-separable convolutional network: MobileNet's blocks at a microcontroller's size."""

from collections.abc import Sequence

import keras

from thinkkeras.models.arguments import check_image_classifier
from thinkkeras.models.blocks import (
    classifier_top,
    conv_relu,
    preprocess,
    separable_block,
)
from thinkkeras.models.weights import Weights, load_weights


def ds_cnn(
    input_shape: tuple[int, ...] = (49, 10, 1),
    classes: int = 12,
    *,
    filters: Sequence[int] = (64, 64, 64, 64, 64),
    strides: Sequence[int] = (2, 1, 1, 1, 1),
    kernel_size: tuple[int, int] = (10, 4),
    dropout: float = 0.2,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = False,
    name: str = "ds_cnn",
) -> keras.Model:
    """Builds DS-CNN, MLPerf Tiny's keyword-spotting network.

    One full convolution, depthwise-separable blocks, the average over all positions, and a
    classifier. The default arguments take 49 frames of 10 MFCCs and give 24,332 parameters and
    2.66 million multiply-accumulates. The reference has 24,908: its convolutions have biases too,
    which the normalization after them makes idle.

    Args:
        input_shape: `(height, width, channels)`: frames and coefficients of audio, or an image.
        classes: Number of classes.
        filters: Feature maps of the first convolution and of each `separable_block` after it.
        strides: Steps of the same, in pixels.
        kernel_size: `(height, width)` of the first convolution's kernel.
        dropout: Fraction of the averaged features dropped in training.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`); but `include_preprocessing`, for
            pixels of 0-255, is off, since the default inputs are no pixels.

    Returns:
        An uncompiled model: `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Zhang, Suda, Lai and Chandra, "Hello Edge: Keyword Spotting on Microcontrollers", 2017,
        section 4 (DS-CNN-S), as Banbury et al., "MLPerf Tiny Benchmark", NeurIPS 2021, have it.
    """
    check_image_classifier(input_shape, classes, include_top, pooling, classifier_activation)
    if not filters or len(filters) != len(strides) or min(*filters, *strides) < 1:
        raise ValueError(
            "expected as many positive filters as strides, one or more, "
            f"received filters={filters}, strides={strides}"
        )
    inputs = x = keras.Input(input_shape, name="image" if include_preprocessing else "features")
    if include_preprocessing:
        x = preprocess(x, "unit")
    x = conv_relu(
        x, filters[0], kernel_size, strides=strides[0], batch_normalization=True, name="stem"
    )
    for block, (width, stride) in enumerate(zip(filters[1:], strides[1:], strict=True), start=1):
        x = separable_block(x, width, strides=stride, name=f"block{block}")
    x = classifier_top(
        x,
        classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
        dropout=dropout,
    )
    return load_weights(keras.Model(inputs, x, name=name), weights)
