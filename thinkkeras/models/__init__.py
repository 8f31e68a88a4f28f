"""Functional model builders, in the vocabulary of `keras.applications`."""

from thinkkeras.models.convnet import conv_block, convnet
from thinkkeras.models.ds_cnn import ds_cnn, separable_block
from thinkkeras.models.mlp import dense_block, mlp

__all__ = ["conv_block", "convnet", "dense_block", "ds_cnn", "mlp", "separable_block"]
