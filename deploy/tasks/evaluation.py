"""Both models on the same examples: their metric, their parity, and what they agree on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deploy.measure.parity import parity
from deploy.runtime.card import Accuracy, Quality, without_state
from deploy.runtime.errors import DeployError
from deploy.tasks import TASKS
from deploy.tasks.metrics import Metric, metric_name, score_of
from deploy.tasks.predictions import LEAST_SCORE, judged, predictions


@dataclass(frozen=True)
class TestData:
    """Labelled examples, never seen in training, and what they are judged by.

    Attributes:
        x: one (examples, …) array (several inputs: a list, or a dictionary by input name), or the
            path of an `.npz` file with `x` and `y`, or of a folder with one sub-folder a class.
        y: the ground truth, one for each example; None with a path.
        metric: `metric(y, predictions)`, 0 to 1 or any other number of which more is better.
            `predictions` are those of the runtime, one for each example, with boxes and maps in
            pixels of `x`, of detectors all that score more than 0.01. Its name goes into the card.
            By default the accuracy of a classifier and the mean absolute error of any other model;
            a detector or segmenter has none.
    """

    # No test, whatever pytest makes of the name.
    __test__ = False

    x: Any
    y: Any = None
    metric: Metric | None = None


def read_test_data(data: TestData | tuple[Any, Any] | str | Path) -> TestData:
    """What commands take as labelled examples: `TestData`, `(x, y)`, or the path of an `.npz` file
    or a folder.

    Raises:
        DeployError: no pair, or a metric that is no function, has no name or no ground truth.
    """
    if isinstance(data, tuple | list):
        if len(data) != 2:
            raise DeployError(f"expected test data with x and y, received {len(data)} parts")
        data = TestData(*data)
    elif not isinstance(data, TestData):
        data = TestData(data)
    if isinstance(data.x, str | Path) and data.y is not None:
        raise DeployError(
            f"expected either the path of an .npz file or folder with x and y or (x, y), received "
            f"'{data.x}' and y; leave y out"
        )
    if data.metric is not None:
        metric_name(data.metric)
        if data.y is None and not isinstance(data.x, str | Path):
            raise DeployError("expected data with x and y for the metric, received no y; add it")
    return data


def compare(
    card: Mapping[str, Any],
    names: Sequence[str],
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
    ground_truth: Any,
    class_names: Sequence[str],
    metric: Metric | None = None,
    keras_score: float | None = None,
    inputs: Sequence[np.ndarray] = (),
) -> Accuracy:
    """Both models' outputs on the same examples: `quality` where there is `ground_truth`, `parity`,
    and of whatever predicts classes the `agreement` class by class.

    Args:
        card: see `predictions`.
        names: of the outputs.
        keras: the Keras model's outputs.
        deployed: the deployed model's.
        ground_truth: what the metric takes, one for each example; None: nothing is measured.
        class_names: the class names.
        metric: of `TestData`.
        keras_score: what the metric made of Keras's predictions, where that is known.
        inputs: see `judged`.

    Raises:
        DeployError: see `measure`.
    """
    quality: Quality | None = None
    if ground_truth is not None:
        if keras_score is None:
            keras_score = measure(card, ground_truth, keras, class_names, metric, inputs)
        quality = {
            "metric": metric_name(metric) if metric else _own_name(card),
            "keras": keras_score,
            "deployed": measure(card, ground_truth, deployed, class_names, metric, inputs),
            "examples": len(ground_truth),
        }
        others = None if metric else TASKS[card["task"]].further_metrics
        if others:
            seen = without_state(card)
            one, two = (judged(card, outputs, inputs) for outputs in (keras, deployed))
            quality["further"] = {
                name: {
                    "keras": other(seen, ground_truth, one),
                    "deployed": other(seen, ground_truth, two),
                }
                for name, other in others.items()
            }
    return {
        "quality": quality,
        "parity": parity(names, keras, deployed),
        "agreement": TASKS[card["task"]].agreement(
            without_state(card),
            class_names,
            judged(card, keras, inputs),
            judged(card, deployed, inputs),
        ),
        "layers": [],
        "costly": [],
        "kept": None,
    }


def measure(
    card: Mapping[str, Any],
    ground_truth: Any,
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    metric: Metric | None = None,
    inputs: Sequence[np.ndarray] = (),
) -> float:
    """The metric of one model's outputs; without one, the task's own.

    Raises:
        DeployError: no metric for a detector or segmenter, not as much ground truth as examples, or
            a metric that gives no finite number.
    """
    if metric is None:
        shown = judged(card, outputs, inputs)
        return _own_metric(card)(without_state(card), ground_truth, shown)
    is_sized = hasattr(ground_truth, "__len__")
    received = len(ground_truth) if is_sized else type(ground_truth).__name__
    if received != len(outputs[0]):
        raise DeployError(
            f"expected a target y for each of the {len(outputs[0])} examples, received {received}"
        )
    found = predictions(card, outputs, class_names, LEAST_SCORE, inputs)
    return score_of(metric, ground_truth, found)


def _own_name(card: Mapping[str, Any]) -> str:
    # A metric with parameters is named by them.
    return str(card.get("metric") or metric_name(_own_metric(card)))


def _own_metric(card: Mapping[str, Any]) -> Callable[..., float]:
    metric = TASKS[card["task"]].metric
    if metric is None:
        raise DeployError(
            f"expected a metric for the test data of a model for {card['task']}, received none; "
            "give TestData(x, y, metric=function), a function of the ground truth and the "
            "runtime's predictions"
        )
    return metric
