"""Blocks to build architectures of: functions from tensors to tensors, their layers named.

A block takes feature maps (or features) and a `name`, the prefix of its layers' names, and returns
what its last layer gives. Models are made of these, and so can be new ones.
"""

from thinkkeras.models.blocks.classifier import classifier_top, pooled, preprocess
from thinkkeras.models.blocks.concatenation import (
    densely_connected_block,
    fire_module,
    inception_block,
    transition_block,
)
from thinkkeras.models.blocks.convolution import conv_block, conv_relu, separable_block
from thinkkeras.models.blocks.dense import dense_block
from thinkkeras.models.blocks.heads import PRIOR_LOGIT, detection_head, shared_head
from thinkkeras.models.blocks.normalization import batch_norm_relu
from thinkkeras.models.blocks.pyramid import feature_pyramid
from thinkkeras.models.blocks.residual import (
    bottleneck_block,
    inverted_residual_block,
    residual_block,
    squeeze_excitation_block,
)
from thinkkeras.models.blocks.upsampling import growing_maps, maps_from_code, upsample

__all__ = [
    "PRIOR_LOGIT",
    "batch_norm_relu",
    "bottleneck_block",
    "classifier_top",
    "conv_block",
    "conv_relu",
    "dense_block",
    "densely_connected_block",
    "detection_head",
    "feature_pyramid",
    "fire_module",
    "growing_maps",
    "inception_block",
    "inverted_residual_block",
    "maps_from_code",
    "pooled",
    "preprocess",
    "residual_block",
    "separable_block",
    "shared_head",
    "squeeze_excitation_block",
    "transition_block",
    "upsample",
]
