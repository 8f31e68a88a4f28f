"""Models with state: what they carry from call to call is Keras's own, on every runtime."""

import keras
import numpy as np
import pytest
import tf_keras

from deploy import DeployError
from deploy.convert.converter import Conversions, convert
from deploy.flatbuffer import count_operators
from deploy.load.inputs import as_inputs
from deploy.load.readers import load
from deploy.load.source import with_state
from deploy.measure.interpreters import run_deployed, run_litert, run_micro
from deploy.measure.parity import parity
from deploy.quantize.calibration import calibrate
from deploy.runtime import Model
from deploy.runtime.quantization import dequantize, quantize

L = keras.layers
CALLS = 20


def sequence(calls: int, seed: int = 0, values: int = 6, steps: int = 4) -> np.ndarray:
    """(calls, steps, values): one long sequence, each value of which is near the one before."""
    generator = np.random.default_rng(seed)
    rows = [np.zeros(values)]
    for _ in range(calls * steps):
        rows.append(0.9 * rows[-1] + np.sqrt(1 - 0.9**2) * generator.normal(size=values))
    return np.array(rows[1:], "float32").reshape(calls, steps, values)


def functional() -> keras.Model:
    x = keras.Input((4, 6), batch_size=1)
    return keras.Model(x, L.Dense(3)(L.LSTM(8, stateful=True, name="memory")(x)))


def sequential() -> keras.Model:
    return keras.Sequential(
        [keras.Input((4, 6), batch_size=1), L.LSTM(8, stateful=True), L.Dense(3)]
    )


def stacked() -> keras.Model:
    x = keras.Input((4, 6), batch_size=1)
    y = L.LSTM(8, stateful=True, return_sequences=True)(x)
    return keras.Model(x, L.Dense(3)(L.LSTM(5, stateful=True)(y)))


def nested() -> keras.Model:
    x = keras.Input((4, 6), batch_size=1)
    return keras.Model(x, L.Dense(3)(sequential()(x)))


def of_tf_keras() -> tf_keras.Model:
    x = tf_keras.Input((4, 6), batch_size=1)
    y = tf_keras.layers.LSTM(8, stateful=True)(x)
    return tf_keras.Model(x, tf_keras.layers.Dense(3)(y))


def of_cells() -> keras.Model:
    x = keras.Input((4, 6), batch_size=1)
    return keras.Model(x, L.Dense(3)(L.RNN(L.LSTMCell(8), stateful=True)(x)))


MODELS = {
    each.__name__: each for each in (functional, sequential, stacked, nested, of_tf_keras, of_cells)
}

# The forms of a model that differ from each other in loading alone.
NAMES = [
    name if name == "functional" else pytest.param(name, marks=pytest.mark.slow) for name in MODELS
]


@pytest.fixture(scope="module")
def stateful():
    """`stateful(name)`: the source of that model, with its conversions."""
    made = {}

    def make(name):
        if name not in made:
            keras.utils.set_random_seed(0)
            tf_keras.utils.set_random_seed(0)
            source = load(MODELS[name]())
            made[name] = source, Conversions(source, calibrate(sequence(128), source))
        return made[name]

    return make


def keras_outputs(model, x: np.ndarray) -> np.ndarray:
    """What Keras gives call by call, carrying its own state."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) and hasattr(layer, "states"):
            getattr(layer, "reset_state", getattr(layer, "reset_states", None))()
    return np.concatenate([np.asarray(model(x[k : k + 1])) for k in range(len(x))])


@pytest.mark.parametrize("name", NAMES)
def test_predict_carries_the_state_and_leaves_the_models_own(stateful, name):
    source, _ = stateful(name)
    x = sequence(CALLS, seed=1)
    expected = keras_outputs(source.model, x)
    assert source.stateful
    before = [np.asarray(variable).copy() for variable in source.variables_of_state]
    assert any(np.abs(state).max() > 0 for state in before)
    for _ in range(2):
        np.testing.assert_allclose(source.predict([x])[0], expected, atol=1e-6)
    for state, variable in zip(before, source.variables_of_state, strict=True):
        np.testing.assert_array_equal(state, np.asarray(variable))
    # Without what was carried on the second call would give something else.
    assert np.abs(source.predict([x[1:]])[0][0] - expected[1]).max() > 0.01


@pytest.mark.parametrize("run", [run_litert, run_micro])
@pytest.mark.parametrize(
    ("scheme", "sqnr_db", "error"), [("float32", 110, 1e-5), ("int8", 30, 0.05)]
)
@pytest.mark.parametrize("name", NAMES)
def test_twenty_calls_are_those_of_keras(stateful, name, scheme, sqnr_db, error, run):
    source, conversions = stateful(name)
    x = sequence(CALLS, seed=1)
    expected = keras_outputs(source.model, x)
    content = conversions.to(scheme).content
    assert count_operators(content)["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 1 + (name == "stacked")
    card = Model(content, {}, []).card
    integers = quantize(x, card["inputs"][0])
    received = dequantize(run(content, [integers], stateful=True).outputs[0], card["outputs"][0])
    measured = parity([""], [expected], [received])
    assert measured["sqnr_db"] > sqnr_db
    assert measured["max_abs_error"] < error
    # Without the state it is another model.
    alone = dequantize(run(content, [integers]).outputs[0], card["outputs"][0])
    np.testing.assert_allclose(alone[0], received[0], atol=1e-6)
    assert np.abs(alone - expected).max() > 2 * error


@pytest.mark.parametrize(("scheme", "error"), [("float32", 1e-5), ("int8", 0.05)])
def test_chunks_are_the_whole_sequence(stateful, scheme, error):
    """What Keras gives for one long sequence at once, without any state of its own."""
    source, conversions = stateful("functional")
    memory, dense = source.model.layers[1:]
    whole = L.LSTM(8, return_sequences=True)
    x = sequence(CALLS, seed=1)
    whole.build((1, None, 6))
    whole.set_weights(memory.get_weights()[:3])
    y = np.asarray(dense(whole(x.reshape(1, -1, 6))))[0, 3::4]
    model = Model(conversions.to(scheme).content, {"state": {"variables": True, "tensors": []}}, [])
    # One chunk a call, then all in one.
    for chunks in ([x[k : k + 1] for k in range(CALLS)], [x]):
        received = np.concatenate([model.run([chunk])[0] for chunk in chunks])
        np.testing.assert_allclose(received, y, atol=error)
        model.reset()


def test_more_examples_than_a_chunk_are_one_sequence_on_litert_micro(stateful, monkeypatch):
    _, conversions = stateful("functional")
    content, x = conversions.to("float32").content, sequence(CALLS, seed=1)
    expected = run_micro(content, [x], stateful=True).outputs[0]
    monkeypatch.setattr("deploy.measure.interpreters._CHUNK", 6)
    np.testing.assert_array_equal(run_micro(content, [x], stateful=True).outputs[0], expected)


@pytest.mark.parametrize("scheme", ["float32", "dynamic", "float16", "int8-per-tensor"])
def test_reset_gives_the_first_prediction_again(stateful, scheme):
    _, conversions = stateful("functional")
    card = {"state": {"variables": True, "tensors": []}}
    model = Model(conversions.to(scheme).content, card, [])
    x = sequence(CALLS, seed=1)
    first, second = model.run([x])[0], model.run([x])[0]
    assert np.abs(first - second).max() > 0.01
    model.reset()
    np.testing.assert_array_equal(model.run([x])[0], first)


REFUSED = {
    "GRU": lambda: L.GRU(2, stateful=True, name="memory"),
    "SimpleRNN": lambda: L.SimpleRNN(2, stateful=True, name="memory"),
    "LSTM with relu": lambda: L.LSTM(2, activation="relu", stateful=True, name="memory"),
    "Bidirectional": lambda: L.Bidirectional(L.LSTM(2, stateful=True), name="memory"),
    "RNN": lambda: L.RNN([L.LSTMCell(2), L.GRUCell(2)], stateful=True, name="memory"),
}


@pytest.mark.parametrize("scheme", ["float32", "int8"])
@pytest.mark.parametrize("layer", REFUSED.values(), ids=REFUSED)
def test_a_state_that_no_operator_keeps_is_refused(layer, scheme):
    model = keras.Sequential([keras.Input((4, 6), batch_size=1), layer()])
    source = load(model)
    advice = "stateful=False and give its state as inputs and outputs of the model"
    with pytest.raises(DeployError, match=f"received 'memory' .*{advice}"):
        convert(source, scheme, calibrate(sequence(8), source))


def test_an_lstm_has_no_state_in_int16(stateful):
    with pytest.raises(DeployError, match=r"received 'memory' \(LSTM\) in int16, which has no"):
        stateful("functional")[1].to("int16")


def gru(units: int = 8) -> keras.Model:
    """One step of a gated recurrent unit, whose state goes in and comes out."""
    x, state = keras.Input((6,), name="x"), keras.Input((units,), name="state")
    both = L.Concatenate()([x, state])
    update = L.Dense(units, activation="sigmoid")(both)
    reset = L.Dense(units, activation="sigmoid")(both)
    candidate = L.Concatenate()([x, L.Multiply()([reset, state])])
    candidate = L.Dense(units, activation="tanh")(candidate)
    kept = L.Multiply()([update, state])
    new = L.Add()([kept, L.Multiply()([1.0 - update, candidate])])
    return keras.Model([x, state], {"y": L.Dense(3)(new), "new_state": new})


def gru_layer() -> keras.Model:
    x, state = keras.Input((4, 6), name="x"), keras.Input((8,), name="state")
    new = L.GRU(8)(x, initial_state=state)
    return keras.Model([x, state], {"y": L.Dense(3)(new), "new_state": new})


STEPS = {"gru": (gru, 1), "gru_layer": (gru_layer, 4)}


@pytest.fixture(scope="module")
def explicit():
    """`explicit(name)`: the source of that model, its conversions, a sequence and what Keras makes
    of it."""
    made = {}

    def make(name):
        if name not in made:
            keras.utils.set_random_seed(0)
            build, steps = STEPS[name]
            source = with_state(load(build()), {"new_state": "state"})
            calibration, x = sequence(256, steps=steps), sequence(CALLS, seed=1, steps=steps)
            if steps == 1:
                calibration, x = calibration[:, 0], x[:, 0]
            expected = source.predict(as_inputs(x, source, "test"))[source.outputs.index("y")]
            made[name] = source, Conversions(source, calibrate(calibration, source)), x, expected
        return made[name]

    return make


# The weights are int8 in int16 as well.
@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "sqnr_db"), [("float32", 110), ("int8", 28), ("int16", 38)])
@pytest.mark.parametrize("name", STEPS)
def test_a_state_of_inputs_and_outputs_is_carried_in_integers(explicit, name, scheme, sqnr_db):
    source, conversions, x, expected = explicit(name)
    state = {"variables": False, "tensors": [list(pair) for pair in source.state]}
    model = Model(conversions.to(scheme).content, {"state": state}, [])
    assert parity([""], [expected], model.run([x]))["sqnr_db"] > sqnr_db
    # Calibrated on what it was carried to, the state has one scale on both sides.
    ((given, taken),) = source.state
    scales = [model.card["outputs"][given]["scale"], model.card["inputs"][taken]["scale"]]
    assert scales[0] == scales[1] or scales[0] == pytest.approx(scales[1], rel=1e-6)


@pytest.mark.parametrize(("scheme", "error"), [("float32", 1e-5), ("int8", 0.15)])
def test_chunks_of_a_gru_are_the_whole_sequence(explicit, scheme, error):
    source, conversions, x, _ = explicit("gru_layer")
    layers = source.model.layers
    gru = next(layer for layer in layers if isinstance(layer, L.GRU))
    dense = next(layer for layer in layers if isinstance(layer, L.Dense))
    whole = L.GRU(8, return_sequences=True)
    whole.build((1, None, 6))
    whole.set_weights(gru.get_weights())
    expected = np.asarray(dense(whole(x.reshape(1, -1, 6))))[0, 3::4]
    state = {"variables": False, "tensors": [list(pair) for pair in source.state]}
    model = Model(conversions.to(scheme).content, {"state": state}, [])
    for _ in range(2):
        received = np.concatenate([model.run([x[k : k + 1]])[0] for k in range(CALLS)])
        np.testing.assert_allclose(received, expected, atol=error)
        model.reset()


def test_run_deployed_goes_by_the_cards_state(stateful):
    source, conversions = stateful("functional")
    content, x = conversions.to("float32").content, sequence(CALLS, seed=1)
    card = Model(content, {}, []).card | {"state": {"variables": True, "tensors": []}}
    for runtime in ("litert", "tflite-micro"):
        (received,), _ = run_deployed(content, card, runtime, [x])
        np.testing.assert_allclose(received, source.predict([x])[0], atol=1e-5)
