"""Classification: one output of class scores, known by what it ends in; measured by accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.card import ClassAgreement
from deploy.runtime.errors import DeployError
from deploy.runtime.tasks.classification import (
    STREAM,
    check_background,
    check_stream,
    to_probabilities,
)

if TYPE_CHECKING:
    from deploy.load.source import Source


def infer(
    source: Source,
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    settings: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """The card's `activation` of a classifier, and its `stream` if the settings have one, filled up
    with what holds where nothing is said; None of any other model.

    Raises:
        DeployError: `settings`, which ask for this task, for what is no classifier; not as many
            class names as classes; a stream that can't be.
    """
    asked = bool(class_names) or settings is not None
    activation = _find_activation(source, outputs, asked)
    if activation is None and settings is not None:
        raise no_classes(outputs)
    if activation is None:
        return None
    classes = max(2, outputs[0].shape[-1])
    check_count(class_names, classes)
    given = (settings or {}).get("stream")
    if given is None:
        return {"activation": activation}
    stream = {**STREAM, **given} if isinstance(given, Mapping) else given
    check_stream(stream)
    check_background(stream["background"], list(class_names) or list(map(str, range(classes))))
    return {"activation": activation, "stream": stream}


def accuracy(card: Mapping[str, Any], ground_truth: Any, outputs: Sequence[np.ndarray]) -> float:
    """The fraction of the examples whose class is right, 0 to 1.

    Args:
        card: its `activation`.
        ground_truth: (examples,) class numbers, or (examples, classes) one-hot.
        outputs: the model's.

    Raises:
        DeployError: ground truth of another length or shape, or numbers outside the classes.
    """
    ground_truth = as_array(ground_truth, len(outputs[0]))
    classes = to_probabilities(outputs[0][:1], card["activation"]).shape[-1]
    expected = _class_numbers(ground_truth, classes)
    return float(np.mean(predicted_classes(outputs, card["activation"]) == expected))


metric = accuracy
further_metrics = None


def no_classes(outputs: Sequence[np.ndarray]) -> DeployError:
    """The error for class names, or the task classification, of what is no classifier."""
    return DeployError(
        "expected a classifier (one output of shape (batch, classes), softmax or logits, or "
        "one sigmoid) for the class names, received outputs of shapes "
        f"{[output.shape for output in outputs]}; leave the class names out, or give the task "
        "as well"
    )


def agreement(
    card: Mapping[str, Any],
    class_names: Sequence[str],
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
) -> dict[str, ClassAgreement]:
    """For each class that Keras predicts: how often (`examples`; of a segmenter: pixels of the
    output), and how often the deployed model predicts the same (`agreement`, 0 to 1)."""
    activation = card["activation"]
    expected, received = (predicted_classes(each, activation) for each in (keras, deployed))
    classes = to_probabilities(keras[0][:1], activation).shape[-1]
    names = list(class_names) or [str(index) for index in range(classes)]
    report: dict[str, ClassAgreement] = {}
    for index, name in enumerate(names):
        chosen = expected == index
        if chosen.any():
            fraction = float(np.mean(received[chosen] == index))
            report[name] = {"examples": int(chosen.sum()), "agreement": fraction}
    return report


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """How a stream is heard; of anything else the outputs speak for themselves."""
    stream = card.get("stream")
    if stream is None:
        return []
    never = f"; never {', '.join(stream['background'])}" if stream["background"] else ""
    return [
        "## Stream",
        "",
        f"- `python -m deploy.runtime run . FILE --stream`: a window every {stream['hop']:g} s, "
        f"the mean of {stream['smoothing']} windows' probabilities, reported from "
        f"{stream['threshold']:g} on and then not for {stream['refractory']:g} s{never}.",
        "",
    ]


def predicted_classes(outputs: Sequence[np.ndarray], activation: str) -> np.ndarray:
    """The numbers of the most probable classes, (examples,), of a segmenter (examples, h, w)."""
    return np.argmax(to_probabilities(outputs[0], activation), axis=-1)


def check_count(class_names: Sequence[str], classes: int) -> None:
    """Whether there is a name for each of the classes, or none at all.

    Raises:
        DeployError: another number of names.
    """
    if class_names and len(class_names) != classes:
        raise DeployError(
            f"expected {classes} class names, received {len(class_names)}; give them in the order "
            "of the classes"
        )


def sums_to_one(scores: np.ndarray) -> bool:
    """Whether the scores of several classes, on the last axis, are those of a softmax."""
    fractions = bool(((scores >= 0) & (scores <= 1)).all())
    return scores.shape[-1] > 1 and fractions and np.allclose(scores.sum(axis=-1), 1, atol=1e-3)


def as_array(ground_truth: Any, examples: int) -> np.ndarray:
    """The ground truth as an array.

    Raises:
        DeployError: of several shapes, or not one for each example.
    """
    try:
        array = np.asarray(ground_truth)
    except ValueError as error:
        raise DeployError(
            "expected targets y of one shape, received a list of several; compare a model of "
            "several outputs without y"
        ) from error
    if array.ndim == 0 or len(array) != examples:
        raise DeployError(
            f"expected a target y for each of the {examples} examples, received y of shape "
            f"{array.shape}"
        )
    return array


def _find_activation(source: Source, outputs: Sequence[np.ndarray], asked: bool) -> str | None:
    """What a classifier ends in, "softmax", "sigmoid" or "linear" (logits); None: no classifier.

    Several classes whose outputs sum to one are a softmax; where nobody asks for a classifier,
    logits are not told from a regression, so they count as none. The model's last layer says what
    it ends in, where it has layers; its outputs for the reference examples say it otherwise.
    """
    if len(outputs) != 1 or outputs[0].ndim != 2:
        return None
    output, last = outputs[0], _last_activation(source)
    fractions = bool(((output >= 0) & (output <= 1)).all())
    if sums_to_one(output):
        return "softmax"
    if output.shape[1] == 1 and (last == "sigmoid" or (asked and not last and fractions)):
        return "sigmoid"
    if asked and (last == "linear" or (not last and not fractions)):
        return "linear"
    return None


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
