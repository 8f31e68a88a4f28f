"""The feed-forward network of fast style transfer: one pass paints a photograph in one style."""

from collections.abc import Sequence

import keras
from keras import ops

from thinkkeras.models.arguments import check_classifier, check_size
from thinkkeras.models.blocks import upsample

# Ulyanov's and Johnson's code both have it; Keras's own 1e-3 flattens what hardly varies.
EPSILON = 1e-5


def style_net(
    input_shape: tuple[int, int, int] = (256, 256, 3),
    *,
    filters: Sequence[int] = (32, 64, 128),
    blocks: int = 5,
    name: str = "style_net",
) -> keras.Model:
    """Builds Johnson's image transformation network, with instance normalization.

    A convolution of 9×9, convolutions that halve height and width, residual blocks, and the way
    back up: bilinear resizing and a convolution, where transposed convolutions would leave a
    checkerboard. Borders are mirrored, because zeros would paint a frame. The default arguments
    give 1,679,235 parameters, at 256×256 in 10.08 G multiply-accumulates.

    Args:
        input_shape: `(height, width, channels)`, multiples of 2 for each halving. Weights suit any
            size: build it for another one and copy them.
        filters: Feature maps at full size, and after each halving.
        blocks: Residual blocks at the smallest size.
        name: Name of the model.

    Returns:
        An uncompiled model: photographs `(batch, height, width, channels)`, pixels of 0-255, to
        pictures of the same shape and range.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and
        Super-Resolution", ECCV 2016, and its supplementary material (table 1: the layers);
        Ulyanov, Vedaldi and Lempitsky, "Improved Texture Networks", CVPR 2017 (instance
        normalization); Odena, Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts",
        Distill 2016 (resizing, then a convolution).
    """
    check_classifier(input_shape, 1)
    if not filters or min(filters) < 1 or blocks < 0:
        raise ValueError(
            "expected filters of at least 1 and blocks of at least 0, received "
            f"filters={filters} and blocks={blocks}"
        )
    check_size(input_shape[0], input_shape[1], 2 ** (len(filters) - 1))
    inputs = keras.Input(input_shape, name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    x = _convolution(x, filters[0], 9, name="stem")
    for stage, width in enumerate(filters[1:], start=1):
        x = _convolution(x, width, 3, strides=2, name=f"down{stage}")
    for block in range(1, blocks + 1):
        y = _convolution(x, filters[-1], 3, name=f"block{block}_1")
        y = _convolution(y, filters[-1], 3, relu=False, name=f"block{block}_2")
        x = keras.layers.Add(name=f"block{block}_add")([x, y])
    for stage, width in enumerate(reversed(filters[:-1]), start=1):
        x = upsample(x, name=f"up{stage}_resize")
        x = _convolution(x, width, 3, name=f"up{stage}")
    x = _mirrored(x, 4)
    x = keras.layers.Conv2D(input_shape[-1], 9, name="picture_conv")(x)
    x = keras.layers.Activation("sigmoid", name="picture_sigmoid")(x)
    outputs = keras.layers.Rescaling(255.0, name="picture")(x)
    return keras.Model(inputs, outputs, name=name)


def _convolution(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    *,
    strides: int = 1,
    relu: bool = True,
    name: str,
) -> keras.KerasTensor:
    """Mirrored borders, a convolution, instance normalization, and ReLU unless told otherwise."""
    x = _mirrored(x, kernel_size // 2)
    x = keras.layers.Conv2D(filters, kernel_size, strides=strides, name=f"{name}_conv")(x)
    # As many groups as channels: each map of each picture is normalized on its own.
    x = keras.layers.GroupNormalization(groups=-1, epsilon=EPSILON, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x) if relu else x


def _mirrored(x: keras.KerasTensor, border: int) -> keras.KerasTensor:
    return ops.pad(x, ((0, 0), (border, border), (border, border), (0, 0)), mode="reflect")
