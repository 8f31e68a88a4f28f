"""Backbones: a small one of keras-cv, and the feature maps that any backbone has to offer."""

from collections.abc import Sequence
from math import ceil, log2

import keras

from thinkkeras.models.arguments import check_size


def lite_backbone(input_shape: tuple[int, int, int], *, alpha: float = 1.0) -> keras.Model:
    """Builds a keras-cv backbone of a microcontroller's size, of EfficientNet-Lite's blocks.

    A stem, a separable block at stride 2, and two inverted residual blocks of 3x3 kernels at each
    stride from 4 to 32, with ReLU6 throughout: every operator of it has integers on coral, Ethos-U
    and LiteRT Micro. (The hard swish of MobileNetV3's stem is none of the Edge TPU's, which would
    leave the whole network to the CPU.) The last 1x1 convolution, which no pyramid uses, is left
    out. By default 157,888 parameters.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255.
        alpha: Factor on the number of maps, 16, 16, 24, 48 and 96; multiples of 8 come out.

    Returns:
        A `keras_cv.models.Backbone` from images to the map at stride 32, with the
        `pyramid_level_inputs` "P1" to "P5".

    Source:
        Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
        ICML 2019; Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR
        2018, section 3 (the block).
    """
    import keras_cv  # Slow to import.

    whole = keras_cv.models.EfficientNetLiteBackbone(
        stackwise_kernel_sizes=[3] * 5,
        stackwise_num_repeats=[1, 2, 2, 2, 2],
        stackwise_input_filters=[32, 16, 16, 24, 48],
        stackwise_output_filters=[16, 16, 24, 48, 96],
        stackwise_expansion_ratios=[1, 2, 4, 4, 4],
        stackwise_strides=[1, 2, 2, 2, 2],
        width_coefficient=alpha,
        depth_coefficient=1.0,
        drop_connect_rate=0.0,
        include_rescaling=True,
        input_shape=input_shape,
    )
    trunk = keras.Model(whole.input, whole.get_layer("top_conv").input)
    backbone = keras_cv.models.Backbone(trunk.inputs, trunk.outputs, name="backbone")
    last = {"P5": trunk.layers[-1].name}
    backbone.pyramid_level_inputs = whole.pyramid_level_inputs | last
    return backbone


def last_feature_maps(
    backbone: keras.Model, input_shape: Sequence[int]
) -> dict[int, keras.KerasTensor]:
    """A backbone's last feature maps at each resolution, its output at the deepest.

    Args:
        backbone: A functional model from images to maps.
        input_shape: `(height, width, channels)` of the images; it may be for images of any size.

    Returns:
        For each stride (1, 2, 4 …), in rising order, the backbone's own tensor, which is
        `(batch, height / stride, width / stride, …)` for such images. Strides at which it has no
        map are missing.

    Raises:
        ValueError: Height or width is no multiple of the deepest stride.
    """
    height, width = input_shape[:2]
    candidates, convolved = [], False
    for operation in backbone.operations:
        # Rescaled pixels are no features.
        convolved = convolved or any(len(w.shape) == 4 for w in getattr(operation, "weights", ()))
        outputs = keras.tree.flatten(operation.output)
        candidates += [x for x in outputs if convolved and len(x.shape) == 4]
    candidates.append(backbone.output)
    shapes = [x.shape for x in keras.Model(backbone.input, candidates)(keras.Input(input_shape))]
    # A map whose size was rounded up is of the next higher stride.
    deepest = 2 ** ceil(log2(height / shapes[-1][1]))
    check_size(height, width, deepest)
    last = {}
    for tensor, shape in zip(candidates, shapes, strict=True):
        stride = height // shape[1]
        whole = (stride * shape[1], stride * shape[2]) == (height, width)
        # Not the maps of one pixel, either, that squeeze-and-excitation makes.
        if whole and stride < deepest and stride & (stride - 1) == 0:
            last[stride] = tensor
    return {stride: last[stride] for stride in sorted(last)} | {deepest: backbone.output}


def feature_maps(backbone: keras.Model, images: keras.KerasTensor) -> dict[int, keras.KerasTensor]:
    """What `last_feature_maps` finds in a backbone, of these images.

    Args:
        backbone: A functional model from images to maps; its layers are shared.
        images: What to call it on, `(batch, height, width, channels)`.

    Returns:
        For each stride, in rising order, feature maps of the images.

    Raises:
        ValueError: Height or width is no multiple of the deepest stride.
    """
    last = last_feature_maps(backbone, images.shape[1:])
    extractor = keras.Model(backbone.input, list(last.values()), name=backbone.name)
    return dict(zip(last, keras.tree.flatten(extractor(images)), strict=True))


def pyramid_stages(backbone: keras.Model, strides: Sequence[int]) -> list[keras.KerasTensor]:
    """The backbone's last feature maps of these strides and of all coarser ones it has.

    Args:
        backbone: A functional model from images of a fixed size to feature maps.
        strides: The finest levels wanted, each twice the one before.

    Returns:
        Feature maps `(batch, height / stride, width / stride, channels)`, the finest first.

    Raises:
        ValueError: The backbone lacks one, takes images of any size, or of one that is no multiple
            of its deepest stride.
    """
    shape = backbone.input_shape[1:]
    if None in shape:
        raise ValueError(
            "expected a backbone for images of a fixed size, received "
            f"'{backbone.name}' for {shape}; build it with the images' input_shape"
        )
    found = last_feature_maps(backbone, shape)
    if not strides or any(stride not in found for stride in strides):
        raise ValueError(
            f"expected strides out of {sorted(found)}, which '{backbone.name}' has, received "
            f"{tuple(strides)}"
        )
    levels = [stride for stride in found if stride >= min(strides)]
    doubling = all(coarse == 2 * fine for fine, coarse in zip(levels, levels[1:], strict=False))
    if not doubling or list(strides) != levels[: len(strides)]:
        raise ValueError(
            "expected strides that double, as (4, 8, 16), and a backbone that has all the coarser "
            f"ones, received {tuple(strides)} out of {sorted(found)}"
        )
    return [found[stride] for stride in levels]
