"""Session 8's exercises about boxes and scores with one thing wrong, for `s08_wrong_answers`."""

import numpy as np

from courses.s08_detection_and_segmentation import solutions


def iou_with(extra=0.0, clip=True, total=None, epsilon=None, transpose=False):
    """IoU with one thing wrong; `extra` pixels are added to every side."""

    def iou(first, second):
        first, second = (second, first) if transpose else (first, second)
        start = np.maximum(first[:, None, :2], second[:, :2])
        sides = np.minimum(first[:, None, 2:], second[:, 2:]) - start + extra
        shared = (np.maximum(sides, 0) if clip else sides).prod(axis=-1)
        areas = [(boxes[:, 2:] - boxes[:, :2] + extra).prod(axis=1) for boxes in (first, second)]
        union = areas[0][:, None] + areas[1] - shared
        if total is not None:
            union = total(areas[0][:, None], areas[1], shared)
        if epsilon is not None:
            return shared / (union + epsilon)
        return np.divide(shared, union, out=np.zeros(union.shape), where=union > 0)

    return iou


def turned_round(boxes):
    corners = boxes.reshape(-1, 2, 2)
    return np.hstack([corners.min(axis=1), corners.max(axis=1)])


def highest_first(scores):
    return np.argsort(-scores, kind="stable")


def lowest_first(scores):
    return np.argsort(scores, kind="stable")


def last_of_equal_first(scores):
    return lowest_first(scores)[::-1]


def as_they_come(scores):
    return np.arange(len(scores))


def kept_with(order=highest_first, classes=True, chain=False, drops=np.greater, result=np.asarray):
    """Non-maximum suppression with one thing wrong."""

    def non_maximum_suppression(boxes, scores, labels, iou_threshold):
        dropped = drops(solutions.iou(boxes, boxes), iou_threshold)
        if classes:
            dropped &= labels[:, None] == labels
        sequence = order(scores)
        gone, kept = np.zeros(len(boxes), bool), []
        for place, index in enumerate(sequence):
            if not gone[index]:
                kept.append(int(index))
            if chain or not gone[index]:
                later = sequence[place + 1 :]
                gone[later] |= dropped[index, later]
        return result(np.array(kept, dtype=int))

    return non_maximum_suppression


def mask_of_kept(boxes, scores, labels, iou_threshold):
    kept = solutions.non_maximum_suppression(boxes, scores, labels, iou_threshold)
    return np.isin(np.arange(len(boxes)), kept)


def assigned_with(
    order=last_of_equal_first, reach=None, offset=0.5, rounding=np.ceil, box=True, swap=False
):
    """Centre assignment with one thing wrong; the last box of `order` wins."""
    reach = reach or (lambda dx, dy, stride, radius: np.maximum(dx, dy) < radius * stride)

    def centre_assignment(boxes, image_size, stride, radius):
        rows, columns = (int(rounding(side / stride)) for side in image_size[:: -1 if swap else 1])
        y = (np.arange(rows) + offset)[:, None] * stride
        x = (np.arange(columns) + offset) * stride
        assigned = np.full((rows, columns), -1)
        for index in order(solutions._areas(boxes)):
            left, top, right, bottom = boxes[index]
            inside = (left < x) & (x < right) & (top < y) & (y < bottom) | (not box)
            dx, dy = np.abs(x - (left + right) / 2), np.abs(y - (top + bottom) / 2)
            assigned[inside & reach(dx, dy, stride, radius)] = index
        return assigned

    return centre_assignment


def encoded_with(offset=0.5, shift=0.5, unit=None, xy=False, corner=False, swap=False):
    """Numbers of boxes with one thing wrong; `swap` takes a location for (column, row)."""

    def encode_boxes(boxes, locations, stride, cells):
        locations = locations[:, ::-1] if swap else locations
        sides = boxes[:, 2:] - boxes[:, :2]
        centres = boxes[:, :2] if corner else boxes[:, :2] + sides / 2
        away = centres[:, ::-1] - (locations + offset) * stride
        scale = unit(stride, cells) if unit else stride * cells
        numbers = np.hstack([shift + away / scale, sides[:, ::-1] / (cells * stride)])
        return numbers[:, [1, 0, 3, 2]] if xy else numbers

    return encode_boxes


def decoded_with(offset=0.5, shift=0.5, unit=None, half=2, columns=None, swap=False):
    """Boxes of numbers with one thing wrong; `swap` takes a location for (column, row)."""

    def decode_boxes(numbers, locations, stride, cells):
        locations = locations[:, ::-1] if swap else locations
        scale = unit(stride, cells) if unit else stride * cells
        centres = (locations + offset) * stride + (numbers[:, :2] - shift) * scale
        halves = numbers[:, 2:] * cells * stride / half
        boxes = np.hstack([(centres - halves)[:, ::-1], (centres + halves)[:, ::-1]])
        return boxes if columns is None else boxes[:, columns]

    return decode_boxes


def size_left(numbers, locations, stride, cells):
    boxes = solutions.decode_boxes(numbers, locations, stride, cells)
    return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])


def precision_with(
    points=101,
    envelope=True,
    take="free",
    reach=np.greater_equal,
    side="left",
    order=highest_first,
    padding=True,
):
    """Average precision with one thing wrong."""

    def hits(overlaps, scores, threshold):
        right, free = np.zeros(len(scores), bool), np.ones(overlaps.shape[1], bool)
        for index in order(scores):
            overlap = np.where(free, overlaps[index], -1.0) if take == "free" else overlaps[index]
            if overlap.size and reach(overlap.max(), threshold):
                best = overlap.argmax()
                right[index] = take == "any" or free[best]
                free[best] = False
        return right

    def average_precision(truths, predictions, iou_threshold):
        objects = sum(map(len, truths))
        if not objects:
            return float("nan")
        pairs = list(zip(truths, predictions, strict=True))
        found = [hits(solutions.iou(own[0], boxes), own[1], iou_threshold) for boxes, own in pairs]
        scores = np.concatenate([own[1] for own in predictions])
        right = np.concatenate(found)[order(scores)].cumsum()
        precision = right / np.arange(1, len(right) + 1)
        if envelope:
            precision = np.maximum.accumulate(precision[::-1])[::-1]
        places = np.searchsorted(right / objects, np.linspace(0, 1, points), side)
        if not padding:
            places = places[places < len(precision)]
        return float(np.append(precision, 0.0)[places].mean()) if len(places) else 0.0

    return average_precision


def area_under_curve(truths, predictions, iou_threshold):
    """Trapezoids between the points, as a signal processor would."""
    objects = sum(map(len, truths))
    if not objects:
        return float("nan")
    hits = [
        solutions._hits(solutions.iou(found, boxes), scores, iou_threshold)
        for boxes, (found, scores) in zip(truths, predictions, strict=True)
    ]
    scores = np.concatenate([scores for _, scores in predictions])
    right = np.concatenate(hits)[np.argsort(-scores, kind="stable")].cumsum()
    precision = np.append(1.0, right / np.arange(1, len(right) + 1))
    return float(np.trapezoid(precision, np.append(0.0, right / objects)))


def mean_over_pictures(truths, predictions, iou_threshold):
    values = [
        solutions.average_precision([boxes], [found], iou_threshold)
        for boxes, found in zip(truths, predictions, strict=True)
    ]
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def levels_with(
    side=max,
    span=min,
    see=np.greater_equal,
    pick=-1,
    grow=lambda field, stride, kernel, step: (field + (kernel - 1) * stride, stride * step),
    wide=lambda side, cells, stride: side >= cells * stride,
):
    """Levels of a detector with one thing wrong."""

    def detector_levels(layers, levels, sizes, cells):
        views, field, stride = {}, 1, 1
        for name, kernel, step in layers:
            field, stride = grow(field, stride, kernel, step)
            views[name] = field, stride
        views = {name: views[name] for name in levels}
        choice = []
        for size in sizes:
            suits = [
                name
                for name, (field, stride) in views.items()
                if see(field, side(size)) and wide(span(size), cells, stride)
            ]
            choice.append(suits[pick] if suits else None)
        return views, choice

    return detector_levels


def threshold_with(reach=np.greater_equal, error=None, first="highest", candidates=None):
    """The counting threshold with one thing wrong."""
    error = error or (lambda difference: np.abs(difference).mean(axis=1))
    candidates = candidates or (lambda scores: np.append(scores, np.inf))

    def counting_threshold(counts, scores):
        tried = np.unique(candidates(np.concatenate(scores)))
        tried = tried[::-1] if first == "highest" else tried
        counted = np.array([[reach(found, score).sum() for found in scores] for score in tried])
        return float(tried[error(counted - counts).argmin()])

    return counting_threshold


def sum_of_errors(difference):
    """Too many and too few cancel out over the images."""
    return np.abs(difference.sum(axis=1))


def changed(exercise, change):
    """The right answer, changed."""
    return lambda *arguments: change(getattr(solutions, exercise)(*arguments))
