"""What Keras lacks to evaluate: COCO's AP, F1, counts; IoU, Dice; few-shot accuracy; BLEU."""

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
from thinkkeras.metrics.text import Bleu, bleu, edit_distance, error_rate

__all__ = [
    "Annotations",
    "Bleu",
    "Curve",
    "Distance",
    "FewShotAccuracy",
    "average_precision",
    "best_threshold",
    "bleu",
    "counting_error",
    "counts",
    "dice",
    "edit_distance",
    "error_rate",
    "few_shot_accuracy",
    "mean_iou",
    "pair_distances",
    "precision_recall",
    "squared_euclidean",
]
