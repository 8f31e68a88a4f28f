"""A small convolutional image classifier: stages of conv_blocks, pooling, a global average."""

from collections.abc import Sequence

import keras

from thinkkeras.models.arguments import check_classifier
from thinkkeras.models.blocks import conv_block


def convnet(
    input_shape: tuple[int, ...] = (28, 28, 1),
    classes: int = 10,
    *,
    filters: Sequence[int | Sequence[int]] = (24, (40, 40), (64, 64), 96),
    dropout: float = 0.1,
    classifier_activation: str | None = "softmax",
    name: str = "convnet",
) -> keras.Model:
    """Builds a small convolutional image classifier.

    Stages of convolution, batch normalization and ReLU with max pooling between them, then global
    average pooling and a dense classifier. It is LeNet-5's plan, which alternates convolution and
    subsampling; LeNet has scaled tanh, trained subsampling and dense layers in their place. The
    default arguments give 140,738 parameters and 8.12 million multiply-accumulates.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255.
        classes: Number of classes.
        filters: For each stage the filters of its `conv_block`, or of several in a sequence.
            Max pooling between stages halves height and width.
        dropout: Fraction of the averaged features dropped in training.
        classifier_activation: Activation of the outputs; None gives logits.
        name: Name of the model.

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range, or the image too small to pool between stages.

    Source:
        LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
        Recognition", Proceedings of the IEEE 86(11), 1998, section II and figure 2.
    """
    stages = [(stage,) if isinstance(stage, int) else tuple(stage) for stage in filters]
    _check(input_shape, classes, stages)
    inputs = keras.Input(input_shape, name="image")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
    for stage, widths in enumerate(stages, start=1):
        if stage > 1:
            x = keras.layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x)
        for block, width in enumerate(widths, start=1):
            x = conv_block(x, width, name=f"stage{stage}_block{block}")
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, outputs, name=name)


def _check(input_shape: tuple[int, ...], classes: int, stages: list[tuple[int, ...]]) -> None:
    check_classifier(input_shape, classes)
    if not stages or not all(stage and min(stage) > 0 for stage in stages):
        raise ValueError(
            f"expected filters with one positive entry or more per stage, received {stages}"
        )
    smallest = 2 ** (len(stages) - 1)
    if min(input_shape[:2]) < smallest:
        raise ValueError(
            f"expected images of at least {smallest}x{smallest} pixels for {len(stages)} stages, "
            f"received {input_shape[0]}x{input_shape[1]}; pass fewer filters"
        )
