"""What quantization does to the output of each layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deploy.flatbuffer import Operator, operators
from deploy.load.layer_names import operator_layers
from deploy.load.source import Source
from deploy.measure.parity import sqnr_db_of
from deploy.measure.tensors import Tensors
from deploy.runtime.card import LayerError
from deploy.runtime.quantization import quantize as to_integers

# Enough to tell a bad layer from a good one.
_EXAMPLES = 16


def layer_errors(
    float_model: bytes,
    content: bytes,
    inputs: Sequence[Mapping[str, Any]],
    arrays: Sequence[np.ndarray],
    source: Source,
) -> list[LayerError]:
    """The SQNR of every operator's output in the quantized model against the float model, both run
    from the inputs on: what has piled up at that place.

    Args:
        float_model: the flatbuffer before quantization; of a quantization-aware model its
            `convert.float_form`, as its own float form rounds, too.
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
        expected, received = Tensors(float_model), Tensors(content)
    except RuntimeError:
        # The kernels that keep every tensor refuse scales that XNNPACK can compute with.
        return []
    pair = _pair_by_layer if source.trained_weights else _pair_by_tensor
    pairs = [
        (one, other)
        for one, other in pair(operators(float_model), operators(content), source)
        if expected.has(one.layer) and received.has(other.layer)
    ]
    energy, noise = np.zeros(len(pairs)), np.zeros(len(pairs))
    chosen = np.linspace(0, len(arrays[0]) - 1, min(_EXAMPLES, len(arrays[0]))).astype(int)
    for example in chosen:
        real = [array[example : example + 1] for array in arrays]
        expected.run(real)
        received.run([to_integers(a, entry) for a, entry in zip(real, inputs, strict=True)])
        for index, (one, other) in enumerate(pairs):
            signal = expected.values(one.layer)
            energy[index] += (signal**2).sum()
            noise[index] += ((received.values(other.layer) - signal) ** 2).sum()
    named = [one for one, _ in pairs]
    return [
        {"layer": name, "operator": op.name, "sqnr_db": sqnr_db_of(float(s), float(n))}
        for name, op, s, n in zip(operator_layers(named, source), named, energy, noise, strict=True)
    ]


def _pair_by_tensor(
    float_model: Sequence[Operator], quantized: Sequence[Operator], source: Source
) -> list[tuple[Operator, Operator]]:
    """Operators whose outputs have one name: the quantizer keeps those of the float model."""
    others = {operator.layer: operator for operator in quantized}
    return [(one, others[one.layer]) for one in float_model if one.layer in others]


def _pair_by_layer(
    float_model: Sequence[Operator], quantized: Sequence[Operator], source: Source
) -> list[tuple[Operator, Operator]]:
    """The first, second, … operator of a kind in a layer: two conversions name tensors apart. What
    is left of a kind in both, where a name tells no layer, is paired in its order."""

    def keyed(found: Sequence[Operator]) -> dict[tuple[str, str, int], Operator]:
        seen: Counter[tuple[str, str]] = Counter()
        keys = {}
        for operator, layer in zip(found, operator_layers(found, source), strict=True):
            keys[layer, operator.name, seen[layer, operator.name]] = operator
            seen[layer, operator.name] += 1
        return keys

    ones, others = keyed(float_model), keyed(quantized)
    rest = [operator for key, operator in others.items() if key not in ones]
    pairs = []
    for key, one in ones.items():
        other = others.get(key) or next((op for op in rest if op.name == one.name), None)
        if other is not None and other.outputs == one.outputs:
            pairs.append((one, other))
            rest = [operator for operator in rest if operator is not other]
    return pairs


def worst(errors: Sequence[LayerError]) -> list[LayerError]:
    """The entries (of `layer_errors`, say) that have an error, the largest error first."""
    noisy = [entry for entry in errors if entry["sqnr_db"] is not None]
    return sorted(noisy, key=lambda entry: entry["sqnr_db"] or 0.0)
