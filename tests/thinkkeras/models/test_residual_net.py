"""The backbone: sizes counted by hand, blocks, arguments, saving."""

import keras
import numpy as np
import pytest

from thinkkeras.models import residual_net


def counted_by_hand(channels, filters, blocks):
    """3x3 kernels without bias, four numbers per normalized map; two of them in a block."""
    total, before = 0, channels
    for width, count in zip(filters, blocks, strict=True):
        total += 9 * before * width + 4 * width + 2 * count * (9 * width * width + 4 * width)
        before = width
    return total


def test_default_size_is_the_documented_one():
    model = residual_net()
    by_hand = counted_by_hand(3, (16, 32, 48, 64, 64), (0, 0, 1, 1, 0))
    assert model.count_params() == 200_368 == by_hand
    assert "200,368" in residual_net.__doc__
    assert model.input_shape == (None, 256, 256, 3)
    assert model.output_shape == (None, 8, 8, 64)


@pytest.mark.parametrize(
    ("input_shape", "filters", "blocks", "last_map"),
    [
        ((64, 96, 3), (4, 6, 8), (2, 0, 1), (8, 12, 8)),
        ((256, 320, 3), [8, 8, 8, 8, 8], [0, 0, 0, 0, 3], (8, 10, 8)),
        ((33, 20, 1), (5,), (1,), (17, 10, 5)),
    ],
)
def test_parameters_and_shapes(input_shape, filters, blocks, last_map):
    model = residual_net(input_shape, filters=filters, blocks=blocks, name="mine")
    assert model.name == "mine"
    assert model.output_shape == (None, *last_map)
    assert model.count_params() == counted_by_hand(input_shape[2], filters, blocks)


def test_stages_halve_and_have_named_blocks():
    model = residual_net((64, 96, 3), filters=(4, 6, 8), blocks=(0, 2, 0))
    ends = {
        "stage1_relu": (32, 48, 4),
        "stage2_block2_relu": (16, 24, 6),
        "stage3_relu": (8, 12, 8),
    }
    assert {name: model.get_layer(name).output.shape[1:] for name in ends} == ends
    strides = {
        layer.name: layer.strides
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.strides != (1, 1)
    }
    assert strides == {f"stage{stage}_conv": (2, 2) for stage in (1, 2, 3)}


def test_saved_model_is_the_same(tmp_path):
    model = residual_net((32, 48, 3), filters=(4, 6), blocks=(1, 1))
    pixels = np.random.default_rng(1).integers(0, 256, (2, 32, 48, 3)).astype("float32")
    rescaled = keras.Model(model.input, model.get_layer("rescaling").output)
    np.testing.assert_allclose(rescaled(pixels), pixels / 255, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(pixels), model(pixels))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (64, 64)}, r"three positive integers, received \(64, 64\)"),
        ({"input_shape": (None, 64, 3)}, r"received \(None, 64, 3\)"),
        ({"filters": (8, 16)}, r"as many of both, received filters=\(8, 16\) and blocks=\(0, 0, 1"),
        ({"filters": (), "blocks": ()}, r"received filters=\(\) and blocks=\(\)"),
        (
            {"filters": (8, 0), "blocks": (0, 0)},
            r"filters of at least 1 .* received filters=\(8, 0",
        ),
        ({"filters": (8,), "blocks": (-1,)}, r"blocks of at least 0, .* blocks=\(-1,\)"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        residual_net(**arguments)
