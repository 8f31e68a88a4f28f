"""Figures for lessons and reports: each function draws one, writes it as PNG and returns it."""

from thinkkeras.plots.classification import class_samples, confusion_matrix, prediction_gallery
from thinkkeras.plots.detection import (
    OBJECT_COLOURS,
    count_scatter,
    detection_gallery,
    draw_detections,
    precision_recall_curves,
)
from thinkkeras.plots.style import BLUE, GREY, RED, PathLike, plain, save, show_image
from thinkkeras.plots.training import learning_curves

__all__ = [
    "BLUE",
    "GREY",
    "OBJECT_COLOURS",
    "RED",
    "PathLike",
    "class_samples",
    "confusion_matrix",
    "count_scatter",
    "detection_gallery",
    "draw_detections",
    "learning_curves",
    "plain",
    "precision_recall_curves",
    "prediction_gallery",
    "save",
    "show_image",
]
