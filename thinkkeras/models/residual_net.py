"""A small residual network without a classifier: the backbone of detectors and segmenters."""

from collections.abc import Sequence

import keras

from thinkkeras.models.arguments import check_classifier
from thinkkeras.models.blocks import conv_block, residual_block


def residual_net(
    input_shape: tuple[int, ...] = (256, 256, 3),
    *,
    filters: Sequence[int] = (16, 32, 48, 64, 64),
    blocks: Sequence[int] = (0, 0, 1, 1, 0),
    name: str = "residual_net",
) -> keras.Model:
    """Builds a backbone: each stage halves height and width, then refines with residual blocks.

    The default arguments give 200,368 parameters.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255.
        filters: Feature maps of each stage; stage s has a stride of 2^s pixels.
        blocks: Residual blocks of each stage, after the convolution that halves it.
        name: Name of the model.

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to the last stage's feature
        maps. Stage s ends in the layer `stage{s}_block{n}_relu` with n blocks, and in
        `stage{s}_relu` without.

    Raises:
        ValueError: An argument is out of range.
    """
    check_classifier(input_shape, 1)
    if len(filters) != len(blocks) or not filters or min(filters) < 1 or min(blocks) < 0:
        raise ValueError(
            "expected filters of at least 1 and blocks of at least 0, as many of both, received "
            f"filters={filters} and blocks={blocks}"
        )
    inputs = keras.Input(input_shape, name="image")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
    for stage, (width, count) in enumerate(zip(filters, blocks, strict=True), start=1):
        x = conv_block(x, width, strides=2, name=f"stage{stage}")
        for block in range(1, count + 1):
            x = residual_block(x, name=f"stage{stage}_block{block}")
    return keras.Model(inputs, x, name=name)
