"""Enlarging feature maps with the one operator that every target has."""

from collections.abc import Sequence
from functools import partial
from math import prod

import keras

from thinkkeras.models.blocks.convolution import conv_block, conv_relu
from thinkkeras.models.blocks.normalization import batch_norm_relu


def upsample(x: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Doubles height and width bilinearly, in one layer called `name`.

    On a device this is RESIZE_BILINEAR, which coral, Ethos-U and LiteRT Micro all have, Ethos-U by
    2 alone. Nearest neighbours become TILE, which they have not.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        name: Name of the layer.

    Returns:
        Feature maps of shape `(batch, 2 * height, 2 * width, channels)`.
    """
    return keras.layers.UpSampling2D(2, interpolation="bilinear", name=name)(x)


def maps_from_code(
    code: keras.KerasTensor, shape: Sequence[int], *, batch_normalization: bool = False
) -> keras.KerasTensor:
    """A dense layer, ReLU and the shape of feature maps: where a decoder's convolutions begin.

    Its layers are `start`, with batch normalization `start_bn` and `start_relu`, and `maps`.

    Args:
        code: Numbers `(batch, numbers)`.
        shape: `(height, width, channels)` of the maps.
        batch_normalization: Whether it normalizes before the ReLU.

    Returns:
        Feature maps of shape `(batch, *shape)`.
    """
    activation = None if batch_normalization else "relu"
    x = keras.layers.Dense(
        prod(shape), activation=activation, use_bias=not batch_normalization, name="start"
    )(code)
    if batch_normalization:
        x = batch_norm_relu(x, name="start")
    return keras.layers.Reshape(tuple(shape), name="maps")(x)


def growing_maps(
    x: keras.KerasTensor, filters: Sequence[int], *, batch_normalization: bool = True
) -> keras.KerasTensor:
    """Doubles height and width once for each of the filters, each time with a convolution after it.

    The layers of the n-th are `up{n}_resize` and those of `conv_block`, named `up{n}`; or
    `up{n}_resize` and `up{n}`, the one layer of `conv_relu`.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        filters: Feature maps after each doubling.
        batch_normalization: Whether the convolutions are followed by one.

    Returns:
        Feature maps `2 ** len(filters)` times as high and wide, `filters[-1]` of them.
    """
    convolution = conv_block if batch_normalization else partial(conv_relu, kernel_size=3)
    for stage, width in enumerate(filters, start=1):
        x = upsample(x, name=f"up{stage}_resize")
        x = convolution(x, width, name=f"up{stage}")
    return x
