"""The network of fast style transfer: the paper's layers, instance normalization, borders."""

from itertools import pairwise

import keras
import numpy as np
import pytest

import deploy
from thinkkeras.inspection import multiply_accumulates
from thinkkeras.models import style_net


def counted_by_hand(filters, blocks, channels=3):
    """Kernels with a bias, and two numbers for each normalized map."""
    pairs = [(81, channels, filters[0])]
    pairs += [(9, *pair) for pair in pairwise(filters)]
    pairs += [(9, filters[-1], filters[-1])] * (2 * blocks)
    pairs += [(9, *pair) for pair in pairwise(filters[::-1])]
    total = sum(taps * before * after + 3 * after for taps, before, after in pairs)
    return total + 81 * filters[0] * channels + channels


def test_default_is_johnsons():
    model = style_net()
    # Of PyTorch's `fast_neural_style` example, the paper's layers with instance normalization.
    assert model.count_params() == 1_679_235 == counted_by_hand((32, 64, 128), 5)
    assert model.input_shape == model.output_shape == (None, 256, 256, 3)
    assert multiply_accumulates(model) == 10_078_912_512
    assert "1,679,235" in style_net.__doc__ and "10.08 G" in style_net.__doc__


@pytest.mark.parametrize(
    ("input_shape", "filters", "blocks"),
    [((32, 48, 3), (4, 6, 8), 1), ((24, 16, 1), [5], 0), ((16, 24, 3), (4, 6), 2)],
)
def test_parameters_shapes_and_range(input_shape, filters, blocks):
    model = style_net(input_shape, filters=filters, blocks=blocks, name="mine")
    assert model.name == "mine"
    assert model.count_params() == counted_by_hand(filters, blocks, input_shape[-1])
    random = np.random.default_rng(0)
    pictures = model.predict(random.uniform(0, 255, (2, *input_shape)), verbose=0)
    assert pictures.shape == (2, *input_shape)
    assert 0 <= pictures.min() < pictures.max() <= 255


def test_instance_normalization_and_mirrored_borders():
    """Each map of each picture on its own, after a convolution of the mirrored picture."""
    model = style_net((12, 16, 3), filters=(4,), blocks=0)
    random = np.random.default_rng(1)
    images = random.uniform(0, 255, (2, 12, 16, 3)).astype("float32")
    images[1] = images[1] / 10 + 30  # statistics over the batch would mix the two
    kernel, bias = model.get_layer("stem_conv").get_weights()
    gamma, beta = random.uniform(0.5, 2, 4), random.uniform(-1, 1, 4)
    model.get_layer("stem_norm").set_weights([gamma, beta])
    mirrored = np.pad(images / 127.5 - 1, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, (9, 9), axis=(1, 2))
    maps = np.einsum("nhwcij,ijcf->nhwf", windows, kernel) + bias
    mean, variance = maps.mean(axis=(1, 2), keepdims=True), maps.var(axis=(1, 2), keepdims=True)
    expected = np.maximum((maps - mean) / np.sqrt(variance + 1e-5) * gamma + beta, 0)
    stem = keras.Model(model.input, model.get_layer("stem_relu").output)
    np.testing.assert_allclose(stem.predict(images, verbose=0), expected, atol=1e-4)


def test_weights_suit_another_size():
    small, large, another = (
        style_net(shape, filters=(4, 6), blocks=1)
        for shape in ((16, 16, 3), (32, 24, 3), (16, 16, 3))
    )
    generator = np.random.default_rng(0)
    # Biases too: of a flat image nothing else is left.
    for model in (small, another):
        model.set_weights([generator.normal(0, 0.5, w.shape) for w in model.get_weights()])
    large.set_weights(small.get_weights())
    flat = np.full((1, 16, 16, 3), 90.0), np.full((1, 32, 24, 3), 90.0)
    one, other = small.predict(flat[0], verbose=0), large.predict(flat[1], verbose=0)
    # In pixels of 0-255. A flat image has no deviation but that of rounding, which normalization
    # enlarges 300 times, and convolution routines round as they like.
    np.testing.assert_allclose(one[0, 0, 0], other[0, 31, 23], atol=1)
    assert np.abs(one[0, 0, 0] - another.predict(flat[0], verbose=0)[0, 0, 0]).max() > 2


def test_saved_model_is_the_same(tmp_path):
    model = style_net((16, 24, 3), filters=(4, 6), blocks=1)
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(1).uniform(0, 255, (2, 16, 24, 3)).astype("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.slow
@pytest.mark.parametrize(("target", "decibels"), [("gpu", 50), ("cpu", 20)])
def test_converted_it_paints_the_same(target, decibels, tmp_path):
    keras.utils.set_random_seed(0)
    model = style_net((32, 48, 3), filters=(4, 6, 8), blocks=1)
    images = np.random.default_rng(0).uniform(0, 255, (16, 32, 48, 3)).astype("float32")
    card = deploy.export(model, target, out=tmp_path / target, calibration=images, verbose=0)
    assert card["parity"]["sqnr_db"] > decibels
    assert not [name for name in card["ops"] if name.startswith("Flex")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (64, 64)}, r"three positive integers, received \(64, 64\)"),
        ({"input_shape": (64, 66, 3)}, "multiples of 4, .* received 64x66"),
        ({"filters": ()}, r"filters of at least 1 .* received filters=\(\)"),
        ({"filters": (8, 0)}, r"received filters=\(8, 0\)"),
        ({"blocks": -1}, "blocks of at least 0, received .* blocks=-1"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        style_net(**arguments)
