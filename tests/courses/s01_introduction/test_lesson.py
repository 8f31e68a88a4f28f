"""Session 1's run: what it promises of the tumours, and what it keeps for the command line."""

import json

import numpy as np
import pytest

from benchmarks import tables

NAMES = {"equal", "threshold", "hidden", "trap"}


@pytest.mark.parametrize("dataset", ["breast_cancer", "fashion_mnist"])
def test_the_recorded_runs_keep_the_promises(dataset):
    record = tables.read_record(f"s01-{dataset}")
    assert record["test_accuracy"] >= {"breast_cancer": 0.97}.get(dataset, 0.8)
    for target in ("cpu", "cortex-m"):
        quality = record["targets"][target]["quality"]
        assert quality["keras"] - quality["deployed"] <= 0.003
    assert set(record["tables"]) == NAMES
    assert record["targets"]["cortex-m"]["memory"]["arena_bytes"] < 20_000


@pytest.mark.slow
def test_one_epoch_already_shows_the_trap(lesson_run):
    out, printed = lesson_run("s01")
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["dataset"] == "breast_cancer" and metrics["parameters"] == 92
    _, everything, mended = metrics["tables"]["trap"]
    assert everything[:2] == ["cpu", "nothing"] and mended[:2] == ["cpu", "normalization"]
    accuracy = [float(row[3].removesuffix(" %")) for row in (everything, mended)]
    assert accuracy[0] < 80
    assert accuracy[1] == pytest.approx(100 * metrics["test_accuracy"], abs=0.31)
    assert "the device says malignant, Keras says malignant, it is malignant" in printed


@pytest.mark.slow
def test_numpy_and_keras_agree_in_the_run(lesson_run):
    out, _ = lesson_run("s01")
    _, *rows = json.loads((out / "metrics.json").read_text())["tables"]["equal"]
    assert [row[0] for row in rows] == ["logistic regression", "5 hidden units"]
    for row in rows:
        assert float(row[2]) == pytest.approx(float(row[3]), abs=1e-6)
        assert float(row[4].removesuffix(" at most")) < 1e-6 and float(row[5]) < 1e-5


@pytest.mark.slow
def test_calibration_and_test_examples_are_disjoint(lesson_run):
    out, _ = lesson_run("s01")
    calibration = np.load(out / "calibration.npz")["x"]
    with np.load(out / "test.npz") as test:
        x, y = test["x"], test["y"]
    assert calibration.shape == (256, 30) and x.shape == (114, 30) and y.shape == (114,)
    seen = {row.tobytes() for row in calibration}
    assert not any(row.tobytes() in seen for row in x)
