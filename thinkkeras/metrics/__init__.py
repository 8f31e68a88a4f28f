"""What Keras lacks to evaluate detectors and segmenters: COCO's AP, F1, counts, IoU, Dice."""

from thinkkeras.metrics._coco import Annotations
from thinkkeras.metrics.detection import (
    Curve,
    average_precision,
    best_threshold,
    counting_error,
    counts,
    precision_recall,
)
from thinkkeras.metrics.segmentation import dice, mean_iou

__all__ = [
    "Annotations",
    "Curve",
    "average_precision",
    "best_threshold",
    "counting_error",
    "counts",
    "dice",
    "mean_iou",
    "precision_recall",
]
