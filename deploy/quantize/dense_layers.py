"""Dense layers in integers: equalized, rounded with care, and each with the scale that it needs.

An NPU streams every weight of a dense layer, so that the layer takes as long as its compressed
weights are. Weights with one scale for the kernel compress better than those with one for each
channel, and large steps better than small ones; what that costs in accuracy differs from layer to
layer, and is measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from deploy.flatbuffer import Constant, in_order, operators, output_names, with_constants
from deploy.load.layer_names import operator_layers
from deploy.load.source import Source, signature_names
from deploy.measure.parity import parity
from deploy.measure.tensors import Tensors
from deploy.quantize.calibration import Calibration
from deploy.quantize.recipes import find_ranges, quantize
from deploy.runtime.card import DenseLayer, DenseLayers
from deploy.runtime.errors import DeployError
from deploy.runtime.model import Model
from deploy.schemes import SCHEMES

# Coarser steps may bring the outputs down to the first of these signal to noise ratios, to the next
# where a metric loses too much by that; where fine steps don't come so far, a little below these,
# but not below int8 with a scale for each channel.
LEAST_SQNR, _BELOW_FINEST = (36.0, 40.0, 44.0), 1.0

# Smaller layers stream in no time; larger ones take long to round.
_SIZES = range(2**12, 2**20 + 1)
_MOST_INPUTS = 2048

# A kernel of no more values is clustered.
_MOST_CLUSTERS = 256

# Of the calibration examples so many show how good a choice is, and have no part in the rounding.
_HELD_OUT = 64

# In the schema's numbers: what lets a scale through, nothing and ReLU.
_HOMOGENEOUS = (0, 1)

# Rounds of equalization, and the farthest that a channel is moved.
_ROUNDS, _FARTHEST = 20, 2.0**10

# Relative to the mean of the diagonal.
_DAMPING = 0.01

# The powers of ten between which the price of an error is looked for, and how often it is halved.
_PRICES, _STEPS = (0.0, 15.0), 10


class Dense(NamedTuple):
    """One dense operator of a float flatbuffer: the names of its output, its input, its weights and
    its bias; `weights`, (units, inputs); `homogeneous`: its activation lets a scale through."""

    name: str
    source: str
    constants: tuple[str, str | None]
    weights: np.ndarray
    bias: np.ndarray | None
    homogeneous: bool


class Chosen(NamedTuple):
    """`content`: the quantized flatbuffer; `floats`: the float one that it stands for, which may
    have been equalized; `told`: what the card says of it."""

    content: bytes
    floats: bytes
    told: DenseLayers


class _Candidate(NamedTuple):
    """How a layer's weights may be stored: the `largest` integer that its largest weight is rounded
    to, None for a scale a channel; the
    integers with their scale; the bits they take all together; and the error of the layer's output,
    summed over its units."""

    largest: int | None
    integers: np.ndarray
    scale: float
    bits: float
    error: float


def dense_layers(content: bytes) -> list[Dense]:
    """The dense operators of a float flatbuffer whose weights are constants of their own."""
    found = operators(content)
    uses = Counter(tensor.name for op in found for tensor in op.operands if tensor)
    layers = []
    for operator in found:
        if operator.name != "FULLY_CONNECTED":
            continue
        source, weights, *rest = operator.operands
        bias = rest[0] if rest else None
        constants = [each for each in (weights, bias) if each is not None]
        if source is None or any(
            each.values is None or each.dtype != "float32" or uses[each.name] > 1
            for each in constants
        ):
            continue
        layers.append(
            Dense(
                operator.layer,
                source.name,
                (constants[0].name, bias.name if bias else None),
                np.array(constants[0].values),
                np.array(bias.values) if bias else None,
                operator.options.get("fusedActivationFunction") in _HOMOGENEOUS,
            )
        )
    return layers


def equalize(content: bytes) -> bytes:
    """The float flatbuffer with the channels between two dense layers scaled so that each has the
    same largest weight on both sides; what the model computes stays the same.

    Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
    ICCV 2019, eq. 11.
    """
    layers = {layer.name: layer for layer in dense_layers(content)}
    uses = Counter(tensor.name for op in operators(content) for tensor in op.operands if tensor)
    given = output_names(content)
    pairs = [
        (layer.source, layer.name)
        for layer in layers.values()
        if layer.source in layers
        and layers[layer.source].homogeneous
        and uses[layer.source] == 1
        and layer.source not in given
        and not _is_clustered(layer.weights)
        and not _is_clustered(layers[layer.source].weights)
    ]
    for _ in range(_ROUNDS):
        for first, second in pairs:
            one, other = layers[first], layers[second]
            rows = np.abs(one.weights).max(axis=1).astype(np.float64)
            columns = np.abs(other.weights).max(axis=0).astype(np.float64)
            usable = (rows > 0) & (columns > 0)
            ratio = np.divide(columns, rows, out=np.ones_like(rows), where=usable)
            factor = np.clip(np.sqrt(ratio), 1 / _FARTHEST, _FARTHEST).astype(np.float32)
            bias = None if one.bias is None else one.bias * factor
            layers[first] = one._replace(weights=one.weights * factor[:, None], bias=bias)
            layers[second] = other._replace(weights=other.weights / factor)
    constants: dict[str, Constant] = {}
    for name in {name for pair in pairs for name in pair}:
        layer = layers[name]
        constants[layer.constants[0]] = Constant(layer.weights)
        if layer.bias is not None and layer.constants[1] is not None:
            constants[layer.constants[1]] = Constant(layer.bias)
    return with_constants(content, constants) if constants else content


def round_with_care(
    weights: np.ndarray, scales: Sequence[float], moments: np.ndarray
) -> list[np.ndarray]:
    """Weights (units, inputs) as integers of −127 to 127, real = scale · integer, once for each of
    the scales, column by column: what rounding one of them adds to the output those that follow
    take away again. Zeros stay.

    Args:
        weights: of the layer.
        scales: of all of them.
        moments: (inputs, inputs), the mean of x xᵀ over inputs x of the layer.

    Source: Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
    Transformers", ICLR 2023, algorithm 1, the columns in the order of their energy.
    """
    energy = np.diag(moments)
    if not energy.any():
        return [_nearest(weights, scale) for scale in scales]
    order = np.argsort(-energy, kind="stable")
    damped = moments[np.ix_(order, order)] + _DAMPING * energy.mean() * np.eye(len(energy))
    factor = np.linalg.cholesky(np.linalg.inv(damped)).T
    zeros = weights[:, order] == 0
    found = []
    for scale in scales:
        left = weights[:, order].astype(np.float64)
        rounded = np.zeros_like(left)
        for index in range(left.shape[1]):
            rounded[:, index] = np.where(zeros[:, index], 0, _nearest(left[:, index], scale))
            error = (left[:, index] - scale * rounded[:, index]) / factor[index, index]
            left[:, index + 1 :] -= np.outer(error, factor[index, index + 1 :])
        found.append(rounded[:, np.argsort(order)].astype(np.int8))
    return found


def largest_integers(scheme: str, of_target: Sequence[int]) -> Sequence[int]:
    """What the largest integer of a dense kernel with one scale may be in `scheme` on a target
    whose `dense` is `of_target`; none where its layers are left as the scheme has them."""
    if scheme != "int8" and not SCHEMES[scheme].dense_per_tensor:
        return ()
    return of_target or ((127,) if SCHEMES[scheme].dense_per_tensor else ())


def choose_scales(
    floats: bytes,
    scheme: str,
    largest: Sequence[int],
    ranges: dict[str, Any] | None,
    calibration: Calibration,
    source: Source,
) -> Iterator[Chosen]:
    """The model in `scheme`, each dense layer with the scale that takes the fewest bits as long as
    the outputs keep the first of `LEAST_SQNR`, or nearly what they have with the finest steps if
    that is less; then the same for the next.

    Args:
        floats: the float flatbuffer.
        scheme: "int8", or one with a scale a kernel in dense layers.
        largest: what the largest integer of a kernel with one scale may be.
        ranges: of `recipes.find_ranges`.
        calibration: the examples.
        source: the model, whose layers are named.

    Returns:
        Nothing where there is no dense layer to choose for, or none of the choices is good enough.
    """
    if source.stateful or source.state or len(calibration.arrays[0]) < 2:
        return
    if not any(_is_usable(layer) for layer in dense_layers(floats)):
        return
    held_out = min(_HELD_OUT, len(calibration.arrays[0]) // 2)
    shown = [array[held_out:] for array in calibration.arrays]
    asked = [array[:held_out] for array in calibration.arrays]
    expected = _outputs(floats, asked)

    def ratio(content: bytes) -> float:
        try:
            found = parity([""] * len(expected), expected, _outputs(content, asked))["sqnr_db"]
        except DeployError:
            # LiteRT refuses scales of channels that are too far apart, those of dead ones say.
            return -np.inf
        return np.inf if found is None else found

    plain = ratio(quantize(floats, "int8", ranges))
    forms = [(floats, ranges)]
    equalized = equalize(floats)
    if equalized != floats:
        arrays = dict(zip(signature_names(source)[0], calibration.arrays, strict=True))
        forms.append((equalized, find_ranges(equalized, arrays)))
    whole = [ratio(quantize(content, "int8-per-tensor", found)) for content, found in forms]
    best = int(np.argmax(whole))
    content, found = forms[best]
    layers = [layer for layer in dense_layers(content) if _is_usable(layer)]
    channels = not SCHEMES[scheme].dense_per_tensor and plain > -np.inf
    moments = _moments(content, layers, shown)
    candidates = [
        _candidates(layer, largest, channels, matrix)
        for layer, matrix in zip(layers, moments, strict=True)
    ]
    gains = [
        _gain(content, layer, ways, asked, expected)
        for layer, ways in zip(layers, candidates, strict=True)
    ]

    noise: dict[tuple[int, ...], float] = {}

    def chosen_at(price: float) -> tuple[int, ...]:
        """Of each layer which candidate is the best where an error of the outputs as large as they
        are is worth so many bits."""
        costs = [
            [way.bits + price * gain * way.error for way in ways]
            for ways, gain in zip(candidates, gains, strict=True)
        ]
        return tuple(int(np.argmin(each)) for each in costs)

    def made(numbers: tuple[int, ...]) -> bytes:
        ways = [each[k] for each, k in zip(candidates, numbers, strict=True)]
        return _stored(content, scheme, found, layers, ways)

    def measured(numbers: tuple[int, ...]) -> float:
        if numbers not in noise:
            noise[numbers] = ratio(made(numbers))
        return noise[numbers]

    def cheapest(floor: float) -> tuple[int, ...]:
        low, high = _PRICES
        for _ in range(_STEPS):
            middle = (low + high) / 2
            if measured(chosen_at(10**middle)) >= floor:
                high = middle
            else:
                low = middle
        return chosen_at(10**high)

    finest = measured(chosen_at(10 ** _PRICES[1]))
    floors = [min(least, max(plain, finest - _BELOW_FINEST)) for least in LEAST_SQNR]
    found_operators = operators(content)
    told = operator_layers(found_operators, source)
    names = {operator.layer: name for operator, name in zip(found_operators, told, strict=True)}
    for floor in dict.fromkeys(floors):
        if finest == -np.inf or (channels and finest < floor):
            return
        numbers = cheapest(floor)
        chosen: list[DenseLayer] = [
            {
                "layer": names[layer.name],
                "largest": ways[k].largest and int(np.abs(ways[k].integers).max()),
                "bits": ways[k].bits / layer.weights.size,
            }
            for layer, ways, k in zip(layers, candidates, numbers, strict=True)
        ]
        described: DenseLayers = {
            "layers": chosen,
            "equalized": best > 0,
            "sqnr_db": _or_none(measured(numbers)),
            "per_channel_sqnr_db": _or_none(plain),
        }
        yield Chosen(in_order(made(numbers), *signature_names(source)), content, described)


def _candidates(
    layer: Dense, largest: Sequence[int], channels: bool, moments: np.ndarray
) -> list[_Candidate]:
    weights, top = layer.weights, float(np.abs(layer.weights).max())
    found: list[tuple[int | None, np.ndarray, Any]] = []
    if channels:
        scales = np.maximum(np.abs(weights).max(axis=1, keepdims=True), 1e-30) / 127
        found.append((None, _nearest(weights, scales), scales))
    if _is_clustered(weights):
        # Neighbours that differ would be as many values again.
        found.append((127, _nearest(weights, top / 127), top / 127))
    else:
        steps = [top / most for most in largest]
        rounded = round_with_care(weights, steps, moments)
        found += zip(largest, rounded, steps, strict=True)
    candidates = []
    for most, integers, scale in found:
        lost = weights - scale * integers.astype(np.float64)
        error = float(np.einsum("ui,ij,uj->", lost, moments, lost, optimize=True))
        candidates.append(_Candidate(most, integers, np.max(scale), _bits(integers), error))
    return candidates


def _bits(integers: np.ndarray) -> float:
    """What the best code for single values takes of them."""
    counts = np.unique(integers, return_counts=True)[1]
    return float(-(counts * np.log2(counts / integers.size)).sum())


def _gain(
    floats: bytes,
    layer: Dense,
    ways: Sequence[_Candidate],
    arrays: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
) -> float:
    """How much an error in the layer's output is in the model's outputs, relative to them."""
    way = max((way for way in ways if way.largest), key=lambda way: way.error)
    if not way.error:
        return 0.0
    weights = (way.scale * way.integers.astype(np.float64)).astype(np.float32)
    changed = with_constants(floats, {layer.constants[0]: Constant(weights)})
    lost = parity([""] * len(expected), expected, _outputs(changed, arrays))["sqnr_db"]
    return 0.0 if lost is None else float(10 ** (-lost / 10)) / way.error


def _stored(
    floats: bytes,
    scheme: str,
    ranges: dict[str, Any] | None,
    layers: Sequence[Dense],
    chosen: Sequence[_Candidate],
) -> bytes:
    """The float flatbuffer in `scheme`, the layers with the integers that are chosen for them."""
    ways = {
        layer.name: (layer, way)
        for layer, way in zip(layers, chosen, strict=True)
        if way.largest is not None
    }
    content = quantize(floats, scheme, ranges, dict.fromkeys(ways, "int8-per-tensor"))
    constants = {}
    for operator in operators(content):
        if operator.name == "FULLY_CONNECTED" and operator.layer in ways:
            layer, way = ways[operator.layer]
            source, weights, *rest = operator.operands
            assert source is not None and source.scale is not None and weights is not None
            constants[weights.name] = Constant(way.integers, way.scale)
            if layer.bias is not None and rest[0] is not None:
                scale = way.scale * source.scale
                sums = np.rint(layer.bias.astype(np.float64) / scale)
                integers = sums.clip(-(2**31), 2**31 - 1).astype(np.int32)
                constants[rest[0].name] = Constant(integers, scale)
    return with_constants(content, constants)


def _moments(
    floats: bytes, layers: Sequence[Dense], arrays: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Of each layer the mean of x xᵀ over its inputs x."""
    tensors = Tensors(floats)
    inputs: list[list[np.ndarray]] = [[] for _ in layers]
    for example in range(len(arrays[0])):
        tensors.run([array[example : example + 1] for array in arrays])
        for seen, layer in zip(inputs, layers, strict=True):
            seen.append(tensors.values(layer.source).reshape(-1, layer.weights.shape[1]))
    rows = map(np.concatenate, inputs)
    return [x.T @ x / len(x) for x in rows]


def _outputs(content: bytes, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    return Model(content, {}, []).run(arrays)


def _nearest(weights: np.ndarray, scale: Any) -> np.ndarray:
    return np.rint(weights / scale).clip(-127, 127).astype(np.int8)


def _is_usable(layer: Dense) -> bool:
    inputs = layer.weights.shape[1]
    return layer.weights.size in _SIZES and inputs <= _MOST_INPUTS and bool(layer.weights.any())


def _is_clustered(weights: np.ndarray) -> bool:
    return len(np.unique(weights)) <= min(_MOST_CLUSTERS, weights.size // 4)


def _or_none(ratio: float) -> float | None:
    return float(ratio) if np.isfinite(ratio) else None
