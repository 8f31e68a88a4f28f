"""Functional model builders, in the vocabulary of `keras.applications`."""

from thinkkeras.models.convnet import conv_block, convnet
from thinkkeras.models.ds_cnn import ds_cnn, separable_block

__all__ = ["conv_block", "convnet", "ds_cnn", "separable_block"]
