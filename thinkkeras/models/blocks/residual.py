"""Blocks that learn what to add to their input."""

import keras

from thinkkeras.models.blocks.convolution import conv_block


def residual_block(x: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Two 3×3 convolutions and a way around them: the block learns what to add to `x`.

    Its layers are those of `conv_block` called `{name}_1` and `{name}_2`, the second without an
    activation, then `{name}_add` and `{name}_relu`.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        name: Prefix of the layers' names.

    Returns:
        Feature maps of the same shape.

    Source:
        He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
        section 3.2 and figure 2.
    """
    filters = x.shape[-1]
    y = conv_block(x, filters, name=f"{name}_1")
    y = conv_block(y, filters, activation="linear", name=f"{name}_2")
    y = keras.layers.Add(name=f"{name}_add")([x, y])
    return keras.layers.Activation("relu", name=f"{name}_relu")(y)
