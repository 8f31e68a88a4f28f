"""The answers that outputs stand for, of Keras and of the deployed model, measured and compared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from deploy.measure.parity import parity
from deploy.runtime.errors import DeployError
from deploy.runtime.tasks.answers import DETECTORS, answer
from deploy.runtime.tasks.detection import intersection_over_union
from deploy.tasks.quality import agreement, quality

# Average precision counts what a device would not show: a metric of detectors gets all that is
# likelier than this.
LEAST_SCORE = 0.01

# From this overlap on, two boxes of a class are the same object.
_SAME = 0.5

# The tasks that have no metric but the user's.
UNMEASURED = (*DETECTORS, "segmentation")

Metric = Callable[[Any, Sequence[Any]], float]


class _Answers(Sequence[Any]):
    """Made as they are read: those of hundreds of pictures, with their masks, fill a memory."""

    def __init__(self, count: int, answer: Callable[[int], Any]):
        self._count, self._answer = count, answer

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        chosen = range(self._count)[index]
        return list(map(self._answer, chosen)) if isinstance(index, slice) else self._answer(chosen)


def answers(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    score_threshold: float | None = None,
) -> Sequence[Any]:
    """What `deploy.runtime`'s `predict` gives for each example, from one (examples, …) array an
    output, of Keras as well as deployed; pictures have the size of the model's input.

    Args:
        card: its `task`, `activation`, `detector`, `inputs` and `outputs`.
        outputs: the outputs, in real numbers.
        labels: the class names; where there are none, numbers take their place.
        score_threshold: of detectors, another one than the card's.
    """
    height, width = card["inputs"][0]["shape"][1:3] if card["task"] in UNMEASURED else (0, 0)

    def of_one(example: int) -> Any:
        numbers = [output[example] for output in outputs]
        return answer(card, numbers, labels, (height, width), score_threshold)

    return _Answers(len(outputs[0]), of_one)


def compare(
    card: Mapping[str, Any],
    names: Sequence[str],
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
    targets: Any,
    labels: Sequence[str],
    metric: Metric | None = None,
    keras_score: float | None = None,
) -> dict[str, Any]:
    """Both models' outputs on the same examples: `quality` where there are `targets`, `parity`, and
    of whatever answers in classes the `agreement` class by class."""
    measured = None
    if targets is not None:
        measured = measure(card, targets, keras, deployed, labels, metric, keras_score)
    return {
        "parity": parity(names, keras, deployed),
        "quality": measured,
        "agreement": _agreement(card, labels, keras, deployed),
    }


def measure(
    card: Mapping[str, Any],
    targets: Any,
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
    labels: Sequence[str],
    metric: Metric | None = None,
    keras_score: float | None = None,
) -> dict[str, Any]:
    """The card's `quality`: by the `metric`, or without one as `quality.quality` measures it.

    Args:
        card: see `answers`.
        targets: what the metric takes, one for each example.
        keras: the Keras model's outputs.
        deployed: the deployed model's outputs.
        labels: the class names.
        metric: a function of the targets and the answers; more is better.
        keras_score: what the metric made of Keras's answers, where that is known.

    Raises:
        DeployError: no metric for a detector or segmenter, not as many targets as examples, or a
            metric that gives no finite number.
    """
    if metric is None:
        _check_measurable(card)
        return quality(card["activation"], targets, keras, deployed)
    if keras_score is None:
        keras_score = score(card, targets, keras, labels, metric)
    return {
        "metric": metric_name(metric),
        "keras": keras_score,
        "deployed": score(card, targets, deployed, labels, metric),
        "examples": len(targets),
    }


def score(
    card: Mapping[str, Any],
    targets: Any,
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    metric: Metric | None = None,
) -> float:
    """The metric of one model's outputs alone; see `measure`."""
    if metric is None:
        _check_measurable(card)
        return quality(card["activation"], targets, outputs, outputs)["keras"]
    received = len(targets) if hasattr(targets, "__len__") else type(targets).__name__
    if received != len(outputs[0]):
        raise DeployError(
            f"expected a target y for each of the {len(outputs[0])} examples, received {received}"
        )
    given = metric(targets, answers(card, outputs, labels, LEAST_SCORE))
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise DeployError(
            f"expected a finite number from the metric {metric_name(metric)}, received {given!r}"
        )
    return value


def _check_measurable(card: Mapping[str, Any]) -> None:
    if card["task"] in UNMEASURED:
        raise DeployError(
            f"expected a metric for the test data of a model for {card['task']}, received none; "
            "give metric=function, a function of the targets and the runtime's answers"
        )


def metric_name(metric: Metric) -> str:
    """What the card calls the metric: its `__name__`.

    Raises:
        DeployError: no function, or one without a name.
    """
    name = getattr(metric, "__name__", "<lambda>")
    if not callable(metric) or name == "<lambda>":
        raise DeployError(
            f"expected a metric that is a function with a name, received {metric!r}; write "
            "def average_precision(targets, answers), say"
        )
    return name


def _agreement(
    card: Mapping[str, Any],
    labels: Sequence[str],
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
) -> dict[str, dict[str, float]] | None:
    if card["task"] in DETECTORS:
        # The masks follow from the boxes that agree, and take long.
        masks = ("coefficients", "prototypes")
        detector = {key: value for key, value in card["detector"].items() if key not in masks}
        card = {**card, "task": "detection", "detector": detector}
        return agreement_of_detections(
            answers(card, keras, labels), answers(card, deployed, labels)
        )
    if card["activation"] is None:
        return None
    return agreement(card["activation"], labels, keras, deployed)


def agreement_of_detections(
    keras: Sequence[Mapping[str, Any]], deployed: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """For each class that either finds: how many objects Keras finds (`examples`), and the share
    of the objects of both that the other has too (`agreement`, 0 to 1: an F1 score), in a box of
    the same class with an IoU of at least 0.5, one to one."""
    found, common = [Counter[str](), Counter[str]()], Counter[str]()
    for expected, received in zip(keras, deployed, strict=True):
        found[0].update(expected["names"])
        found[1].update(received["names"])
        common.update(expected["names"][index] for index in _matched(expected, received))
    return {
        name: {
            "examples": found[0][name],
            "agreement": 2 * common[name] / (found[0][name] + found[1][name]),
        }
        for name in sorted(found[0] | found[1])
    }


def _matched(expected: Mapping[str, Any], received: Mapping[str, Any]) -> list[int]:
    """The positions in `expected` of the objects that are in `received`, too."""
    overlap = intersection_over_union(expected["boxes"], received["boxes"])
    overlap *= expected["labels"][:, None] == received["labels"]
    matched = []
    # The likeliest choose first.
    for index in range(len(overlap)):
        best = int(overlap[index].argmax()) if overlap.shape[1] else -1
        if best >= 0 and overlap[index, best] >= _SAME:
            matched.append(index)
            overlap[:, best] = 0
    return matched
