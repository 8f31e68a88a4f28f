"""The arguments that several builders take, checked."""

from collections.abc import Sequence

import keras


def check_classifier(
    input_shape: Sequence[int], classes: int, rank: int | None = 3, smallest: int = 1
) -> None:
    """Refuse what is no shape of examples, or no number of classes.

    Args:
        input_shape: shape of one example.
        classes: number of classes.
        rank: how many axes an example has: 3, those of an image; None for one or more.
        smallest: the least height and width of an image.

    Raises:
        ValueError: An argument is out of range.
    """
    positive = len(input_shape) > 0 and all(isinstance(n, int) and n > 0 for n in input_shape)
    if not positive or rank not in (None, len(input_shape)):
        expected = "(height, width, channels), three" if rank == 3 else "(features,), one or more"
        raise ValueError(
            f"expected input_shape={expected} positive integers, received {input_shape}"
        )
    if rank == 3 and min(input_shape[:2]) < smallest:
        raise ValueError(
            f"expected images of at least {smallest}x{smallest} pixels, received "
            f"{input_shape[0]}x{input_shape[1]}"
        )
    if classes < 1:
        raise ValueError(f"expected at least 1 class, received classes={classes}")


def check_sequence(sizes: Sequence[int], classes: int, meaning: str) -> None:
    """Refuse sizes of a sequence that are not two positive integers, and a bad `classes`.

    Args:
        sizes: two of them.
        classes: number of classes.
        meaning: what the sizes are, for the error: "(frames, bins)".

    Raises:
        ValueError: An argument is out of range.
    """
    if len(sizes) != 2 or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ValueError(f"expected {meaning}, two positive integers, received {tuple(sizes)}")
    if classes < 1:
        raise ValueError(f"expected at least 1 class, received {classes}")


def check_image_classifier(
    input_shape: Sequence[int],
    classes: int,
    include_top: bool,
    pooling: str | None,
    classifier_activation: str | None,
    *,
    alpha: float = 1.0,
    smallest: int = 1,
) -> None:
    """Refuse what no image classifier takes; the arguments are those of all of them.

    Args:
        input_shape: `(height, width, channels)` of the images.
        classes: Number of classes.
        include_top: Whether the model classifies.
        pooling: What becomes of the last feature maps without the top.
        classifier_activation: Activation of the outputs, None for logits.
        alpha: Factor on the number of maps.
        smallest: The least height and width of an image.

    Raises:
        ValueError: An argument is out of range.
    """
    check_classifier(input_shape, classes, smallest=smallest)
    if pooling not in (None, "avg", "max"):
        raise ValueError(f'expected pooling=None, "avg" or "max", received {pooling!r}')
    if alpha <= 0:
        raise ValueError(f"expected a positive alpha, received {alpha}")
    if include_top:
        check_activation(classes, classifier_activation, "the softmax of one number is always 1")


def conv_stages(
    filters: Sequence[int | Sequence[int]], input_shape: Sequence[int], poolings: int
) -> list[tuple[int, ...]]:
    """The filters of each stage's convolutions, in a tuple also where there is one.

    Args:
        filters: For each stage a number, or several in a sequence.
        input_shape: `(height, width, channels)` of the images.
        poolings: How many times height and width are halved.

    Raises:
        ValueError: There is no stage, one without a positive entry, or an image too small.
    """
    stages = [(stage,) if isinstance(stage, int) else tuple(stage) for stage in filters]
    if not stages or not all(stage and min(stage) > 0 for stage in stages):
        raise ValueError(
            f"expected filters with one positive entry or more per stage, received {stages}"
        )
    smallest = 2**poolings
    if min(input_shape[:2]) < smallest:
        raise ValueError(
            f"expected images of at least {smallest}x{smallest} pixels for {len(stages)} stages, "
            f"received {input_shape[0]}x{input_shape[1]}; pass fewer filters"
        )
    return stages


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


def check_activation(
    classes: int,
    classifier_activation: str | None,
    advice: str = "or count the background as a class",
) -> None:
    """Refuse the softmax of one number, which is always 1.

    Args:
        classes: Number of classes.
        classifier_activation: Activation of the outputs, None for logits.
        advice: How the error ends.

    Raises:
        ValueError: There is one class, and the activation is softmax.
    """
    if classes == 1 and keras.activations.get(classifier_activation) is keras.activations.softmax:
        raise ValueError(
            'expected classifier_activation="sigmoid" or None for one class, received '
            f"{classifier_activation!r}; {advice}"
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


def check_feature_maps(backbone: keras.Model) -> None:
    """Refuse a backbone that does not end in feature maps.

    Raises:
        ValueError: Its output has not the axes `(batch, height, width, channels)`.
    """
    shape = tuple(backbone.output.shape)
    if len(shape) != 4:
        raise ValueError(
            "expected a backbone that ends in maps (batch, height, width, channels), received one "
            f"that ends in {shape}; cut off its top: include_top=False, or "
            "keras.Model(net.input, net.get_layer(…).output)"
        )


def check_feature_vectors(encoder: keras.Model) -> None:
    """Refuse an encoder that does not make one vector of one input.

    Raises:
        ValueError: It has several inputs, or its output has not the axes `(batch, dimensions)`.
    """
    inputs, outputs = getattr(encoder, "inputs", ()), getattr(encoder, "outputs", ())
    shapes = [tuple(output.shape) for output in outputs or ()]
    if len(inputs or ()) != 1 or [len(shape) for shape in shapes] != [2]:
        raise ValueError(
            "expected an encoder from one input to embeddings (batch, dimensions), received "
            f"{getattr(encoder, 'name', encoder)!r} with {len(inputs or ())} inputs and outputs of "
            f"{shapes}"
        )
