"""Metrics of the user's own: functions of the ground truth and the runtime's predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from deploy.runtime.errors import DeployError

Metric = Callable[[Any, Sequence[Any]], float]


def score_of(metric: Metric, ground_truth: Any, predicted: Sequence[Any]) -> float:
    """What the metric makes of the predictions.

    Raises:
        DeployError: no finite number.
    """
    given = metric(ground_truth, predicted)
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise DeployError(
            f"expected a finite number from the metric {metric_name(metric)}, received {given!r}"
        )
    return value


def metric_name(metric: Callable[..., float]) -> str:
    """What the card calls the metric: its `__name__`.

    Raises:
        DeployError: no function, or one without a name.
    """
    name = getattr(metric, "__name__", "<lambda>")
    if not callable(metric) or name == "<lambda>":
        raise DeployError(
            f"expected a metric that is a function with a name, received {metric!r}; write "
            "def average_precision(ground_truth, predictions), say"
        )
    return name
