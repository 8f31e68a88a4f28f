"""Blocks that lay the maps of several branches beside each other."""

from collections.abc import Sequence

import keras

from thinkkeras.models.blocks.convolution import conv_relu
from thinkkeras.models.blocks.normalization import EPSILON, batch_norm_relu


def inception_block(
    x: keras.KerasTensor,
    filters: Sequence[int],
    *,
    batch_normalization: bool = False,
    name: str,
) -> keras.KerasTensor:
    """Four branches side by side: 1×1; 1×1 then 3×3; 1×1 then 5×5; pooling 3×3 then 1×1.

    The branches' convolutions are `{name}_1x1`, `{name}_3x3_reduce`, `{name}_3x3`,
    `{name}_5x5_reduce`, `{name}_5x5` and `{name}_pool_proj`, and `{name}_pool` pools.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        filters: Feature maps of the convolutions in this order.
        batch_normalization: Whether each convolution is normalized before its ReLU; it has no bias
            then.
        name: Prefix of the layers' names.

    Returns:
        Feature maps `(batch, height, width, filters[0] + filters[2] + filters[4] + filters[5])`.

    Source:
        Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, figure 2(b) and table 1.
    """
    if len(filters) != 6 or min(filters) < 1:
        raise ValueError(f"expected six positive filters, received {tuple(filters)}")
    one, three_reduce, three, five_reduce, five, projection = filters

    def conv(x: keras.KerasTensor, filters: int, size: int, part: str) -> keras.KerasTensor:
        return conv_relu(
            x, filters, size, batch_normalization=batch_normalization, name=f"{name}_{part}"
        )

    pool = keras.layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    branches = [
        conv(x, one, 1, "1x1"),
        conv(conv(x, three_reduce, 1, "3x3_reduce"), three, 3, "3x3"),
        conv(conv(x, five_reduce, 1, "5x5_reduce"), five, 5, "5x5"),
        conv(pool, projection, 1, "pool_proj"),
    ]
    return keras.layers.Concatenate(name=f"{name}_concat")(branches)


def fire_module(
    x: keras.KerasTensor,
    squeeze: int,
    expand: int,
    *,
    batch_normalization: bool = False,
    name: str,
) -> keras.KerasTensor:
    """1×1 to few maps, then 1×1 and 3×3 from there side by side.

    Its convolutions are `{name}_squeeze`, `{name}_expand1x1` and `{name}_expand3x3`.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        squeeze: Feature maps of the first convolution.
        expand: Feature maps of each of the two others.
        batch_normalization: Whether each convolution is normalized before its ReLU.
        name: Prefix of the layers' names.

    Returns:
        Feature maps of shape `(batch, height, width, 2 * expand)`.

    Source:
        Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB
        model size", 2016, section 3.2 and figure 1.
    """
    normalized: dict = {"batch_normalization": batch_normalization}
    x = conv_relu(x, squeeze, 1, name=f"{name}_squeeze", **normalized)
    branches = [
        conv_relu(x, expand, 1, name=f"{name}_expand1x1", **normalized),
        conv_relu(x, expand, 3, name=f"{name}_expand3x3", **normalized),
    ]
    return keras.layers.Concatenate(name=f"{name}_concat")(branches)


def densely_connected_block(
    x: keras.KerasTensor,
    layers: int,
    growth_rate: int,
    *,
    bottleneck: int = 4,
    epsilon: float = EPSILON,
    name: str,
) -> keras.KerasTensor:
    """Layers that each append a few maps to all maps before them.

    A layer normalizes and activates, convolves 1×1, normalizes and activates, convolves 3×3:
    `{name}_layer{n}_0_bn`, `…_0_relu`, `…_1_conv`, `…_1_bn`, `…_1_relu`, `…_2_conv`, `…_concat`.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        layers: How many layers.
        growth_rate: Feature maps that each one appends.
        bottleneck: Feature maps between its convolutions, as a multiple of the growth rate.
        epsilon: Of the normalizations.
        name: Prefix of the layers' names.

    Returns:
        Feature maps of shape `(batch, height, width, channels + layers * growth_rate)`.

    Source:
        Huang, Liu, van der Maaten and Weinberger, "Densely Connected Convolutional Networks", CVPR
        2017, section 3 (DenseNet-B).
    """
    for number in range(1, layers + 1):
        layer = f"{name}_layer{number}"
        y = batch_norm_relu(x, epsilon=epsilon, name=f"{layer}_0")
        y = _plain(y, bottleneck * growth_rate, 1, f"{layer}_1_conv")
        y = batch_norm_relu(y, epsilon=epsilon, name=f"{layer}_1")
        y = _plain(y, growth_rate, 3, f"{layer}_2_conv")
        x = keras.layers.Concatenate(name=f"{layer}_concat")([x, y])
    return x


def transition_block(
    x: keras.KerasTensor, *, compression: float = 0.5, epsilon: float = EPSILON, name: str
) -> keras.KerasTensor:
    """What lies between two densely connected blocks: fewer maps, of half the height and width.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        compression: Fraction of the maps that a 1×1 convolution keeps.
        epsilon: Of the normalization.
        name: Prefix of the layers' names.

    Returns:
        Feature maps of shape `(batch, height // 2, width // 2, int(compression * channels))`.

    Source:
        Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, section 3 (DenseNet-C).
    """
    filters = int(compression * x.shape[-1])
    x = batch_norm_relu(x, epsilon=epsilon, name=name)
    x = _plain(x, filters, 1, f"{name}_conv")
    return keras.layers.AveragePooling2D(2, name=f"{name}_pool")(x)


def _plain(x: keras.KerasTensor, filters: int, size: int, name: str) -> keras.KerasTensor:
    return keras.layers.Conv2D(
        filters, size, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
