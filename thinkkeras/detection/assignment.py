"""Which location of a detector learns which object."""

from typing import NamedTuple

import numpy as np
from keras import KerasTensor, ops

from thinkkeras.detection.boxes import pairwise_iou


class Assignment(NamedTuple):
    """What each of N locations shall predict, for a batch of images with up to M objects each."""

    weights: KerasTensor  # (batch, M, N): how well the location suits its object, 0 for others
    scores: KerasTensor  # (batch, N, classes): the probabilities to learn
    boxes: KerasTensor  # (batch, N, 4): the boxes to learn; anything where the scores are 0


def task_aligned(
    scores: KerasTensor,
    boxes: KerasTensor,
    points: np.ndarray,
    true_boxes: KerasTensor,
    true_classes: KerasTensor,
    *,
    candidates: int = 10,
    alpha: float = 0.5,
    beta: float = 2.0,
) -> Assignment:
    """Gives each object the locations that already predict it best, in class and place at once.

    A location's alignment with an object is score^alpha IoU^beta. The `candidates` best locations
    near an object learn it; one that several objects want learns the one it overlaps most. The
    score to learn is the alignment as a fraction of the object's best: each object has one
    location to score high, and the highest-scoring detections will be the ones in the right place,
    which is what average precision ranks. (The paper takes an alpha of 1 and a beta of 6, and
    multiplies with the best IoU. In the minutes of a short training that leaves little to learn for
    small objects, whose first boxes overlap them badly.)

    Args:
        scores: Predicted probabilities, `(batch, N, classes)`.
        boxes: Predicted boxes, `(batch, N, 4)`: left, top, right, bottom in pixels.
        points: What `boxes.anchor_points` returns, `(N, 3)`.
        true_boxes: `(batch, M, 4)` in pixels.
        true_classes: `(batch, M)`, -1 in places without an object.
        candidates: Locations that learn one object, at the most; those equal to the last of them,
            too.
        alpha: How much the class counts.
        beta: How much the place counts.

    Returns:
        Weights, and the scores and boxes to learn.

    Source:
        Feng et al., "TOOD: Task-aligned One-stage Object Detection", ICCV 2021, section 3.2.
    """
    present = true_classes >= 0
    class_ids = ops.cast(ops.maximum(true_classes, 0), "int32")
    one_hot = ops.one_hot(class_ids, scores.shape[-1], dtype=scores.dtype)  # (batch, M, classes)
    near = _near(points, true_boxes) & present[..., None]
    overlap = ops.where(near, pairwise_iou(true_boxes, boxes), 0.0)  # (batch, M, N)
    own_scores = ops.einsum("bmc,bnc->bmn", one_hot, scores)
    alignment = own_scores**alpha * overlap**beta
    # Before a box fits at all, the locations next to the object's centre learn it.
    alignment = ops.where(near, alignment + 1e-9 * _closeness(points, true_boxes), 0.0)
    least = ops.top_k(alignment, min(candidates, len(points)))[0][..., -1:]
    chosen = (alignment >= least) & near
    best_object = ops.argmax(ops.where(chosen, overlap + 1e-6, 0.0), axis=1)  # (batch, N)
    owner = ops.swapaxes(ops.one_hot(best_object, true_boxes.shape[1], dtype="bool"), 1, 2)
    chosen = chosen & owner
    alignment = ops.where(chosen, alignment, 0.0)
    best = ops.max(alignment, axis=-1, keepdims=True)
    weights = alignment / ops.maximum(best, 1e-12)
    return Assignment(
        weights,
        ops.einsum("bmn,bmc->bnc", weights, one_hot),
        ops.take_along_axis(true_boxes, best_object[..., None], axis=1),
    )


def _near(points: np.ndarray, boxes: KerasTensor) -> KerasTensor:
    """Whether a location is inside a box, or within a cell of its centre: `(batch, M, N)`.

    A box smaller than a cell may hold no location at all.
    """
    middle, half = _middle_and_half(boxes)
    reach = ops.maximum(half[:, :, None], points[:, 2:])
    return ops.all(ops.abs(points[:, :2] - middle[:, :, None]) < reach, axis=-1)


def _closeness(points: np.ndarray, boxes: KerasTensor) -> KerasTensor:
    """1 at a box's centre, 1/2 a cell away from it, and so on: `(batch, M, N)`."""
    middle, _ = _middle_and_half(boxes)
    distance = ops.norm((points[:, :2] - middle[:, :, None]) / points[:, 2:], axis=-1)
    return 1 / (1 + distance)


def _middle_and_half(boxes: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    return (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) / 2
