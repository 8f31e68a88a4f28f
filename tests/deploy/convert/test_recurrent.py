"""Recurrent layers on devices: Keras's numbers in every form, however the layer is written."""

import keras
import numpy as np
import pytest
import tf_keras

from deploy import DeployError
from deploy.convert import recurrent
from deploy.convert.converter import Conversions, convert
from deploy.convert.recurrent import for_device, forms
from deploy.flatbuffer import count_operators, operators
from deploy.load.readers import load
from deploy.measure.interpreters import run_litert, run_micro
from deploy.measure.parity import parity
from deploy.quantize.calibration import calibrate
from deploy.runtime import Model
from deploy.runtime.quantization import dequantize, quantize
from deploy.to_tf_keras import to_tf_keras

L, ops = keras.layers, keras.ops
STEPS, VALUES = 9, 5


def randomise(model, seed=0):
    """Every weight away from zero, biases too, so that nothing folds away."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(generator.uniform(-0.7, 0.7, weight.shape).astype("float32"))
    return model


def sequence_of(*layers):
    return lambda: keras.Sequential([keras.Input((STEPS, VALUES)), *[each() for each in layers]])


def masked(*layers):
    return sequence_of(L.Masking, *layers)


def of_tokens(*layers):
    def build():
        return keras.Sequential(
            [
                keras.Input((STEPS,), dtype="int32"),
                L.Embedding(20, VALUES, mask_zero=True),
                *[each() for each in layers],
            ]
        )

    return build


def with_states(layer, masks=False):
    """The layer, which returns its states, from states that are inputs."""

    def build():
        made = layer()
        x = keras.Input((STEPS, VALUES), name="x")
        count = {"LSTM": 2}.get(type(made).__name__, 1)
        states = [keras.Input((made.units,), name=f"state_{k}") for k in range(count)]
        y = L.Masking()(x) if masks else x
        return keras.Model([x, *states], made(y, initial_state=states))

    return build


def encoder_decoder():
    x, y = keras.Input((STEPS,), dtype="int32"), keras.Input((4, VALUES))
    _, *states = L.GRU(6, return_state=True)(L.Embedding(20, VALUES, mask_zero=True)(x))
    return keras.Model([x, y], L.GRU(6, return_sequences=True)(y, initial_state=states))


def given_mask():
    x, mask = keras.Input((STEPS, VALUES)), keras.Input((STEPS,), dtype="bool")
    return keras.Model([x, mask], L.LSTM(6)(x, mask=mask))


def brought():
    x = tf_keras.Input((STEPS, VALUES))
    y = tf_keras.layers.Masking()(x)
    y = tf_keras.layers.Bidirectional(tf_keras.layers.LSTM(4, return_sequences=True))(y)
    return tf_keras.Model(x, tf_keras.layers.SimpleRNN(3)(y))


def arrays_of(model, examples=8, seed=1):
    """Random inputs, a third of whose steps are left out: at the end, at the start, here and there,
    and all of them."""
    generator = np.random.default_rng(seed)
    kept = generator.random((examples, STEPS)) > 0.3
    kept[::4, 5:], kept[1::4, :3], kept[2] = False, False, False
    arrays = []
    for tensor in model.inputs:
        if "int" in tensor.dtype:
            arrays.append((generator.integers(1, 20, kept.shape) * kept).astype("int32"))
        elif "bool" in tensor.dtype:
            arrays.append(kept)
        else:
            array = generator.normal(size=(examples, *tensor.shape[1:])).astype("float32")
            if tensor.shape[1] == STEPS:
                array *= kept[..., None]
            arrays.append(array)
    return arrays


STATES = {"return_sequences": True, "return_state": True}
MODELS = {
    "LSTM": sequence_of(lambda: L.LSTM(6)),
    "LSTM without bias": sequence_of(lambda: L.LSTM(6, use_bias=False)),
    "LSTM with relu": sequence_of(lambda: L.LSTM(6, "relu", recurrent_activation="hard_sigmoid")),
    "LSTM backwards": sequence_of(lambda: L.LSTM(6, go_backwards=True, return_sequences=True)),
    "GRU": sequence_of(lambda: L.GRU(6)),
    "GRU without bias": sequence_of(lambda: L.GRU(6, use_bias=False)),
    "GRU with the reset before": sequence_of(lambda: L.GRU(6, reset_after=False)),
    "GRU backwards": sequence_of(lambda: L.GRU(6, go_backwards=True, return_sequences=True)),
    "SimpleRNN": sequence_of(lambda: L.SimpleRNN(6, return_sequences=True)),
    "cells": sequence_of(lambda: L.RNN([L.LSTMCell(6), L.GRUCell(4), L.SimpleRNNCell(3)])),
    "states of cells": sequence_of(lambda: L.RNN([L.LSTMCell(6), L.GRUCell(4)], **STATES)),
    "bidirectional": sequence_of(lambda: L.Bidirectional(L.GRU(4, return_sequences=True))),
    "bidirectional sum": sequence_of(lambda: L.Bidirectional(L.LSTM(4), merge_mode="sum")),
    "bidirectional ave": sequence_of(lambda: L.Bidirectional(L.LSTM(4), merge_mode="ave")),
    "bidirectional mul": sequence_of(lambda: L.Bidirectional(L.LSTM(4), merge_mode="mul")),
    "bidirectional, not merged": sequence_of(lambda: L.Bidirectional(L.GRU(4), merge_mode=None)),
    "bidirectional, two layers": sequence_of(
        lambda: L.Bidirectional(L.LSTM(4), backward_layer=L.GRU(3, go_backwards=True))
    ),
    "bidirectional with states": sequence_of(lambda: L.Bidirectional(L.LSTM(4, **STATES))),
    "states of LSTM": with_states(lambda: L.LSTM(6, **STATES)),
    "states of GRU": with_states(lambda: L.GRU(6, **STATES)),
    "masked LSTM": masked(lambda: L.LSTM(6)),
    "masked LSTM of sequences": masked(lambda: L.LSTM(6, return_sequences=True)),
    "masked LSTM backwards": masked(
        lambda: L.LSTM(6, return_sequences=True, go_backwards=True), L.Flatten
    ),
    "masked GRU": masked(lambda: L.GRU(6)),
    "masked GRU of sequences": masked(lambda: L.GRU(6, return_sequences=True)),
    "masked stack": masked(lambda: L.GRU(6, return_sequences=True), lambda: L.LSTM(4)),
    "masked cells": masked(lambda: L.RNN([L.LSTMCell(6), L.GRUCell(4)])),
    "masked bidirectional": masked(lambda: L.Bidirectional(L.LSTM(4, return_sequences=True))),
    "masked states of LSTM": with_states(lambda: L.LSTM(6, **STATES), masks=True),
    "masked states of GRU": with_states(lambda: L.GRU(6, return_state=True), masks=True),
    "zero where masked": masked(lambda: L.GRU(6, return_sequences=True, zero_output_for_mask=True)),
    "tokens": of_tokens(
        lambda: L.Bidirectional(L.LSTM(4, return_sequences=True)), lambda: L.GRU(3)
    ),
    "a mask as input": given_mask,
    "encoder and decoder": encoder_decoder,
    "of tf_keras": brought,
}


def outputs_of(model, arrays):
    kind = keras if isinstance(model, keras.Model) else tf_keras
    outputs = kind.Model(model.inputs, model.outputs)(arrays, training=False)
    return [np.asarray(output) for output in keras.tree.flatten(outputs)]


# `scheme` and the number of steps up to which float is unrolled.
FORMS = {"loop": ("float32", 0), "unrolled": ("float32", 99), "integers": ("int8", 0)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MODELS)
def test_the_form_for_a_device_computes_the_same(name, form, monkeypatch):
    scheme, steps = FORMS[form]
    monkeypatch.setattr(recurrent, "_UNROLLED_STEPS", steps)
    model = randomise(MODELS[name]())
    arrays = arrays_of(model)
    made = for_device(to_tf_keras(model), scheme, scheme == "int8")
    assert forms(made)
    expected = outputs_of(model, arrays)
    # Padded and unpadded examples one by one, as a device sees them.
    rows = [outputs_of(made, [each[k : k + 1] for each in arrays]) for k in range(len(arrays[0]))]
    received = [np.concatenate(column) for column in zip(*rows, strict=True)]
    for one, other in zip(expected, received, strict=True):
        assert one.shape == other.shape and np.abs(one).max() > 0.01
        np.testing.assert_allclose(other, one, atol=2e-6)
