"""Image classifiers, one module a family."""

from thinkkeras.models.classification.convnet import convnet
from thinkkeras.models.classification.ds_cnn import ds_cnn

__all__ = ["convnet", "ds_cnn"]
