"""Instance segmentation: detection, and which pixels belong to each object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.masks import Size, instance_masks
from deploy.runtime.tasks import detection
from deploy.runtime.tasks.checks import wrong_model

if TYPE_CHECKING:
    from PIL.Image import Image

HAS_SCORES = True


def check(card: Mapping[str, Any]) -> None:
    """Whether the model is a detector with coefficients and prototypes of masks.

    Raises:
        DeployError: it is not.
    """
    detection.check(card)
    if card["detector"].get("coefficients") is None:
        raise wrong_model(card["task"], "a detector with coefficients and prototypes", ["none"])


def class_names(card: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """The names of all classes, their numbers where they have none."""
    return detection.class_names(card, labels)


def predict(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    image_size: Size,
    score_threshold: float | None = None,
) -> dict[str, Any]:
    """The objects in one image: those of `detection.predict`, and their `masks`, bool
    (N, height, width) of the image."""
    prediction, found = detection.find_objects(card, outputs, labels, image_size, score_threshold)
    coefficients = outputs[card["detector"]["coefficients"]][found]
    prototypes = outputs[card["detector"]["prototypes"]]
    masks = instance_masks(prototypes, coefficients, prediction["boxes"], image_size)
    return prediction | {"masks": masks}


def to_text(prediction: Mapping[str, Any], classes: Sequence[str]) -> str:
    """How many objects of each class in one line, and one more for each object."""
    return detection.to_text(prediction, classes)


def draw(image: Image, prediction: Mapping[str, Any], classes: Sequence[str]) -> Image:
    """The image with masks, boxes, names and scores, and above it the count."""
    return detection.draw(image, prediction, classes)
