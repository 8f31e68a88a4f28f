"""Metrics of semantic segmentation, over label maps: mean IoU and Dice."""

import keras
import numpy as np


def mean_iou(
    true: np.ndarray, predicted: np.ndarray, classes: int, ignore: int | None = None
) -> float:
    """IoU of label maps, averaged over the classes that occur, by `keras.metrics.MeanIoU`.

    In training, `keras.metrics.MeanIoU(classes, sparse_y_pred=False)` in `compile` gives the same
    number; this function also refuses what Keras leaves out in silence.

    Args:
        true: Label maps, the class id of each pixel, `(images, height, width)`.
        predicted: Class ids of the same shape, or probabilities with the classes as a last axis.
        classes: Number of classes.
        ignore: An id in `true` that does not count, as 255 for "void".

    Returns:
        The mean over classes of |true and predicted| / |true or predicted|, 0 to 1.

    Raises:
        ValueError: Shapes do not agree, there is no image, or an id is not among the classes.
    """
    return float(_fed_mean_iou(true, predicted, classes, ignore).result())


def dice(true: np.ndarray, predicted: np.ndarray, classes: int, ignore: int | None = None) -> float:
    """Dice coefficient, F1 of the pixels, of label maps, averaged as `mean_iou`.

    Args:
        true: Label maps, the class id of each pixel, `(images, height, width)`.
        predicted: Class ids of the same shape, or probabilities with the classes as a last axis.
        classes: Number of classes.
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
            "expected label maps (images, height, width), at least one, and predictions "
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
    # Keras counts in float32, which is exact for one image but not for millions of pixels more.
    for pair in zip(true, predicted, strict=True):
        metric.update_state(*pair)
    return metric
