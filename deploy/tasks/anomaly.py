"""Anomaly detection: an autoencoder of normal examples, or a model that scores them; measured by
the area under the curve of what is found over false alarms.

Source: Koizumi et al., "Description and Discussion on DCASE2020 Challenge Task 2", 2020, section 3
(AUC, and the partial AUC up to 10 % of false alarms).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deploy.measure.formatting import agreement_text
from deploy.runtime.card import ClassAgreement
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import find_front_end
from deploy.runtime.tasks.anomaly import STREAM, check_stream, check_threshold, judge, scores
from deploy.tasks.classification import as_array

if TYPE_CHECKING:
    import keras

    from deploy.load.source import Source

# What the user may say of the task, and what holds where nothing is said: `hop`, how many rows
# (frames) one window of a longer example lies behind the other.
_DEFAULTS: dict[str, Any] = {
    "threshold": None,
    "threshold_from": None,
    "false_alarm": None,
    "hop": 1,
    "stream": None,
}

# The part of the curve that counts where alarms have to be rare.
_MOST_FALSE_ALARMS = 0.1


def infer(
    source: Source,
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    settings: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """The card's `anomaly`: what the score is, and the threshold with where it comes from; how far
    `windows` of a longer example lie apart; and its `stream` if the settings have one. None where
    nobody asks: an autoencoder's outputs are any numbers.

    Raises:
        DeployError: a model of anything but a reconstruction or one number, class names, or a
            setting that can't be.
    """
    if settings is None:
        return None
    shapes = [entry.shape for entry in source.inputs]
    given = [output.shape[1:] for output in outputs]
    if len(shapes) != 1 or given not in (shapes, [(1,)]):
        raise DeployError(
            "expected an autoencoder, whose output has the shape of its input, or one number as "
            f"the score for the task anomaly, received inputs {shapes} and outputs {given}; cut "
            "the model off there"
        )
    if class_names:
        raise DeployError(
            f"expected no class names for the task anomaly, received {len(class_names)}; name the "
            "channels of a sensor by the front end {'kind': 'array', 'columns': […]}"
        )
    unknown = sorted(set(settings) - set(_DEFAULTS))
    if unknown:
        raise DeployError(
            f"expected of the task anomaly {', '.join(_DEFAULTS)}, received '{unknown[0]}'"
        )
    told = {**_DEFAULTS, **settings}
    hop, stream = told.pop("hop"), told.pop("stream")
    told["score"] = "reconstruction" if given == shapes else "output"
    check_threshold(told["threshold"], told["score"])
    if type(hop) is not int or hop < 1:
        raise DeployError(
            f"expected a hop of 1 row or more, a whole number, for the task anomaly, received "
            f"{hop!r}"
        )
    _check_origin(told)
    facts = {"activation": None, "anomaly": told, "windows": hop, "metric": "AUC"}
    if stream is None:
        return facts
    if isinstance(stream, Mapping):
        stream = STREAM | {"threshold": told["threshold"]} | dict(stream)
    check_stream(stream)
    return facts | {"stream": stream}


def auc(card: Mapping[str, Any], ground_truth: Any, outputs: Sequence[np.ndarray]) -> float:
    """The probability that an anomalous example scores more than a normal one, ties by half.

    Args:
        card: not used.
        ground_truth: (examples,), 1 of an anomalous example and 0 of a normal one; or (examples,
            2), of windows this and the number of the recording, whose score is their mean.
        outputs: what `judge` makes of the model's.

    Raises:
        DeployError: ground truth of another shape or length, or of one kind alone.
    """
    return _area(*_curve(*_labelled(ground_truth, outputs)))


metric = auc


def partial_auc(card: Mapping[str, Any], ground_truth: Any, outputs: Sequence[np.ndarray]) -> float:
    """`auc` of the curve up to 10 % of false alarms, brought to 0.5 for chance and 1 for the best.

    Source: McClish, "Analyzing a Portion of the ROC Curve", Medical Decision Making 9, 1989.
    """
    x, y = _curve(*_labelled(ground_truth, outputs))
    end, inside = _MOST_FALSE_ALARMS, x <= _MOST_FALSE_ALARMS
    x, y = np.append(x[inside], end), np.append(y[inside], np.interp(end, x, y))
    chance = end**2 / 2
    return (1 + (_area(x, y) - chance) / (end - chance)) / 2


further_metrics = {"partial AUC (10 % false alarms)": partial_auc}


def agreement(
    card: Mapping[str, Any],
    class_names: Sequence[str],
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
) -> dict[str, ClassAgreement] | None:
    """How often both models say the same of what is normal for Keras, and of what is anomalous;
    None without a threshold."""
    threshold = card["anomaly"]["threshold"]
    if threshold is None:
        return None
    expected, received = (scores(each[0]) > threshold for each in (keras, deployed))
    report: dict[str, ClassAgreement] = {}
    for name, chosen in (("normal", ~expected), ("anomalous", expected)):
        if chosen.any():
            same = float(np.mean(received[chosen] == expected[chosen]))
            report[name] = {"examples": int(chosen.sum()), "agreement": same}
    return report


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """What the score is, where the threshold comes from, and how a stream is watched."""
    told, output, stream = card["anomaly"], card["outputs"][0], card.get("stream")
    definition = f"`{output['name']}`"
    if told["score"] == "reconstruction":
        definition = (
            f"the mean squared error of `{output['name']}` against the input, in the input's units "
            "squared"
        )
    threshold = "none, so that only the score is said"
    if told["threshold"] is not None:
        threshold = f"{told['threshold']:.4g} ({told['threshold_from'] or 'as the user gave it'})"
    lines = [
        "## Anomaly",
        "",
        f"- The score is {definition}.",
        f"- Anomalous from a score of more than the threshold on: {threshold}.",
    ]
    if told["false_alarm"] is not None:
        lines.append(f"- False alarms on those examples: {100 * told['false_alarm']:.2g} %.")
    if card.get("agreement"):
        lines.append(
            f"- Keras and the deployed model say the same: {agreement_text(card['agreement'])}."
        )
    if card["inputs"][0].get("front_end", {}).get("kind") == "log_mel":
        lines.append(
            f"- A recording's score is the mean over its windows, {_frames(card['windows'])} apart."
        )
    if stream is not None:
        lines.append(
            f"- `python -m deploy.runtime run . FILE --stream`: an example every {stream['hop']:g} "
            f"({_unit(card)}), alarm where {stream['needed']} of {stream['window']} score more "
            f"than {stream['threshold']:.4g}, until one scores less than {stream['release']:g} "
            "times that."
        )
    return [*lines, ""]


class Threshold(NamedTuple):
    """What `anomaly_threshold` found; `task` has what the `task` of `export` takes of it.

    Attributes:
        threshold: the score from which on an example is anomalous.
        false_alarm: how many of the normal examples score more, 0 to 1.
        examples: how many there were.
        task: `threshold`, `threshold_from` and `false_alarm`.
    """

    threshold: float
    false_alarm: float
    examples: int
    task: dict[str, Any]


def anomaly_threshold(
    model: keras.Model | str | Path,
    x: Any,
    *,
    false_alarm: float = 0.01,
    recordings: Any = None,
    trust: bool = False,
) -> Threshold:
    """The score that `false_alarm` of normal examples exceed, measured on some that training has
    not seen.

    Args:
        model: the detector, as `export` takes it.
        x: (examples, …) normal examples in the model's units, none of them from training or from
            `export`'s test.
        false_alarm: the rate that is aimed at, above 0 and below 1.
        recordings: (examples,) of windows the numbers of the recordings that they are from, whose
            score is their mean; None: each example is one of its own.
        trust: run the code that the model's file holds (of Lambda layers, say).

    Raises:
        DeployError: a model that can't be loaded or is no detector, examples that don't fit it, a
            rate that is none, or too few examples for it.
    """
    from deploy.load.inputs import as_inputs
    from deploy.load.readers import load

    if not 0 < false_alarm < 1:
        raise DeployError(f"expected a rate above 0 and below 1, received {false_alarm!r}")
    source = load(model, trust)
    arrays = as_inputs(x, source, "validation")
    outputs = source.predict(arrays)
    card = infer(source, outputs, (), {}) or {}
    measured = scores(judge(card, arrays, outputs)[0])
    if recordings is not None:
        measured = _by_recording(measured, as_array(recordings, len(measured)))
    least = math.ceil(1 / false_alarm)
    if len(measured) < least:
        raise DeployError(
            f"expected at least {least} normal examples for a rate of {100 * false_alarm:g} %, "
            f"received {len(measured)}; give more, or a higher rate"
        )
    threshold = float(np.quantile(measured, 1 - false_alarm, method="higher"))
    rate = float(np.mean(measured > threshold))
    origin = (
        f"which {100 * false_alarm:g} % of {len(measured):,} normal validation examples may exceed"
    )
    told = {"threshold": threshold, "threshold_from": origin, "false_alarm": rate}
    return Threshold(threshold, rate, len(measured), told)


def windows_of(
    recordings: Sequence[Any],
    front_end: Mapping[str, Any],
    shape: Sequence[int],
    hop: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """All windows of recordings, (windows, …), and the number of the recording that each is from,
    (windows,), as the device scores them: for training, `anomaly_threshold`, and with labels as
    `export`'s test, `y = np.stack([labels[numbers], numbers], axis=1)`.

    Args:
        recordings: each as the front end takes it, samples with their rate say.
        front_end: its kind, "log_mel", and parameters.
        shape: of the model's input.
        hop: how many frames one window lies behind the other.

    Raises:
        DeployError: a front end without windows, or a recording that it can't take.
    """
    module = find_front_end({"name": "recording", "front_end": front_end})
    module.check(front_end, shape)
    if module.windows is None:
        raise DeployError(
            f"expected a front end with windows, log_mel, received {front_end['kind']}"
        )
    found = [module.windows(recording, front_end, tuple(shape), hop) for recording in recordings]
    numbers = np.repeat(np.arange(len(found)), list(map(len, found)))
    return np.concatenate(found), numbers


def _check_origin(told: Mapping[str, Any]) -> None:
    if not isinstance(told["threshold_from"], str | None):
        raise DeployError(
            "expected a text that says where the threshold comes from, received "
            f"{told['threshold_from']!r}"
        )
    rate = told["false_alarm"]
    if rate is not None and not (isinstance(rate, float | int) and 0 <= rate <= 1):
        raise DeployError(f"expected a false-alarm rate from 0 to 1, received {rate!r}")


def _labelled(ground_truth: Any, outputs: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Which examples (or recordings) are anomalous, bool, and their scores."""
    measured = scores(outputs[0])
    labels = as_array(ground_truth, len(measured))
    recordings = None
    if labels.ndim == 2 and labels.shape[1] == 2:
        labels, recordings = labels.T
    elif labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iubf" or not np.isin(labels, (0, 1)).all():
        raise DeployError(
            "expected y of 0 (normal) and 1 (anomalous), of windows (label, recording), received "
            f"{labels.dtype} of shape {np.shape(ground_truth)}"
        )
    if recordings is not None:
        means = _by_recording(labels, recordings)
        if not np.isin(means, (0, 1)).all():
            raise DeployError("expected one label for all windows of a recording, received several")
        labels, measured = means, _by_recording(measured, recordings)
    anomalous = labels == 1
    if anomalous.all() or not anomalous.any():
        raise DeployError(
            f"expected normal and anomalous test examples, received {len(labels)} of one kind"
        )
    return anomalous, measured


def _by_recording(values: np.ndarray, recordings: np.ndarray) -> np.ndarray:
    _, numbers = np.unique(recordings, return_inverse=True)
    return np.bincount(numbers, values) / np.bincount(numbers)


def _curve(anomalous: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False alarms and what is found, both 0 to 1, for every threshold from the highest on."""
    order = np.argsort(-measured, kind="stable")
    found = np.cumsum(anomalous[order])
    alarms = np.arange(1, len(order) + 1) - found
    last = np.append(np.diff(measured[order]) != 0, True)
    x, y = alarms[last] / alarms[-1], found[last] / found[-1]
    return np.append(0.0, x), np.append(0.0, y)


def _area(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.trapezoid(y, x))


def _unit(card: Mapping[str, Any]) -> str:
    kind = card["inputs"][0].get("front_end", {}).get("kind")
    return "seconds" if kind == "log_mel" else "rows"


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"
