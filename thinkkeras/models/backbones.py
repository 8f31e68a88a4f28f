"""What detectors and segmenters stand on: a small backbone of keras-cv, and checks of any other."""

from collections.abc import Sequence
from math import ceil, log, log2

import keras

from thinkkeras.models.arguments import check_classifier

# An untrained detector takes 1 % of its locations for objects (Lin et al., "Focal Loss for Dense
# Object Detection", section 4.1): the loss of all the others would drown the rest otherwise.
PRIOR_LOGIT = log(0.01 / 0.99)


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


def check_images(input_shape: tuple[int, int, int], classes: int, stride: int = 32) -> None:
    """Refuse images that don't halve evenly down to a map of this stride, and a bad `classes`.

    Raises:
        ValueError: An argument is out of range.
    """
    check_classifier(input_shape, classes)
    check_size(input_shape[0], input_shape[1], stride)


def check_size(height: int, width: int, stride: int) -> None:
    """Refuse a size that is no multiple of the deepest stride.

    Raises:
        ValueError: Height or width is no multiple.
    """
    if height % stride or width % stride:
        raise ValueError(
            f"expected a height and a width that are multiples of {stride}, the stride of the "
            f"deepest map, received {height}x{width}"
        )


def check_activation(classes: int, classifier_activation: str | None) -> None:
    """Refuse the softmax of one number, which is always 1.

    Raises:
        ValueError: There is one class, and the activation is softmax.
    """
    if classes == 1 and keras.activations.get(classifier_activation) is keras.activations.softmax:
        raise ValueError(
            'expected classifier_activation="sigmoid" or None for one class, received '
            f"{classifier_activation!r}; or count the background as a class"
        )


def check_backbone(backbone: keras.Model, input_shape: Sequence[int]) -> None:
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
    """Refuse a backbone that does not name these levels, as keras-cv's do, or has others there.

    Raises:
        ValueError: A level is missing in its `pyramid_level_inputs`, or "P3", say, is no map at
            stride 2³.
    """
    named = getattr(backbone, "pyramid_level_inputs", {})
    if not all(level in named for level in levels):
        raise ValueError(
            f"expected a backbone of keras-cv with the levels {', '.join(levels)} in its "
            f"pyramid_level_inputs, received {sorted(named)}"
        )
    height = backbone.inputs[0].shape[1]
    for level in levels:
        rows = backbone.get_layer(named[level]).output.shape[1]
        stride = 2 ** int(level[1:])
        if height is not None and rows * stride != height:
            raise ValueError(
                f"expected a backbone with level {level} at stride {stride}, received a map of "
                f"{rows} rows for an image of {height}; build it with other strides"
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
    check_size(height, width, deepest)
    last = {}
    for tensor, shape in zip(candidates, shapes, strict=True):
        stride = height // shape[1]
        whole = (stride * shape[1], stride * shape[2]) == (height, width)
        # Not the maps of one pixel, either, that squeeze-and-excitation makes.
        if whole and stride < deepest and stride & (stride - 1) == 0:
            last[stride] = tensor
    return {stride: last[stride] for stride in sorted(last)} | {deepest: backbone.output}
