"""Both interpreters behind one face: what they are given, what they need."""

import keras
import numpy as np
import pytest

from deploy import DeployError
from deploy.convert.converter import convert
from deploy.load.readers import load
from deploy.measure.interpreters import micro_arena, run_micro
from deploy.quantize.calibration import calibrate

L = keras.layers


def test_the_arena_of_a_network_of_tokens_is_found():
    """What lies in memory by chance is no token, and the lookup of such a one fails."""
    keras.utils.set_random_seed(0)
    layers = [L.Embedding(5, 16), L.LSTM(16, return_sequences=True), L.GlobalMaxPooling1D()]
    model = keras.Sequential([keras.Input((16,), dtype="int32"), *layers, L.Dense(1)])
    x = np.random.default_rng(0).integers(0, 5, (32, 16)).astype("int32")
    source = load(model)
    content = convert(source, "int8", calibrate(x, source)).content
    arena = micro_arena(content)
    # Tokens, vectors and outputs at least; the model's weights are no part of it.
    assert 4 * 16 + 2 * 16 * 16 < arena < 16_000 and arena % 16 == 0
    assert len(run_micro(content, [x]).outputs[0]) == 32


def test_a_scale_that_is_too_small_is_explained():
    """As those of a deep network are that nothing has trained: 6 is too many steps of such a scale
    for 32 bits."""
    inputs = keras.Input((4, 4, 1))
    convolution = L.Conv2D(2, 3, activation="relu6")
    model = keras.Model(inputs, L.Flatten()(convolution(inputs)))
    convolution.set_weights([np.full((3, 3, 1, 2), 1e-12), np.zeros(2)])
    x = np.random.default_rng(0).uniform(0, 1, (16, 4, 4, 1)).astype("float32")
    source = load(model)
    content = convert(source, "int8", calibrate(x, source)).content
    with pytest.raises(DeployError, match="a scale is too small to represent, .*: train the model"):
        micro_arena(content)
