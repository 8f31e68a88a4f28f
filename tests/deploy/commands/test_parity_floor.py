"""A deployed model that is not the Keras model any more is refused, unless that is accepted."""

import json

import keras
import numpy as np
import pytest
from keras import layers

import deploy
from deploy.__main__ import main
from deploy.measure.parity import FLOOR, below_floor, parity
from deploy.runtime.card import read_card
from deploy.runtime.errors import DeployError


@pytest.fixture(scope="module")
def drowned():
    """One scale for a number of 1000 and for those of 1 that alone reach the output."""
    keras.utils.set_random_seed(0)
    entry = keras.Input((4,))
    joined = layers.Dense(5, use_bias=False, name="joined")(entry)
    model = keras.Model(entry, layers.Dense(4, use_bias=False, name="kept")(joined))
    kernel = np.eye(4, 5, dtype="float32")
    kernel[:, 4] = 1000
    model.set_weights([kernel, np.eye(5, 4, dtype="float32")])
    return model, np.random.default_rng(0).normal(size=(64, 4)).astype("float32")


def test_it_is_refused_in_one_line(drowned, tmp_path):
    model, x = drowned
    with pytest.raises(DeployError) as caught:
        deploy.export(model, "cpu", out=tmp_path / "b", calibration=x, verbose=0)
    message = str(caught.value)
    assert "\n" not in message and not (tmp_path / "b").exists()
    assert message.startswith("expected outputs of at least 10 dB above their quantization noise")
    assert "of 'kept'; the operators that cost it: joined (FULLY_CONNECTED)" in message
    assert "--mixed LAYER=float32" in message and "--accept" in message
    # The remedy that the message gives is one.
    card = deploy.export(
        model, "cpu", out=tmp_path / "m", calibration=x, verbose=0,
        quantization=deploy.Quantization(mixed={"joined": "float32", "kept": "float32"}),
    )  # fmt: skip
    assert card["parity"]["sqnr_db"] is None or card["parity"]["sqnr_db"] > 30


def test_it_is_written_where_that_is_accepted(drowned, tmp_path, capsys):
    model, x = drowned
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "x.npz", x=x)
    given = ["export", str(tmp_path / "model.keras"), "--target", "cpu", "--out"]
    given += [str(tmp_path / "b"), "--calibration", str(tmp_path / "x.npz")]
    assert main(given) == 2 and not (tmp_path / "b").exists()
    assert main([*given, "--accept"]) == 0
    card = read_card(tmp_path / "b")
    assert card["parity"]["sqnr_db"] < FLOOR
    assert "below the floor of 10 dB: received" in capsys.readouterr().out
    assert (
        "- Below the floor of 10 dB, and accepted: `kept`." in (tmp_path / "b/card.md").read_text()
    )


def test_what_the_metric_keeps_is_no_loss(drowned, tmp_path):
    model, x = drowned

    def always_right(y, predictions):
        return 1.0

    test = deploy.TestData(x, np.zeros(len(x)), metric=always_right)
    card = deploy.export(model, "cpu", out=tmp_path / "b", calibration=x, test=test, verbose=0)
    assert card["parity"]["sqnr_db"] < FLOOR


def test_indices_are_judged_by_how_many_are_the_same():
    keras_labels = np.zeros((1, 100), "float32")
    keras_labels[0, :10] = 1
    deployed = keras_labels.copy()
    deployed[0, 50:55] = 20
    # 5 of 100 differ, by far.
    found = parity(["labels"], [keras_labels], [deployed])
    assert found["outputs"][0]["same"] == 0.95
    assert found["sqnr_db"] == pytest.approx(10 * np.log10(10 / 2000))
    assert below_floor(found) == []
    deployed[0, 55:65] = 20
    assert [entry["same"] for entry in below_floor(parity([""], [keras_labels], [deployed]))] == [
        0.85
    ]
    # Numbers that are no indices have no such share.
    found = parity([""], [keras_labels + 0.5], [deployed + 0.5])
    assert "same" not in found["outputs"][0] and len(below_floor(found)) == 1


def test_the_card_lists_what_computes_in_float(tmp_path):
    keras.utils.set_random_seed(0)
    entry = keras.Input((4,))
    x = layers.Dense(8, name="first")(entry)
    x = keras.layers.Lambda(lambda t: keras.ops.mod(t, 3.0), name="remainder")(x)
    model = keras.Model(entry, layers.Dense(2, name="last")(x))
    examples = np.random.default_rng(0).uniform(0, 9, (64, 4)).astype("float32")
    targets = ["cpu", "coral", "ethos-u55-128", "cpu-float"]
    cards = deploy.export(
        model, targets, out=tmp_path, calibration=examples, accept=True, verbose=0
    )
    listed = [{"operator": "FLOOR_MOD", "layer": "remainder"}]
    assert [card["in_float"] for card in cards] == [listed, listed, listed, []]
    for target in targets[:3]:
        text = (tmp_path / target / "card.md").read_text()
        assert "- Operators that compute in float: remainder (FLOOR_MOD)." in text
        assert json.loads((tmp_path / target / "card.json").read_text())["in_float"] == listed
