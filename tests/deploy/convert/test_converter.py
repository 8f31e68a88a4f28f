"""Conversion: equal numbers, clear errors, and a caller that outlives a crash."""

import gc
import os

import keras
import numpy as np
import pytest

from deploy import DeployError, worker
from deploy.convert import converter
from deploy.convert.converter import Conversions, convert
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


@pytest.fixture(scope="module")
def many():
    """The model of `many_in_and_out`, its examples and its conversions."""
    source = load(many_in_and_out())
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=(64, *e.shape)).astype("float32") for e in source.inputs]
    return source, arrays, Conversions(source, calibrate(arrays, source))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_inputs_and_outputs_keep_the_models_order(many, scheme):
    source, arrays, conversions = many
    model = Model(conversions.to(scheme).content, {}, [])
    received = model.run(arrays)
    for expected, output in zip(source.predict(arrays), received, strict=True):
        assert output.shape == expected.shape
        # Int8 activations: a step is about 1/100 of these outputs' range; int4 weights: 1/14.
        bound = 0.15 if scheme == "int4" else 0.05
        assert np.abs(output - expected).max() < bound * max(1, np.abs(expected).max())
    if scheme == "float32":
        np.testing.assert_allclose(received[0], source.predict(arrays)[0], atol=1e-5)


@pytest.mark.parametrize("scheme", ["dynamic", "int8", "int16"])
def test_a_conversion_is_the_same_after_others(many, scheme):
    source, arrays, conversions = many
    conversions.to("int8-per-tensor")
    alone = convert(source, scheme, calibrate(arrays, source))
    assert conversions.to(scheme) == alone
    assert conversions.to(scheme) is conversions.to(scheme)


def calls(monkeypatch):
    """The functions that the worker process is asked for from now on."""
    names, call = [], worker.call

    def noted(function, **arguments):
        names.append(function.partition(":")[2])
        return call(function, **arguments)

    monkeypatch.setattr(worker, "call", noted)
    return names


def test_every_scheme_starts_from_one_float_model(many, monkeypatch):
    source, arrays, _ = many
    conversions, names = Conversions(source, calibrate(arrays, source)), calls(monkeypatch)
    for scheme in SCHEMES:
        assert conversions.to(scheme).floats == conversions.to("float32").content
    assert names.count("convert_to_float") == 1
    assert len(names) == len(SCHEMES)


def test_integers_of_a_recurrent_model_start_from_graphs_of_their_own(monkeypatch):
    model = keras.Model(x := keras.Input((5, 3)), L.Dense(1)(L.LSTM(4)(x)))
    source, names = load(model), calls(monkeypatch)
    data = np.random.default_rng(0).normal(size=(8, 5, 3))
    conversions = Conversions(source, calibrate(data, source))
    floats = {scheme: conversions.to(scheme).floats for scheme in ("float16", "int8", "int16")}
    conversions.to("dynamic"), conversions.to("int8-per-tensor")
    assert names.count("convert_to_float") == len(set(floats.values())) == 3


def test_the_folder_of_a_graph_goes_with_it(many):
    source, _, _ = many
    conversions = Conversions(source, None)
    conversions.to("float32")
    folder = conversions._graph("float32")._folder
    assert os.path.isdir(folder)
    del conversions
    gc.collect()
    assert not os.path.exists(folder)


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
