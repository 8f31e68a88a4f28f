"""Metrics by hand, and `verify` on sound, broken and mismatched bundles."""

import json
import shutil

import keras
import numpy as np
import pytest
from deploy.tasks.quality import agreement, quality

import deploy
from deploy.measure.parity import loss_in_points, parity


def test_parity_by_hand():
    expected = [np.array([[3.0, 4.0]], "float32"), np.array([[1.0], [1.0]], "float32")]
    received = [np.array([[3.0, 4.5]], "float32"), np.array([[1.0], [1.0]], "float32")]
    result = parity(["a", "b"], expected, received)
    assert result["max_abs_error"] == 0.5
    # One error of 0.5 among the four values of both outputs.
    assert result["mean_abs_error"] == pytest.approx(0.125)
    # 25 of energy against 0.25 of noise is a factor of 100.
    assert result["sqnr_db"] == pytest.approx(20.0)
    assert result["outputs"][1] == {
        "name": "b",
        "max_abs_error": 0.0,
        "mean_abs_error": 0.0,
        "sqnr_db": None,
    }


KERAS = [np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])]
DEPLOYED = [np.array([[0.8, 0.2], [0.4, 0.6], [0.4, 0.6], [0.3, 0.7]])]


@pytest.mark.parametrize(
    "targets", [[0, 1, 0, 0], [[1, 0], [0, 1], [1, 0], [1, 0]], [[0], [1], [0], [0]]]
)
def test_accuracy_by_hand(targets):
    measured = quality("softmax", np.array(targets), KERAS, DEPLOYED)
    assert measured == {"metric": "accuracy", "keras": 0.75, "deployed": 0.5, "examples": 4}
    assert loss_in_points(measured) == pytest.approx(25.0)


def test_mean_absolute_error_by_hand():
    targets = [np.zeros((2, 2)), np.full((2, 2), 2.0), np.full((2, 2), 3.0)]
    measured = quality(None, targets[0], [targets[1]], [targets[2]])
    assert (measured["metric"], measured["keras"], measured["deployed"]) == (
        "mean_absolute_error",
        2.0,
        3.0,
    )
    assert loss_in_points(measured) == pytest.approx(50.0)


def test_agreement_by_hand():
    assert agreement("softmax", ["a", "b"], KERAS, DEPLOYED) == {
        "a": {"examples": 2, "agreement": 0.5},
        "b": {"examples": 2, "agreement": 1.0},
    }


@pytest.mark.parametrize(
    ("activation", "targets", "message"),
    [
        ("softmax", [0, 1], r"for each of the 4 examples, received y of shape \(2,\)"),
        ("softmax", [0, 1, 2, 0], "from 0 to 1"),
        ("softmax", [0, -1, 1, 0], "from 0 to 1"),
        ("softmax", [0.5, 1, 1, 0], "from 0 to 1"),
        (None, [1, 2, 3, 4], r"output's shape \(4, 2\)"),
    ],
)
def test_targets_that_fit_nothing_are_refused(activation, targets, message):
    with pytest.raises(deploy.DeployError, match=message):
        quality(activation, targets, KERAS, DEPLOYED)


def test_targets_of_several_shapes_are_refused():
    with pytest.raises(deploy.DeployError, match="several outputs without y"):
        quality(None, [np.zeros((2, 3)), np.zeros((2, 2))], [np.zeros((2, 3))] * 2, [])


def test_a_signal_of_zeros_has_no_perfect_ratio():
    result = parity(["a"], [np.zeros((1, 2))], [np.ones((1, 2))])
    assert result["sqnr_db"] < -200


def test_outputs_that_are_not_finite_are_refused():
    with pytest.raises(deploy.DeployError, match="NaN or infinity from 'a' of the deployed"):
        parity(["a"], [np.zeros((1, 2))], [np.array([[0.0, np.nan]])])


def test_regression_targets_may_lack_the_last_axis():
    measured = quality(None, np.zeros(2), [np.full((2, 1), 2.0)], [np.full((2, 1), 3.0)])
    assert (measured["keras"], measured["deployed"]) == (2.0, 3.0)


@pytest.mark.parametrize("target", ["cpu", "cortex-m"])
def test_a_sound_bundle_passes(target, exported, digits):
    report = deploy.verify(exported("convnet", target), digits.test, tolerance=0.3)
    assert report["passed"] and not report["failures"]
    assert report["quality"]["examples"] == 360
    assert report["loss"] == pytest.approx(
        100 * (report["quality"]["keras"] - report["quality"]["deployed"])
    )
    assert report["agreement"].keys() == set(digits.labels)
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
