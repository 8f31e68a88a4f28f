"""`verify` on sound, broken and mismatched bundles."""

import json
import shutil

import keras
import numpy as np
import pytest

import deploy


@pytest.mark.parametrize("target", ["cpu", "cortex-m"])
def test_a_sound_bundle_passes(target, exported, digits):
    report = deploy.verify(exported("convnet", target), digits.test, tolerance=0.3)
    assert report["passed"] and not report["failures"]
    assert report["quality"]["examples"] == 360
    assert report["loss"] == pytest.approx(
        100 * (report["quality"]["keras"] - report["quality"]["deployed"])
    )
    assert report["agreement"].keys() == set(digits.class_names)
    assert min(row["agreement"] for row in report["agreement"].values()) > 0.9
    assert report["parity"]["sqnr_db"] > 20


def test_without_data_the_recorded_outputs_are_compared(exported):
    report = deploy.verify(exported("convnet", "cpu"))
    assert report["passed"] and report["quality"] is None
    assert report["parity"]["examples"] == 8


def test_a_tolerance_that_is_broken_fails(exported, digits):
    x, y = digits.test
    bundle = exported("convnet", "cpu")
    report = deploy.verify(bundle, (x, y), tolerance=-1)
    assert not report["passed"]
    assert "accuracy loses" in report["failures"][0]
    assert not deploy.verify(bundle, (x, y), min_sqnr=100)["passed"]
    assert not deploy.verify(bundle, (x, y), tolerance=float("nan"))["passed"]


@pytest.fixture
def copy(exported, tmp_path):
    """A copy of the bundle `cpu` that a test may spoil; its Keras model lies where it lay."""
    folder = exported("convnet", "cpu")
    shutil.copytree(folder, tmp_path / "bundle")
    card = json.loads((folder / "card.json").read_text())
    card["source"]["path"] = str((folder / card["source"]["path"]).resolve())
    (tmp_path / "bundle" / "card.json").write_text(json.dumps(card))
    return tmp_path / "bundle"


def test_another_keras_model_is_refused_unless_named(copy, trained, digits, tmp_path):
    card = json.loads((copy / "card.json").read_text())
    model = keras.saving.load_model(trained("convnet"))
    model.layers[-1].set_weights([weights * 1.5 for weights in model.layers[-1].get_weights()])
    model.save(tmp_path / "other.keras")
    card["source"]["path"] = str(tmp_path / "other.keras")
    (copy / "card.json").write_text(json.dumps(card))
    with pytest.raises(deploy.DeployError, match="received another one"):
        deploy.verify(copy, digits.test)
    assert deploy.verify(copy, digits.test, model=trained("convnet"))["passed"]
    (tmp_path / "other.keras").unlink()
    with pytest.raises(deploy.DeployError, match="name it with --model"):
        deploy.verify(copy, digits.test)


def test_recorded_outputs_that_differ_fail(copy):
    with np.load(copy / "selftest.npz") as archive:
        arrays = dict(archive)
    arrays["output_0"] = arrays["output_0"] // 2
    np.savez(copy / "selftest.npz", **arrays)
    report = deploy.verify(copy)
    assert not report["passed"]
    assert "from its recorded value" in report["failures"][0]


def test_latency_says_what_it_measured(exported):
    speed = deploy.benchmark(exported("convnet", "cpu"), threads=2)
    assert speed["threads"] == 2 and 20 <= speed["runs"] <= 200
    assert speed["runtime"].startswith("ai-edge-litert ") and speed["cpu"]
    assert 0 < speed["median"] <= speed["p95"]
    micro = deploy.benchmark(exported("convnet", "cortex-m"))
    assert micro["runtime"].startswith("tflite-micro ") and micro["threads"] == 1
