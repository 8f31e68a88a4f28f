"""Classification: one class for each example, with its probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.draw.drawing import draw_classification
from deploy.runtime.tasks.checks import wrong_model
from deploy.runtime.text import class_name, percent

if TYPE_CHECKING:
    from PIL.Image import Image

HAS_SCORES = False


def check(card: Mapping[str, Any]) -> None:
    """Whether the card says what the model ends in.

    Raises:
        DeployError: it does not.
    """
    if card.get("activation") not in ("softmax", "sigmoid", "linear"):
        raise wrong_model(
            card["task"], "the activation softmax, sigmoid or linear", [card.get("activation")]
        )


def class_names(card: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """The names of all classes, their numbers where they have none; a single unit tells two."""
    classes = max(2, card["outputs"][0]["shape"][-1])
    return [class_name(labels, index) for index in range(classes)]


def predict(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    image_size: tuple[int, int],
    score_threshold: float | None = None,
) -> dict[str, Any]:
    """The class with the highest probability.

    Returns:
        `label`, its name (its index as text where it has none); `index`; `probabilities`,
        float32 (classes,).
    """
    probabilities = to_probabilities(outputs[0], card["activation"])
    index = int(np.argmax(probabilities))
    return {"label": class_name(labels, index), "index": index, "probabilities": probabilities}


def to_text(prediction: Mapping[str, Any], classes: Sequence[str]) -> str:
    """The class and its probability."""
    probability = prediction["probabilities"][prediction["index"]]
    return f"{prediction['label']} ({percent(probability)})"


def draw(image: Image, prediction: Mapping[str, Any], classes: Sequence[str]) -> Image:
    """The image with the three most probable classes as bars beneath it."""
    return draw_classification(image, prediction["probabilities"], classes)


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
