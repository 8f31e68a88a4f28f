"""Boxes on grids: where the anchor points of a detector lie, and what its predictions mean."""

from collections.abc import Sequence

import numpy as np
from keras import KerasTensor, ops


def anchor_points(image_size: tuple[int, int], strides: Sequence[int]) -> np.ndarray:
    """The locations of a detector's grids, row by row, in the order of `strides`.

    Args:
        image_size: `(height, width)` of the image in pixels.
        strides: Pixels between neighbouring anchor points of each grid.

    Returns:
        Float32 of shape `(N, 3)`: x and y of each anchor point, the centre of its cell, and its
        grid's stride, in pixels.
    """
    grids = []
    for stride in strides:
        rows, columns = (-(-side // stride) for side in image_size)
        y, x = np.mgrid[:rows, :columns].reshape(2, -1)
        grids.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, 0 * x + stride], axis=-1))
    return np.concatenate(grids).astype("float32")


def decode_boxes(encoded: KerasTensor, points: np.ndarray, cells: float) -> KerasTensor:
    """Boxes in pixels from the encoded boxes of 0-1 that a detector predicts.

    Args:
        encoded: `(…, N, 4)`: y and x of the centre, height and width, as fractions of the square
            around the anchor point.
        points: What `anchor_points` returns, `(N, 3)`.
        cells: Sides of that square, in strides of the anchor point's grid.

    Returns:
        `(…, N, 4)`: left, top, right, bottom in pixels.
    """
    centre, sides = points[:, :2], cells * points[:, 2:]
    middle = centre + (ops.flip(encoded[..., :2], axis=-1) - 0.5) * sides
    half = ops.flip(encoded[..., 2:], axis=-1) * sides / 2
    return ops.concatenate([middle - half, middle + half], axis=-1)


def pairwise_iou(one: KerasTensor, other: KerasTensor) -> KerasTensor:
    """Intersection over union of every box of `one` with every box of `other`.

    (Keras's `compute_iou` adds an epsilon to every union, and gives a box turned inside out an
    area below 0.)

    Args:
        one: `(…, M, 4)`: left, top, right, bottom.
        other: `(…, N, 4)` in the same units.

    Returns:
        `(…, M, N)`; 0 for boxes without area.
    """
    one, other = ops.expand_dims(one, -2), ops.expand_dims(other, -3)
    low, high = ops.maximum(one[..., :2], other[..., :2]), ops.minimum(one[..., 2:], other[..., 2:])
    overlap = ops.prod(ops.maximum(high - low, 0), axis=-1)
    areas = [ops.prod(ops.maximum(b[..., 2:] - b[..., :2], 0), axis=-1) for b in (one, other)]
    return overlap / ops.maximum(areas[0] + areas[1] - overlap, 1e-9)
