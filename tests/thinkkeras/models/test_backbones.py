"""Backbones: the small one of keras-cv, and the feature maps of any."""

import keras
import numpy as np

from thinkkeras.models import convnet, lite_backbone
from thinkkeras.models.backbones import feature_maps


def mobilenet(input_shape):
    return keras.applications.MobileNetV2(input_shape, alpha=0.35, include_top=False, weights=None)


def test_backbone_has_its_documented_size_and_levels():
    backbone = lite_backbone((64, 96, 3))
    assert backbone.count_params() == 157_888
    assert "157,888" in lite_backbone.__doc__
    levels = backbone.pyramid_level_inputs
    assert list(levels) == ["P1", "P2", "P3", "P4", "P5"]
    shapes = [backbone.get_layer(layer).output.shape[1:] for layer in levels.values()]
    assert shapes == [(32, 48, 16), (16, 24, 16), (8, 12, 24), (4, 6, 48), (2, 3, 96)]
    assert backbone.output_shape == (None, 2, 3, 96)
    thin = lite_backbone((64, 96, 3), alpha=0.5)
    assert thin.output_shape[-1] == 48
    # Nothing but what every device has.
    kinds = {type(operation).__name__ for operation in backbone.operations}
    plain = {"InputLayer", "Rescaling", "ZeroPadding2D", "Conv2D", "DepthwiseConv2D"}
    assert kinds == plain | {"BatchNormalization", "Activation", "Add"}
    activations = {x.activation for x in backbone.layers if isinstance(x, keras.layers.Activation)}
    assert activations == {keras.activations.relu6}


def test_last_map_of_each_resolution_of_mobilenet():
    backbone = mobilenet((64, 96, 3))
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3)).astype("float32")
    maps = feature_maps(backbone, keras.ops.convert_to_tensor(images))
    names = {2: "block_1_expand_relu", 4: "block_3_expand_relu", 8: "block_6_expand_relu"}
    names |= {16: "block_13_expand_relu", 32: "out_relu"}
    assert list(maps) == list(names)
    for stride, name in names.items():
        expected = keras.Model(backbone.input, backbone.get_layer(name).output)(images)
        assert expected.shape[1:3] == (64 // stride, 96 // stride)
        np.testing.assert_array_equal(maps[stride], expected)


def test_last_map_of_each_resolution_of_a_convnet_and_no_rescaled_pixels():
    net = convnet((32, 48, 3), 10, filters=(4, (6, 8), 10))
    trunk = keras.Model(net.input, net.get_layer("stage3_block1_relu").output)
    maps = feature_maps(trunk, keras.Input((32, 48, 3)))
    shapes = {stride: x.shape[1:] for stride, x in maps.items()}
    assert shapes == {1: (32, 48, 4), 2: (16, 24, 8), 4: (8, 12, 10)}
    # Its first convolution halves the image at once.
    assert 1 not in feature_maps(mobilenet((32, 32, 3)), keras.Input((32, 32, 3)))
