"""Models of half-precision and of quantized layers are deployed with the weights they have."""

import keras
import numpy as np
import pytest
import tf_keras
from ai_edge_litert.interpreter import Interpreter
from keras import layers

import deploy
from deploy.load.plain_floats import in_float32, is_plain
from deploy.load.readers import load
from deploy.runtime.errors import DeployError

RNG = np.random.default_rng(0)


def images(count=64):
    return RNG.uniform(0, 255, (count, 8, 8, 3)).astype("float32")


def convolutional(policy):
    keras.utils.set_random_seed(0)
    x = image = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 255, dtype=policy)(x)
    trunk_image = keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, dtype=policy)(trunk_image)
    trunk = keras.Model(trunk_image, layers.BatchNormalization(dtype=policy)(y), name="trunk")
    x = layers.ReLU(dtype=policy)(trunk(x))
    x = layers.Flatten(dtype=policy)(x)
    return keras.Model(image, layers.Dense(3, activation="softmax", dtype="float32")(x))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_halves_become_float32(policy):
    """The trunk's model is one within the model; in mixed policies no weight is rounded."""
    model, plain = convolutional(policy), convolutional("float32")
    weights = [np.asarray(each, np.float32) for each in model.get_weights()]
    rebuilt = in_float32(model)
    assert is_plain(rebuilt) and not is_plain(model)
    for names in (lambda m: [t.name for t in m.inputs], lambda m: m.output_names):
        assert names(rebuilt) == names(model)
    for one, other in zip(rebuilt.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    if policy.startswith("mixed"):
        plain.set_weights(weights)
        x = images(4)
        np.testing.assert_array_equal(rebuilt(x), plain(x))


@pytest.mark.parametrize("target", ["cpu-float", "cpu"])
def test_a_model_of_mixed_precision_goes_to_a_device(target, tmp_path):
    model, x = convolutional("mixed_float16"), images()
    model.save(tmp_path / "model.keras")
    card = deploy.export(
        tmp_path / "model.keras", target, out=tmp_path / "b", calibration=x, verbose=0
    )
    assert card["inputs"][0]["dtype"] == ("float32" if target == "cpu-float" else "int8")
    # Held against the model as it came, which rounds to halves.
    low, high = (50, 90) if target == "cpu-float" else (28, 60)
    assert low < card["parity"]["sqnr_db"] < high
    assert deploy.verify(tmp_path / "b", (x, None))["passed"]


def test_layers_within_layers_and_of_tf_keras():
    keras.utils.set_random_seed(0)
    entry = keras.Input((6, 8))
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True, dtype="mixed_float16"))(entry)
    x = layers.MultiHeadAttention(2, 4, dtype="mixed_float16")(x, x)
    model = keras.Model(entry, layers.TimeDistributed(layers.Dense(2, dtype="mixed_float16"))(x))
    sequence = RNG.normal(size=(4, 6, 8)).astype("float32")
    rebuilt = in_float32(model)
    assert is_plain(rebuilt)
    np.testing.assert_allclose(rebuilt(sequence), model(sequence), atol=5e-3)
    old = tf_keras.Sequential(
        [
            tf_keras.layers.Conv2D(4, 3, dtype="mixed_float16", input_shape=(8, 8, 3)),
            tf_keras.layers.Dense(2, dtype="mixed_float16"),
        ]
    )
    assert is_plain(load(old).model)
    x = images(2) / 255
    np.testing.assert_allclose(load(old).model(x), old(x), atol=5e-3)


def quantized(mode):
    """Words looked up, an attention, a dense layer with activation and bias."""
    keras.utils.set_random_seed(0)
    words = keras.Input((6,), dtype="int32")
    x = layers.Embedding(30, 8, name="words")(words)
    x = layers.MultiHeadAttention(2, 4)(x, x)
    x = layers.EinsumDense("abx,xy->aby", output_shape=(6, 5), bias_axes="y", name="einsum")(x)
    x = layers.Dense(4, activation="relu", bias_initializer="ones", name="dense")(x)
    model = keras.Model(words, layers.Dense(3, name="last")(layers.Flatten()(x)))
    before = [np.array(weight) for weight in model.get_weights()]
    model.quantize(mode)
    return model, before, RNG.integers(0, 30, (64, 6)).astype("int32")


@pytest.mark.parametrize(("mode", "steps"), [("int8", 127), ("int4", 7)])
def test_quantized_weights_are_told(mode, steps):
    model, before, x = quantized(mode)
    rebuilt = in_float32(model)
    assert is_plain(rebuilt)
    after = rebuilt.get_weights()
    assert [each.shape for each in after] == [each.shape for each in before]
    for one, other in zip(after, before, strict=True):
        # Rounded to a step of the largest weight at most, and not the weights from before.
        assert np.abs(one - other).max() <= 1.1 * np.abs(other).max() / steps + 1e-6
        assert one.ndim == 1 or not other.any() or (one != other).any()
    # Keras rounds what enters a layer in int8 as well.
    np.testing.assert_allclose(rebuilt(x), model(x), atol=0.03)


def test_the_device_stores_the_same_integers(tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((16,)), layers.Dense(8, name="dense")])
    model.quantize("int8")
    x = RNG.normal(size=(64, 16)).astype("float32")
    card = deploy.export(model, "cpu", out=tmp_path / "b", calibration=x, verbose=0)
    assert card["parity"]["sqnr_db"] > 30
    interpreter = Interpreter(str(tmp_path / "b" / "model.tflite"))
    interpreter.allocate_tensors()
    (kernel,) = [
        interpreter.get_tensor(entry["index"])
        for entry in interpreter.get_tensor_details()
        if entry["shape"].tolist() == [8, 16]
    ]
    np.testing.assert_array_equal(kernel.T, model.get_layer("dense")._kernel)
    # The bundle keeps the model as it came.
    kept = keras.saving.load_model(tmp_path / "b" / "model.keras")
    assert kept.get_layer("dense").quantization_mode == "int8"
    assert deploy.verify(tmp_path / "b", (x, None))["passed"]


def test_what_can_not_be_built_again_is_one_line():
    class Odd(layers.Layer):
        def __init__(self, size):
            super().__init__(name="odd", dtype="mixed_float16")
            self.size = size

        def call(self, x):
            return x * self.size

        def get_config(self):
            return {"name": self.name}

    entry = keras.Input((4,))
    with pytest.raises(DeployError) as caught:
        load(keras.Model(entry, Odd(3)(entry)))
    message = str(caught.value)
    assert "\n" not in message and "received layer 'odd' in float16" in message
