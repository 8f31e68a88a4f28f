"""What detectors and segmenters stand on: a small backbone of keras-cv, and checks of any other."""

from collections.abc import Sequence
from math import ceil, log2

import keras

from thinkkeras.models.arguments import check_classifier


def mobile_backbone(input_shape: tuple[int, int, int], *, alpha: float = 1.0) -> keras.Model:
    """Builds a keras-cv backbone of a microcontroller's size: MobileNetV3's blocks, plain.

    Two inverted residual blocks of 3x3 kernels at each stride from 4 to 32, with ReLU throughout
    and without squeeze-and-excitation, whose averages over whole maps an NPU and int8 like less.
    By default 178,576 parameters, without the last convolution, which no pyramid uses.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255.
        alpha: Factor on the number of maps, 16, 24, 48 and 96; multiples of 8 come out.

    Returns:
        A `keras_cv.models.MobileNetV3Backbone`, with `pyramid_level_inputs` "P1" to "P5".

    Source:
        Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.
    """
    import keras_cv  # Slow to import.

    return keras_cv.models.MobileNetV3Backbone(
        stackwise_expansion=[1, 4, 4, 4, 4, 4, 4, 4],
        stackwise_filters=[16, 16, 24, 24, 48, 48, 96, 96],
        stackwise_kernel_size=[3] * 8,
        stackwise_stride=[2, 1] * 4,
        stackwise_se_ratio=[None] * 8,
        stackwise_activation=["relu"] * 8,
        include_rescaling=True,
        input_shape=input_shape,
        alpha=alpha,
        name="backbone",
    )


def check_images(input_shape: tuple[int, int, int], classes: int, stride: int = 32) -> None:
    """Refuse images that don't halve evenly down to a map of this stride, and a bad `classes`.

    Raises:
        ValueError: An argument is out of range.
    """
    check_classifier(input_shape, classes)
    height, width = input_shape[:2]
    if height % stride or width % stride:
        raise ValueError(
            f"expected a height and a width that are multiples of {stride}, the stride of the "
            f"deepest map, received {height}x{width}"
        )


def check_backbone(backbone: keras.Model, input_shape: tuple[int, int, int]) -> None:
    """Refuse a backbone that is no functional model, or one for images of another size.

    Raises:
        ValueError: It has not one input and one output, or its input is not of `input_shape`.
    """
    inputs, outputs = getattr(backbone, "inputs", None), getattr(backbone, "outputs", None)
    if not inputs or not outputs or len(inputs) > 1 or len(outputs) > 1:
        raise ValueError(
            "expected a functional backbone with one input and one output, received "
            f"{getattr(backbone, 'name', backbone)!r} with {len(inputs or ())} inputs and "
            f"{len(outputs or ())} outputs"
        )
    own = tuple(inputs[0].shape[1:])
    fits = len(own) == 3 and all(n is None or n == m for n, m in zip(own, input_shape, strict=True))
    if not fits:
        raise ValueError(
            f"expected a backbone for images of {tuple(input_shape)}, received one for {own}; "
            "build it with that input_shape"
        )


def check_levels(backbone: keras.Model, levels: tuple[str, ...]) -> None:
    """Refuse a backbone that does not name these levels, as keras-cv's do.

    Raises:
        ValueError: A level is missing in its `pyramid_level_inputs`.
    """
    named = getattr(backbone, "pyramid_level_inputs", {})
    if not all(level in named for level in levels):
        raise ValueError(
            f"expected a backbone of keras-cv with the levels {', '.join(levels)} in its "
            f"pyramid_level_inputs, received {sorted(named)}"
        )


def last_maps(backbone: keras.Model, input_shape: Sequence[int]) -> dict[int, keras.KerasTensor]:
    """The last map that a backbone has at each resolution, the deepest being its output.

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
    if height % deepest or width % deepest:
        raise ValueError(
            f"expected a height and a width that are multiples of {deepest}, the stride of the "
            f"deepest map, received {height}x{width}"
        )
    last = {}
    for tensor, shape in zip(candidates, shapes, strict=True):
        stride = height // shape[1]
        whole = (stride * shape[1], stride * shape[2]) == (height, width)
        # Not the maps of one pixel, either, that squeeze-and-excitation makes.
        if whole and stride < deepest and stride & (stride - 1) == 0:
            last[stride] = tensor
    return {stride: last[stride] for stride in sorted(last)} | {deepest: backbone.output}
