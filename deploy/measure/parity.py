"""How far a deployed model's outputs are from the Keras model's, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from deploy.runtime.card import OutputParity, Parity
from deploy.runtime.errors import DeployError

# The signal to quantization noise ratio, in decibel, below which a model is not what it was: the
# noise has more than a tenth of the signal's energy. Of 532 bundles that this repository's lessons,
# tests and trials wrote, the best of those broken by their quantization had 9.0 dB (58 points of
# accuracy lost; the others 1.2 and 6.9 dB, 58 and 33 points), the worst that works 21.6 dB
# (sentiment, half a point lost) and the worst that is hardly trained 9.9 dB (a MobileNet V1 with
# the weights that it began with).
FLOOR = 10.0

# What an index may be instead: the same as Keras's in as many of its values.
_SAME = 0.9


class _Scale(NamedTuple):
    """How a metric is read: what is lost from Keras's score to the deployed one, in which unit, and
    the unit of a score; `fraction`: it is shown in percent."""

    drop: Callable[[float, float], float]
    lost: str
    unit: str
    fraction: bool = False


# Metrics that are neither fractions of which more is better, which lose points, nor lose percent.
_SCALES = {
    # Less is better.
    "mean_absolute_error": _Scale(
        lambda keras, deployed: 100 * (deployed - keras) / max(keras, 1e-12), "%", ""
    ),
    # Less is better, too, but a fraction, if one that may exceed 1.
    "symbol_error_rate": _Scale(
        lambda keras, deployed: 100 * (deployed - keras), "points", "%", fraction=True
    ),
    # A logarithm already.
    "psnr": _Scale(lambda keras, deployed: keras - deployed, "dB", "dB"),
}
_POINTS = _Scale(lambda keras, deployed: 100 * (keras - deployed), "points", "%", fraction=True)
_PERCENT = _Scale(
    lambda keras, deployed: 100 * (keras - deployed) / max(abs(keras), 1e-12), "%", ""
)


def parity(
    names: Sequence[str], keras: Sequence[np.ndarray], deployed: Sequence[np.ndarray]
) -> Parity:
    """Errors of the deployed outputs against Keras's.

    Returns:
        `max_abs_error`, `mean_abs_error` and `sqnr_db` (10 log10 of the signal's energy over the
        error's; None where there is no error at all) over all outputs, the SQNR of the worst of
        them; `examples`; and `outputs`, the same for each, with the share of equal values (`same`)
        where they differ and are whole numbers.

    Raises:
        DeployError: the deployed model gives NaN or infinity.
    """
    outputs: list[OutputParity] = []
    for name, expected, received in zip(names, keras, deployed, strict=True):
        signal = expected.astype(np.float64)
        error = received.astype(np.float64) - signal
        if not np.isfinite(error).all():
            raise DeployError(
                f"expected finite outputs, received NaN or infinity from '{name}' of the deployed "
                "model; use a target with more precision, or smaller weights"
            )
        noise, energy = float((error**2).sum()), float((signal**2).sum())
        entry: OutputParity = {
            "name": name,
            "max_abs_error": float(np.abs(error).max()),
            "mean_abs_error": float(np.abs(error).mean()),
            "sqnr_db": sqnr_db_of(energy, noise),
        }
        if noise and not (signal % 1).any() and not (error % 1).any():
            entry["same"] = float((error == 0).mean())
        outputs.append(entry)
    ratios = [entry["sqnr_db"] for entry in outputs if entry["sqnr_db"] is not None]
    sizes = [output.size for output in keras]
    means = [entry["mean_abs_error"] for entry in outputs]
    return {
        "max_abs_error": max(entry["max_abs_error"] for entry in outputs),
        "mean_abs_error": float(np.average(means, weights=sizes)),
        "sqnr_db": min(ratios) if ratios else None,
        "examples": len(keras[0]),
        "outputs": outputs,
    }


def sqnr_db_of(energy: float, noise: float) -> float | None:
    """10 log10 of the energy over the noise's; None where there is no noise at all."""
    # A signal of nothing but zeros still has a ratio, if a very bad one; so has an operator that
    # gives infinity on the way, which JSON could not hold.
    return 10 * float(np.log10(max(energy, 1e-30) / min(noise, 1e300))) if noise else None


def below_floor(parity: Mapping[str, Any]) -> list[OutputParity]:
    """The outputs of a card's `parity` that are not what they are in Keras: with an SQNR of less
    than `FLOOR`, and of indices, of which a large one outweighs many, in which more than a tenth
    of the values differ as well."""
    return [
        entry
        for entry in parity["outputs"]
        if entry["sqnr_db"] is not None
        and not entry["sqnr_db"] >= FLOOR
        and not entry.get("same", 0.0) >= _SAME
    ]


def metric_drop(measured: Mapping[str, Any]) -> float:
    """What deployment costs: points of accuracy or of another metric from 0 to 1; points more
    symbol error rate; percent more mean absolute error; decibels of PSNR; or percent less of any
    other metric."""
    keras, deployed = measured["keras"], measured["deployed"]
    return _scale(measured["metric"], keras, deployed).drop(keras, deployed)


def unit_of_drop(metric: str, *values: float) -> str:
    """The unit of `metric_drop` for these scores: "points", "%" or "dB"."""
    return _scale(metric, *values).lost


def unit_of_score(metric: str) -> str:
    """The unit of a score that is no fraction; "" of a plain number."""
    return _SCALES.get(metric, _PERCENT).unit


def is_fraction(metric: str, *values: float) -> bool:
    """Whether these scores of the metric are fractions, 0 to 1, which are shown in percent."""
    return _scale(metric, *values).fraction


def _scale(metric: str, *values: float) -> _Scale:
    fractions = all(0 <= value <= 1 for value in values)
    return _SCALES.get(metric, _POINTS if fractions else _PERCENT)
