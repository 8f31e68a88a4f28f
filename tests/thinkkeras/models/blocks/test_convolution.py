"""The convolutional blocks: their shapes and layers."""

import keras
import numpy as np
import pytest

from thinkkeras.models.blocks import conv_block, conv_relu, separable_block


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


@pytest.mark.parametrize(
    ("normalized", "names", "parameters"),
    [(False, ["a"], 25 * 3 * 7 + 7), (True, ["a", "a_bn", "a_relu"], 25 * 3 * 7 + 4 * 7)],
)
def test_conv_relu_has_a_bias_or_a_normalization(normalized, names, parameters):
    x = keras.Input((9, 12, 3))
    y = conv_relu(x, 7, 5, strides=2, padding="valid", batch_normalization=normalized, name="a")
    model = keras.Model(x, y)
    assert model.output_shape == (None, 3, 4, 7)
    assert [layer.name for layer in model.layers[1:]] == names
    assert model.count_params() == parameters
    maps = np.random.default_rng(0).normal(size=(1, 9, 12, 3)).astype("float32")
    assert np.min(model(maps)) == 0 < np.max(model(maps))


def test_symmetric_padding_is_alike_on_both_sides():
    x = keras.Input((6, 6, 1))
    model = keras.Model(x, conv_block(x, 1, strides=2, padding="symmetric", name="a"))
    # The kernel sees every other pixel, those of odd rows and columns, with its last element.
    kernel = np.zeros((3, 3, 1, 1), "float32")
    kernel[2, 2] = 1
    convolution = model.get_layer("a_conv")
    convolution.set_weights([kernel])
    maps = np.arange(36, dtype="float32").reshape(1, 6, 6, 1)
    found = keras.Model(x, convolution.output)(maps)
    np.testing.assert_array_equal(found, maps[:, 1::2, 1::2])


def test_separable_block_saturates():
    x = keras.Input((4, 4, 2))
    model = keras.Model(x, separable_block(x, 3, max_value=6, name="a"))
    large = np.full((1, 4, 4, 2), 1e6, "float32")
    for half, shape in (("depthwise", (3, 3, 2, 1)), ("pointwise", (1, 1, 2, 3))):
        model.get_layer(f"a_{half}").kernel.assign(np.ones(shape))
    first = keras.Model(x, model.get_layer("a_depthwise_relu").output)
    assert np.max(first(large)) == 6
    assert np.max(model(large)) == 6
