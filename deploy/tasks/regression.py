"""Regression, and every model that no other task knows; measured by the mean absolute error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.errors import DeployError
from deploy.tasks.classification import as_array, no_classes

if TYPE_CHECKING:
    from deploy.load.source import Source


def infer(
    source: Source,
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    settings: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """Any model will do.

    Raises:
        DeployError: class names, for which there are no classes.
    """
    if class_names and settings is None:
        raise no_classes(outputs)
    if class_names:
        raise DeployError(
            f"expected no class names for the task regression, received {len(class_names)}; leave "
            "them out"
        )
    return {"activation": None}


def mean_absolute_error(
    card: Mapping[str, Any], ground_truth: Any, outputs: Sequence[np.ndarray]
) -> float:
    """The mean absolute error, of a model of one output.

    Raises:
        DeployError: several outputs, or ground truth of another shape than the output's.
    """
    targets = as_array(ground_truth, len(outputs[0]))
    if len(outputs) == 1 and (*targets.shape, 1) == outputs[0].shape:
        targets = targets[..., None]
    if len(outputs) != 1 or targets.shape != outputs[0].shape:
        raise DeployError(
            f"expected targets y of the output's shape {outputs[0].shape}, received "
            f"{targets.shape}; give a classifier's class names, and compare a model of several "
            "outputs without y"
        )
    return float(np.mean(np.abs(outputs[0] - targets)))


metric = mean_absolute_error
further_metrics = None


def agreement(
    card: Mapping[str, Any],
    class_names: Sequence[str],
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
) -> None:
    """There are no classes to agree on; the parity tells how far the numbers are apart."""


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """The outputs speak for themselves."""
    return []
