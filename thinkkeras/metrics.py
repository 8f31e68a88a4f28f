"""What Keras lacks to judge detectors and segmentation: COCO's AP, F1, counts, Dice.

One picture's truth is a dictionary of NumPy arrays: `boxes` (N, 4) as left, top, right, bottom in
pixels, `labels` (N,) as indices of classes, `masks` (N, height, width) of booleans where there
are any, and `crowd` (N,) of booleans where some are groups that nobody told apart. A detector's
answer is the same without `crowd` and with `scores` (N,). Pictures come in the same order in both.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from thinkkeras import _coco
from thinkkeras._coco import Pictures

IOUS = np.linspace(0.5, 0.95, 10)


def average_precision(
    truths: Pictures, predictions: Pictures, *, classes: Sequence[str], masks: bool = False
) -> dict[str, Any]:
    """COCO's average precision, as `pycocotools` computes it.

    A detection is right where it overlaps a truth of its class that no surer one has taken, with
    at least the IoU asked for. The area under precision over recall is the mean of 101 points. A
    detection in a crowd counts neither as right nor as wrong.

    Args:
        truths: One dictionary for each picture (see the module).
        predictions: As many, in the same order, at all scores: a threshold lowers AP.
        classes: The classes' names; labels are their indices.
        masks: Whether to compare masks rather than boxes.

    Returns:
        `AP`, the mean over IoUs of 0.5, 0.55 … 0.95 and over the classes; `AP50` and `AP75` at one
        IoU; `AR`, the recall with up to 100 detections of a class in a picture, averaged as AP;
        `classes`, each name's AP50. All from 0 to 1. A class that the truths lack is NaN and does
        not enter the means; those are NaN where the truths hold nothing at all.

    Raises:
        ValueError: The lists differ in length or are empty; an array's shape is wrong, a number
            not finite, a label unknown, a box inside out, or a truth without area.

    Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; cocodataset.org.
    """
    truths, predictions = _coco.read(truths, predictions, masks, len(classes))
    evaluation = _coco.evaluate(truths, predictions, range(len(classes)), IOUS, masks)
    precision, recall = _coco.accumulate(evaluation)
    return {
        "AP": _mean(precision),
        "AP50": _mean(precision[0]),
        "AP75": _mean(precision[5]),
        "AR": _mean(recall),
        "classes": {name: _mean(precision[0, :, index]) for index, name in enumerate(classes)},
    }


class Curve(NamedTuple):
    """Precision and recall of one class for every threshold, the highest first."""

    precision: np.ndarray  # right detections among those at or above the score
    recall: np.ndarray  # found truths among all; NaN where there are none
    scores: np.ndarray  # the thresholds: each score that occurs, once


def precision_recall(
    truths: Pictures,
    predictions: Pictures,
    label: int,
    iou: float = 0.5,
    *,
    masks: bool = False,
) -> Curve:
    """Precision and recall of one class at each score, matched as for `average_precision`.

    Args:
        truths: One dictionary for each picture (see the module).
        predictions: As many, in the same order.
        label: Index of the class.
        iou: The overlap that makes a detection right, above 0 and at most 1.
        masks: Whether to compare masks rather than boxes.

    Raises:
        ValueError: As `average_precision`; or `iou` is out of its range.
    """
    return _curve(truths, predictions, [label], iou, masks)


def best_threshold(
    truths: Pictures,
    predictions: Pictures,
    iou: float = 0.5,
    *,
    masks: bool = False,
) -> float:
    """The score from which on detections have the highest F1, over all classes together.

    Choose it on validation data. F1 is the harmonic mean of precision and recall: the threshold
    leaves about as many detections as there are objects, which counting needs.

    Args:
        truths: One dictionary for each picture (see the module).
        predictions: As many, in the same order, at all scores.
        iou: The overlap that makes a detection right, above 0 and at most 1.
        masks: Whether to compare masks rather than boxes.

    Returns:
        One of the scores, to be kept itself; of several equally good ones the highest. 0.5 where
        no detection is right.

    Raises:
        ValueError: As `precision_recall`.
    """
    curve = _curve(truths, predictions, None, iou, masks)
    total = curve.precision + curve.recall
    f1 = np.divide(
        2 * curve.precision * curve.recall, total, out=np.zeros_like(total), where=total > 0
    )
    return float(curve.scores[f1.argmax()]) if f1.any() else 0.5


def counts(
    truths: Pictures,
    predictions: Pictures,
    score: float = 0.5,
    label: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """How many objects there are, and how many detections reach `score`, in each picture.

    A picture with a crowd is left out: nobody knows how many are in it.

    Args:
        truths: One dictionary for each picture (see the module).
        predictions: As many, in the same order.
        score: The lowest score that counts, as `best_threshold` chose it.
        label: Index of the class to count; all of them together if None.

    Returns:
        `(true, predicted)`, integers of shape `(pictures without crowds,)`.

    Raises:
        ValueError: As `average_precision`.
    """
    truths, predictions = _coco.read(truths, predictions)
    pairs = [
        (_count(truth["labels"], label), _count(found["labels"][found["scores"] >= score], label))
        for truth, found in zip(truths, predictions, strict=True)
        if not truth["crowd"].any()
    ]
    true, predicted = np.array(pairs, np.int64).reshape(-1, 2).T
    return true, predicted


def counting_error(
    truths: Pictures,
    predictions: Pictures,
    score: float = 0.5,
    label: int | None = None,
) -> dict[str, float]:
    """How far the number of detections is from the number of objects (`counts`).

    Returns:
        `mean_absolute_error`, in objects per picture; `exact`, the share of pictures counted
        right, 0 to 1; `bias`, in objects per picture, above 0 where too many are counted. NaN
        where every picture holds a crowd.

    Raises:
        ValueError: As `average_precision`.
    """
    true, predicted = counts(truths, predictions, score, label)
    if not len(true):
        return dict.fromkeys(("mean_absolute_error", "exact", "bias"), float("nan"))
    difference = predicted - true
    return {
        "mean_absolute_error": float(np.abs(difference).mean()),
        "exact": float(np.mean(difference == 0)),
        "bias": float(difference.mean()),
    }


def mean_iou(
    true: np.ndarray, predicted: np.ndarray, classes: int, ignore: int | None = None
) -> float:
    """IoU of maps of class ids, averaged over the classes that occur, by `keras.metrics.MeanIoU`.

    In training, `keras.metrics.MeanIoU(classes, sparse_y_pred=False)` in `compile` gives the same
    number; this function also refuses what Keras leaves out in silence.

    Args:
        true: Class ids, `(pictures, height, width)`.
        predicted: Class ids of the same shape, or probabilities with the classes as a last axis.
        classes: How many there are.
        ignore: An id in `true` that does not count, as 255 for "void".

    Returns:
        The mean over classes of |true and predicted| / |true or predicted|, 0 to 1.

    Raises:
        ValueError: Shapes do not agree, there is no picture, or an id is not among the classes.
    """
    return float(_fed_mean_iou(true, predicted, classes, ignore).result())


def dice(true: np.ndarray, predicted: np.ndarray, classes: int, ignore: int | None = None) -> float:
    """Dice coefficient, F1 of the pixels, of maps of class ids, averaged as `mean_iou`.

    Args:
        true: Class ids, `(pictures, height, width)`.
        predicted: Class ids of the same shape, or probabilities with the classes as a last axis.
        classes: How many there are.
        ignore: An id in `true` that does not count, as 255 for "void".

    Returns:
        The mean over classes of 2 |true and predicted| / (|true| + |predicted|), 0 to 1.

    Raises:
        ValueError: As `mean_iou`.
    """
    metric = _fed_mean_iou(true, predicted, classes, ignore)
    pairs = keras.ops.convert_to_numpy(metric.total_cm)
    either = pairs.sum(axis=0) + pairs.sum(axis=1)
    occurs = either > 0
    return float(np.mean(2 * pairs.diagonal()[occurs] / either[occurs])) if occurs.any() else 0.0


def _fed_mean_iou(
    true: np.ndarray, predicted: np.ndarray, classes: int, ignore: int | None
) -> keras.metrics.MeanIoU:
    true, predicted = np.asarray(true), np.asarray(predicted)
    if predicted.ndim == true.ndim + 1 and predicted.shape[-1] == classes:
        predicted = predicted.argmax(axis=-1)
    if true.ndim != 3 or true.shape != predicted.shape or not len(true):
        raise ValueError(
            "expected maps of class ids (pictures, height, width), at least one, and predictions "
            f"of that shape or with {classes} probabilities for each pixel, received "
            f"{true.shape} and {predicted.shape}"
        )
    counted = true if ignore is None else true[true != ignore]
    for name, ids in (("true", counted), ("predicted", predicted)):
        strange = np.setdiff1d(ids, range(classes))
        if len(strange):
            raise ValueError(
                f"expected {name} ids from 0 to {classes - 1}, received {strange[:5].tolist()}; "
                "name an id that does not count as ignore"
            )
    metric = keras.metrics.MeanIoU(classes, ignore_class=ignore)
    # Keras counts in float32, which is exact for one picture but not for millions of pixels more.
    for pair in zip(true, predicted, strict=True):
        metric.update_state(*pair)
    return metric


def _curve(
    truths: Pictures, predictions: Pictures, labels: list[int] | None, iou: float, masks: bool
) -> Curve:
    """Precision and recall of these classes, or of all, together."""
    if not 0 < iou <= 1:
        raise ValueError(f"expected an iou above 0 and at most 1, received {iou}")
    truths, predictions = _coco.read(truths, predictions, masks)
    if labels is None:
        every = [picture["labels"] for picture in [*truths, *predictions]]
        labels = np.unique(np.concatenate(every)).tolist()
    scores, right, objects = _coco.matches(truths, predictions, labels, iou, masks)
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], right[order].cumsum()
    # A threshold takes or leaves equal scores together; int8 detectors give many of them.
    last = np.flatnonzero(np.diff(scores, append=-np.inf))
    recall = right[last] / objects if objects else np.full(len(last), np.nan)
    return Curve(right[last] / (last + 1), recall, scores[last])


def _count(labels: np.ndarray, label: int | None) -> int:
    return len(labels) if label is None else int(np.sum(labels == label))


def _mean(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(known.mean()) if len(known) else float("nan")
