"""Outputs that are cut out of one tensor get a way of their own, and with it a scale of their own.

A detector that joins boxes and scores and cuts them apart again (keras-cv's YOLOV8Detector, say)
has one int8 scale for both: that of the larger ones, in which the others round to a few steps.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import keras


def split_outputs(outputs: Sequence[Any]) -> list[Any]:
    """The same outputs of a Keras 3 model, each of those that are a range of the last axis of a
    concatenation made from its own parts of it, within a model that is a layer of the other as
    well."""
    opened: dict[tuple[int, int], list[Any]] = {}
    return [_uncut(_of_inner_model(tensor, opened)) for tensor in outputs]


def _of_inner_model(tensor: Any, opened: dict[tuple[int, int], list[Any]]) -> Any:
    """`tensor`, where it is an output of a functional model, out of the same with its own outputs
    split; `opened` has those of the models so far, by the model and its call."""
    operation, node, index = tensor._keras_history
    if not isinstance(operation, keras.Model) or not getattr(operation, "outputs", None):
        return tensor
    key = (id(operation), node)
    if key not in opened:
        outputs = split_outputs(operation.outputs)
        model = keras.Model(operation.inputs, outputs)
        unchanged = all(map(operator.is_, outputs, operation.outputs))
        if unchanged or type(operation).call is not type(model).call:
            return tensor
        opened[key] = model(list(operation._inbound_nodes[node].input_tensors))
    return opened[key][index]


def _uncut(tensor: Any) -> Any:
    operation, inputs = _origin(tensor)
    if _hands_on(operation, inputs):
        return _uncut(inputs[0])
    found = _cut(operation)
    return tensor if found is None else _channels(inputs[0], *found)


def _channels(tensor: Any, start: int, stop: int) -> Any:
    """`tensor[..., start:stop]`, out of what the tensor was joined from where that is possible."""
    if (start, stop) == (0, tensor.shape[-1]):
        return tensor
    operation, inputs = _origin(tensor)
    kind = type(operation).__name__
    if _hands_on(operation, inputs):
        return _channels(inputs[0], start, stop)
    if kind == "Reshape" and inputs[0].shape[-1] == tensor.shape[-1]:
        part = _channels(inputs[0], start, stop)
        return keras.layers.Reshape((*tensor.shape[1:-1], stop - start))(part)
    if kind == "Concatenate" and operation.axis % len(tensor.shape) < len(tensor.shape) - 1:
        parts = [_channels(part, start, stop) for part in inputs]
        return keras.layers.Concatenate(axis=operation.axis)(parts)
    if kind == "Concatenate":
        first = 0
        for part in inputs:
            if first <= start and stop <= first + part.shape[-1]:
                return _channels(part, start - first, stop - first)
            first += part.shape[-1]
    return tensor[..., start:stop]


def _origin(tensor: Any) -> tuple[Any, list[Any]]:
    operation, node, _ = tensor._keras_history
    return operation, list(operation._inbound_nodes[node].input_tensors)


def _hands_on(operation: Any, inputs: Sequence[Any]) -> bool:
    """Whether the operation gives its one input back as it is."""
    if len(inputs) != 1:
        return False
    linear = getattr(operation, "activation", None) is keras.activations.linear
    kind = type(operation).__name__
    return kind == "Concatenate" or (kind == "Activation" and linear)


def _cut(operation: Any) -> tuple[int, int] | None:
    """Start and stop of a range of the last axis, if that is what the operation takes."""
    if type(operation).__name__ != "GetItem":
        return None
    tensor, key = operation._inbound_nodes[0].arguments.args
    key = key if isinstance(key, tuple) else (key,)
    whole = slice(None)
    rest = [part for part in key[:-1] if part is not Ellipsis]
    last = key[-1]
    reaches = Ellipsis in key or len(key) == len(tensor.shape)
    if not reaches or not isinstance(last, slice) or last.step or any(p != whole for p in rest):
        return None
    start, stop, _ = last.indices(tensor.shape[-1])
    return (start, stop) if start < stop else None
