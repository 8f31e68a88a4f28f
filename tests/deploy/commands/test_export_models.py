"""A bundle of several models: each a bundle, all of them or none."""

import json

import keras
import numpy as np
import pytest

import deploy
from deploy import DeployError, runtime
from deploy.runtime.__main__ import main

X = np.random.default_rng(0).normal(size=(80, 6)).astype("float32")


@pytest.fixture(scope="module")
def models():
    """An encoder of six numbers to two and a decoder back."""
    keras.utils.set_random_seed(1)
    x, code = keras.Input((6,), name="x"), keras.Input((2,), name="code")
    encoder = keras.Model(x, keras.layers.Dense(2, "tanh", name="code")(x), name="encoder")
    decoder = keras.Model(code, keras.layers.Dense(6, name="x")(code), name="decoder")
    return {"encoder": encoder, "decoder": decoder}


@pytest.fixture(scope="module")
def calibration(models):
    return {"encoder": X, "decoder": models["encoder"].predict(X, verbose=0)}


@pytest.fixture(scope="module")
def both(models, calibration, tmp_path_factory):
    """The bundle, and the cards."""
    out = tmp_path_factory.mktemp("models") / "both"
    return out, deploy.export_models(models, "cpu", out=out, calibration=calibration, verbose=0)


def test_each_model_is_a_bundle(both):
    out, cards = both
    assert list(cards) == ["encoder", "decoder"]
    assert json.loads((out / "card.json").read_text("utf-8")) == {"models": list(cards)}
    assert {path.name for path in out.iterdir()} == {"card.json", "encoder", "decoder"}
    for name, card in cards.items():
        assert json.loads((out / name / "card.json").read_text("utf-8")) == card
        assert card["scheme"] == "int8" and card["name"] == name
        assert deploy.verify(out / name)["passed"]


def test_both_run_one_after_the_other(both, models):
    device = runtime.load_models(both[0])
    code = device["encoder"].predict(X[0])["outputs"]["code"]
    received = device["decoder"].predict(code)["outputs"]["x"]
    expected = models["decoder"].predict(models["encoder"].predict(X[:1], verbose=0), verbose=0)
    np.testing.assert_allclose(received, expected[0], atol=0.05)


def test_the_self_test_is_of_all(both, capsys):
    results = runtime.selftest(both[0])
    assert [result["model"] for result in results] == ["encoder", "decoder"]
    assert all(result["passed"] for result in results)
    assert main(["selftest", str(both[0])]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "passed: output 'encoder/code'", "passed: output 'decoder/x'",
    ]  # fmt: skip


def test_one_model_has_to_be_named(both, capsys):
    for one in (runtime.load, deploy.verify, deploy.benchmark):
        with pytest.raises(DeployError, match="which holds several; name one of them: .*encoder"):
            one(both[0])
    assert main(["run", str(both[0]), "x.npy"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_all_models_are_written_or_none(models, calibration, tmp_path):
    names = {"decoder": ["a", "b"]}
    with pytest.raises(DeployError, match="class names"):
        deploy.export_models(
            models,
            "cpu",
            out=tmp_path / "both",
            calibration=calibration,
            class_names=names,
            verbose=0,
        )
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_bundle_is_replaced_whole(models, calibration, tmp_path):
    encoder, out = {"encoder": models["encoder"]}, tmp_path / "both"
    options = {"calibration": {"encoder": X}, "verbose": 0}
    deploy.export_models(encoder, "cpu", out=out, **options)
    with pytest.raises(DeployError, match="which exists"):
        deploy.export_models(encoder, "cpu", out=out, **options)
    deploy.export_models({"again": models["encoder"]}, "cpu-float", out=out, overwrite=True)
    assert {path.name for path in out.iterdir()} == {"card.json", "again"}
    assert list(runtime.load_models(out)) == ["again"]


@pytest.mark.parametrize("name", ["", "a/b", "..", "."])
def test_names_that_no_folder_can_have_are_refused(name, models, tmp_path):
    with pytest.raises(DeployError, match="models by names that folders can have"):
        deploy.export_models({name: models["encoder"]}, "cpu-float", out=tmp_path / "b")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": {}}, "expected options of calibration, .*, received 'labels'"),
        ({"calibration": X}, "calibration by the models' names encoder, decoder, received ndarray"),
        ({"calibration": {"coder": X}}, r"received \['coder'\]"),
    ],
)
def test_options_that_belong_to_no_model_are_refused(options, message, models, tmp_path):
    with pytest.raises(DeployError, match=message):
        deploy.export_models(models, "cpu-float", out=tmp_path / "b", **options)
    assert list(tmp_path.iterdir()) == []
