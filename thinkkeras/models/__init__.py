"""Functional model builders, in the vocabulary of `keras.applications`."""

from thinkkeras.models.convnet import conv_block, convnet

__all__ = ["conv_block", "convnet"]
