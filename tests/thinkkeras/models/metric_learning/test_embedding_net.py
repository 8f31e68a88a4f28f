"""The encoder: its size against the literature's, its pixels, its errors."""

import keras
import numpy as np
import pytest

import deploy
from thinkkeras.datasets import load_characters
from thinkkeras.inspection import multiply_accumulates
from thinkkeras.models import embedding_net


def test_default_size_is_the_literatures_without_idle_biases():
    model = embedding_net()
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trainable == 111_936 - 4 * 64
    assert model.count_params() == trainable + 4 * 2 * 64  # moving averages
    assert model.output_shape == (None, 64)
    by_hand = 784 * 9 * 64 + (196 + 49 + 9) * 9 * 64 * 64
    assert multiply_accumulates(model) == by_hand == 9_815_040
    for figure in ("111,680", "111,936", "9.82"):
        assert figure in embedding_net.__doc__


@pytest.mark.parametrize(
    ("input_shape", "filters", "dimensions"),
    [
        ((28, 28, 1), (16, 32, 48, 64), 64),
        ((28, 28, 1), (8, 8, 8), 3 * 3 * 8),
        ((84, 84, 3), (64, 64, 64, 64), 5 * 5 * 64),
        ((20, 34, 2), [4, (5, 6)], 5 * 8 * 6),
    ],
)
def test_embedding_size(input_shape, filters, dimensions):
    model = embedding_net(input_shape, filters=filters, name="mine")
    assert model.name == "mine" and model.input_shape == (None, *input_shape)
    assert model.output_shape == (None, dimensions)


def test_white_paper_is_zero_and_ink_is_one():
    model = embedding_net((16, 16, 1))
    rescaled = keras.Model(model.input, model.get_layer("rescaling").output)
    page = np.full((1, 16, 16, 1), 255, "float32")
    page[0, 3, 4] = 0
    page[0, 5, 6] = 51
    ink = keras.ops.convert_to_numpy(rescaled(page))
    assert np.abs(ink[0, 3, 4] - 1).max() < 1e-6 and np.abs(ink[0, 5, 6] - 0.8).max() < 1e-6
    assert np.abs(ink).sum() < 1.8 + 1e-4


def test_saved_model_is_the_same(tmp_path):
    model = embedding_net((16, 16, 1), filters=(4, 8))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1)).astype("float32")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(pixels), model(pixels))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (28, 28)}, r"three positive integers, received \(28, 28\)"),
        ({"filters": ()}, r"one positive entry or more per stage, received \[\]"),
        ({"filters": (8, 0)}, r"received \[\(8,\), \(0,\)\]"),
        ({"input_shape": (28, 12, 1)}, "at least 16x16 pixels for 4 stages, received 28x12; pass"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        embedding_net(**arguments)


@pytest.mark.slow
def test_all_of_it_runs_in_int8(tmp_path):
    """From pixels to the embedding, without a float operator; the weights are random."""
    keras.utils.set_random_seed(0)
    drawings = load_characters("drawn")[2].images[:, :5].reshape(-1, 28, 28, 1).astype("float32")
    card = deploy.export(
        embedding_net(filters=(16, 32, 64, 64)),
        "cortex-m",
        out=tmp_path / "bundle",
        calibration=drawings,
        verbose=0,
    )
    assert card["inputs"][0]["dtype"] == card["outputs"][0]["dtype"] == "int8"
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(card["ops"]) and card["ops"]["CONV_2D"] == 4
    assert card["parity"]["sqnr_db"] > 30
    assert card["memory"]["arena_bytes"] < 24_000
