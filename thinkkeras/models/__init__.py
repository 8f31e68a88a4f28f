"""Functional model builders, in the vocabulary of `keras.applications`.

They are made of the blocks in `thinkkeras.models.blocks`.
"""

from thinkkeras.models.backbones import lite_backbone
from thinkkeras.models.classification import (
    alexnet,
    convnet,
    densenet,
    ds_cnn,
    efficientnet_lite0,
    googlenet,
    lenet5,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    resnet,
    squeezenet,
    vgg,
)
from thinkkeras.models.detection import (
    decoding_config,
    edge_model,
    retinanet,
    yolact_tiny,
    yolo_tiny,
    yolo_v8,
)
from thinkkeras.models.image_to_image import style_net
from thinkkeras.models.metric_learning import (
    embedding_net,
    prototypical_logits,
    siamese_net,
)
from thinkkeras.models.mlp import mlp
from thinkkeras.models.residual_net import residual_net
from thinkkeras.models.segmentation import deeplab_v3_plus, unet

__all__ = [
    "vgg",
    "squeezenet",
    "resnet",
    "mobilenet_v3",
    "mobilenet_v2",
    "mobilenet_v1",
    "lenet5",
    "googlenet",
    "efficientnet_lite0",
    "densenet",
    "alexnet",
    "convnet",
    "decoding_config",
    "deeplab_v3_plus",
    "ds_cnn",
    "edge_model",
    "embedding_net",
    "lite_backbone",
    "mlp",
    "prototypical_logits",
    "residual_net",
    "retinanet",
    "siamese_net",
    "style_net",
    "unet",
    "yolact_tiny",
    "yolo_tiny",
    "yolo_v8",
]
