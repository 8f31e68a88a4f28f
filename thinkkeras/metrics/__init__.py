"""What Keras lacks to evaluate: COCO's AP, F1, counts; IoU, Dice; few-shot accuracy."""

from thinkkeras.metrics._coco import Annotations
from thinkkeras.metrics.detection import (
    Curve,
    average_precision,
    best_threshold,
    counting_error,
    counts,
    precision_recall,
)
from thinkkeras.metrics.few_shot import (
    Distance,
    FewShotAccuracy,
    few_shot_accuracy,
    pair_distances,
    squared_euclidean,
)
from thinkkeras.metrics.segmentation import dice, mean_iou

__all__ = [
    "Annotations",
    "Curve",
    "Distance",
    "FewShotAccuracy",
    "average_precision",
    "best_threshold",
    "counting_error",
    "counts",
    "dice",
    "few_shot_accuracy",
    "mean_iou",
    "pair_distances",
    "precision_recall",
    "squared_euclidean",
]
