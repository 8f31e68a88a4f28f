"""What a model's outputs answer: a class, objects, or the class of each pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deploy.runtime.boxes.decoding_config import check_detector
from deploy.runtime.errors import DeployError
from deploy.runtime.masks import class_map
from deploy.runtime.tasks.detection import detections

DETECTORS = ("detection", "instance")


def answer(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    picture_size: tuple[int, int],
    score_threshold: float | None = None,
) -> Any:
    """What `Model.predict` gives for one example.

    Args:
        card: its `task`, `activation`, `detector`, `inputs` and `outputs`.
        outputs: the dequantized outputs for the example, without the batch axis.
        labels: the class names, if any.
        picture_size: height and width of the picture that became the model's input.
        score_threshold: of detectors, another one than the card's.
    """
    if card["task"] == "classification":
        probabilities = to_probabilities(outputs[0], card["activation"])
        index = int(np.argmax(probabilities))
        return {"label": label(labels, index), "index": index, "probabilities": probabilities}
    if card["task"] == "segmentation":
        return class_map(outputs[0], card["activation"], picture_size)
    if card["task"] in DETECTORS:
        input_size = tuple(card["inputs"][0]["shape"][1:3])
        found: dict[str, Any] = {}
        found |= detections(outputs, card["detector"], input_size, picture_size, score_threshold)
        return found | {"names": [label(labels, int(index)) for index in found["labels"]]}
    names = [entry["name"] for entry in card["outputs"]]
    return {"outputs": dict(zip(names, outputs, strict=True))}


def class_names(card: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """The names of all classes that a detector or a segmenter knows."""
    position = card["detector"]["scores"] if card["task"] in DETECTORS else 0
    classes = card["outputs"][position]["shape"][-1]
    if card["task"] == "segmentation" and classes == 1:
        classes = 2
    return [label(labels, index) for index in range(classes)]


def label(labels: Sequence[str], index: int) -> str:
    """The name of class `index`, or its number where it has none."""
    return labels[index] if index < len(labels) else str(index)


def to_probabilities(output: np.ndarray, activation: str) -> np.ndarray:
    """Class probabilities from a classifier's output (…, classes), or (…, 1) for two classes.

    `activation` is what the model itself ends in: "softmax" and "sigmoid" give probabilities
    already, "linear" gives logits, to which the softmax (one unit: the sigmoid) is applied here.
    """
    if output.shape[-1] == 1:
        if activation == "linear":
            output = 1.0 / (1.0 + np.exp(-output))
        return np.concatenate([1.0 - output, output], axis=-1)
    if activation != "linear":
        return output
    exponents = np.exp(output - output.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def check_task(card: Mapping[str, Any]) -> None:
    """Whether the model's inputs and outputs are what the card's task, and its detector, need.

    Raises:
        DeployError: they are not.
    """
    task = card["task"]
    inputs, outputs = (
        [tuple(entry["shape"]) for entry in card[key]] for key in ("inputs", "outputs")
    )
    if task not in (*DETECTORS, "segmentation"):
        return
    if len(inputs) != 1 or len(inputs[0]) != 4 or inputs[0][3] not in (1, 3):
        raise _error(task, "one picture as the input", inputs)
    if task == "segmentation":
        if len(outputs) != 1 or len(outputs[0]) != 4:
            raise _error(task, "one output (1, h, w, classes)", outputs)
        return
    check_detector(card.get("detector"), card["outputs"], inputs[0][1:3])
    if task == "instance" and card["detector"].get("coefficients") is None:
        raise _error(task, "a detector with coefficients and prototypes", ["none"])


def _error(task: str, expected: str, received: Sequence[Any]) -> DeployError:
    return DeployError(
        f"expected of a model for {task} {expected}, received {' and '.join(map(str, received))}; "
        "correct the card, or export the model again"
    )
