"""Which Keras layer an operator of the converted graph comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from deploy.flatbuffer import Operator, computes_in_float, operators
from deploy.load.source import Source
from deploy.runtime.card import FloatOperator


def layer_name(path: str, source: Source) -> str | None:
    """The layer that a name of the graph such as `model_1/conv_1/Relu;model_1/conv_1/convolution`
    stands for; of several that were fused into one operator the one with the kernel. A layer in a
    wrapper of quantization-aware training has its own name."""
    layers = {name: step for step in _steps(source.model) for name in _names(step)}
    found = [layers[name] for part in path.split(";") if (name := _find(part, layers, source))]
    kernels = [layer for layer in found if _count_weights(layer) in (1, 2, 3)]
    chosen = (kernels or found)[:1]
    return _names(chosen[0])[-1] if chosen else None


def _is_quantization_aware(layer: Any) -> bool:
    return type(layer).__name__.startswith("QuantizeWrapper")


def _names(layer: Any) -> list[str]:
    """The names that a layer has in the graph, its own last."""
    wrapped = [layer.layer.name] if _is_quantization_aware(layer) else []
    return [layer.name, *wrapped]


def _count_weights(layer: Any) -> int:
    """How many weights the layer has, without what a wrapper needs for its ranges."""
    weights = getattr(layer, "weights", ())
    if _is_quantization_aware(layer):
        return sum(not re.search(r"_(min|max|step|cluster):0$", each.name) for each in weights)
    return len(weights)


def _steps(model: Any) -> Iterable[Any]:
    for step in getattr(model, "operations", None) or getattr(model, "layers", None) or ():
        yield step
        if step is not model:
            yield from _steps(step)


def _find(path: str, layers: Mapping[str, Any], source: Source) -> str | None:
    # Keras 3 opens the scope of a layer twice, so the graph calls "conv" "conv_1", and "conv_1",
    # whose name is taken then, "conv_1_2". tf_keras and the graph's own operations don't.
    order = (1, 0) if isinstance(source.model, keras.Model) else (0, 1)
    for part in reversed(path.split("/")):
        for strip in order:
            name = re.sub(r"_\d+$", "", part) if strip else part
            if name in layers and not getattr(layers[name], "layers", None):
                return name
    return None


def operator_layers(found: Sequence[Operator], source: Source) -> list[str]:
    """The layer's name of each operator; of one whose tensors tell none (the activation of the last
    layer, say), the layer before it."""
    names: list[str] = []
    for operator in found:
        constants = [t for t in operator.operands if t and t.values is not None]
        told = [layer_name(tensor.name, source) for tensor in (*operator.results, *constants)]
        names.append(next(filter(None, told), names[-1] if names else operator.name))
    return names


def float_operators(content: bytes, source: Source) -> list[FloatOperator]:
    """The operators of the flatbuffer that take or give floats, and are not there to convert them,
    with their layers."""
    found = operators(content)
    return [
        {"operator": operator.name, "layer": layer}
        for operator, layer in zip(found, operator_layers(found, source), strict=True)
        if computes_in_float(operator)
    ]
