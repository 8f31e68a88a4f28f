"""Session 8, solutions: one way to write each exercise (the tasks are in exercises.py)."""

import numpy as np
from keras import KerasTensor, ops


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of each box of one set with each of the other."""
    start = np.maximum(first[:, None, :2], second[:, :2])
    end = np.minimum(first[:, None, 2:], second[:, 2:])
    intersection = np.maximum(end - start, 0).prod(axis=-1)  # (N, M)
    union = _areas(first)[:, None] + _areas(second) - intersection
    return np.divide(intersection, union, out=np.zeros(union.shape), where=intersection > 0)


def non_maximum_suppression(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, iou_threshold: float
) -> np.ndarray:
    """Keeps one detection for each object: greedy non-maximum suppression, class by class."""
    drops = (iou(boxes, boxes) > iou_threshold) & (labels[:, None] == labels)
    remaining = np.argsort(-scores, kind="stable")
    kept = []
    while len(remaining):
        best, remaining = remaining[0], remaining[1:]
        kept.append(best)
        remaining = remaining[~drops[best, remaining]]
    return np.array(kept, dtype=np.int64)


def centre_assignment(
    boxes: np.ndarray, image_size: tuple[int, int], stride: int, radius: float
) -> np.ndarray:
    """Which object each cell of a feature map has to learn."""
    height, width = image_size
    y = (np.arange(-(-height // stride)) + 0.5)[:, None] * stride
    x = (np.arange(-(-width // stride)) + 0.5) * stride
    assigned = np.full((y.size, x.size), -1)
    # The largest first: smaller boxes then overwrite it.
    for index in np.argsort(_areas(boxes), kind="stable")[::-1]:
        left, top, right, bottom = boxes[index]
        inside = (left < x) & (x < right) & (top < y) & (y < bottom)
        away = np.maximum(np.abs(x - (left + right) / 2), np.abs(y - (top + bottom) / 2))
        assigned[inside & (away < radius * stride)] = index
    return assigned


def encode_boxes(boxes: np.ndarray, locations: np.ndarray, stride: int, cells: int) -> np.ndarray:
    """What the network must say for a box: its centre seen from a cell, and its size."""
    unit = cells * stride
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2  # (x, y)
    sides = boxes[:, 2:] - boxes[:, :2]
    shift = centres[:, ::-1] - (locations + 0.5) * stride
    return np.concatenate([0.5 + shift / unit, sides[:, ::-1] / unit], axis=1)


def decode_boxes(numbers: np.ndarray, locations: np.ndarray, stride: int, cells: int) -> np.ndarray:
    """The way back, as the device does it: boxes in pixels from the network's numbers."""
    unit = cells * stride
    centres = (locations + 0.5) * stride + (numbers[:, :2] - 0.5) * unit  # (y, x)
    halves = numbers[:, 2:] * unit / 2
    return np.concatenate([(centres - halves)[:, ::-1], (centres + halves)[:, ::-1]], axis=1)


def average_precision(
    ground_truth: list[np.ndarray],
    predictions: list[tuple[np.ndarray, np.ndarray]],
    iou_threshold: float,
) -> float:
    """COCO's average precision of one class at one IoU, over several images."""
    objects = sum(len(boxes) for boxes in ground_truth)
    if not objects:
        return float("nan")
    hits = [
        _hits(iou(found, boxes), scores, iou_threshold)
        for boxes, (found, scores) in zip(ground_truth, predictions, strict=True)
    ]
    scores = np.concatenate([scores for _, scores in predictions])
    right = np.concatenate(hits)[np.argsort(-scores, kind="stable")].cumsum()
    precision = right / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(right / objects, np.linspace(0, 1, 101))
    return float(np.append(envelope, 0.0)[places].mean())


def dice(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """The Dice coefficient of each class: the F1 score of its pixels."""
    ids = np.arange(classes)[:, None]
    true, predicted = true.ravel() == ids, predicted.ravel() == ids  # (classes, pixels)
    both = (true & predicted).sum(axis=1)
    total = true.sum(axis=1) + predicted.sum(axis=1)
    return np.divide(2 * both, total, out=np.full(classes, np.nan), where=total > 0)


def dice_loss(true: KerasTensor, predicted: KerasTensor) -> KerasTensor:
    """The soft Dice loss, made of `keras.ops`, so that a network can train with it."""
    ids = ops.arange(predicted.shape[-1], dtype="int32")
    hot = ops.cast(ops.equal(ops.cast(true, "int32")[..., None], ids), predicted.dtype)
    known = ops.sum(hot, axis=-1, keepdims=True)  # 0 for a pixel without a class
    both = ops.sum(hot * predicted, axis=(0, 1, 2))
    pixels = ops.sum(hot, axis=(0, 1, 2))
    total = pixels + ops.sum(known * predicted, axis=(0, 1, 2))
    occurs = ops.cast(pixels > 0, predicted.dtype)
    costs = occurs * (1 - 2 * both / ops.maximum(total, 1e-7))
    return ops.sum(costs) / ops.maximum(ops.sum(occurs), 1)


def roi_align(
    features: np.ndarray, box: np.ndarray, stride: int, output_size: tuple[int, int], points: int
) -> np.ndarray:
    """Cuts a box out of a feature map, to a fixed size, without rounding."""
    rows, columns = output_size
    left, top, right, bottom = np.asarray(box) / stride - 0.5
    # All bins are equally large, so the points of a whole side are evenly spaced.
    read = _interpolate(features, top, bottom, rows * points)
    read = _interpolate(read.swapaxes(0, 1), left, right, columns * points).swapaxes(0, 1)
    return read.reshape(rows, points, columns, points, -1).mean(axis=(1, 3))


def assemble_masks(
    prototypes: np.ndarray, coefficients: np.ndarray, boxes: np.ndarray, stride: int
) -> np.ndarray:
    """Masks of instances in one stage (YOLACT): mixtures of maps that all objects share."""
    height, width, _ = prototypes.shape
    left, top, right, bottom = boxes.T[:, :, None]  # (N, 1) each
    x, y = (np.arange(width) + 0.5) * stride, (np.arange(height) + 0.5) * stride
    across, down = (left < x) & (x < right), (top < y) & (y < bottom)  # (N, width), (N, height)
    logits = np.einsum("hwk,nk->nhw", prototypes, coefficients)
    # sigmoid(v) > 0.5 is v > 0: the device needs no sigmoid.
    return (logits > 0) & down[:, :, None] & across[:, None, :]


def detector_levels(
    layers: list[tuple[str, int, int]],
    levels: list[str],
    sizes: list[tuple[float, float]],
    cells: float,
) -> tuple[dict[str, tuple[int, int]], list[str | None]]:
    """Which level of a detector can find an object of a given size."""
    views, field, stride = {}, 1, 1
    for name, kernel_size, strides in layers:
        field += (kernel_size - 1) * stride
        stride *= strides
        if name in levels:
            views[name] = field, stride
    choice: list[str | None] = []
    for size in sizes:
        suits = [
            name
            for name in levels
            if views[name][0] >= max(size) and min(size) >= cells * views[name][1]
        ]
        choice.append(suits[-1] if suits else None)
    return views, choice


def counting_threshold(counts: np.ndarray, scores: list[np.ndarray]) -> float:
    """The score threshold that counts best: chosen on validation images."""
    candidates = np.unique(np.concatenate([*scores, [np.inf]]))[::-1]  # the highest first
    counted = np.array([[np.sum(found >= score) for found in scores] for score in candidates])
    return float(candidates[np.abs(counted - counts).mean(axis=1).argmin()])


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1)


def _hits(overlaps: np.ndarray, scores: np.ndarray, iou_threshold: float) -> np.ndarray:
    """Whether each detection of an image takes an object; overlaps are (detections, objects)."""
    hits = np.zeros(len(scores), bool)
    free = np.ones(overlaps.shape[1], bool)
    for index in np.argsort(-scores, kind="stable"):
        overlap = np.where(free, overlaps[index], -1.0)
        if free.any() and overlap.max() >= iou_threshold:
            hits[index] = True
            free[overlap.argmax()] = False
    return hits


def _interpolate(features: np.ndarray, start: float, end: float, count: int) -> np.ndarray:
    """`count` evenly spaced positions between `start` and `end` along the first axis."""
    position = start + (np.arange(count) + 0.5) / count * (end - start)
    position = np.clip(position, 0, len(features) - 1)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, len(features) - 1)
    weight = (position - low)[:, None, None]
    return (1 - weight) * features[low] + weight * features[high]
