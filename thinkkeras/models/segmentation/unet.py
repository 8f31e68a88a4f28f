"""U-Net: a semantic segmenter that draws with what its backbone saw at every resolution."""

from collections.abc import Sequence
from math import log2

import keras

from thinkkeras.models.arguments import (
    check_activation,
    check_backbone,
    check_feature_maps,
    check_images,
)
from thinkkeras.models.backbones import feature_maps
from thinkkeras.models.blocks import conv_block, upsample

# Layers by which a backbone takes pixels as they are.
RESCALING = (keras.layers.Rescaling, keras.layers.Normalization)


def unet(
    input_shape: tuple[int, int, int] = (256, 256, 3),
    classes: int = 2,
    *,
    backbone: keras.Model | None = None,
    preprocessing: keras.layers.Layer | None = None,
    filters: Sequence[int] = (16, 16, 32, 64, 64),
    output_stride: int = 2,
    classifier_activation: str | None = "softmax",
    name: str = "unet",
) -> keras.Model:
    """Builds a U-Net, on a contracting path of its own or on any convolutional backbone.

    The contracting path halves its maps step by step. The expanding path doubles them again, and
    at each resolution joins the last map that the contracting path had there: the deep map knows
    what is seen, the other one where. Against the paper, convolutions keep the size of a map, are
    normalized, and the expanding path has one at each resolution; maps are doubled bilinearly and
    not by a transposed convolution (on a device RESIZE_BILINEAR, which coral, Ethos-U and LiteRT
    Micro all have; nearest neighbours become TILE, which they have not). Classes are told apart at
    `output_stride`, and drawn at full size from there.

    The default arguments give 256,402 parameters and 230 million multiply-accumulates.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255; height and width
            are multiples of the deepest map's stride, 32 by default.
        classes: Number of classes of a pixel, the background among them.
        backbone: A functional model from images to maps, such as
            `keras.applications.MobileNetV2(input_shape, include_top=False)` or the trunk of a
            trained `convnet`, `keras.Model(net.input, net.get_layer("stage4_block1_relu").output)`.
            Its layers become part of the model and stay shared: what trains here trains there.
            None builds a contracting path of two `conv_block`s at each resolution.
        preprocessing: Layer between the pixels and the backbone. None: nothing if the backbone has
            a Rescaling or Normalization of its own, else to -1 to 1, as MobileNets, ResNetV2 and
            Xception want it. Without a backbone, to 0 to 1.
        filters: Maps at `output_stride`, at twice as many pixels, and so on: of the expanding path,
            and without a backbone of the contracting path, too, whose depth it sets. A backbone
            needs one for each stride above its deepest; what exceeds that is not used.
        output_stride: Pixels from one prediction to the next, a power of 2: 1 draws the finest
            contours, and 2 takes a quarter of its work.
        classifier_activation: Activation of the outputs; None gives logits. The predicted class
            needs no more, and on an Ethos-U55 the softmax of every pixel takes as many cycles as
            all the rest and 12 times the memory: of a trained model, deploy
            `keras.Model(model.input, model.get_layer("logits").output)`.
        name: Name of the model.

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to
        `(batch, height, width, classes)`.

    Raises:
        ValueError: An argument is out of range, the size of the images no multiple of the deepest
            stride, or the backbone no functional model from one image to maps.

    Source:
        Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image
        Segmentation", MICCAI 2015, section 2 and figure 1.
    """
    _check(input_shape, classes, filters, output_stride, classifier_activation)
    inputs = keras.Input(input_shape, name="image")
    if backbone is None:
        x = (preprocessing or keras.layers.Rescaling(1 / 255, name="rescaling"))(inputs)
        check_images(input_shape, classes, output_stride * 2 ** (len(filters) - 1))
        maps = _contracting_path(x, filters, output_stride)
    else:
        check_backbone(backbone, input_shape)
        check_feature_maps(backbone)
        x = inputs
        if preprocessing is None and not _rescales(backbone):
            preprocessing = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")
        if preprocessing is not None:
            x = preprocessing(x)
        maps = feature_maps(backbone, x)
    x = _expanding_path(maps, filters, output_stride)
    x = keras.layers.Conv2D(classes, 1, name="classifier" if output_stride > 1 else "logits")(x)
    for stride in reversed(_powers_of_2(output_stride)[:-1]):
        x = upsample(x, name=f"to_stride{stride}" if stride > 1 else "logits")
    if classifier_activation is not None:
        x = keras.layers.Activation(classifier_activation, name="probabilities")(x)
    return keras.Model(inputs, x, name=name)


def _contracting_path(
    x: keras.KerasTensor, filters: Sequence[int], output_stride: int
) -> dict[int, keras.KerasTensor]:
    for stride in _powers_of_2(output_stride)[1:-1]:
        x = conv_block(x, filters[0], strides=2, name=f"encoder{stride}_block1")
    maps = {}
    for level, width in enumerate(filters):
        stride = output_stride * 2**level
        if level > 0:
            x = keras.layers.MaxPooling2D(2, name=f"encoder{stride}_pool")(x)
        strided = level == 0 and output_stride > 1
        x = conv_block(x, width, strides=2 if strided else 1, name=f"encoder{stride}_block1")
        maps[stride] = x = conv_block(x, width, name=f"encoder{stride}_block2")
    return maps


def _expanding_path(
    maps: dict[int, keras.KerasTensor], filters: Sequence[int], output_stride: int
) -> keras.KerasTensor:
    deepest = max(maps)
    levels = round(log2(deepest / output_stride))
    if levels < 1 or levels > len(filters):
        raise ValueError(
            f"expected an output_stride below {deepest}, the stride of the deepest map, and a "
            "number in filters for each doubling between them, received "
            f"output_stride={output_stride} and filters={tuple(filters)}"
        )
    if not any(output_stride <= stride < deepest for stride in maps):
        raise ValueError(
            "expected a backbone whose maps have a half, a quarter, … of the image's height and "
            f"width, received one without such maps between output_stride={output_stride} and "
            "its last; convolutions with padding='same' keep to them"
        )
    x = maps[deepest]
    for level in reversed(range(levels)):
        stride, width = output_stride * 2**level, filters[level]
        x = _at_most(x, width, name=f"decoder{stride}_deep")
        x = upsample(x, name=f"decoder{stride}_up")
        if stride in maps:
            skip = _at_most(maps[stride], width, name=f"decoder{stride}_skip")
            x = keras.layers.Concatenate(name=f"decoder{stride}_join")([x, skip])
        x = conv_block(x, width, name=f"decoder{stride}_block")
    return x


def _at_most(x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
    """Fewer maps where there are more than `width`: the 3x3 convolution after it is the costly
    one, and backbones have hundreds of maps where they expand them, and at their end."""
    return conv_block(x, width, kernel_size=1, name=name) if x.shape[-1] > width else x


def _powers_of_2(highest: int) -> list[int]:
    return [2**power for power in range(round(log2(highest)) + 1)]


def _rescales(backbone: keras.Model) -> bool:
    return any(
        isinstance(layer, RESCALING) or (isinstance(layer, keras.Model) and _rescales(layer))
        for layer in backbone.layers
    )


def _check(
    input_shape: tuple[int, int, int],
    classes: int,
    filters: Sequence[int],
    output_stride: int,
    classifier_activation: str | None,
) -> None:
    check_images(input_shape, classes, stride=1)
    check_activation(classes, classifier_activation)
    if len(filters) < 2 or min(filters) < 1:
        raise ValueError(f"expected two positive filters or more, received {tuple(filters)}")
    if output_stride < 1 or output_stride & (output_stride - 1):
        raise ValueError(f"expected an output_stride of 1, 2, 4, …, received {output_stride}")
