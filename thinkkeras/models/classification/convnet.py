"""A small convolutional image classifier: stages of conv_blocks, pooling, a global average."""

from collections.abc import Sequence

import keras

from thinkkeras.models.arguments import check_image_classifier, conv_stages
from thinkkeras.models.blocks import classifier_top, conv_block, preprocess
from thinkkeras.models.weights import Weights, load_weights


def convnet(
    input_shape: tuple[int, ...] = (28, 28, 1),
    classes: int = 10,
    *,
    filters: Sequence[int | Sequence[int]] = (24, (40, 40), (64, 64), 96),
    dropout: float = 0.1,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = True,
    name: str = "convnet",
) -> keras.Model:
    """Builds a small convolutional image classifier.

    Stages of convolution, batch normalization and ReLU with max pooling between them, then global
    average pooling and a dense classifier. It is LeNet-5's plan, which alternates convolution and
    subsampling; LeNet has scaled tanh, trained subsampling and dense layers in their place. The
    default arguments give 140,738 parameters and 8.12 million multiply-accumulates.

    Args:
        input_shape: `(height, width, channels)` of the images.
        classes: Number of classes.
        filters: For each stage the filters of its `conv_block`, or of several in a sequence.
            Max pooling between stages halves height and width.
        dropout: Fraction of the averaged features dropped in training.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`).

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range, or the image too small to pool between stages.

    Source:
        LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
        Recognition", Proceedings of the IEEE 86(11), 1998, section II and figure 2.
    """
    check_image_classifier(input_shape, classes, include_top, pooling, classifier_activation)
    stages = conv_stages(filters, input_shape, poolings=len(filters) - 1)
    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = preprocess(x, "unit")
    for stage, widths in enumerate(stages, start=1):
        if stage > 1:
            x = keras.layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x)
        for block, width in enumerate(widths, start=1):
            x = conv_block(x, width, name=f"stage{stage}_block{block}")
    x = classifier_top(
        x,
        classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
        dropout=dropout,
    )
    return load_weights(keras.Model(inputs, x, name=name), weights)
