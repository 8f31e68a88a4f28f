"""Of boxes that overlap, the highest-scoring stays: greedy non-maximum suppression."""

from __future__ import annotations

import numpy as np

# So many boxes are compared with each other at once.
_BLOCK = 128


def non_max_suppression(
    boxes: np.ndarray, labels: np.ndarray | None, iou_threshold: float, limit: int
) -> np.ndarray:
    """The positions, at most `limit`, of the boxes that overlap no higher-scoring one that stays.

    Args:
        boxes: (n, 4) left, top, right, bottom, the highest-scoring first.
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
