"""Mixed precision: the operators whose quantization costs the most get more bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from deploy.flatbuffer import in_order, operators
from deploy.load.layer_names import operator_layers
from deploy.load.source import Source, signature_names
from deploy.measure.interpreters import run_litert
from deploy.measure.parity import parity
from deploy.quantize.calibration import Calibration
from deploy.quantize.layer_errors import worst
from deploy.quantize.recipes import find_ranges, knows, quantize
from deploy.runtime.card import LayerError
from deploy.runtime.errors import DeployError

# Enough to tell a costly operator from a cheap one.
_EXAMPLES = 16

# So many operators may be taken out of a scheme before another scheme is the better answer.
_COUNTS = (1, 2, 4, 8)


class Mixed(NamedTuple):
    """`content`: the flatbuffer; `operators`: those with a `scheme` of their own."""

    content: bytes
    operators: list[LayerError]


def costs(floats: bytes, scheme: str, calibration: Calibration, source: Source) -> list[LayerError]:
    """What each operator alone costs: the SQNR of the model's outputs where nothing but this
    operator is quantized, on calibration examples.

    Args:
        floats: the flatbuffer before quantization.
        scheme: the scheme of the one operator.
        calibration: the examples.
        source: the model, whose layers are named.

    Returns:
        An entry an operator, the costliest first: `layer`, `operator`, `tensor` (the name of its
        output in `floats`) and `sqnr_db`. Operators that cost nothing are left out.
    """
    found = operators(floats)
    ranges = find_ranges(floats, _by_name(calibration, source))
    shown = [array[:_EXAMPLES] for array in calibration.arrays]
    reference = run_litert(floats, shown).outputs
    entries: list[LayerError] = []
    for operator, layer in zip(found, operator_layers(found, source), strict=True):
        if knows(operator):
            tensor = operator.results[0].name
            alone = quantize(floats, "float32", ranges, {tensor: scheme})
            outputs = run_litert(alone, shown).outputs
            ratio = parity([""] * len(reference), reference, outputs)["sqnr_db"]
            entries.append(
                {
                    "layer": layer,
                    "operator": operator.name,
                    "tensor": tensor,
                    "sqnr_db": ratio,
                }
            )
    return worst(entries)


def mix(
    floats: bytes,
    scheme: str,
    layers: Mapping[str, str],
    calibration: Calibration | None,
    source: Source,
) -> bytes:
    """The model in `scheme`, but for the layers that have a scheme of their own.

    Args:
        floats: the flatbuffer before quantization.
        scheme: of all other layers.
        layers: the scheme of a layer, by its name.
        calibration: the examples; None where no scheme needs them.
        source: the model.

    Raises:
        DeployError: no operator of the model comes from such a layer.
    """
    found = operators(floats)
    names = operator_layers(found, source)
    strange = sorted(set(layers) - set(names))
    if strange:
        raise DeployError(
            f"expected layers of the model, received '{strange[0]}'; it has "
            f"{', '.join(dict.fromkeys(names))}"
        )
    exceptions = {
        operator.results[0].name: layers[name]
        for operator, name in zip(found, names, strict=True)
        if name in layers
    }
    ranges = find_ranges(floats, _by_name(calibration, source)) if calibration else None
    return _quantized(floats, scheme, ranges, exceptions, source)


def keep_accuracy(
    floats: bytes,
    scheme: str,
    others: Sequence[str],
    costly: Sequence[LayerError],
    calibration: Calibration,
    source: Source,
    good_enough: Callable[[bytes], bool],
) -> Mixed | None:
    """The model in `scheme` but for as few of the `costly` operators as are needed.

    Args:
        floats: the flatbuffer before quantization.
        scheme: of all other operators.
        others: the schemes that the costly operators may have, the preferred first.
        costly: of `costs`.
        calibration: the examples.
        source: the model.
        good_enough: whether a flatbuffer is.

    Returns:
        None where no combination is good enough.
    """
    ranges = find_ranges(floats, _by_name(calibration, source))
    for count in _COUNTS:
        for other in others:
            chosen = costly[:count]
            exceptions = {entry["tensor"]: other for entry in chosen}
            content = _quantized(floats, scheme, ranges, exceptions, source)
            if good_enough(content):
                return Mixed(content, [{**entry, "scheme": other} for entry in chosen])
    return None


def _quantized(
    floats: bytes,
    scheme: str,
    ranges: dict[str, Any] | None,
    exceptions: Mapping[str, str],
    source: Source,
) -> bytes:
    return in_order(quantize(floats, scheme, ranges, exceptions), *signature_names(source))


def _by_name(calibration: Calibration, source: Source) -> dict[str, np.ndarray]:
    return dict(zip(signature_names(source)[0], calibration.arrays, strict=True))
