"""Input pipelines: real images offline, and TFDS's image-classification sets by name."""

from thinkkeras.datasets.classification import DatasetInfo, as_arrays, augmented, load

__all__ = ["DatasetInfo", "as_arrays", "augmented", "load"]
