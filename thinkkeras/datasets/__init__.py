"""Input pipelines: real images offline, and TFDS's sets by name, with labels, boxes or masks."""

from thinkkeras.datasets.augmentation import augmented
from thinkkeras.datasets.classification import DatasetInfo, as_arrays, load
from thinkkeras.datasets.detection import DetectionInfo, load_detection

__all__ = ["DatasetInfo", "DetectionInfo", "as_arrays", "augmented", "load", "load_detection"]
