"""Blocks that learn what to add to their input."""

from typing import Literal

import keras

from thinkkeras.models.blocks.convolution import conv_block
from thinkkeras.models.blocks.normalization import EPSILON, MOMENTUM, batch_norm_relu

Shortcut = Literal["projection", "padding"] | None


def residual_block(
    x: keras.KerasTensor,
    filters: int | None = None,
    *,
    strides: int = 1,
    version: int = 1,
    shortcut: Shortcut = "projection",
    name: str,
) -> keras.KerasTensor:
    """Two 3×3 convolutions and a way around them: the block learns what to add to `x`.

    Version 1: convolutions are `conv_block`s called `{name}_1` and `{name}_2`, the second without
    an activation, then `{name}_add` and `{name}_relu`. Version 2 normalizes and activates before
    each convolution, so that nothing stands in the shortcut's way: `{name}_1_bn`, `{name}_1_relu`,
    `{name}_1_conv`, the same for 2, and `{name}_add`. Where the shapes differ, the shortcut is
    `{name}_0_conv` (and `{name}_0_bn` in version 1), or `{name}_0_pool`.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        filters: Number of feature maps it makes; by default those of `x`.
        strides: Step of the first convolution, in pixels; 2 halves height and width.
        version: 1 or 2.
        shortcut: How `x` is brought to the shape of the sum where it has another: "projection" by a
            1×1 convolution, "padding" by leaving out pixels and adding empty maps, without
            parameters. None takes the way around the block away: a plain stack.
        name: Prefix of the layers' names.

    Returns:
        Feature maps of shape `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Source:
        He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
        section 3.2 and figure 2 (shortcuts: section 3.3, options A and B); "Identity Mappings in
        Deep Residual Networks", ECCV 2016, figure 1 (version 2).
    """
    filters = x.shape[-1] if filters is None else filters
    same = strides == 1 and filters == x.shape[-1]
    if version == 2:
        y = batch_norm_relu(x, name=f"{name}_1")
        way = x if same or shortcut is None else _shortcut(y, filters, strides, shortcut, name)
        y = _conv(y, filters, 3, strides=strides, name=f"{name}_1_conv")
        y = batch_norm_relu(y, name=f"{name}_2")
        y = _conv(y, filters, 3, name=f"{name}_2_conv")
        return y if shortcut is None else keras.layers.Add(name=f"{name}_add")([way, y])
    way = x
    if not same and shortcut is not None:
        way = _shortcut(x, filters, strides, shortcut, name)
        if shortcut == "projection":
            way = keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_0_bn")(way)
    y = conv_block(x, filters, strides=strides, name=f"{name}_1")
    y = conv_block(y, filters, activation="linear", name=f"{name}_2")
    if shortcut is not None:
        y = keras.layers.Add(name=f"{name}_add")([way, y])
    return keras.layers.Activation("relu", name=f"{name}_relu")(y)


def bottleneck_block(
    x: keras.KerasTensor,
    filters: int,
    *,
    strides: int = 1,
    version: int = 1,
    projection: bool = False,
    epsilon: float = EPSILON,
    name: str,
) -> keras.KerasTensor:
    """A residual block of deep networks: 1×1 down to a quarter of the maps, 3×3 there, 1×1 up.

    Version 1 steps in the first convolution, and its shortcut is normalized. Version 2 steps in the
    3×3 one, and normalizes and activates before each convolution; a shortcut that steps without a
    projection takes every other pixel. Names are as `residual_block`'s, with a third convolution.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        filters: Feature maps between the convolutions; four times as many come out.
        strides: 2 halves height and width.
        version: 1 or 2.
        projection: Whether a 1×1 convolution brings `x` to the shape of the sum.
        epsilon: Of the normalizations.
        name: Prefix of the layers' names.

    Returns:
        Feature maps `(batch, ceil(height / strides), ceil(width / strides), 4 * filters)`.

    Source:
        He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, figure 5, right;
        "Identity Mappings in Deep Residual Networks", ECCV 2016. Biases and strides stand where
        `keras.applications` has them.
    """
    way = x
    if version == 2:
        y = batch_norm_relu(x, epsilon=epsilon, name=f"{name}_preact")
        if projection:
            way = _conv(y, 4 * filters, 1, strides=strides, use_bias=True, name=f"{name}_0_conv")
        elif strides > 1:
            way = keras.layers.MaxPooling2D(1, strides=strides, name=f"{name}_0_pool")(x)
        y = conv_block(y, filters, kernel_size=1, epsilon=epsilon, name=f"{name}_1")
        y = conv_block(
            y, filters, strides=strides, padding="symmetric", epsilon=epsilon, name=f"{name}_2"
        )
        y = _conv(y, 4 * filters, 1, use_bias=True, name=f"{name}_3_conv")
        return keras.layers.Add(name=f"{name}_add")([way, y])
    biased: dict = {"use_bias": True, "epsilon": epsilon}
    pointwise: dict = {"kernel_size": 1, **biased}
    if projection:
        way = conv_block(
            x, 4 * filters, strides=strides, activation="linear", name=f"{name}_0", **pointwise
        )
    y = conv_block(x, filters, strides=strides, name=f"{name}_1", **pointwise)
    y = conv_block(y, filters, name=f"{name}_2", **biased)
    y = conv_block(y, 4 * filters, activation="linear", name=f"{name}_3", **pointwise)
    y = keras.layers.Add(name=f"{name}_add")([way, y])
    return keras.layers.Activation("relu", name=f"{name}_relu")(y)


def inverted_residual_block(
    x: keras.KerasTensor,
    filters: int,
    *,
    expansion: float = 6,
    kernel_size: int = 3,
    strides: int = 1,
    activation: str = "relu6",
    squeeze_excitation: int | None = None,
    epsilon: float = EPSILON,
    name: str,
) -> keras.KerasTensor:
    """1×1 up, depthwise there, 1×1 down without an activation; `x` is added where shapes agree.

    Its layers are `{name}_expand_…` (not where `expansion` is 1), `{name}_depthwise_…`,
    `{name}_se_…`, `{name}_project_…` and `{name}_add`.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        filters: Number of feature maps it makes.
        expansion: Feature maps in between, as a multiple of those of `x`.
        kernel_size: Side of the depthwise kernel, in pixels.
        strides: Step of the depthwise kernel; 2 halves height and width.
        activation: Name of a Keras activation, after the first two convolutions.
        squeeze_excitation: Units of the squeeze-and-excitation between depthwise and projection;
            None has none.
        epsilon: Of the normalizations.
        name: Prefix of the layers' names.

    Returns:
        Feature maps of shape `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Source:
        Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018,
        section 3 and figure 4; Howard et al., "Searching for MobileNetV3", ICCV 2019, figure 4
        (squeeze-and-excitation inside).
    """
    common: dict = {"epsilon": epsilon}
    y = x
    if expansion != 1:
        widened = round(expansion * x.shape[-1])
        y = conv_block(
            y, widened, kernel_size=1, activation=activation, name=f"{name}_expand", **common
        )
    y = keras.layers.DepthwiseConv2D(
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}_depthwise",
    )(y)
    y = keras.layers.BatchNormalization(
        momentum=MOMENTUM, epsilon=epsilon, name=f"{name}_depthwise_bn"
    )(y)
    y = keras.layers.Activation(activation, name=f"{name}_depthwise_{activation}")(y)
    if squeeze_excitation is not None:
        y = squeeze_excitation_block(y, squeeze_excitation, name=f"{name}_se")
    y = conv_block(y, filters, kernel_size=1, activation="linear", name=f"{name}_project", **common)
    if strides > 1 or filters != x.shape[-1]:
        return y
    return keras.layers.Add(name=f"{name}_add")([x, y])


def squeeze_excitation_block(x: keras.KerasTensor, units: int, *, name: str) -> keras.KerasTensor:
    """Weighs each feature map by what all maps are on average.

    Its layers are `{name}_average`, `{name}_squeeze`, `{name}_relu`, `{name}_excite`,
    `{name}_hard_sigmoid` and `{name}_scale`.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        units: Numbers between the two 1×1 convolutions.
        name: Prefix of the layers' names.

    Returns:
        Feature maps of the same shape.

    Source:
        Hu, Shen and Sun, "Squeeze-and-Excitation Networks", CVPR 2018; the hard sigmoid is
        MobileNetV3's (Howard et al., ICCV 2019, section 5.2).
    """
    channels = x.shape[-1]
    y = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_average")(x)
    y = keras.layers.Conv2D(units, 1, name=f"{name}_squeeze")(y)
    y = keras.layers.ReLU(name=f"{name}_relu")(y)
    y = keras.layers.Conv2D(channels, 1, name=f"{name}_excite")(y)
    y = keras.layers.Activation("hard_sigmoid", name=f"{name}_hard_sigmoid")(y)
    return keras.layers.Multiply(name=f"{name}_scale")([x, y])


def _conv(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    *,
    strides: int = 1,
    use_bias: bool = False,
    name: str,
) -> keras.KerasTensor:
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=use_bias,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _shortcut(
    x: keras.KerasTensor, filters: int, strides: int, shortcut: Shortcut, name: str
) -> keras.KerasTensor:
    """`x` in the shape of the sum, before a normalization."""
    if shortcut == "projection":
        return _conv(x, filters, 1, strides=strides, name=f"{name}_0_conv")
    if strides > 1:
        x = keras.layers.AveragePooling2D(1, strides=strides, name=f"{name}_0_pool")(x)
    return keras.ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, filters - x.shape[-1])))
