"""What Keras lacks to evaluate: COCO's AP, F1; IoU, Dice; few-shot accuracy; BLEU; samples."""

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
from thinkkeras.metrics.generation import (
    KernelDistance,
    Manifold,
    ModeCoverage,
    density_and_coverage,
    frechet_distance,
    importance_weighted_bound,
    kernel_distance,
    mode_coverage,
    nearest_examples,
    precision_and_recall,
    sharpness,
)
from thinkkeras.metrics.segmentation import dice, mean_iou
from thinkkeras.metrics.text import Bleu, bleu, edit_distance, error_rate

__all__ = [
    "Annotations",
    "Bleu",
    "Curve",
    "Distance",
    "FewShotAccuracy",
    "KernelDistance",
    "Manifold",
    "ModeCoverage",
    "average_precision",
    "best_threshold",
    "bleu",
    "counting_error",
    "counts",
    "density_and_coverage",
    "dice",
    "edit_distance",
    "error_rate",
    "few_shot_accuracy",
    "frechet_distance",
    "importance_weighted_bound",
    "kernel_distance",
    "mean_iou",
    "mode_coverage",
    "nearest_examples",
    "pair_distances",
    "precision_and_recall",
    "precision_recall",
    "sharpness",
    "squared_euclidean",
]
