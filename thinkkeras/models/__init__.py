"""Functional model builders, in the vocabulary of `keras.applications`."""

from thinkkeras.models.convnet import conv_block, convnet
from thinkkeras.models.deeplab_v3_plus import deeplab_v3_plus
from thinkkeras.models.ds_cnn import ds_cnn, separable_block
from thinkkeras.models.edge_model import edge_model
from thinkkeras.models.mlp import dense_block, mlp
from thinkkeras.models.residual_net import residual_block, residual_net
from thinkkeras.models.retinanet import retinanet
from thinkkeras.models.unet import unet
from thinkkeras.models.yolact_tiny import yolact_tiny
from thinkkeras.models.yolo_tiny import describe, feature_pyramid, yolo_tiny
from thinkkeras.models.yolo_v8 import yolo_v8

__all__ = [
    "conv_block",
    "convnet",
    "deeplab_v3_plus",
    "dense_block",
    "describe",
    "ds_cnn",
    "edge_model",
    "feature_pyramid",
    "mlp",
    "residual_block",
    "residual_net",
    "retinanet",
    "separable_block",
    "unet",
    "yolact_tiny",
    "yolo_tiny",
    "yolo_v8",
]
