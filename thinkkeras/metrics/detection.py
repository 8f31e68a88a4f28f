"""Metrics of detectors and instance segmenters: COCO's AP, precision and recall, F1, counts.

The ground truth of one image is a dictionary of NumPy arrays: `boxes` (N, 4) as left, top, right,
bottom in pixels, `labels` (N,) as indices of classes, `masks` (N, height, width) of booleans where
there are any, and `crowd` (N,) of booleans where some are groups that nobody told apart. An image's
prediction is the same without `crowd` and with `scores` (N,). Images come in the same order in
both.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from thinkkeras.metrics import _coco
from thinkkeras.metrics._coco import Annotations

IOUS = np.linspace(0.5, 0.95, 10)


def average_precision(
    ground_truth: Annotations,
    predictions: Annotations,
    *,
    class_names: Sequence[str],
    masks: bool = False,
) -> dict[str, Any]:
    """COCO's average precision, as `pycocotools` computes it.

    A detection is right where it overlaps an object of its class that no higher-scoring one has
    taken, with at least the IoU asked for. The area under precision over recall is the mean of 101
    points. A detection in a crowd counts neither as right nor as wrong.

    Args:
        ground_truth: One dictionary for each image (see the module).
        predictions: As many, in the same order, at all scores: a threshold lowers AP.
        class_names: The classes' names; labels are their indices.
        masks: Whether to compare masks rather than boxes.

    Returns:
        `AP`, the mean over IoUs of 0.5, 0.55 … 0.95 and over the classes; `AP50` and `AP75` at one
        IoU; `AR`, the recall with up to 100 detections of a class in an image, averaged as AP;
        `classes`, each name's AP50. All from 0 to 1. A class without an object is NaN and
        does not enter the means; those are NaN where there is no object at all.

    Raises:
        ValueError: The lists differ in length or are empty; an array's shape is wrong, a number
            not finite, a label unknown, a box inside out, or a true box without area.

    Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; cocodataset.org.
    """
    ground_truth, predictions = _coco.read(ground_truth, predictions, masks, len(class_names))
    evaluation = _coco.evaluate(ground_truth, predictions, range(len(class_names)), IOUS, masks)
    precision, recall = _coco.accumulate(evaluation)
    return {
        "AP": _mean(precision),
        "AP50": _mean(precision[0]),
        "AP75": _mean(precision[5]),
        "AR": _mean(recall),
        "classes": {name: _mean(precision[0, :, index]) for index, name in enumerate(class_names)},
    }


class Curve(NamedTuple):
    """Precision and recall of one class for every threshold, the highest first."""

    precision: np.ndarray  # right detections among those at or above the score
    recall: np.ndarray  # found objects among all; NaN where there are none
    scores: np.ndarray  # the thresholds: each score that occurs, once


def precision_recall(
    ground_truth: Annotations,
    predictions: Annotations,
    class_id: int,
    iou: float = 0.5,
    *,
    masks: bool = False,
) -> Curve:
    """Precision and recall of one class at each score, matched as for `average_precision`.

    Args:
        ground_truth: One dictionary for each image (see the module).
        predictions: As many, in the same order.
        class_id: Index of the class.
        iou: The overlap that makes a detection right, above 0 and at most 1.
        masks: Whether to compare masks rather than boxes.

    Raises:
        ValueError: As `average_precision`; or `iou` is out of its range.
    """
    return _curve(ground_truth, predictions, [class_id], iou, masks)


def best_threshold(
    ground_truth: Annotations,
    predictions: Annotations,
    iou: float = 0.5,
    *,
    masks: bool = False,
) -> float:
    """The score from which on detections have the highest F1, over all classes together.

    Choose it on validation data. F1 is the harmonic mean of precision and recall: the threshold
    leaves about as many detections as there are objects, which counting needs.

    Args:
        ground_truth: One dictionary for each image (see the module).
        predictions: As many, in the same order, at all scores.
        iou: The overlap that makes a detection right, above 0 and at most 1.
        masks: Whether to compare masks rather than boxes.

    Returns:
        One of the scores, to be kept itself; of several equally good ones the highest. 0.5 where
        no detection is right.

    Raises:
        ValueError: As `precision_recall`.
    """
    curve = _curve(ground_truth, predictions, None, iou, masks)
    total = curve.precision + curve.recall
    f1 = np.divide(
        2 * curve.precision * curve.recall, total, out=np.zeros_like(total), where=total > 0
    )
    return float(curve.scores[f1.argmax()]) if f1.any() else 0.5


def counts(
    ground_truth: Annotations,
    predictions: Annotations,
    score: float = 0.5,
    class_id: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """How many objects there are, and how many detections reach `score`, in each image.

    An image with a crowd is left out: nobody knows how many are in it.

    Args:
        ground_truth: One dictionary for each image (see the module).
        predictions: As many, in the same order.
        score: The lowest score that counts, as `best_threshold` chose it.
        class_id: Index of the class to count; all of them together if None.

    Returns:
        `(true, predicted)`, integers of shape `(images without crowds,)`.

    Raises:
        ValueError: As `average_precision`.
    """
    ground_truth, predictions = _coco.read(ground_truth, predictions)
    pairs = [
        (
            _count(true["labels"], class_id),
            _count(predicted["labels"][predicted["scores"] >= score], class_id),
        )
        for true, predicted in zip(ground_truth, predictions, strict=True)
        if not true["crowd"].any()
    ]
    true, predicted = np.array(pairs, np.int64).reshape(-1, 2).T
    return true, predicted


def counting_error(
    ground_truth: Annotations,
    predictions: Annotations,
    score: float = 0.5,
    class_id: int | None = None,
) -> dict[str, float]:
    """How far the number of detections is from the number of objects (`counts`).

    Returns:
        `mean_absolute_error`, in objects per image; `exact`, the fraction of images counted
        right, 0 to 1; `bias`, in objects per image, above 0 where too many are counted. NaN
        where every image holds a crowd.

    Raises:
        ValueError: As `average_precision`.
    """
    true, predicted = counts(ground_truth, predictions, score, class_id)
    if not len(true):
        return dict.fromkeys(("mean_absolute_error", "exact", "bias"), float("nan"))
    difference = predicted - true
    return {
        "mean_absolute_error": float(np.abs(difference).mean()),
        "exact": float(np.mean(difference == 0)),
        "bias": float(difference.mean()),
    }


def _curve(
    ground_truth: Annotations,
    predictions: Annotations,
    class_ids: list[int] | None,
    iou: float,
    masks: bool,
) -> Curve:
    """Precision and recall of these classes, or of all, together."""
    if not 0 < iou <= 1:
        raise ValueError(f"expected an iou above 0 and at most 1, received {iou}")
    ground_truth, predictions = _coco.read(ground_truth, predictions, masks)
    if class_ids is None:
        every = [image["labels"] for image in [*ground_truth, *predictions]]
        class_ids = np.unique(np.concatenate(every)).tolist()
    scores, right, objects = _coco.matches(ground_truth, predictions, class_ids, iou, masks)
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], right[order].cumsum()
    # A threshold takes or leaves equal scores together; int8 detectors give many of them.
    last = np.flatnonzero(np.diff(scores, append=-np.inf))
    recall = right[last] / objects if objects else np.full(len(last), np.nan)
    return Curve(right[last] / (last + 1), recall, scores[last])


def _count(labels: np.ndarray, class_id: int | None) -> int:
    return len(labels) if class_id is None else int(np.sum(labels == class_id))


def _mean(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(known.mean()) if len(known) else float("nan")
