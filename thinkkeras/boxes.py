"""Boxes on grids of locations: where the cells of a detector lie, and what their numbers mean."""

from collections.abc import Sequence

import numpy as np
from keras import KerasTensor, ops


def locations(image_size: tuple[int, int], strides: Sequence[int]) -> np.ndarray:
    """The cells of a detector's grids, row by row, in the order of `strides`.

    Args:
        image_size: `(height, width)` of the picture in pixels.
        strides: Pixels between neighbouring cells of each grid.

    Returns:
        Float32 of shape `(N, 3)`: x and y of each cell's centre, and its grid's stride, in pixels.
    """
    grids = []
    for stride in strides:
        rows, columns = (-(-side // stride) for side in image_size)
        y, x = np.mgrid[:rows, :columns].reshape(2, -1)
        grids.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, 0 * x + stride], axis=-1))
    return np.concatenate(grids).astype("float32")


def decode(numbers: KerasTensor, cells: np.ndarray, square: float) -> KerasTensor:
    """Boxes in pixels from the numbers of 0-1 that a detector gives.

    Args:
        numbers: `(…, N, 4)`: y and x of the centre, height and width, in shares of the cell's own
            square, which lies around the cell's centre.
        cells: What `locations` returns, `(N, 3)`.
        square: Sides of a cell's own square, in cells.

    Returns:
        `(…, N, 4)`: left, top, right, bottom in pixels.
    """
    centre, sides = cells[:, :2], square * cells[:, 2:]
    middle = centre + (ops.flip(numbers[..., :2], axis=-1) - 0.5) * sides
    half = ops.flip(numbers[..., 2:], axis=-1) * sides / 2
    return ops.concatenate([middle - half, middle + half], axis=-1)


def pairwise_iou(one: KerasTensor, other: KerasTensor) -> KerasTensor:
    """Intersection over union of every box of `one` with every box of `other`.

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
