"""What quantization does to the output of each layer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from deploy.flatbuffer import Operator, operators
from deploy.load.layer_names import operator_layers
from deploy.load.source import Source
from deploy.measure.parity import sqnr_db_of
from deploy.runtime.card import LayerError
from deploy.runtime.quantization import quantize as to_integers

# Enough to tell a bad layer from a good one.
_EXAMPLES = 16


def layer_errors(
    floats: bytes,
    content: bytes,
    inputs: Sequence[Mapping[str, Any]],
    arrays: Sequence[np.ndarray],
    source: Source,
) -> list[LayerError]:
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
        {"layer": name, "operator": op.name, "sqnr_db": sqnr_db_of(float(s), float(n))}
        for name, op, s, n in zip(operator_layers(found, source), found, energy, noise, strict=True)
    ]


def worst(errors: Sequence[LayerError]) -> list[LayerError]:
    """The entries (of `layer_errors`, say) that have an error, the largest error first."""
    noisy = [entry for entry in errors if entry["sqnr_db"] is not None]
    return sorted(noisy, key=lambda entry: entry["sqnr_db"] or 0.0)


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
