"""Plausible wrong answers to session 8's exercises, by exercise and mistake."""

import numpy as np
from keras import ops
from scipy.ndimage import map_coordinates

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

    def average_precision(ground_truth, predictions, iou_threshold):
        objects = sum(map(len, ground_truth))
        if not objects:
            return float("nan")
        pairs = list(zip(ground_truth, predictions, strict=True))
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


def area_under_curve(ground_truth, predictions, iou_threshold):
    """Trapezoids between the points, as a signal processor would."""
    objects = sum(map(len, ground_truth))
    if not objects:
        return float("nan")
    hits = [
        solutions._hits(solutions.iou(found, boxes), scores, iou_threshold)
        for boxes, (found, scores) in zip(ground_truth, predictions, strict=True)
    ]
    scores = np.concatenate([scores for _, scores in predictions])
    right = np.concatenate(hits)[np.argsort(-scores, kind="stable")].cumsum()
    precision = np.append(1.0, right / np.arange(1, len(right) + 1))
    return float(np.trapezoid(precision, np.append(0.0, right / objects)))


def mean_over_images(ground_truth, predictions, iou_threshold):
    values = [
        solutions.average_precision([boxes], [found], iou_threshold)
        for boxes, found in zip(ground_truth, predictions, strict=True)
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


def dice_with(factor=2, total=lambda t, p, both: t + p, absent=np.nan, pixels=np.sum):
    """The coefficient of each class with one thing wrong."""

    def dice(true, predicted, classes):
        ids = np.arange(classes)[:, None]
        true, predicted = true.ravel() == ids, predicted.ravel() == ids
        both = (true & predicted).sum(axis=1)
        size = total(true.sum(axis=1), predicted.sum(axis=1), both)
        result = np.divide(factor * both, size, out=np.full(classes, absent), where=size > 0)
        return result

    return dice


def dice_by_image(true, predicted, classes):
    pairs = zip(true, predicted, strict=True)
    return np.mean([solutions.dice(one, other, classes) for one, other in pairs], axis=0)


def loss_with(factor=2.0, power=1, void=False, absent=False, axes=(0, 1, 2), sign=-1, start=1.0):
    """The loss with one thing wrong."""

    def dice_loss(true, predicted):
        ids = ops.arange(predicted.shape[-1], dtype="int32")
        hot = ops.cast(ops.equal(true[..., None], ids), "float32")
        known = 1.0 if void else ops.sum(hot, axis=-1, keepdims=True)
        both = ops.sum(hot * predicted, axis=axes)
        pixels = ops.sum(hot, axis=axes)
        total = pixels + ops.sum(known * ops.power(predicted, power), axis=axes)
        costs = start + sign * factor * both / ops.maximum(total, 1e-7)
        counted = ops.ones_like(pixels) if absent else ops.cast(pixels > 0, "float32")
        return ops.sum(counted * costs) / ops.maximum(ops.sum(counted), 1.0)

    return dice_loss


def loss_in_numpy(true, predicted):
    hot = np.asarray(true)[..., None] == np.arange(predicted.shape[-1])
    known = hot.any(axis=-1, keepdims=True)
    pixels = hot.sum(axis=(0, 1, 2))
    total = pixels + (known * np.asarray(predicted)).sum(axis=(0, 1, 2))
    costs = 1 - 2 * (hot * np.asarray(predicted)).sum(axis=(0, 1, 2)) / np.maximum(total, 1e-7)
    return costs[pixels > 0].mean() if pixels.any() else 0.0


def aligned_with(
    half=0.5,
    whole=np.asarray,
    single=False,
    reduce=np.mean,
    order=1,
    mode="nearest",
    scaled=True,
    place=lambda k, n: (k + 0.5) / n,
    axes=(0, 1),
):
    """RoIAlign with one thing wrong."""

    def roi_align(features, box, stride, output_size, points):
        box = whole(box / stride - half if scaled else box - half)
        points = 1 if single else points
        count = np.array(output_size) * points
        steps = [
            (np.arange(n)[:, None] + place(np.arange(points), points)).ravel() / n
            for n in output_size
        ]
        y, x = (box[1 - k] + steps[k] * (box[3 - k] - box[1 - k]) for k in (0, 1))
        grid = np.meshgrid(y, x, indexing="ij")
        read = [
            map_coordinates(m, grid, order=order, mode=mode) for m in np.moveaxis(features, 2, 0)
        ]
        rows, columns = output_size
        bins = np.stack(read, -1).reshape(rows, count[0] // rows, columns, count[1] // columns, -1)
        return reduce(bins, axis=(1, 3)).transpose(*axes, 2)

    return roi_align


def masks_with(crop=True, logits=None, threshold=0.0, scale=None, offset=0.5, result=None):
    """YOLACT's masks with one thing wrong."""

    def assemble_masks(prototypes, coefficients, boxes, stride):
        height, width, _ = prototypes.shape
        step = stride if scale is None else scale
        left, top, right, bottom = boxes.T[:, :, None]
        x, y = (np.arange(width) + offset) * step, (np.arange(height) + offset) * step
        across, down = (left < x) & (x < right), (top < y) & (y < bottom)
        sums = np.einsum("hwk,nk->nhw", prototypes, coefficients)
        masks = (sums if logits is None else logits(prototypes, coefficients)) > threshold
        if crop:
            masks = masks & down[:, :, None] & across[:, None, :]
        return masks if result is None else result(masks, sums)

    return assemble_masks


def positive(prototypes, coefficients):
    return np.einsum("hwk,nk->nhw", prototypes, np.maximum(coefficients, 0))


def each_prototype(prototypes, coefficients):
    """A sigmoid of each prototype, before they are mixed."""
    return np.einsum("hwk,nk->nhw", 1 / (1 + np.exp(-prototypes)), coefficients) - 0.5


WRONG = {
    "iou": {
        "sides one pixel longer": iou_with(extra=1.0),
        "negative sides multiplied": iou_with(clip=False),
        "over the sum of the areas": iou_with(total=lambda a, b, shared: a + b),
        "over the smaller area": iou_with(total=lambda a, b, shared: np.minimum(a, b) + 0 * shared),
        "intersection subtracted twice": iou_with(total=lambda a, b, shared: a + b - 2 * shared),
        "boxes inside out turned round": lambda *sets: solutions.iou(*map(turned_round, sets)),
        "nothing over nothing": iou_with(epsilon=0.0),
        "nothing over nothing mended": lambda *sets: np.nan_to_num(iou_with(epsilon=0.0)(*sets)),
        "a large epsilon": iou_with(epsilon=1e-3),
        "transposed": iou_with(transpose=True),
        "pairs only": lambda first, second: solutions.iou(first, second).diagonal(),
    },
    "non_maximum_suppression": {
        "across classes": kept_with(classes=False),
        "lowest score first": kept_with(order=lowest_first),
        "higher index of equal scores": kept_with(order=last_of_equal_first),
        "dropped ones drop too": kept_with(chain=True),
        "dropped at the threshold": kept_with(drops=np.greater_equal),
        "dropped below the threshold": kept_with(drops=np.less),
        "order of the boxes": kept_with(result=np.sort),
        "a mask": mask_of_kept,
        "no order of scores": kept_with(order=as_they_come),
    },
    "centre_assignment": {
        "largest box wins": assigned_with(order=lowest_first),
        "first box wins": assigned_with(order=lambda areas: np.arange(len(areas))[::-1]),
        "last of equal boxes": assigned_with(order=highest_first),
        "radius in pixels": assigned_with(reach=lambda x, y, s, r: np.maximum(x, y) < r),
        "no radius": assigned_with(reach=lambda x, y, s, r: True),
        "radius reached": assigned_with(reach=lambda x, y, s, r: np.maximum(x, y) <= r * s),
        "a circle": assigned_with(reach=lambda x, y, s, r: np.hypot(x, y) < r * s),
        "outside the box": assigned_with(box=False),
        "corners of the cells": assigned_with(offset=0.0),
        "incomplete cells left out": assigned_with(rounding=np.floor),
        "rows and columns swapped": assigned_with(swap=True),
        "background is 0": changed("centre_assignment", lambda cells: cells + 1),
    },
    "encode_boxes": {
        "corners of the cells": encoded_with(offset=0.0),
        "not from the middle": encoded_with(shift=0.0),
        "in strides": encoded_with(unit=lambda stride, cells: stride),
        "in pixels": encoded_with(unit=lambda stride, cells: 1),
        "x before y": encoded_with(xy=True),
        "left and top": encoded_with(corner=True),
        "location as x, y": encoded_with(swap=True),
        "clipped": changed("encode_boxes", lambda numbers: numbers.clip(0.25, 0.75)),
    },
    "decode_boxes": {
        "corners of the cells": decoded_with(offset=0.0),
        "not from the middle": decoded_with(shift=0.0),
        "in strides": decoded_with(unit=lambda stride, cells: stride),
        "twice the size": decoded_with(half=1),
        "top before left": decoded_with(columns=[1, 0, 3, 2]),
        "width and height at the end": size_left,
        "location as x, y": decoded_with(swap=True),
        "clipped to the image": changed("decode_boxes", lambda boxes: boxes.clip(0)),
    },
    "average_precision": {
        "11 points": precision_with(points=11),
        "no envelope": precision_with(envelope=False),
        "an object found twice": precision_with(take="any"),
        "a taken object is no other's": precision_with(take="best"),
        "IoU above the threshold": precision_with(reach=np.greater),
        "recall above the point": precision_with(side="right"),
        "lowest score first": precision_with(order=lowest_first),
        "no order of scores": precision_with(order=as_they_come),
        "last of equal scores": precision_with(order=last_of_equal_first),
        "recalls never reached left out": precision_with(padding=False),
        "trapezoids": area_under_curve,
        "mean over the images": mean_over_images,
    },
    "dice": {
        "without the 2": dice_with(factor=1),
        "IoU": dice_with(factor=1, total=lambda t, p, both: t + p - both),
        "over the ground truth": dice_with(factor=1, total=lambda t, p, both: t),
        "absent classes 0": dice_with(absent=0.0),
        "absent classes 1": dice_with(absent=1.0),
        "mean over the classes": changed("dice", np.nanmean),
        "absent classes left out": changed("dice", lambda values: values[np.isfinite(values)]),
        "mean over the images": dice_by_image,
    },
    "dice_loss": {
        "without the 2": loss_with(factor=1.0),
        "squares below": loss_with(power=2),
        "void counts": loss_with(void=True),
        "absent classes count": loss_with(absent=True),
        "by image": loss_with(axes=(1, 2)),
        "the coefficient": loss_with(sign=1, start=0.0),
        "NumPy": loss_in_numpy,
        "one for each class": changed("dice_loss", lambda loss: ops.stack([loss, loss])),
    },
    "roi_align": {
        "no half pixel": aligned_with(half=0.0),
        "half a pixel too far": aligned_with(half=-0.5),
        "box rounded (RoIPool)": aligned_with(whole=np.round),
        "box rounded outwards": aligned_with(
            whole=lambda b: np.append(np.floor(b[:2]), np.ceil(b[2:]))
        ),
        "one point a bin": aligned_with(single=True),
        "maximum": aligned_with(reduce=np.max),
        "nearest cell": aligned_with(order=0),
        "zeros past the border": aligned_with(mode="constant"),
        "stride forgotten": aligned_with(scaled=False),
        "points at the bins' start": aligned_with(place=lambda k, n: k / n),
        "points from edge to edge": aligned_with(place=lambda k, n: k / max(n - 1, 1)),
        "transposed": aligned_with(axes=(1, 0)),
        "x and y swapped": lambda features, box, *rest: solutions.roi_align(
            features, box[[1, 0, 3, 2]], *rest
        ),
    },
    "assemble_masks": {
        "not cropped": masks_with(crop=False),
        "logits above 0.5": masks_with(threshold=0.5),
        "boxes in cells": masks_with(scale=1),
        "corners of the cells": masks_with(offset=0.0),
        "positive coefficients only": masks_with(logits=positive),
        "sigmoid of each prototype": masks_with(logits=each_prototype),
        "the logits": masks_with(result=lambda masks, sums: sums * masks),
        "numbers": masks_with(result=lambda masks, sums: masks.astype(np.uint8)),
        "instances last": masks_with(result=lambda masks, sums: masks.transpose(1, 2, 0)),
        "x and y swapped": lambda prototypes, coefficients, boxes, stride: solutions.assemble_masks(
            prototypes, coefficients, boxes[:, [1, 0, 3, 2]], stride
        ),
    },
    "detector_levels": {
        "the first level that suits": levels_with(pick=0),
        "shorter side to be seen": levels_with(side=min),
        "longer side in cells": levels_with(span=max),
        "height alone": levels_with(side=lambda size: size[0], span=lambda size: size[0]),
        "more than the object": levels_with(see=np.greater),
        "field forgotten": levels_with(see=lambda field, size: True),
        "cells forgotten": levels_with(wide=lambda side, cells, stride: side >= stride),
        "cells in pixels": levels_with(wide=lambda side, cells, stride: side >= cells),
        "more than the cells": levels_with(wide=lambda side, cells, stride: side > cells * stride),
        "stride before its layer": levels_with(
            grow=lambda field, stride, kernel, step: (
                field + (kernel - 1) * stride * step,
                stride * step,
            )
        ),
        "strides forgotten": levels_with(
            grow=lambda field, stride, kernel, step: (field + kernel - 1, stride * step)
        ),
        "the choice alone": changed("detector_levels", lambda both: both[1]),
        "indices": changed(
            "detector_levels",
            lambda both: (
                both[0],
                [list(both[0]).index(name) if name else -1 for name in both[1]],
            ),
        ),
    },
    "counting_threshold": {
        "above the threshold": threshold_with(reach=np.greater),
        "lowest of equal ones": threshold_with(first="lowest"),
        "errors cancel out": threshold_with(error=sum_of_errors),
        "squared errors": threshold_with(error=lambda difference: (difference**2).mean(axis=1)),
        "most images counted right": threshold_with(
            error=lambda difference: (difference != 0).mean(axis=1)
        ),
        "counting nothing not tried": threshold_with(
            candidates=lambda scores: scores if len(scores) else np.array([0.5])
        ),
        "hundredths": threshold_with(candidates=lambda scores: np.arange(101) / 100),
        "always a half": lambda counts, scores: 0.5,
        "the error": lambda counts, scores: 0.0,
    },
}

# Exercise, mistake, and words of the message that names it.
MESSAGES = [
    ("iou", "sides one pixel longer", "the example, boxes of integers: expected 0.3333333"),
    ("iou", "nothing over nothing mended", "boxes without area: expected no warning, received"),
    ("iou", "transposed", "expected shape (1, 2), received shape (2, 1)"),
    ("non_maximum_suppression", "dropped at the threshold", "an IoU of just the threshold"),
    ("non_maximum_suppression", "dropped ones drop too", "a chain whose middle is dropped"),
    ("non_maximum_suppression", "across classes", "two classes: expected shape (2,)"),
    ("centre_assignment", "radius reached", "image_size=(16, 32), stride=8, radius=1: expected -1"),
    ("centre_assignment", "largest box wins", "5 boxes, image_size=(40, 64), stride=4"),
    ("average_precision", "an object found twice", "neighbours, one found three times"),
    ("average_precision", "a taken object is no other's", "neighbours, one found three times"),
    ("average_precision", "IoU above the threshold", "IoUs of just the threshold"),
    ("dice", "absent classes 1", "maps (3, 5, 4) of 5 classes: expected nan at index (4,)"),
    ("dice_loss", "void counts", "maps (2, 5, 3) of ids [0, 2, 255], probabilities of 3 classes"),
    ("dice_loss", "NumPy", "as in `fit`: expected a tensor of shape () made by keras.ops"),
    ("roi_align", "one point a bin", "output_size=(3, 2), points=2: expected"),
    ("assemble_masks", "numbers", "expected an array of shape (5, 6, 9)"),
    ("detector_levels", "the first level that suits", "object of (6, 4): expected c, received b"),
    ("counting_threshold", "counting nothing not tried", "counts [0, 0, 1]"),
]
