"""What a model does: a classifier is known by its outputs, what else is told by the user."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deploy.load.source import Source
from deploy.runtime.boxes.decoding_config import check_detector
from deploy.runtime.errors import DeployError
from deploy.tasks.quality import check_count, find_activation, sums_to_one

# So many pictures tell what their pixels' scores have been through.
_SHOWN = 16

_OUTPUTS = ("boxes", "scores", "coefficients", "prototypes")


def read_detector(detector: Mapping[str, Any] | str | Path | None) -> dict[str, Any] | None:
    """The description of a detector, from a mapping or from a JSON file with it.

    Raises:
        DeployError: no such file, no mapping, or values that JSON has not.
    """
    try:
        if isinstance(detector, str | Path):
            found = json.loads(Path(detector).read_text("utf-8"))
        else:
            found = json.loads(json.dumps(detector, allow_nan=False))
    except (OSError, TypeError, ValueError) as error:
        shown = f"'{detector}'" if isinstance(detector, str | Path) else "a mapping"
        raise DeployError(
            "expected a detector's description, of names, plain numbers and lists, or a JSON file "
            f"with it, received {shown}: {error}"
        ) from error
    if found is not None and not isinstance(found, dict):
        raise DeployError(
            "expected a detector's description with format, boxes, scores, …, received "
            f"{type(found).__name__}; give a mapping, or a JSON file with one"
        )
    return found


def understand(
    source: Source,
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    detector: Mapping[str, Any] | None = None,
    task: str | None = None,
) -> dict[str, Any]:
    """What the model does: the card's `task` and `activation`, of a detector also its `detector`,
    with the positions of its outputs.

    Args:
        source: the model.
        outputs: its outputs for the reference examples.
        labels: the class names, if any.
        detector: of `read_detector`, with the outputs' names (or positions).
        task: "segmentation", or None: a classifier is known by its outputs.

    Raises:
        DeployError: outputs that don't fit the detector or the task, or not as many labels as
            classes.
    """
    if detector is not None:
        return _understand_detector(source, outputs, labels, detector)
    if task == "segmentation":
        return {"task": task, "activation": _activation_of_pixels(outputs, labels)}
    activation = find_activation(source, outputs, labels)
    return {"task": "classification" if activation else "other", "activation": activation}


def _understand_detector(
    source: Source,
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    detector: Mapping[str, Any],
) -> dict[str, Any]:
    shape = source.inputs[0].shape
    if len(source.inputs) != 1 or len(shape) != 3 or shape[2] not in (1, 3):
        raise DeployError(
            "expected a detector of one picture (height, width, 1 or 3), received inputs of "
            f"shapes {[entry.shape for entry in source.inputs]}; leave detector out"
        )
    found = dict(detector)
    for key in _OUTPUTS:
        if isinstance(found.get(key), str):
            if found[key] not in source.outputs:
                raise DeployError(
                    f"expected the name of an output of '{source.name}' for the detector's {key}, "
                    f"received '{found[key]}'; it has {', '.join(source.outputs)}"
                )
            found[key] = source.outputs.index(found[key])
    check_detector(found, [{"shape": (1, *output.shape[1:])} for output in outputs], shape[:2])
    scores = outputs[found["scores"]]
    low, high = float(scores.min()), float(scores.max())
    if found["activation"] == "sigmoid" and not -1e-3 <= low <= high <= 1 + 1e-3:
        raise DeployError(
            "expected scores from 0 to 1 of a detector whose activation is sigmoid, received "
            f"{low:.3g} to {high:.3g}; for logits it is linear"
        )
    check_count(labels, scores.shape[-1])
    masks = found.get("coefficients") is not None
    return {"task": "instance" if masks else "detection", "activation": None, "detector": found}


def _activation_of_pixels(outputs: Sequence[np.ndarray], labels: Sequence[str]) -> str:
    if len(outputs) != 1 or outputs[0].ndim != 4:
        raise DeployError(
            "expected one output (1, height, width, classes) for the task segmentation, received "
            f"{' and '.join(str((1, *output.shape[1:])) for output in outputs)}"
        )
    scores = outputs[0][:_SHOWN]
    check_count(labels, max(2, scores.shape[-1]))
    if sums_to_one(scores):
        return "softmax"
    # The last layer tells less: one that resizes, say, has no activation.
    return "sigmoid" if ((scores >= 0) & (scores <= 1)).all() else "linear"
