"""What a detector found: box numbers become boxes, overlapping ones fall away, masks are drawn out.

Everything comes after the model, in NumPy, from what the card says of the detector:

    card["detector"] = {"format": "cells", "cells": 16, "strides": [8, 16, 32],
                        "boxes": 0, "scores": 1, "activation": "sigmoid",
                        "score_threshold": 0.4, "iou_threshold": 0.6, "max_detections": 100}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deploy.runtime.boxes.decoding import decode
from deploy.runtime.masks import instance_masks

# Of so many likeliest boxes at most the suppression chooses; more than that only costs time.
_CANDIDATES = 1000
# The suppression compares so many boxes with each other at once.
_BLOCK = 128

Size = tuple[int, int]


def detections(
    outputs: Sequence[np.ndarray],
    detector: Mapping[str, Any],
    input_size: Size,
    picture_size: Size,
    score_threshold: float | None = None,
) -> dict[str, np.ndarray]:
    """The objects in one picture, the likeliest first.

    Of each box only the likeliest class counts. Boxes whose score is at least the threshold stay,
    the 1000 likeliest of them; one with an IoU of at least `iou_threshold` to a likelier one of
    its class (`class_agnostic`: of any class) falls away; boxes are clipped to the picture, and
    those outside of it are left out.

    Args:
        outputs: the model's outputs for one picture, without the batch axis, in the card's order.
        detector: the card's `detector`, as `detector.check_detector` takes it.
        input_size: height and width of the model's input.
        picture_size: height and width of the picture that was resized to it.
        score_threshold: another one than the detector's.

    Returns:
        `boxes`, float32 (N, 4): left, top, right, bottom in pixels of the picture; `scores`,
        float32 (N,); `labels`, int64 (N,); of an instance segmenter also `masks`, bool
        (N, height, width) of the picture's size.
    """
    threshold = detector["score_threshold"] if score_threshold is None else score_threshold
    every_score = np.asarray(outputs[detector["scores"]], np.float32)
    scores = every_score.max(axis=1)
    if detector["activation"] == "linear":
        scores = sigmoid(scores)
    found = np.flatnonzero(scores >= threshold)
    found = found[np.argsort(-scores[found], kind="stable")][:_CANDIDATES]
    labels = every_score[found].argmax(axis=1)
    boxes = decode(outputs[detector["boxes"]], found, detector, input_size)
    classes = None if detector.get("class_agnostic") else labels
    kept = suppress(boxes, classes, detector["iou_threshold"], detector["max_detections"])
    boxes = _on_picture(boxes[kept], input_size, picture_size)
    # Not a number is not larger, either.
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    kept, boxes = kept[inside], boxes[inside]
    answer = {"boxes": boxes, "scores": scores[found[kept]], "labels": labels[kept]}
    if detector.get("coefficients") is not None:
        coefficients = outputs[detector["coefficients"]][found[kept]]
        prototypes = outputs[detector["prototypes"]]
        answer["masks"] = instance_masks(prototypes, coefficients, boxes, picture_size)
    return answer


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-logits), of large ones as well, in float32."""
    return np.float32(0.5) * (np.float32(1) + np.tanh(np.float32(0.5) * logits))


def suppress(
    boxes: np.ndarray, labels: np.ndarray | None, iou_threshold: float, limit: int
) -> np.ndarray:
    """The positions, at most `limit`, of the boxes that overlap no likelier one that stays.

    Args:
        boxes: (n, 4) left, top, right, bottom, the likeliest first.
        labels: (n,) where only boxes of the same class suppress each other, else None.
        iou_threshold: the intersection over the union from which on one of two goes.
    """
    kept: list[int] = []
    for start in range(0, len(boxes), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(boxes)))
        if kept:
            block = block[~_overlap(boxes, labels, block, np.array(kept), iou_threshold).any(1)]
        overlap = _overlap(boxes, labels, block, block, iou_threshold)
        gone = np.zeros(len(block), bool)
        for position, box in enumerate(block):
            if not gone[position]:
                kept.append(int(box))
                gone |= overlap[position]
                if len(kept) == limit:
                    return np.array(kept)
    return np.array(kept, np.int64)


def _overlap(
    boxes: np.ndarray,
    labels: np.ndarray | None,
    these: np.ndarray,
    those: np.ndarray,
    iou_threshold: float,
) -> np.ndarray:
    iou = intersection_over_union(boxes[these], boxes[those])
    # Without the second, a threshold of zero would leave a single box.
    overlap = (iou >= iou_threshold) & (iou > 0)
    return overlap if labels is None else overlap & (labels[these, None] == labels[those])


def intersection_over_union(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, m) for boxes (n, 4) and (m, 4), left, top, right, bottom; 0 for boxes without area."""
    left, top, right, bottom = (first[:, side, None] for side in range(4))
    width = np.minimum(right, second[:, 2]) - np.maximum(left, second[:, 0])
    height = np.minimum(bottom, second[:, 3]) - np.maximum(top, second[:, 1])
    common = np.maximum(width, 0) * np.maximum(height, 0)
    areas = (second[:, 2] - second[:, 0]) * (second[:, 3] - second[:, 1])
    union = (right - left) * (bottom - top) + areas - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def _on_picture(boxes: np.ndarray, input_size: Size, picture_size: Size) -> np.ndarray:
    height, width = picture_size
    zoom = np.array([width / input_size[1], height / input_size[0]] * 2, np.float32)
    return np.clip(boxes * zoom, 0, np.array([width, height] * 2, np.float32))
