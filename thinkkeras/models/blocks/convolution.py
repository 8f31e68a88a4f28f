"""Convolutional blocks: full and depthwise-separable convolutions, normalized and activated."""

import keras

from thinkkeras.models.blocks.normalization import EPSILON, MOMENTUM, batch_norm_relu


def conv_block(
    x: keras.KerasTensor,
    filters: int,
    *,
    kernel_size: int = 3,
    strides: int = 1,
    padding: str = "same",
    activation: str = "relu",
    use_bias: bool = False,
    epsilon: float = EPSILON,
    name: str,
) -> keras.KerasTensor:
    """Convolution, batch normalization, activation: the block to recombine.

    The convolution needs no bias, because the normalization that follows has one; on a device
    the three become a single CONV_2D. Its layers are `{name}_conv`, `{name}_bn` and
    `{name}_{activation}`.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        filters: Number of feature maps it makes.
        kernel_size: Side of the square kernel, in pixels.
        strides: Step of the kernel, in pixels; 2 halves height and width.
        padding: "same"; "symmetric" pads alike on both sides also where a stride makes "same" pad
            one side less, as networks from Caffe and PyTorch do (layer `{name}_pad`); or "valid".
        activation: Name of a Keras activation.
        use_bias: Whether the convolution has an idle bias, as published weights may want.
        epsilon: Of the normalization.
        name: Prefix of the layers' names.

    Returns:
        Feature maps of shape `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Source:
        Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
        Internal Covariate Shift", ICML 2015, section 3.2 (normalization between the convolution
        and the nonlinearity, and why the bias goes).
    """
    if padding == "symmetric":
        x = keras.layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x)
    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same" if padding == "same" else "valid",
        use_bias=use_bias,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=epsilon, name=f"{name}_bn")(x)
    return keras.layers.Activation(activation, name=f"{name}_{activation}")(x)


def conv_relu(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int | tuple[int, int],
    *,
    strides: int = 1,
    padding: str = "same",
    batch_normalization: bool = False,
    name: str,
) -> keras.KerasTensor:
    """Convolution and ReLU, as networks had them before batch normalization, or with it.

    It is one layer, `{name}`, with a bias; or `{name}` without one, `{name}_bn` and `{name}_relu`.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        filters: Number of feature maps it makes.
        kernel_size: Side of the square kernel, or its height and width, in pixels.
        strides: Step of the kernel, in pixels; 2 halves height and width.
        padding: "same" or "valid".
        batch_normalization: Whether to normalize before the ReLU.
        name: Name of the convolution, and prefix of the other layers' names.

    Returns:
        Feature maps of shape `(batch, ceil(height / strides), ceil(width / strides), filters)`;
        with "valid", of the positions where the whole kernel lies on the maps.
    """
    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        use_bias=not batch_normalization,
        activation=None if batch_normalization else "relu",
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return batch_norm_relu(x, name=name) if batch_normalization else x


def separable_block(
    x: keras.KerasTensor,
    filters: int,
    *,
    strides: int = 1,
    max_value: float | None = None,
    name: str,
) -> keras.KerasTensor:
    """Depthwise 3×3 convolution, then pointwise 1×1, each with batch normalization and ReLU.

    Its layers are `{name}_depthwise`, `{name}_depthwise_bn`, `{name}_depthwise_relu`, and the same
    three for `{name}_pointwise`. Against a full 3×3 convolution it needs an eighth to a ninth of
    the multiply-accumulates.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        filters: Number of feature maps it makes.
        strides: Step of the depthwise kernel, in pixels; 2 halves height and width.
        max_value: Where the ReLUs saturate; None is nowhere.
        name: Prefix of the layers' names.

    Returns:
        Feature maps of shape `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Source:
        Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
        Applications", 2017, section 3.1 and figure 3.
    """
    depthwise, pointwise = f"{name}_depthwise", f"{name}_pointwise"
    x = keras.layers.DepthwiseConv2D(
        3,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=depthwise,
    )(x)
    x = batch_norm_relu(x, max_value=max_value, name=depthwise)
    x = keras.layers.Conv2D(
        filters, 1, use_bias=False, kernel_initializer="he_normal", name=pointwise
    )(x)
    return batch_norm_relu(x, max_value=max_value, name=pointwise)
