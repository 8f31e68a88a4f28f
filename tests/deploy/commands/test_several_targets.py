"""One call for several targets: the same bundles as one call each, from one model loaded once."""

import json
import re

import keras
import numpy as np
import pytest

import deploy
from deploy import DeployError, runtime
from deploy.__main__ import main

TARGETS = ["cpu", "cpu-float", "cortex-m"]
X = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    layers = [keras.Input((4,), name="x"), keras.layers.Dense(8, activation="relu")]
    return keras.Sequential([*layers, keras.layers.Dense(3, activation="softmax")], name="small")


@pytest.fixture(scope="module")
def several(model, tmp_path_factory):
    """The folder of the bundles, and the cards."""
    out = tmp_path_factory.mktemp("several") / "out"
    return out, deploy.export(model, TARGETS, out=out, calibration=X, verbose=0)


def test_each_target_has_a_bundle_of_its_name(several):
    out, cards = several
    assert [card["target"] for card in cards] == TARGETS
    assert sorted(path.name for path in out.iterdir()) == sorted(TARGETS)
    for target, card in zip(TARGETS, cards, strict=True):
        assert json.loads((out / target / "card.json").read_text("utf-8")) == card
        assert all(result["passed"] for result in runtime.selftest(out / target))


@pytest.mark.parametrize("target", TARGETS)
def test_the_model_is_that_of_a_single_export(target, several, model, tmp_path):
    out, cards = several
    folder = tmp_path / "bundle"
    single = deploy.export(model, target, out=folder, calibration=X, verbose=0)
    one, other = (
        # Within a process Keras counts up the scopes' numbers in the names of tensors.
        re.sub(rb"_\d+", b"", (each / "model.tflite").read_bytes())
        for each in (out / target, folder)
    )
    assert one == other
    with (
        np.load(out / target / "selftest.npz") as recorded,
        np.load(folder / "selftest.npz") as alone,
    ):
        assert recorded.files == alone.files
        for name in alone.files:
            np.testing.assert_array_equal(recorded[name], alone[name])
    measured = ("latency_ms", "created", "source", "sha256", "compressed_bytes")
    of_several = cards[TARGETS.index(target)]
    assert {k: v for k, v in single.items() if k not in measured} == {
        k: v for k, v in of_several.items() if k not in measured
    }


def test_several_targets_on_the_command_line(model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model.save("model.keras")
    np.savez("x.npz", x=X)
    command = ["export", "model.keras", "--out", "out", "--calibration", "x.npz"]
    assert main([*command, "--target", "cpu", "--target", "cpu-float"]) == 0
    said = capsys.readouterr().out
    assert said.count("1 load") == 1 and said.count("7 bundle") == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cpu", "cpu-float"]
    assert main([*command, "--target", "cpu", "--target", "gpu"]) == 2
    assert "which exists" in capsys.readouterr().err
    assert not (tmp_path / "out" / "gpu").exists()


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([], "at least one target, received none"),
        (["cpu-float", "cpuu"], "received 'cpuu'; did you mean 'cpu'"),
        (["cpu-float", "cpu"], "calibration data for the target 'cpu'"),
    ],
)
def test_nothing_is_written_where_one_target_can_not_be_served(targets, message, model, tmp_path):
    with pytest.raises(DeployError, match=message):
        deploy.export(model, targets, out=tmp_path / "out", verbose=0)
    assert list(tmp_path.iterdir()) == []
