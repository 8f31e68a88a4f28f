"""The convolutional blocks: their shapes and layers."""

import keras

from thinkkeras.models.blocks import conv_block, separable_block


def test_conv_block_has_named_parts_and_strides():
    x = keras.Input((9, 12, 3))
    y = conv_block(x, 7, kernel_size=5, strides=2, activation="relu6", name="stem")
    assert y.shape == (None, 5, 6, 7)
    model = keras.Model(x, y)
    assert [layer.name for layer in model.layers[1:]] == ["stem_conv", "stem_bn", "stem_relu6"]
    assert model.get_layer("stem_conv").kernel.shape == (5, 5, 3, 7)
    assert not model.get_layer("stem_conv").use_bias


def test_separable_block_has_named_parts():
    x = keras.Input((9, 12, 3))
    model = keras.Model(x, separable_block(x, 7, strides=2, name="a"))
    assert model.output_shape == (None, 5, 6, 7)
    assert [layer.name for layer in model.layers[1:]] == [
        f"a_{half}{part}" for half in ("depthwise", "pointwise") for part in ("", "_bn", "_relu")
    ]
