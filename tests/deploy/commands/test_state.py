"""Explicit state: the runtime carries from call to call what Keras carries by hand."""

import json
import shutil

import keras
import numpy as np
import pytest

import deploy
from deploy import DeployError, runtime
from deploy.bundle.card_text import card_text
from deploy.runtime.__main__ import main
from tests.deploy import tones

STEPS = 20
TARGETS = ["cpu", "cpu-float"]
# target → least SQNR in decibel, and largest error, over all calls; the state's errors add up.
ALLOWED = {"cpu": (25.0, 0.1), "cpu-float": (80.0, 1e-5)}


@pytest.fixture(scope="module")
def cell():
    """`h' = tanh(Dense(x) + Dense(h))`, `y = Dense(h')`."""
    keras.utils.set_random_seed(2)
    x, h = keras.Input((4,), name="x"), keras.Input((8,), name="h")
    added = keras.layers.Add()([keras.layers.Dense(8)(x), keras.layers.Dense(8)(h)])
    new = keras.layers.Activation("tanh", name="new_h")(added)
    y = keras.layers.Dense(3, name="y")(new)
    return keras.Model([h, x], {"y": y, "new_h": new}, name="cell")


@pytest.fixture(scope="module")
def sequence():
    """200 consecutive examples of one sequence."""
    return np.random.default_rng(0).normal(size=(200, 4)).astype("float32")


@pytest.fixture(scope="module")
def expected(cell, sequence):
    """What Keras gives for the first `STEPS`, its state carried by hand."""
    h, given = np.zeros((1, 8), "float32"), []
    for example in sequence[:STEPS]:
        outputs = cell.predict({"x": example[None], "h": h}, verbose=0)
        h = outputs["new_h"]
        given.append(outputs["y"][0])
    return np.array(given)


@pytest.fixture(scope="module")
def bundles(cell, sequence, tmp_path_factory):
    out = tmp_path_factory.mktemp("state") / "out"
    cards = deploy.export(
        cell, TARGETS, out=out, calibration=sequence, state={"new_h": "h"}, verbose=0
    )
    return {target: (out / target, card) for target, card in zip(TARGETS, cards, strict=True)}


@pytest.mark.parametrize("target", TARGETS)
def test_the_state_is_carried_over_many_calls(target, bundles, sequence, expected):
    model, (least, largest) = runtime.load(bundles[target][0]), ALLOWED[target]
    predictions = [model.predict(example) for example in sequence[:STEPS]]
    # Neither asked for nor returned.
    assert all(list(prediction["outputs"]) == ["y"] for prediction in predictions)
    received = np.array([prediction["outputs"]["y"] for prediction in predictions])
    error = received - expected
    assert np.abs(error).max() <= largest
    assert 10 * np.log10((expected**2).sum() / (error**2).sum()) >= least
    # The state matters: without it the numbers are others.
    model.reset()
    again = model.predict(sequence[0])["outputs"]["y"]
    np.testing.assert_array_equal(again, received[0])
    model.reset()
    alone = model.predict(sequence[STEPS - 1])["outputs"]["y"]
    assert np.abs(alone - received[-1]).max() > 0.1


def test_a_batch_is_a_part_of_the_sequence(bundles, sequence):
    model = runtime.load(bundles["cpu"][0])
    one_by_one = [model.predict(example)["outputs"]["y"] for example in sequence[:STEPS]]
    model.reset()
    batches = [*model.predict(sequence[:5]), *model.predict(sequence[5:STEPS])]
    np.testing.assert_array_equal([each["outputs"]["y"] for each in batches], one_by_one)


def test_the_command_line_runs_a_sequence(bundles, sequence, tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.repeat(sequence[:1], 3, axis=0))
    assert main(["run", str(bundles["cpu"][0]), str(tmp_path / "x.npy")]) == 0
    lines = capsys.readouterr().out.splitlines()
    # The same example again is another step of the sequence.
    assert len(lines) == 3 and len({line.split(": y = ")[1] for line in lines}) == 3


@pytest.mark.parametrize("target", TARGETS)
def test_the_card_names_the_state(target, bundles):
    folder, card = bundles[target]
    inputs, outputs = ([each["name"] for each in card[key]] for key in ("inputs", "outputs"))
    ((carried, taken),) = card["state"]["tensors"]
    assert (outputs[carried], inputs[taken]) == ("new_h", "h")
    assert card["state"]["variables"] is False
    assert all(result["passed"] for result in runtime.selftest(folder))


@pytest.mark.parametrize("target", TARGETS)
def test_verify_runs_one_sequence(target, bundles, sequence):
    folder, _ = bundles[target]
    report = deploy.verify(folder, (sequence[:50], None), min_sqnr=ALLOWED[target][0] - 5)
    assert report["passed"] and report["parity"]["examples"] == 50
    y = np.zeros((50, 3), "float32")
    report = deploy.verify(folder, (sequence[:50], y), tolerance=20)
    assert report["quality"]["metric"] == "mean_absolute_error" and report["passed"]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"new": "h"},
            r"names of outputs \(.*\) and the inputs \(h, x\) .*, received 'new' and 'h'",
        ),
        ({"new_h": "hidden"}, "received 'new_h' and 'hidden'"),
        ({"new_h": "h", "y": "h"}, "an input of its own for each output of the state"),
        ({"new_h": "h", "y": "x"}, "one that is no state"),
        ({"new_h": "x"}, "shape"),
    ],
)
def test_a_state_that_is_none_is_refused(state, message, cell, sequence, tmp_path):
    with pytest.raises(DeployError, match=message):
        deploy.export(cell, "cpu-float", out=tmp_path / "b", state=state, verbose=0)
    assert list(tmp_path.iterdir()) == []


FRAMES, BINS, UNITS = 4, 20, 12


@pytest.fixture(scope="module")
def listener(tmp_path_factory):
    """A GRU that hears four frames a call: its bundles, three seconds of sound, the chunks of its
    frames, and what Keras says after each chunk of the whole sequence at once."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    x, state = keras.Input((FRAMES, BINS), name="x"), keras.Input((UNITS,), name="state")
    scaled = layers.Rescaling(0.25, offset=1.0)
    memory = layers.GRU(UNITS, return_state=True, name="memory")
    # So decided that several classes come up.
    wide = keras.initializers.RandomNormal(stddev=2)
    told = layers.Dense(3, activation="softmax", name="class", kernel_initializer=wide)
    last, new = memory(scaled(x), initial_state=state)
    model = keras.Model([x, state], {"class": told(last), "new_state": new}, name="listener")
    samples, _ = tones.long_recording(["low", "high", "high", "low"])
    frames = runtime.log_mel(samples, tones.FRONT_END)
    frames = frames[: len(frames) // FRAMES * FRAMES]
    whole = layers.GRU(UNITS, return_sequences=True)
    whole.build((1, None, BINS))
    whole.set_weights(memory.get_weights())
    expected = np.asarray(told(whole(scaled(frames[None]))))[0, FRAMES - 1 :: FRAMES]
    chunks = frames.reshape(-1, FRAMES, BINS)
    # Windows side by side, each a report where it says something else.
    hop = FRAMES * tones.FRONT_END["hop"] / tones.RATE
    stream = {"hop": hop, "smoothing": 1, "threshold": 0.0, "refractory": 0.0}
    out = tmp_path_factory.mktemp("listener") / "out"
    deploy.export(
        model, ["cpu-float", "cortex-m", "ethos-u55-128"], out=out, calibration=chunks,
        class_names=tones.CLASSES, front_end=tones.FRONT_END, state={"new_state": "state"},
        task={"task": "classification", "stream": stream}, verbose=0,
    )  # fmt: skip
    length = (len(frames) - 1) * tones.FRONT_END["hop"] + tones.FRONT_END["window"]
    return out, samples[:length], chunks, expected


@pytest.mark.parametrize(("target", "error"), [("cpu-float", 1e-5), ("cortex-m", 0.05)])
def test_chunks_of_a_gru_are_the_whole_sequence(target, error, listener):
    out, _, chunks, expected = listener
    model = runtime.load(out / target)
    for _ in range(2):
        received = [model.predict(chunk)["probabilities"] for chunk in chunks]
        np.testing.assert_allclose(received, expected, atol=error)
        model.reset()
    alone = []
    for chunk in chunks:
        alone.append(model.predict(chunk)["probabilities"])
        model.reset()
    np.testing.assert_array_equal(alone[0], received[0])
    assert np.abs(np.array(alone) - expected).max() > 0.1


def test_a_stream_carries_the_state_of_a_gru(listener):
    out, samples, _, expected = listener
    model, classes = runtime.load(out / "cpu-float"), expected.argmax(axis=1)
    changes = np.flatnonzero(np.diff(classes, prepend=-1))
    assert len(changes) > 5
    hop, window = tones.FRONT_END["hop"], tones.FRONT_END["window"]
    for _ in range(2):
        events = list(runtime.stream(model, np.array_split(samples, 13)))
        assert [event.prediction["index"] for event in events] == classes[changes].tolist()
        np.testing.assert_allclose(
            [event.time for event in events],
            (changes * FRAMES * hop + (FRAMES - 1) * hop + window) / tones.RATE,
        )
        received = [event.prediction["probabilities"] for event in events]
        np.testing.assert_allclose(received, expected[changes], atol=1e-5)


@pytest.mark.parametrize("target", ["cortex-m", "ethos-u55-128"])
def test_the_card_tells_what_a_gru_costs(target, listener):
    card = json.loads((listener[0] / target / "card.json").read_text("utf-8"))
    assert card["recurrent"] == {"memory": "unrolled"}
    count = sum(card["ops"].values())
    # A step is a dense layer of the state for the gates and one for the candidate, a sigmoid and a
    # tanh, and what joins them.
    assert card["ops"]["TANH"] == card["ops"]["LOGISTIC"] == FRAMES and count > 8 * FRAMES
    line = f"`memory` unrolled. Unrolled, each step has operators of its own, {count} in the whole"
    text = (listener[0] / target / "card.md").read_text("utf-8")
    assert line in text and "prefer an LSTM (tanh and sigmoid" in text
    # That has no such operator.
    assert "prefer an LSTM in int8 (tanh" in card_text(card | {"scheme": "int16"})


@pytest.mark.parametrize("tensors", [[[0, 0, 0]], [[9, 0]], [["y", "h"]], "no"])
def test_a_card_with_a_damaged_state_is_refused(tensors, bundles, tmp_path):
    shutil.copytree(bundles["cpu"][0], tmp_path / "copy")
    card = json.loads((tmp_path / "copy" / "card.json").read_text("utf-8"))
    card["state"]["tensors"] = tensors
    (tmp_path / "copy" / "card.json").write_text(json.dumps(card), "utf-8")
    with pytest.raises(DeployError, match="pairs of an output and an input of one shape"):
        runtime.load(tmp_path / "copy")
