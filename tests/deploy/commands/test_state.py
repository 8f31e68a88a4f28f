"""Explicit state: the runtime carries from call to call what Keras carries by hand."""

import json
import shutil

import keras
import numpy as np
import pytest

import deploy
from deploy import DeployError, runtime
from deploy.runtime.__main__ import main

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


@pytest.mark.parametrize("tensors", [[[0, 0, 0]], [[9, 0]], [["y", "h"]], "no"])
def test_a_card_with_a_damaged_state_is_refused(tensors, bundles, tmp_path):
    shutil.copytree(bundles["cpu"][0], tmp_path / "copy")
    card = json.loads((tmp_path / "copy" / "card.json").read_text("utf-8"))
    card["state"]["tensors"] = tensors
    (tmp_path / "copy" / "card.json").write_text(json.dumps(card), "utf-8")
    with pytest.raises(DeployError, match="pairs of an output and an input of one shape"):
        runtime.load(tmp_path / "copy")
