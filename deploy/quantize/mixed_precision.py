"""Mixed precision: the operators that quantization hurts the most get more bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from deploy.flatbuffer import in_order, operators
from deploy.load.layer_names import operator_layers
from deploy.load.source import Source, signature_names
from deploy.measure.interpreters import run_litert
from deploy.measure.parity import parity
from deploy.quantize.calibration import Calibration
from deploy.quantize.layer_errors import worst
from deploy.quantize.recipes import knows, quantize
from deploy.runtime.card import LayerError
from deploy.runtime.errors import DeployError

# Enough to tell a sensitive operator from another.
_EXAMPLES = 16

# So many operators may be taken out of a scheme before another scheme is the better answer.
_COUNTS = (1, 2, 4, 8)


class Mixed(NamedTuple):
    """`content`: the flatbuffer; `operators`: those with a `scheme` of their own."""

    content: bytes
    operators: list[LayerError]


def sensitivity(
    float_model: bytes,
    scheme: str,
    ranges: dict[str, Any] | None,
    calibration: Calibration,
    source: Source,
) -> list[LayerError]:
    """How much the quantization of each operator alone hurts: the SQNR of the model's outputs where
    nothing else is quantized, on calibration examples.

    Args:
        float_model: the flatbuffer before quantization.
        scheme: the scheme of the one operator.
        ranges: of `recipes.find_ranges`.
        calibration: the examples.
        source: the model, whose layers are named.

    Returns:
        An entry an operator, the most sensitive first: `layer`, `operator`, `tensor` (the name of
        its output in `float_model`) and `sqnr_db`. Operators that change nothing are left out.
    """
    found = operators(float_model)
    shown = [array[:_EXAMPLES] for array in calibration.arrays]
    reference = run_litert(float_model, shown, stateful=source.stateful).outputs
    entries: list[LayerError] = []
    for operator, layer in zip(found, operator_layers(found, source), strict=True):
        if knows(operator):
            tensor = operator.results[0].name
            alone = quantize(float_model, "float32", ranges, {tensor: scheme})
            outputs = run_litert(alone, shown, stateful=source.stateful).outputs
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
    float_model: bytes,
    scheme: str,
    layers: Mapping[str, str],
    ranges: dict[str, Any] | None,
    source: Source,
) -> bytes:
    """The model in `scheme`, but for the layers that have a scheme of their own.

    Args:
        float_model: the flatbuffer before quantization.
        scheme: of all other layers.
        layers: the scheme of a layer, by its name.
        ranges: of `recipes.find_ranges`; None where no scheme needs them.
        source: the model.

    Raises:
        DeployError: no operator of the model comes from such a layer.
    """
    found = operators(float_model)
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
    return _quantized(float_model, scheme, ranges, exceptions, source)


def layers_in_the_way(float_model: bytes, layers: Mapping[str, str], source: Source) -> list[str]:
    """The layers with operators that LiteRT's quantizer does not know, and that `layers` (see
    `mix`) does not leave in float32."""
    found = operators(float_model)
    names = operator_layers(found, source)
    left = [
        name
        for operator, name in zip(found, names, strict=True)
        if not knows(operator) and layers.get(name) != "float32"
    ]
    return list(dict.fromkeys(left))


def keep_accuracy(
    float_model: bytes,
    scheme: str,
    others: Sequence[str],
    sensitive: Sequence[LayerError],
    ranges: dict[str, Any] | None,
    source: Source,
    good_enough: Callable[[bytes], bool],
) -> Mixed | None:
    """The model in `scheme` but for as few of the `sensitive` operators as are needed.

    Args:
        float_model: the flatbuffer before quantization.
        scheme: of all other operators.
        others: the schemes that these operators may have, the preferred first.
        sensitive: of `sensitivity`.
        ranges: of `recipes.find_ranges`.
        source: the model.
        good_enough: whether a flatbuffer is.

    Returns:
        None where no combination is good enough.
    """
    for count in _COUNTS:
        for other in others:
            chosen = sensitive[:count]
            exceptions = {entry["tensor"]: other for entry in chosen}
            content = _quantized(float_model, scheme, ranges, exceptions, source)
            if good_enough(content):
                return Mixed(content, [{**entry, "scheme": other} for entry in chosen])
    return None


def _quantized(
    float_model: bytes,
    scheme: str,
    ranges: dict[str, Any] | None,
    exceptions: Mapping[str, str],
    source: Source,
) -> bytes:
    return in_order(quantize(float_model, scheme, ranges, exceptions), *signature_names(source))
