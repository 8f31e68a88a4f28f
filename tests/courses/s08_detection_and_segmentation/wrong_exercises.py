"""Plausible wrong answers to session 8's exercises, by exercise and mistake."""

import numpy as np
from keras import ops

from courses.s08_detection_and_segmentation import solutions
from tests.courses.s08_mistakes_with_boxes import (
    area_under_curve,
    as_they_come,
    assigned_with,
    changed,
    decoded_with,
    encoded_with,
    highest_first,
    iou_with,
    kept_with,
    last_of_equal_first,
    levels_with,
    lowest_first,
    mask_of_kept,
    mean_over_pictures,
    precision_with,
    size_left,
    sum_of_errors,
    threshold_with,
    turned_round,
)
from tests.courses.s08_mistakes_with_maps import (
    aligned_with,
    dice_by_picture,
    dice_with,
    each_prototype,
    loss_in_numpy,
    loss_with,
    masks_with,
    positive,
)

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
        "clipped to the picture": changed("decode_boxes", lambda boxes: boxes.clip(0)),
    },
    "average_precision": {
        "11 points": precision_with(points=11),
        "no envelope": precision_with(envelope=False),
        "a truth found twice": precision_with(take="any"),
        "a taken truth is no other's": precision_with(take="best"),
        "IoU above the threshold": precision_with(reach=np.greater),
        "recall above the point": precision_with(side="right"),
        "lowest score first": precision_with(order=lowest_first),
        "no order of scores": precision_with(order=as_they_come),
        "last of equal scores": precision_with(order=last_of_equal_first),
        "recalls never reached left out": precision_with(padding=False),
        "trapezoids": area_under_curve,
        "mean over the pictures": mean_over_pictures,
    },
    "dice": {
        "without the 2": dice_with(factor=1),
        "IoU": dice_with(factor=1, total=lambda t, p, both: t + p - both),
        "over the truth": dice_with(factor=1, total=lambda t, p, both: t),
        "absent classes 0": dice_with(absent=0.0),
        "absent classes 1": dice_with(absent=1.0),
        "mean over the classes": changed("dice", np.nanmean),
        "absent classes left out": changed("dice", lambda values: values[np.isfinite(values)]),
        "mean over the pictures": dice_by_picture,
    },
    "dice_loss": {
        "without the 2": loss_with(factor=1.0),
        "squares below": loss_with(power=2),
        "void counts": loss_with(void=True),
        "absent classes count": loss_with(absent=True),
        "by picture": loss_with(axes=(1, 2)),
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
        "most pictures counted right": threshold_with(
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
    ("average_precision", "a truth found twice", "neighbours, one found three times"),
    ("average_precision", "a taken truth is no other's", "neighbours, one found three times"),
    ("average_precision", "IoU above the threshold", "IoUs of just the threshold"),
    ("dice", "absent classes 1", "maps (3, 5, 4) of 5 classes: expected nan at index (4,)"),
    ("dice_loss", "void counts", "maps (2, 5, 3) of ids [0, 2, 255], probabilities of 3 classes"),
    ("dice_loss", "NumPy", "as in `fit`: expected a scalar tensor made by keras.ops, received"),
    ("roi_align", "one point a bin", "output_size=(3, 2), points=2: expected"),
    ("assemble_masks", "numbers", "expected an array of shape (5, 6, 9)"),
    ("detector_levels", "the first level that suits", "object of (6, 4): expected c, received b"),
    ("counting_threshold", "counting nothing not tried", "counts [0, 0, 1]"),
]
