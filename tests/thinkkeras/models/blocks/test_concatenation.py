"""Blocks of several branches: their shapes, layers and parameters, counted by hand."""

import keras
import numpy as np
import pytest

from thinkkeras.models.blocks import (
    densely_connected_block,
    fire_module,
    inception_block,
    transition_block,
)

X = (8, 6, 192)


def test_inception_block_3a_of_googlenet():
    x = keras.Input(X)
    model = keras.Model(x, inception_block(x, (64, 96, 128, 16, 32, 32), name="3a"))
    assert model.output_shape == (None, 8, 6, 256)
    # The paper's table 1 has 159 thousand, without the biases.
    kernels = 192 * (64 + 96 + 16 + 32) + 9 * 96 * 128 + 25 * 16 * 32
    assert model.count_params() == kernels + 64 + 96 + 128 + 16 + 32 + 32 == 163_696
    convolutions = {layer.name for layer in model.layers if layer.weights}
    assert convolutions == {
        f"3a_{part}" for part in ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj")
    }
    # The branches lie in the order of the filters: the last one sees the pooled maps.
    model.get_layer("3a_pool_proj").set_weights([np.ones((1, 1, 192, 32)), np.zeros(32)])
    maps = np.zeros((1, 8, 6, 192), "float32")
    maps[0, 4, 3, 0] = 1
    np.testing.assert_array_equal(np.argwhere(model(maps)[0, :, :, 255])[[0, -1]], [[3, 2], [5, 4]])


def test_normalized_convolutions_have_no_bias():
    x = keras.Input(X)
    block = inception_block(x, (8, 4, 8, 4, 8, 8), batch_normalization=True, name="a")
    model = keras.Model(x, block)
    kernels = 192 * (8 + 4 + 4 + 8) + 9 * 4 * 8 + 25 * 4 * 8
    assert model.count_params() == kernels + 4 * (8 + 4 + 8 + 4 + 8 + 8)


def test_fire_module():
    x = keras.Input((5, 7, 3))
    model = keras.Model(x, fire_module(x, 2, 4, name="fire2"))
    assert model.output_shape == (None, 5, 7, 8)
    assert model.count_params() == (3 * 2 + 2) + (2 * 4 + 4) + (9 * 2 * 4 + 4)
    assert [layer.name for layer in model.layers if layer.weights] == [
        "fire2_squeeze",
        "fire2_expand1x1",
        "fire2_expand3x3",
    ]


def test_densely_connected_block_keeps_what_it_is_given():
    x = keras.Input((4, 4, 6))
    model = keras.Model(x, densely_connected_block(x, 2, 3, name="block"))
    assert model.output_shape == (None, 4, 4, 12)
    by_hand = sum(4 * c + c * 12 + 4 * 12 + 9 * 12 * 3 for c in (6, 9))
    assert model.count_params() == by_hand
    maps = np.random.default_rng(0).normal(size=(2, 4, 4, 6)).astype("float32")
    np.testing.assert_array_equal(model(maps)[..., :6], maps)


def test_transition_block_halves():
    x = keras.Input((5, 8, 6))
    model = keras.Model(x, transition_block(x, name="transition"))
    assert model.output_shape == (None, 2, 4, 3)
    assert model.count_params() == 4 * 6 + 6 * 3


@pytest.mark.parametrize("filters", [(1, 2, 3), (1, 2, 3, 4, 5, 0)])
def test_an_inception_block_takes_six_filters(filters):
    with pytest.raises(ValueError, match="six positive filters, received"):
        inception_block(keras.Input(X), filters, name="a")
