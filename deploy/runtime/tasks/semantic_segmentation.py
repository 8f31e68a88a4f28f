"""Semantic segmentation: the class of each pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.draw.drawing import draw_label_map
from deploy.runtime.inputs.image import is_image_shape
from deploy.runtime.masks import Size, label_map
from deploy.runtime.tasks import classification
from deploy.runtime.tasks.checks import wrong_model
from deploy.runtime.text import fractions_of, percent

if TYPE_CHECKING:
    from PIL.Image import Image

HAS_SCORES = False

# The outputs tell it alone.
judge = None

# A stream of them is not reported.
events = None

# So many classes of a label map are told, the largest.
_TOLD = 5


def check(card: Mapping[str, Any]) -> None:
    """Whether the model takes one image and gives scores (1, h, w, classes).

    Raises:
        DeployError: it does not.
    """
    inputs, outputs = (
        [tuple(entry["shape"]) for entry in card[key]] for key in ("inputs", "outputs")
    )
    if len(inputs) != 1 or len(inputs[0]) != 4 or not is_image_shape(inputs[0][1:]):
        raise wrong_model(card["task"], "one image as the input", inputs)
    if len(outputs) != 1 or len(outputs[0]) != 4:
        raise wrong_model(card["task"], "one output (1, h, w, classes)", outputs)


class_names = classification.class_names


def predict(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    image_size: Size,
    score_threshold: float | None = None,
) -> np.ndarray:
    """The class of each pixel, (height, width) of the image; see `masks.label_map`."""
    return label_map(outputs[0], card["activation"], image_size)


def to_text(prediction: np.ndarray, classes: Sequence[str]) -> str:
    """The largest classes and the fractions of the pixels that they have."""
    fractions = fractions_of(prediction, len(classes))
    largest = np.argsort(-fractions, kind="stable")[:_TOLD]
    return ", ".join(
        f"{classes[index]} {percent(fractions[index])}" for index in largest if fractions[index]
    )


def draw(image: Image, prediction: np.ndarray, classes: Sequence[str]) -> Image:
    """The image tinted with the classes of its pixels, and what the colours stand for."""
    return draw_label_map(image, prediction, classes)
