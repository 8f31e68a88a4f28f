"""Figures for lessons and reports: each function draws one, writes it as PNG and returns it."""

from thinkkeras.plots.classification import class_samples, confusion_matrix, prediction_gallery
from thinkkeras.plots.detection import (
    OBJECT_COLOURS,
    count_scatter,
    detection_gallery,
    draw_detections,
    precision_recall_curves,
)
from thinkkeras.plots.features import (
    attention_maps,
    feature_maps,
    learned_filters,
    nearest_neighbours,
)
from thinkkeras.plots.images import image_rows
from thinkkeras.plots.sequences import (
    attention_map,
    sequence_logos,
    spectrograms,
    symbol_probabilities,
    word_weights,
)
from thinkkeras.plots.style import BLUE, GREY, RED, PathLike, plain, save, show_image
from thinkkeras.plots.training import learning_curves

__all__ = [
    "BLUE",
    "GREY",
    "OBJECT_COLOURS",
    "RED",
    "PathLike",
    "attention_map",
    "attention_maps",
    "class_samples",
    "confusion_matrix",
    "count_scatter",
    "detection_gallery",
    "draw_detections",
    "feature_maps",
    "image_rows",
    "learned_filters",
    "learning_curves",
    "nearest_neighbours",
    "plain",
    "precision_recall_curves",
    "prediction_gallery",
    "save",
    "sequence_logos",
    "show_image",
    "spectrograms",
    "symbol_probabilities",
    "word_weights",
]
