"""Which Keras layer an operator comes from, and what quantization does to the output of each."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from deploy.flatbuffer import Operator, operators
from deploy.quality import decibel_ratio
from deploy.runtime.quantization import quantize as to_integers
from deploy.step1_load import Source

# Enough to tell a bad layer from a good one.
_EXAMPLES = 16


def layer_name(path: str, source: Source) -> str | None:
    """The layer that a name of the graph such as `model_1/conv_1/Relu;model_1/conv_1/convolution`
    stands for; of several that were fused into one operator the one with the kernel."""
    layers = {step.name: step for step in _steps(source.model)}
    found = [layers[name] for part in path.split(";") if (name := _find(part, layers, source))]
    kernels = [layer for layer in found if len(getattr(layer, "weights", ())) in (1, 2, 3)]
    chosen = (kernels or found)[:1]
    return chosen[0].name if chosen else None


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


def layer_errors(
    floats: bytes,
    content: bytes,
    inputs: Sequence[Mapping[str, Any]],
    arrays: Sequence[np.ndarray],
    source: Source,
) -> list[dict[str, Any]]:
    """The SQNR of every operator's output in the quantized model against the float model, both run
    from the inputs on: what has piled up at that place.

    Args:
        floats: the flatbuffer before quantization.
        content: and after it.
        inputs: the card's inputs, which say how to quantize.
        arrays: one (examples, …) array an input, in the model's own units.
        source: the model, whose layers are named.

    Returns:
        One entry an operator, in order of execution: `layer`, `operator`, `sqnr_db` (None where
        there is no error at all). Operators that quantization has merged away are left out, and
        all of them where LiteRT can't run the model with every tensor kept.
    """
    try:
        expected, received = _Tensors(floats), _Tensors(content)
    except RuntimeError:
        # The kernels that keep every tensor refuse scales that XNNPACK can compute with.
        return []
    found = [op for op in operators(floats) if expected.has(op) and received.has(op)]
    energy, noise = np.zeros(len(found)), np.zeros(len(found))
    chosen = np.linspace(0, len(arrays[0]) - 1, min(_EXAMPLES, len(arrays[0]))).astype(int)
    for example in chosen:
        real = [array[example : example + 1] for array in arrays]
        expected.run(real)
        received.run([to_integers(a, entry) for a, entry in zip(real, inputs, strict=True)])
        for index, operator in enumerate(found):
            signal = expected.output(operator)
            energy[index] += (signal**2).sum()
            noise[index] += ((received.output(operator) - signal) ** 2).sum()
    return [
        {"layer": name, "operator": op.name, "sqnr_db": decibel_ratio(float(s), float(n))}
        for name, op, s, n in zip(operator_layers(found, source), found, energy, noise, strict=True)
    ]


def worst(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries (of `layer_errors`, say) that have an error, the largest error first."""
    noisy = [dict(entry) for entry in errors if entry["sqnr_db"] is not None]
    return sorted(noisy, key=lambda entry: entry["sqnr_db"])


def operator_layers(found: Sequence[Operator], source: Source) -> list[str]:
    """The layer's name of each operator; of one whose tensors tell none (the activation of the last
    layer, say), the layer before it."""
    names: list[str] = []
    for operator in found:
        constants = [t for t in operator.operands if t and t.values is not None]
        told = [layer_name(tensor.name, source) for tensor in (*operator.results, *constants)]
        names.append(next(filter(None, told), names[-1] if names else operator.name))
    return names


class _Tensors:
    """An interpreter that keeps what flows between the operators."""

    def __init__(self, content: bytes):
        with warnings.catch_warnings(action="ignore"):  # that all tensors are kept
            self._interpreter = Interpreter(
                model_content=content,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
        self._interpreter.allocate_tensors()
        self._details = {entry["name"]: entry for entry in self._interpreter.get_tensor_details()}

    def has(self, operator: Operator) -> bool:
        return bool(operator.results) and operator.results[0].name in self._details

    def run(self, arrays: Sequence[np.ndarray]) -> None:
        self._interpreter.reset_all_variables()
        for entry, array in zip(self._interpreter.get_input_details(), arrays, strict=True):
            self._interpreter.set_tensor(entry["index"], array)
        self._interpreter.invoke()

    def output(self, operator: Operator) -> np.ndarray:
        entry = self._details[operator.results[0].name]
        values = self._interpreter.get_tensor(entry["index"]).astype(np.float64)
        scale, zero_point = entry["quantization"]
        return (values - zero_point) * scale if scale else values
