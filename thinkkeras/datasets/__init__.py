"""Input pipelines: real images offline, and TFDS's sets by name, with labels, boxes or masks."""

from thinkkeras.datasets.augmentation import augmented
from thinkkeras.datasets.characters import Characters, load_characters, rotated_as_classes
from thinkkeras.datasets.classification import DatasetInfo, as_arrays, load
from thinkkeras.datasets.detection import DetectionInfo, load_detection
from thinkkeras.datasets.episodes import episodes, pairs

__all__ = [
    "Characters",
    "DatasetInfo",
    "DetectionInfo",
    "as_arrays",
    "augmented",
    "episodes",
    "load",
    "load_characters",
    "load_detection",
    "pairs",
    "rotated_as_classes",
]
