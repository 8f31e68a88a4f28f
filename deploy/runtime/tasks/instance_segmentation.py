"""Instance segmentation: detection, and which pixels belong to each object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deploy.runtime.masks import Size, instance_masks
from deploy.runtime.tasks import detection
from deploy.runtime.tasks.checks import wrong_model

HAS_SCORES = True

# The outputs tell it alone.
judge = None

# A stream of them is not reported.
events = None

# Masks are drawn where a prediction has them.
class_names, to_text, draw = detection.class_names, detection.to_text, detection.draw


def check(card: Mapping[str, Any]) -> None:
    """Whether the model is a detector with coefficients and prototypes of masks.

    Raises:
        DeployError: it is not.
    """
    detection.check(card)
    if card["detector"].get("coefficients") is None:
        raise wrong_model(card["task"], "a detector with coefficients and prototypes", ["none"])


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
