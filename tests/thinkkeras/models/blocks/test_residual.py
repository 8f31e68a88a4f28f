"""Residual blocks, computed and counted by hand."""

import keras
import numpy as np
import pytest

from thinkkeras.models.blocks import (
    bottleneck_block,
    inverted_residual_block,
    residual_block,
    squeeze_excitation_block,
)

MAPS = np.random.default_rng(0).normal(size=(2, 6, 8, 4)).astype("float32")


def on_maps(block, *arguments, **options):
    x = keras.Input(MAPS.shape[1:])
    return keras.Model(x, block(x, *arguments, name="block", **options))


def silenced(model, kernel):
    """The model with this kernel at zero."""
    model.get_layer(kernel).kernel.assign(np.zeros(model.get_layer(kernel).kernel.shape))
    return np.asarray(model(MAPS))


def test_a_block_adds_to_what_it_is_given():
    x = keras.Input((5, 7, 3))
    model = keras.Model(x, residual_block(x, name="block"))
    names = ["1_conv", "1_bn", "1_relu", "2_conv", "2_bn", "2_linear", "add", "relu"]
    assert [layer.name for layer in model.layers[1:]] == [f"block_{name}" for name in names]
    maps = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")
    both = keras.Model(x, [model.get_layer("block_2_linear").output, model.output])
    added, received = both(maps)
    assert np.min(added) < -0.1
    np.testing.assert_allclose(received, np.maximum(maps + added, 0), atol=1e-6)
    # Without kernels nothing is left to add.
    model.get_layer("block_2_conv").set_weights([np.zeros((3, 3, 3, 3))])
    np.testing.assert_array_equal(model(maps), np.maximum(maps, 0))


def test_version_2_leaves_the_way_free():
    model = on_maps(residual_block, version=2)
    names = ["1_bn", "1_relu", "1_conv", "2_bn", "2_relu", "2_conv", "add"]
    assert [layer.name for layer in model.layers[1:]] == [f"block_{name}" for name in names]
    np.testing.assert_array_equal(silenced(model, "block_2_conv"), MAPS)


def test_a_padded_shortcut_has_no_parameters():
    model = on_maps(residual_block, 6, strides=2, shortcut="padding")
    assert model.count_params() == 9 * 4 * 6 + 9 * 6 * 6 + 2 * 4 * 6
    expected = np.zeros((2, 3, 4, 6), "float32")
    expected[..., :4] = np.maximum(MAPS[:, ::2, ::2], 0)
    np.testing.assert_array_equal(silenced(model, "block_2_conv"), expected)


@pytest.mark.parametrize("version", [1, 2])
def test_a_plain_block_has_no_way_around(version):
    model = on_maps(residual_block, 6, strides=2, version=version, shortcut=None)
    assert model.output_shape == (None, 3, 4, 6)
    assert not [layer for layer in model.layers if isinstance(layer, keras.layers.Add)]
    np.testing.assert_array_equal(silenced(model, "block_2_conv"), np.zeros((2, 3, 4, 6)))


@pytest.mark.parametrize(
    ("version", "parameters"),
    [
        # Kernels, biases, four numbers a normalized map; the projection's included.
        (1, (4 * 2 + 9 * 4 + 2 * 8 + 4 * 8) + (2 + 2 + 8 + 8) + 4 * (2 + 2 + 8 + 8)),
        (2, (4 * 2 + 9 * 4 + 2 * 8 + 4 * 8) + (8 + 8) + 4 * (4 + 2 + 2)),
    ],
)
def test_bottleneck_block(version, parameters):
    model = on_maps(bottleneck_block, 2, strides=2, version=version, projection=True)
    assert model.output_shape == (None, 3, 4, 8)
    assert model.count_params() == parameters
    same = on_maps(bottleneck_block, 1, version=version)
    way = MAPS if version == 2 else np.maximum(MAPS, 0)
    np.testing.assert_array_equal(silenced(same, "block_3_conv"), way)


def test_inverted_residual_block():
    model = on_maps(inverted_residual_block, 4, expansion=3, kernel_size=5, squeeze_excitation=2)
    kernels = 4 * 12 + 25 * 12 + 12 * 4
    squeeze = 12 * 2 + 2 + 2 * 12 + 12
    assert model.count_params() == kernels + squeeze + 4 * (12 + 12 + 4)
    np.testing.assert_array_equal(silenced(model, "block_project_conv"), MAPS)
    for other in ({"strides": 2}, {"filters": 5}):
        model = on_maps(inverted_residual_block, **({"filters": 4, "expansion": 1} | other))
        assert "block_add" not in [layer.name for layer in model.layers]
        assert model.output_shape[1] == 6 // other.get("strides", 1)


def test_squeeze_and_excitation_weighs_maps():
    model = on_maps(squeeze_excitation_block, 3)
    w1, b1, w2, b2 = model.get_weights()
    hidden = np.maximum(MAPS.mean(axis=(1, 2)) @ w1[0, 0] + b1, 0)
    weights = np.clip((hidden @ w2[0, 0] + b2) / 6 + 0.5, 0, 1)
    np.testing.assert_allclose(model(MAPS), MAPS * weights[:, None, None], atol=1e-6)
