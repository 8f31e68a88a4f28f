"""Conversion: equal numbers, clear errors, and a caller that outlives a crash."""

import keras
import numpy as np
import pytest

from deploy import DeployError
from deploy.convert import converter
from deploy.convert.converter import convert
from deploy.load.readers import load
from deploy.quantize.calibration import calibrate
from deploy.runtime import Model
from deploy.schemes import SCHEMES

L = keras.layers


def many_in_and_out():
    """Three inputs and twelve outputs, whose names sort in another order than theirs."""
    keras.utils.set_random_seed(2)
    inputs = [keras.Input((size,), name=name) for size, name in ((2, "z"), (3, "a"), (4, "m-n"))]
    joined = L.Concatenate()(inputs)
    outputs = [L.Dense(index + 1, name=f"out{index}")(joined) for index in range(12)]
    return keras.Model(inputs, outputs[::-1])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_inputs_and_outputs_keep_the_models_order(scheme):
    source = load(many_in_and_out())
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=(64, *e.shape)).astype("float32") for e in source.inputs]
    model = Model(convert(source, scheme, calibrate(arrays, source)).content, {}, [])
    received = model.run(arrays)
    for expected, output in zip(source.predict(arrays), received, strict=True):
        assert output.shape == expected.shape
        # Int8 activations: a step is about 1/100 of these outputs' range; int4 weights: 1/14.
        bound = 0.15 if scheme == "int4" else 0.05
        assert np.abs(output - expected).max() < bound * max(1, np.abs(expected).max())
    if scheme == "float32":
        np.testing.assert_allclose(received[0], source.predict(arrays)[0], atol=1e-5)


def test_a_layer_of_the_users_own_converts():
    class Doubled(L.Layer):
        def call(self, x):
            return 2.0 * x

    source = load(keras.Model(x := keras.Input((3,)), Doubled()(x)))
    model = Model(convert(source, "float32", None).content, {}, [])
    assert model.run([np.array([[1.0, 2.0, 3.0]], "float32")])[0].tolist() == [[2.0, 4.0, 6.0]]


def test_a_crash_names_its_step_and_the_caller_lives_on(monkeypatch):
    # The loops that Keras 3 makes of recurrent layers crash the converter's calibration.
    monkeypatch.setattr(converter, "_is_recurrent", lambda layer: False)
    source = load(keras.Model(x := keras.Input((5, 3)), L.Dense(1)(L.LSTM(4, name="memory")(x))))
    data = np.random.default_rng(0).normal(size=(8, 5, 3))
    with pytest.raises(DeployError, match=r"failed while calibrating.*SIGSEGV") as caught:
        convert(source, "int8", calibrate(data, source))
    assert "\n" not in str(caught.value)


class FourierTransform(L.Layer):
    def call(self, x):
        return keras.ops.fft((x, x))[0]

    def compute_output_shape(self, input_shape):
        return input_shape


@pytest.mark.parametrize(
    ("operation", "layer", "operator"),
    [
        (keras.ops.erfinv, "erfinv", "tf.Erfinv"),
        (FourierTransform(name="spectrum"), "spectrum", "tf.Complex, tf.FFT"),
    ],
)
def test_an_operator_that_tflite_has_not_is_named_with_its_layer(operation, layer, operator):
    x = keras.Input((3,))
    source = load(keras.Model(x, operation(L.Dense(2, activation="sigmoid", name="before")(x))))
    with pytest.raises(DeployError, match=f"received '{layer}', which needs {operator};"):
        convert(source, "float32", None)
