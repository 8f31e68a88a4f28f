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


def arrays_of(model, examples=4, seed=1):
    """Random inputs, a third of whose steps are left out: at the end, at the start, here and there,
    and all of them."""
    generator = np.random.default_rng(seed)
    kept = generator.random((examples, STEPS)) > 0.3
    kept[::4, 5:], kept[1::4, :3], kept[2] = False, False, False
    arrays = []
    for tensor in model.inputs:
        kind = np.dtype(getattr(tensor.dtype, "name", tensor.dtype)).kind
        if kind == "i":
            arrays.append((generator.integers(1, 20, kept.shape) * kept).astype("int32"))
        elif kind == "b":
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


# Float becomes a loop here, and integers are unrolled.
@pytest.mark.parametrize("scheme", ["float32", "int8"])
@pytest.mark.parametrize("name", MODELS)
def test_the_form_for_a_device_computes_the_same(name, scheme, monkeypatch):
    monkeypatch.setattr(recurrent, "_UNROLLED_STEPS", 0)
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


WRITTEN = {
    "LSTM": [lambda: L.LSTM(6), lambda: L.RNN(L.LSTMCell(6))],
    "GRU": [lambda: L.GRU(6), lambda: L.RNN(L.GRUCell(6))],
    "SimpleRNN": [lambda: L.SimpleRNN(6), lambda: L.RNN(L.SimpleRNNCell(6))],
    "stack": [
        lambda: keras.Sequential([L.LSTM(6, return_sequences=True), L.LSTM(6)]),
        lambda: L.RNN([L.LSTMCell(6), L.LSTMCell(6)]),
        lambda: L.RNN(L.StackedRNNCells([L.LSTMCell(6), L.LSTMCell(6)])),
    ],
    "bidirectional": [
        lambda: L.Bidirectional(L.GRU(4)),
        lambda: L.Bidirectional(L.RNN(L.GRUCell(4))),
    ],
}
# What the schemes of the targets cpu-float, cpu-dynamic, gpu, and cpu as well as cortex-m allow in
# decibels; the last runs on LiteRT Micro, too.
SCHEMES = {"float32": 110, "dynamic": 35, "float16": 60, "int8": 28}


def run(content, arrays, runtime=run_litert):
    """The real outputs of a flatbuffer."""
    card = Model(content, {}, []).card
    integers = [quantize(*pair) for pair in zip(arrays, card["inputs"], strict=True)]
    outputs = runtime(content, integers).outputs
    return [dequantize(*pair) for pair in zip(outputs, card["outputs"], strict=True)]


def sqnr(expected, received):
    return parity([""] * len(expected), expected, received)["sqnr_db"]


def conversions(model, examples=64):
    """The model's conversions, inputs, and what Keras makes of them."""
    source, arrays = load(model), arrays_of(model, examples)
    examples = arrays if len(arrays) > 1 else arrays[0]
    return Conversions(source, calibrate(examples, source)), arrays, source.predict(arrays)


@pytest.mark.parametrize("name", WRITTEN)
def test_however_a_layer_is_written_it_is_the_same_graph(name):
    made = []
    for build in WRITTEN[name]:
        model = randomise(sequence_of(build)())
        converted, arrays, expected = conversions(model)
        made.append((converted, arrays, expected))
    for scheme, least in SCHEMES.items():
        contents = [converted.to(scheme).content for converted, _, _ in made]
        graphs = [[operator.name for operator in operators(content)] for content in contents]
        outputs = [run(c, arrays)[0] for c, (_, arrays, _) in zip(contents, made, strict=True)]
        for graph, output, (_, _, expected) in zip(graphs, outputs, made, strict=True):
            assert graph == graphs[0]
            np.testing.assert_array_equal(output, outputs[0])
            assert sqnr(expected, [output]) > least


# The form, and of the fused LSTMs the operators.
CONVERTED = {
    "LSTM without bias": ({"fused"}, 1),
    "LSTM backwards": ({"fused"}, 1),
    "LSTM with relu": ({"unrolled"}, 0),
    "GRU": ({"unrolled"}, 0),
    "cells": ({"fused and unrolled"}, 1),
    "bidirectional": ({"unrolled"}, 0),
    "bidirectional with states": ({"unrolled"}, 0),
    "states of LSTM": ({"unrolled"}, 0),
    "masked LSTM": ({"fused"}, 1),
    "masked stack": ({"unrolled", "fused"}, 1),
    "masked bidirectional": ({"fused"}, 2),
    "masked states of GRU": ({"unrolled"}, 0),
    "tokens": ({"fused", "unrolled"}, 2),
    "encoder and decoder": ({"unrolled"}, 0),
}
QUICK = ("masked bidirectional", "bidirectional with states")


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CONVERTED],
)
def test_converted_models_compute_the_same(name):
    kinds, fused = CONVERTED[name]
    converted, arrays, expected = conversions(randomise(MODELS[name]()))
    for scheme, least in SCHEMES.items():
        made = converted.to(scheme)
        assert set(made.recurrent.values()) == kinds
        counts = count_operators(made.content)
        assert counts.get("UNIDIRECTIONAL_SEQUENCE_LSTM", 0) == fused and "WHILE" not in counts
        assert sqnr(expected, run(made.content, arrays)) > least
        if scheme in ("float32", "int8"):
            assert sqnr(expected, run(made.content, arrays, run_micro)) > least


@pytest.mark.parametrize("name", ["GRU", "masked GRU of sequences", "states of LSTM"])
def test_more_steps_become_a_loop_in_float(name, monkeypatch):
    monkeypatch.setattr(recurrent, "_UNROLLED_STEPS", STEPS - 1)
    converted, arrays, expected = conversions(randomise(MODELS[name]()))
    for scheme in ("float32", "dynamic", "float16"):
        made = converted.to(scheme)
        assert set(made.recurrent.values()) == {"loop"}
        assert count_operators(made.content)["WHILE"] == 1
        assert sqnr(expected, run(made.content, arrays)) > SCHEMES[scheme]
    content = converted.to("float32").content
    assert sqnr(expected, run(content, arrays, run_micro)) > SCHEMES["float32"]
    assert set(converted.to("int8").recurrent.values()) == {"unrolled"}


def test_a_gru_takes_eleven_operators_a_step():
    converted, _, _ = conversions(randomise(MODELS["GRU"]()))
    assert sum(count_operators(converted.to("int8").content).values()) == 11 * STEPS + 3


def test_a_float_model_that_tf_keras_has_not_keeps_keras_own_loop():
    model = randomise(sequence_of(lambda: L.GRU(6), L.RMSNormalization)())
    converted, arrays, expected = conversions(model)
    made = converted.to("float32")
    assert made.recurrent == {model.layers[0].name: "loop"}
    assert sqnr(expected, run(made.content, arrays)) > 110
    with pytest.raises(DeployError, match="RMSNormalization"):
        converted.to("int8")


def test_the_weights_of_a_fused_lstm_are_stored_in_every_scheme():
    model = randomise(sequence_of(lambda: L.LSTM(32))())
    converted, _, _ = conversions(model)
    sizes = {scheme: len(converted.to(scheme).content) for scheme in SCHEMES}
    weights = sum(weight.shape.num_elements() for weight in model.layers[0].weights[:2])
    assert weights == 4 * 32 * (VALUES + 32)
    for scheme, bytes_a_weight in {"dynamic": 3, "float16": 2, "int8": 3}.items():
        assert sizes["float32"] - sizes[scheme] > 0.8 * weights * bytes_a_weight


@pytest.mark.parametrize("scheme", ["float16", "dynamic"])
def test_weights_that_the_quantizer_puts_behind_the_flatbuffer_are_stored_too(scheme):
    """As it does with those of models from some 200 kB on."""
    keras.utils.set_random_seed(0)
    layers = [L.Conv2D(8, 3, padding="same"), L.Reshape((8, 480)), L.LSTM(32)]
    model = keras.Sequential([keras.Input((8, 60, 1)), *layers])
    x = np.random.default_rng(0).normal(size=(16, 8, 60, 1)).astype("float32")
    source = load(model)
    content = convert(source, scheme, calibrate(x, source)).content
    received, expected = run(content, [x], run_litert)[0], source.predict([x])[0]
    assert parity([""], [expected], [received])["sqnr_db"] > SCHEMES[scheme]
    assert len(content) < 0.6 * len(convert(source, "float32", None).content)


@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_a_cell_is_not_clipped(scheme):
    """Counts up to 14, and down to 4: with the converter's limit of 10 it would end at 0."""
    layer = L.LSTM(1)
    model = keras.Sequential([keras.Input((24, 1)), layer])
    gates, ups = np.full(4, 20.0, "float32"), np.repeat([1.0, -1.0], [14, 10])
    gates[2] = 0
    small = np.array([[1e-3, -1e-3, 2e-3, 1e-3]], "float32")
    layer.set_weights([np.array([[0, 0, 20, 0]], "float32") + small, small, gates])
    x = np.stack([ups, ups[::-1], -ups, -ups[::-1]]).astype("float32")[..., None]
    source = load(model)
    (expected,) = source.predict([x])
    assert expected[0, 0] == pytest.approx(np.tanh(4), abs=1e-3)
    content = convert(source, scheme, calibrate(x, source)).content
    for runtime in (run_litert, run_micro):
        np.testing.assert_allclose(run(content, [x], runtime)[0], expected, atol=0.05)


def test_int8_lstms_are_the_same_on_litert_and_litert_micro():
    """Untrained cells stay within ±0.5, where LiteRT's kernel fails at the converter's scale."""
    keras.utils.set_random_seed(0)
    layers = [L.LSTM(64, return_sequences=True) for _ in range(3)]
    model = keras.Sequential([keras.Input((20, 16)), *layers, L.LSTM(64), L.Dense(4)])
    x = np.random.default_rng(0).normal(size=(64, 20, 16)).astype("float32")
    source = load(model)
    expected = source.predict([x])
    content = convert(source, "int8", calibrate(x, source)).content
    ratios = [sqnr(expected, run(content, [x], runtime)) for runtime in (run_litert, run_micro)]
    assert min(ratios) > 30 and abs(ratios[0] - ratios[1]) < 1.5


REFUSED = {
    "ConvLSTM": (
        lambda: keras.Sequential([keras.Input((3, 5, 5, 2)), L.ConvLSTM2D(3, 3)]),
        "(ConvLSTM2D); use convolutions over time",
    ),
    "stateful": (
        lambda: keras.Sequential([keras.Input((4, 3), batch_size=1), L.GRU(2, stateful=True)]),
        "(GRU); build it with stateful=False",
    ),
    "stateful with a mask": (
        lambda: keras.Sequential(
            [keras.Input((4, 3), batch_size=1), L.Masking(), L.LSTM(2, stateful=True)]
        ),
        "(LSTM); it is stateful and gets a time mask",
    ),
    "a mask of another value": (
        lambda: keras.Sequential([keras.Input((4, 3)), L.Masking(-1.0), L.LSTM(2)]),
        "(Masking); integers hold no value exactly but 0",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_form_is_refused_by_name(name):
    build, message = REFUSED[name]
    with pytest.raises(DeployError) as caught:
        for_device(to_tf_keras(build()), "int8", True)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_an_lstm_goes_to_int16_unrolled():
    converted, arrays, expected = conversions(randomise(MODELS["LSTM"]()))
    made = converted.to("int16")
    assert set(made.recurrent.values()) == {"unrolled"}
    for runtime in (run_litert, run_micro):
        assert sqnr(expected, run(made.content, arrays, runtime)) > 40


def joined():
    x = keras.Input((STEPS, VALUES))
    both = L.Bidirectional(L.LSTM(2))(x)
    return keras.Model(x, L.Concatenate()([L.LSTM(6)(x), 3 * x[:, 0], both]))


def test_what_is_joined_with_others_keeps_its_scale():
    converted, arrays, expected = conversions(randomise(joined()))
    content = converted.to("int8").content
    assert count_operators(content)["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 3
    for runtime in (run_litert, run_micro):
        assert sqnr(expected, run(content, arrays, runtime)) > 30
