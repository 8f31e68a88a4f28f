"""Enlarging feature maps with the one operator that every target has."""

import keras


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
