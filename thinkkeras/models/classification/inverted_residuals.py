"""The stages of the networks that are made of inverted residual blocks."""

from collections.abc import Sequence

import keras

from thinkkeras.models.blocks import inverted_residual_block
from thinkkeras.models.classification.widths import divisible


def inverted_residual_stages(
    x: keras.KerasTensor,
    stages: Sequence[tuple[int, int, int, int, int]],
    *,
    alpha: float,
    small_images: bool,
) -> keras.KerasTensor:
    """Stages of inverted residual blocks, as the tables of the papers give them.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        stages: Kernel, expansion, filters, repeats and strides of each.
        alpha: Factor on the filters; multiples of 8 come out.
        small_images: Whether the second stage keeps height and width.
    """
    for stage, (kernel, expansion, filters, repeats, strides) in enumerate(stages, start=1):
        if small_images and stage == 2:
            strides = 1
        for number in range(1, repeats + 1):
            x = inverted_residual_block(
                x,
                divisible(int(filters * alpha)),
                expansion=expansion,
                kernel_size=kernel,
                strides=strides if number == 1 else 1,
                name=f"stage{stage}_block{number}",
            )
    return x
