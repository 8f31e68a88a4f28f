"""Detection: boxes, scores and classes of the objects in an image.

Everything comes after the model, in NumPy, from what the card says of the detector:

    card["detector"] = {"format": "cells", "cells": 16, "strides": [8, 16, 32],
                        "boxes": 0, "scores": 1, "activation": "sigmoid",
                        "score_threshold": 0.4, "iou_threshold": 0.6, "max_detections": 100}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.boxes.decoding import Size, decode
from deploy.runtime.boxes.decoding_config import check_decoding_config
from deploy.runtime.boxes.non_max_suppression import non_max_suppression
from deploy.runtime.draw.drawing import draw_detections
from deploy.runtime.inputs.image import is_image_shape
from deploy.runtime.tasks.checks import wrong_model
from deploy.runtime.text import class_name, count_in_words, percent

if TYPE_CHECKING:
    from PIL.Image import Image

HAS_SCORES = True

# The outputs tell it alone.
judge = None

# A stream of them is not reported.
events = None

# Of so many highest-scoring boxes at most the suppression chooses; more only cost time.
_CANDIDATES = 1000


def check(card: Mapping[str, Any]) -> None:
    """Whether the model takes one image and its outputs fit the card's `detector`.

    Raises:
        DeployError: they don't.
    """
    shapes = [tuple(entry["shape"]) for entry in card["inputs"]]
    if len(shapes) != 1 or len(shapes[0]) != 4 or not is_image_shape(shapes[0][1:]):
        raise wrong_model(card["task"], "one image as the input", shapes)
    check_decoding_config(card.get("detector"), card["outputs"], shapes[0][1:3])


def class_names(card: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """The names of all classes, their numbers where they have none."""
    classes = card["outputs"][card["detector"]["scores"]]["shape"][-1]
    return [class_name(labels, index) for index in range(classes)]


def predict(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    image_size: Size,
    score_threshold: float | None = None,
) -> dict[str, Any]:
    """The objects in one image, the highest-scoring first; see `find_objects`.

    Returns:
        `boxes`, float32 (N, 4): left, top, right, bottom in pixels of the image; `scores`, float32
        (N,), 0 to 1; `labels`, int64 (N,), the classes' numbers; `names`, N class names.
    """
    return find_objects(card, outputs, labels, image_size, score_threshold)[0]


def find_objects(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    image_size: Size,
    score_threshold: float | None = None,
) -> tuple[dict[str, Any], np.ndarray]:
    """The objects in one image, and which of the model's N boxes they are.

    Of each box only the highest-scoring class counts. Boxes whose score is at least the threshold
    stay, the 1000 highest-scoring of them; one with an IoU of at least `iou_threshold` to a
    higher-scoring one of its class (`class_agnostic`: of any class) falls away; boxes are clipped
    to the image, and those outside of it are left out.

    Args:
        card: its `detector`, as `check_decoding_config` takes it, and its `inputs`.
        outputs: the model's outputs for one image, without the batch axis, in the card's order.
        labels: the class names.
        image_size: height and width of the image that was resized to the model's input.
        score_threshold: another one than the detector's.
    """
    detector, input_size = card["detector"], tuple(card["inputs"][0]["shape"][1:3])
    threshold = detector["score_threshold"] if score_threshold is None else score_threshold
    every_score = np.asarray(outputs[detector["scores"]], np.float32)
    scores = every_score.max(axis=1)
    if detector["activation"] == "linear":
        scores = _sigmoid(scores)
    found = np.flatnonzero(scores >= threshold)
    found = found[np.argsort(-scores[found], kind="stable")][:_CANDIDATES]
    classes = every_score[found].argmax(axis=1)
    boxes = decode(outputs[detector["boxes"]], found, detector, input_size)
    kept = non_max_suppression(
        boxes,
        None if detector.get("class_agnostic") else classes,
        detector["iou_threshold"],
        detector["max_detections"],
    )
    boxes = _on_image(boxes[kept], input_size, image_size)
    # Not a number is not larger, either.
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    kept, boxes = kept[inside], boxes[inside]
    prediction = {
        "boxes": boxes,
        "scores": scores[found[kept]],
        "labels": classes[kept],
        "names": [class_name(labels, int(index)) for index in classes[kept]],
    }
    return prediction, found[kept]


def to_text(prediction: Mapping[str, Any], classes: Sequence[str]) -> str:
    """How many objects of each class in one line, and one more for each object."""
    lines = map(_line, prediction["names"], prediction["scores"], prediction["boxes"])
    return "\n".join([count_in_words(prediction["names"], classes), *lines])


def draw(image: Image, prediction: Mapping[str, Any], classes: Sequence[str]) -> Image:
    """The image with boxes, names and scores, and above it the count."""
    return draw_detections(image, prediction, classes)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    # Of large ones as well, in float32.
    return np.float32(0.5) * (np.float32(1) + np.tanh(np.float32(0.5) * logits))


def _on_image(boxes: np.ndarray, input_size: Size, image_size: Size) -> np.ndarray:
    height, width = image_size
    zoom = np.array([width / input_size[1], height / input_size[0]] * 2, np.float32)
    return np.clip(boxes * zoom, 0, np.array([width, height] * 2, np.float32))


def _line(name: str, score: float, box: np.ndarray) -> str:
    left, top, right, bottom = (f"{side:.1f}" for side in box)
    return f"  {name} ({percent(score)}): left {left}, top {top}, right {right}, bottom {bottom}"
