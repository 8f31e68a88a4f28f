"""What the session measures: the truths of a data set, and a Keras model's answers to its pictures.

A Keras model's outputs are read by the very code that reads them on the device, so that both are
judged alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deploy.runtime.detection import detections

# Average precision needs the doubtful detections, too.
LEAST_SCORE = 0.01


class Pictures(NamedTuple):
    """The pictures of a data set's split, with all that is true of them."""

    images: np.ndarray  # uint8 (pictures, height, width, 3)
    truths: list[dict[str, np.ndarray]]  # boxes, labels (and masks), as `thinkkeras.metrics` has it
    maps: np.ndarray | None  # class ids, int32 (pictures, height, width); None without masks


def gather(batches: tf.data.Dataset) -> Pictures:
    """Reads all of a pipeline of `load_detection`."""
    images, truths, maps = [], [], []
    for batch in batches.as_numpy_iterator():
        images.append(batch["images"].round().astype(np.uint8))
        maps += [batch["segmentation"]] if "segmentation" in batch else []
        found = batch["bounding_boxes"]
        for place in range(len(batch["images"])):
            here = found["classes"][place] >= 0
            truth = {
                "boxes": found["boxes"][place][here],
                "labels": found["classes"][place][here].astype(int),
            }
            if "masks" in batch:
                truth["masks"] = batch["masks"][place][here].astype(bool)
            truths.append(truth)
    return Pictures(np.concatenate(images), truths, np.concatenate(maps) if maps else None)


def answers(
    model: keras.Model,
    images: np.ndarray,
    detector: Mapping[str, Any],
    score_threshold: float = LEAST_SCORE,
) -> list[dict[str, np.ndarray]]:
    """A Keras detector's answers, with boxes, scores, labels and perhaps masks.

    Args:
        model: With the outputs that `detector` names.
        images: Pixels in 0-255, `(pictures, height, width, 3)`.
        detector: How its outputs become boxes, as `deploy.export` takes it.
        score_threshold: The lowest score of a detection.
    """
    names = model.output_names
    kinds = ("boxes", "scores", "coefficients", "prototypes")
    places = {kind: names.index(detector[kind]) for kind in kinds if kind in detector}
    size = images.shape[1:3]
    found = []
    for start in range(0, len(images), 32):
        outputs = model.predict(images[start : start + 32], verbose=0)
        found += [
            detections(list(one), {**detector, **places}, size, size, score_threshold)
            for one in zip(*outputs, strict=True)
        ]
    return found


def quarters(
    images: np.ndarray, truths: Sequence[Mapping[str, np.ndarray]], label: int
) -> tuple[np.ndarray, np.ndarray]:
    """The four quarters of each picture, and whether an object of the class `label` is in each.

    It is in where at least half of its box lies; quarters that hold less than half of a box, but
    some of it, are left out: nobody would know what to say of them.

    Returns:
        `(quarters, height // 2, width // 2, 3)` of the images' dtype, and int64 `(quarters,)`,
        0 or 1.
    """
    height, width = images.shape[1] // 2, images.shape[2] // 2
    parts, present = [], []
    for image, truth in zip(images, truths, strict=True):
        boxes = truth["boxes"][truth["labels"] == label]
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        for top, left in np.ndindex(2, 2):
            low = np.array([left * width, top * height])
            sides = np.minimum(boxes[:, 2:], low + (width, height)) - np.maximum(boxes[:, :2], low)
            shares = np.prod(sides.clip(0), axis=1) / areas
            if shares.max(initial=0) >= 0.5 or not shares.any():
                parts.append(image[low[1] :, low[0] :][:height, :width])
                present.append(int(shares.max(initial=0) >= 0.5))
    return np.stack(parts), np.array(present)


def most_uncertain_class(truths: Sequence[Mapping[str, np.ndarray]], classes: int) -> int:
    """The class that is in as many pictures as not, as nearly as any."""
    shares = [np.mean([label in truth["labels"] for truth in truths]) for label in range(classes)]
    return int(np.argmin(np.abs(np.array(shares) - 0.5)))
