"""What a network costs and sees, read off its graph: multiply-accumulates and receptive fields."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np


class Call(NamedTuple):
    """One call of an operation in a functional model."""

    operation: Any
    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]


class ReceptiveField(NamedTuple):
    """What an output pixel of one layer sees, along one axis, in pixels of the model's input."""

    name: str
    kind: str  # "convolution" or "pooling"
    kernel_size: int
    strides: int
    output_shape: tuple[int, int, int]
    size: int
    jump: int  # between neighbouring output pixels


class Stage(NamedTuple):
    """The layers of a network whose outputs lie equally far apart."""

    stride: int | None  # from the input to the outputs, along the height; None without pixels
    resolution: tuple[int, int] | None  # height and width of the last output
    channels: int  # of the last output
    receptive_field: int | None  # of the last output, in pixels of the model's input
    parameters: int
    multiply_accumulates: int


def calls(model: keras.Model) -> list[Call]:
    """What a model computes, call by call, the calls of nested models included.

    Args:
        model: A functional model, or another that has `inputs` and `outputs`.

    Returns:
        One `Call` for each time an operation is called, in the order of computation. A tensor
        that one call gives and another takes is the same object.

    Raises:
        ValueError: The model has no graph, its input no fixed size, or a layer can't be followed.
    """
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise ValueError(
            f"expected a functional model, received {getattr(model, 'name', model)!r} without "
            "inputs and outputs; build it with keras.Model(inputs, outputs)"
        )
    for tensor in model.inputs:
        if None in tensor.shape[1:]:
            raise ValueError(
                f"expected a model for inputs of a fixed size, received one for {tensor.shape}; "
                "build it with that input_shape"
            )
    graph = keras.Model(model.inputs, keras.tree.flatten(model.outputs))
    found: list[Call] = []
    _follow(graph, graph.inputs, found)
    return found


def _follow(graph: Any, inputs: Sequence[keras.KerasTensor], found: list[Call]) -> list[Any]:
    given = {id(own): tensor for own, tensor in zip(graph.inputs, inputs, strict=True)}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.is_input:
                continue
            arguments = [given[id(tensor)] for tensor in node.input_tensors]
            nested = _graph_of(node.operation, arguments)
            if nested is not None:
                results = _follow(nested, arguments, found)
            else:
                results = [_sized(out, node.operation, arguments) for out in node.output_tensors]
                found.append(Call(node.operation, arguments, results))
            given |= {id(own): out for own, out in zip(node.output_tensors, results, strict=True)}
    return [given[id(tensor)] for tensor in graph.outputs]


def _graph_of(operation: Any, arguments: Sequence[keras.KerasTensor]) -> Any:
    """The graph inside of a nested model, or of a layer that consists of others; None without."""
    graph = getattr(operation, "_functional", operation)  # of a Sequential
    if hasattr(graph, "_nodes_by_depth"):
        return graph
    if not any(layer.weights for layer in getattr(operation, "_layers", [])):
        return None
    inputs = [keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype) for tensor in arguments]
    try:
        return keras.Model(inputs, keras.tree.flatten(operation.call(*inputs)))
    except Exception as error:  # whatever a layer's own code raises of symbolic tensors
        raise ValueError(
            f"expected layers that consist of Keras's, received {operation.name!r} of class "
            f"{type(operation).__name__}, whose layers can't be followed; leave it out of the model"
        ) from error


def _sized(
    output: keras.KerasTensor, operation: Any, arguments: Sequence[keras.KerasTensor]
) -> keras.KerasTensor:
    # A model that several levels share is built for maps of any size, and called with each level's.
    if None not in output.shape[1:]:
        # A copy: the next call of the same model gives other tensors.
        return keras.KerasTensor(output.shape, output.dtype)
    return keras.KerasTensor(operation.compute_output_shape(arguments[0].shape), output.dtype)


def multiply_accumulates(model: keras.Model) -> int:
    """Multiply-accumulates of all convolutions and dense layers for one example.

    A layer counts as often as it is called. Additions of biases, normalizations, activations and
    poolings are not counted, as in the papers' tables.

    Args:
        model: A functional model with an input of a fixed size.

    Raises:
        ValueError: The model has no graph, or its input no fixed size.
    """
    return sum(map(_multiply_accumulates, calls(model)))


def _multiply_accumulates(call: Call) -> int:
    layer = call.operation
    output_pixels = math.prod(call.outputs[0].shape[1:-1])
    if hasattr(layer, "pointwise_kernel"):  # SeparableConv
        weights = math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape)
        return output_pixels * weights
    if not hasattr(layer, "kernel"):
        return 0
    if "Transpose" in type(layer).__name__:  # each input pixel meets the whole kernel
        output_pixels = math.prod(call.inputs[0].shape[1:-1])
    return output_pixels * math.prod(layer.kernel.shape)


class _Window(NamedTuple):
    """First and last pixel (row, column) that output pixel (0, 0) sees; the step to (1, 1)'s."""

    first: np.ndarray
    last: np.ndarray
    jump: np.ndarray

    @property
    def size(self) -> int:
        return int(self.last[0] - self.first[0] + 1)


def receptive_fields(model: keras.Model) -> list[ReceptiveField]:
    """Follows the receptive field through convolutions, poolings and branches, along the height.

    Where branches meet, the field is all that any of them sees. Where a branch averages the whole
    picture (squeeze-and-excitation), it is left out: with it every field would be the whole
    picture. At the borders a field reaches into the padding; it is counted as if there were pixels.

    Args:
        model: A functional model of one image `(height, width, channels)` of a fixed size.

    Returns:
        One `ReceptiveField` for each convolution and pooling, from the input to the output.

    Raises:
        ValueError: The model has no graph, its input no fixed size, or a layer resizes maps in
            another way.

    Source:
        Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks",
        Distill 2019.
    """
    called = calls(model)
    windows = _windows(called)
    found = []
    for call in called:
        layer, output = call.operation, call.outputs[0]
        window, kernel = windows.get(id(output)), _kernel_size(layer)
        if window is None or kernel is None:
            continue
        found.append(
            ReceptiveField(
                layer.name,
                "pooling" if hasattr(layer, "pool_size") else "convolution",
                kernel[0],
                layer.strides[0],
                tuple(output.shape[1:]),
                window.size,
                int(window.jump[0]),
            )
        )
    return found


def _windows(called: Sequence[Call]) -> dict[int, _Window]:
    """What each tensor of maps sees, by the tensor's `id`."""
    made = {id(output) for call in called for output in call.outputs}
    windows = {
        id(tensor): _Window(np.array([0, 0]), np.array([0, 0]), np.array([1, 1]))
        for call in called
        for tensor in call.inputs
        if id(tensor) not in made and len(tensor.shape) == 4
    }
    for call in called:
        seen = [windows[id(tensor)] for tensor in call.inputs if id(tensor) in windows]
        output = call.outputs[0]
        if not seen or len(output.shape) != 4 or "Global" in type(call.operation).__name__:
            continue
        first = np.min([window.first for window in seen], axis=0)
        last = np.max([window.last for window in seen], axis=0)
        windows[id(output)] = _through(_Window(first, last, seen[0].jump), call)
    return windows


def _through(window: _Window, call: Call) -> _Window:
    """What the outputs of a call see whose inputs see `window`."""
    layer, sizes = call.operation, np.array(call.inputs[0].shape[1:3])
    kernel = _kernel_size(layer)
    span, strides, before = np.array([1, 1]), np.array([1, 1]), np.array([0, 0])
    if kernel is not None and "Transpose" not in type(layer).__name__:
        strides = np.array(layer.strides)
        span = np.array(getattr(layer, "dilation_rate", 1)) * (np.array(kernel) - 1) + 1
        if layer.padding == "same":  # what is odd comes at the bottom and the right
            output_sizes = -(-sizes // strides)
            before = np.maximum((output_sizes - 1) * strides + span - sizes, 0) // 2
    elif isinstance(layer, keras.layers.ZeroPadding2D):
        before = np.array(layer.padding)[:, 0]
    elif isinstance(layer, keras.layers.Cropping2D):
        before = -np.array(layer.cropping)[:, 0]
    elif tuple(sizes) != tuple(call.outputs[0].shape[1:3]):
        raise ValueError(
            "expected convolutions, poolings and padding to change the size of maps, received "
            f"{layer.name!r}, a {type(layer).__name__}; cut the model off before it"
        )
    return _Window(
        window.first - before * window.jump,
        window.last + (span - 1 - before) * window.jump,
        window.jump * strides,
    )


def _kernel_size(layer: Any) -> tuple[int, int] | None:
    return getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)


def stages(model: keras.Model) -> list[Stage]:
    """Sums up a network by the stride of its feature maps, from the input to the output.

    Args:
        model: A functional model of one image `(height, width, channels)` of a fixed size.

    Returns:
        One `Stage` for each total stride at which there are weights, and one for what has no
        pixels (dense layers). A layer belongs where its output does; squeeze-and-excitation
        belongs to the maps that it weighs.

    Raises:
        ValueError: As `receptive_fields`.
    """
    called = calls(model)
    windows = _windows(called)
    mapped = [index for index, call in enumerate(called) if id(call.outputs[0]) in windows]
    last_maps = max(mapped, default=-1)
    stride: int | None = None
    found: dict[int | None, Stage] = {}
    counted: set[int] = set()
    for index, call in enumerate(called):
        output, layer = call.outputs[0], call.operation
        window = windows.get(id(output))
        if window is not None:
            stride = int(window.jump[0])
        elif index > last_maps:
            stride = None
        stage = found.get(stride, Stage(stride, None, 0, None, 0, 0))
        if window is not None:
            stage = stage._replace(resolution=tuple(output.shape[1:3]), receptive_field=window.size)
        found[stride] = stage._replace(
            channels=output.shape[-1] if window or stride is None else stage.channels,
            parameters=stage.parameters + (0 if id(layer) in counted else _parameters(layer)),
            multiply_accumulates=stage.multiply_accumulates + _multiply_accumulates(call),
        )
        counted.add(id(layer))
    return [stage for stage in found.values() if stage.parameters]


def _parameters(operation: Any) -> int:
    return operation.count_params() if isinstance(operation, keras.layers.Layer) else 0
