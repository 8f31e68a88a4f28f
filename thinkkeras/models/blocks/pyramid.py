"""The feature pyramid: what the deep levels of a backbone see, brought to the fine ones."""

from collections.abc import Sequence

import keras

from thinkkeras.models.blocks.convolution import conv_block
from thinkkeras.models.blocks.upsampling import upsample


def feature_pyramid(
    stages: Sequence[keras.KerasTensor],
    filters: int,
    *,
    batch_normalization: bool = True,
    names: Sequence[str] | None = None,
) -> list[keras.KerasTensor]:
    """From the coarsest level down, adds each level, doubled, to the next finer one.

    Each stage is brought to `filters` feature maps by a 1x1 convolution. With batch normalization
    every convolution is a `conv_block`; a 3x3 one smooths each sum, which then goes on to the finer
    level, and the coarsest level has none. Without, convolutions are plain, as in the paper; the
    sums themselves go on, and a 3x3 convolution of every level is the output.

    Args:
        stages: Feature maps of the backbone, the finest first, each half as high and wide as the
            one before.
        filters: Feature maps of each level it returns.
        batch_normalization: Whether convolutions are normalized and activated.
        names: Prefix of each stage's layers; "pyramid0", "pyramid1", … if None.

    Returns:
        As many levels, in the same order and sizes.

    Source:
        Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017, figure 3.
    """
    names = [f"pyramid{k}" for k in range(len(stages))] if names is None else names
    levels: list[keras.KerasTensor] = []
    coarser = None
    for x, name in reversed(list(zip(stages, names, strict=True))):
        if batch_normalization:
            x = conv_block(x, filters, kernel_size=1, name=f"{name}_lateral")
            if coarser is not None:
                x = _add_coarser(x, coarser, name, "upsampling")
                x = conv_block(x, filters, name=name)
            coarser = level = x
        else:
            x = keras.layers.Conv2D(filters, 1, name=f"{name}_lateral")(x)
            if coarser is not None:
                x = _add_coarser(x, coarser, name, "up")
            coarser = x
            level = keras.layers.Conv2D(filters, 3, padding="same", name=f"{name}_out")(x)
        levels.insert(0, level)
    return levels


def _add_coarser(
    x: keras.KerasTensor, coarser: keras.KerasTensor, name: str, enlargement: str
) -> keras.KerasTensor:
    coarser = upsample(coarser, name=f"{name}_{enlargement}")
    return keras.layers.Add(name=f"{name}_add")([x, coarser])
