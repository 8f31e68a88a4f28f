"""TEMP"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.measure.parity import _ERROR
from deploy.runtime.errors import DeployError
from deploy.runtime.model import to_probabilities

if TYPE_CHECKING:
    from deploy.load.source import Source


def quality(
    activation: str | None,
    targets: Any,
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
) -> dict[str, Any]:
    """The task's metric of both models: accuracy of a classifier, else the mean absolute error.

    Args:
        activation: what a classifier ends in (see `find_activation`), None for another model.
        targets: (examples,) class numbers or (examples, classes) one-hot; for another model of one
            output, targets of that output's shape.
        keras: the Keras model's outputs.
        deployed: the deployed model's outputs.

    Raises:
        DeployError: targets of another length or shape, or class numbers outside the classes.
    """
    try:
        targets = np.asarray(targets)
    except ValueError as error:
        raise DeployError(
            "expected targets y of one shape, received a list of several; compare a model of "
            "several outputs without y"
        ) from error
    if targets.ndim == 0 or len(targets) != len(keras[0]):
        raise DeployError(
            f"expected a target y for each of the {len(keras[0])} examples, received y of shape "
            f"{targets.shape}"
        )
    if activation is not None:
        classes = to_probabilities(keras[0][:1], activation).shape[-1]
        truth = _class_numbers(targets, classes)
        scores = [
            float(np.mean(winners(outputs, activation) == truth)) for outputs in (keras, deployed)
        ]
        metric = "accuracy"
    else:
        if len(keras) == 1 and (*targets.shape, 1) == keras[0].shape:
            targets = targets[..., None]
        if len(keras) != 1 or targets.shape != keras[0].shape:
            raise DeployError(
                f"expected targets y of the output's shape {keras[0].shape}, received "
                f"{targets.shape}; give a classifier's class names with labels, and compare a "
                "model of several outputs without y"
            )
        scores = [float(np.mean(np.abs(outputs[0] - targets))) for outputs in (keras, deployed)]
        metric = _ERROR
    return {"metric": metric, "keras": scores[0], "deployed": scores[1], "examples": len(targets)}


def agreement(
    activation: str,
    labels: Sequence[str],
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
) -> dict[str, dict[str, float]]:
    """For each class that Keras answers: how often (`examples`; of a segmenter: pixels of the
    output), and how often the deployed model answers the same (`agreement`, 0 to 1)."""
    expected, received = winners(keras, activation), winners(deployed, activation)
    classes = to_probabilities(keras[0][:1], activation).shape[-1]
    names = list(labels) or [str(index) for index in range(classes)]
    report = {}
    for index, name in enumerate(names):
        chosen = expected == index
        if chosen.any():
            share = float(np.mean(received[chosen] == index))
            report[name] = {"examples": int(chosen.sum()), "agreement": share}
    return report


def winners(outputs: Sequence[np.ndarray], activation: str) -> np.ndarray:
    """The numbers of the likeliest classes, (examples,), of a segmenter (examples, h, w)."""
    return np.argmax(to_probabilities(outputs[0], activation), axis=-1)


def find_activation(
    source: Source, outputs: Sequence[np.ndarray], labels: Sequence[str]
) -> str | None:
    """What a classifier ends in, "softmax", "sigmoid" or "linear" (logits); None: no classifier.

    Several classes whose outputs sum to one are a softmax; without labels, logits are not told
    from a regression, so they count as none.

    Args:
        source: the model; its last layer says what it ends in, where it has layers.
        outputs: its outputs for the reference examples, which say it otherwise.
        labels: the class names, if any.

    Raises:
        DeployError: labels for what is no classifier, or not as many as classes.
    """
    activation = None
    if len(outputs) == 1 and outputs[0].ndim == 2:
        output, last = outputs[0], _last_activation(source)
        shares = bool(((output >= 0) & (output <= 1)).all())
        if sums_to_one(output):
            activation = "softmax"
        elif output.shape[1] == 1 and (last == "sigmoid" or (labels and not last and shares)):
            activation = "sigmoid"
        elif labels and (last == "linear" or (not last and not shares)):
            activation = "linear"
    if labels and activation is None:
        raise DeployError(
            "expected a classifier (one output of shape (batch, classes), softmax or logits, or "
            f"one sigmoid) for the labels, received outputs of shapes "
            f"{[output.shape for output in outputs]}; leave the labels out, or give detector or "
            "task as well"
        )
    check_count(labels, max(2, outputs[0].shape[-1]))
    return activation


def check_count(labels: Sequence[str], classes: int) -> None:
    """Whether there is a label for each of the classes, or none at all.

    Raises:
        DeployError: another number of labels.
    """
    if labels and len(labels) != classes:
        raise DeployError(
            f"expected {classes} labels, one a class, received {len(labels)}; give them in the "
            "order of the classes"
        )


def sums_to_one(scores: np.ndarray) -> bool:
    """Whether the scores of several classes, on the last axis, are those of a softmax."""
    shares = bool(((scores >= 0) & (scores <= 1)).all())
    return scores.shape[-1] > 1 and shares and np.allclose(scores.sum(axis=-1), 1, atol=1e-3)


def _last_activation(source: Source) -> str | None:
    last = source.model
    while getattr(last, "layers", None):
        last = last.layers[-1]
    last = getattr(last, "layer", last)
    return getattr(getattr(last, "activation", None), "__name__", None)


def _class_numbers(targets: np.ndarray, classes: int) -> np.ndarray:
    if targets.ndim == 2 and targets.shape[1] == classes and classes > 1:
        return targets.argmax(axis=-1)
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    whole = targets.ndim == 1 and targets.dtype.kind in "iufb" and (targets == targets // 1).all()
    if not whole or targets.min() < 0 or targets.max() >= classes:
        raise DeployError(
            f"expected class numbers y from 0 to {classes - 1}, or one-hot rows, received "
            f"{targets.dtype} of shape {targets.shape}"
        )
    return targets.astype(int)
