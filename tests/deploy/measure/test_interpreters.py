"""Both interpreters behind one face: what they are given, what they need."""

import keras
import numpy as np
import pytest

from deploy.convert.converter import convert
from deploy.flatbuffer import operators
from deploy.load.readers import load
from deploy.measure.interpreters import micro_arena, run_litert, run_micro
from deploy.measure.parity import parity
from deploy.quantize.calibration import calibrate
from deploy.runtime import Model
from deploy.runtime.errors import DeployError
from deploy.runtime.quantization import dequantize

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


def refused_by_micro(entry, output, x):
    source = load(keras.Model(entry, output))
    content = convert(source, "int8", calibrate(x, source)).content
    with pytest.raises(DeployError) as caught:
        run_micro(content, [x])
    return str(caught.value)


def test_an_operator_that_micro_refuses_is_named_with_its_layer_and_types():
    """It said "Interpreter invocation failed" and no more."""
    entry = keras.Input((4,), dtype="int32")
    looked_up = L.Embedding(7, 3)(keras.ops.mod(entry, 7))
    x = np.random.default_rng(0).integers(0, 300, (8, 4)).astype("int32")
    message = refused_by_micro(entry, looked_up, x)
    assert message.startswith(
        "expected operators that LiteRT Micro can invoke, received FLOOR_MOD of 'mod' "
        "(int32, int32): Type 'INT32' is not supported by FLOOR_MOD; "
    )


def test_an_operator_that_micro_lacks_is_named_with_its_layers_and_what_to_take():
    entry = keras.Input((4,), dtype="int32")
    first = keras.ops.one_hot(entry, 5)
    named = L.Lambda(lambda x: keras.ops.one_hot(x, 6), name="categories_1")(entry)
    x = np.random.default_rng(0).integers(0, 5, (8, 4)).astype("int32")
    message = refused_by_micro(entry, L.Dense(2)(L.Concatenate()([first, named])), x)
    assert "received ONE_HOT, which it has not, of 'one_hot', 'categories_1'; look" in message


@pytest.mark.parametrize("run", [run_litert, run_micro])
def test_pixels_of_8_bits_enter_by_a_scale_of_1(run):
    """Micro can't cast them; the input's own quantization does what the cast did."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3), dtype="uint8")
    x = L.Conv2D(4, 3)(L.Rescaling(1 / 127.5, offset=-1)(image))
    source = load(keras.Model(image, L.Dense(2)(L.Flatten()(x))))
    pixels = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3)).astype("uint8")
    content = convert(source, "int8", calibrate(pixels, source)).content
    assert "CAST" not in [operator.name for operator in operators(content)]
    card = Model(content, {}, []).card
    entry = card["inputs"][0]
    assert (entry["dtype"], entry["scale"], entry["zero_point"]) == ("uint8", 1.0, 0)
    received = dequantize(run(content, [pixels]).outputs[0], card["outputs"][0])
    assert parity([""], source.predict([pixels]), [received])["sqnr_db"] > 33
