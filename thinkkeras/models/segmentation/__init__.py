"""Semantic segmenters: a class for every pixel."""

from thinkkeras.models.segmentation.deeplab_v3_plus import deeplab_v3_plus
from thinkkeras.models.segmentation.unet import unet

__all__ = ["deeplab_v3_plus", "unet"]
