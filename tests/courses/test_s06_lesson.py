"""Session 6 from end to end: one epoch, one target, everything that `courses run` promises."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FIGURES = {
    "confusion_matrix.png",
    "data.png",
    "feature_maps.png",
    "kernels_by_hand.png",
    "learned_filters.png",
    "learning_curves.png",
    "one_output_pixel.png",
    "predictions.png",
    "receptive_field.png",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder that a run of one epoch wrote, and what it printed."""
    out = tmp_path_factory.mktemp("s06")
    options = ["--epochs", "1", "--target", "cpu", "--seed", "3", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "courses", "run", "s06", *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out, done.stdout


def test_it_writes_what_it_promises(run):
    out, _ = run
    assert {path.name for path in (out / "figures").iterdir()} == FIGURES
    assert (out / "model.keras").is_file()
    assert (out / "deploy" / "cpu" / "card.json").is_file()


def test_metrics_agree_with_the_card(run):
    out, printed = run
    metrics = json.loads((out / "metrics.json").read_text())
    card = json.loads((out / "deploy" / "cpu" / "card.json").read_text())
    assert (metrics["dataset"], metrics["seed"], metrics["epochs"]) == ("digits", 3, 1)
    assert metrics["parameters"] == card["params"]
    assert set(metrics["history"]) >= {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert metrics["test_accuracy"] == pytest.approx(card["quality"]["keras"], abs=1e-6)
    for name, value in metrics["targets"]["cpu"].items():
        assert value == card[name]
    assert metrics["targets"]["cpu"]["quality"]["examples"] == 360
    assert "| cpu " in printed.splitlines()[-1]


def test_calibration_and_test_pictures_are_pixels_and_disjoint(run):
    out, _ = run
    calibration = np.load(out / "calibration.npz")["x"]
    with np.load(out / "test.npz") as test:
        pictures, classes = test["x"], test["y"]
    assert calibration.dtype == pictures.dtype == np.uint8
    assert calibration.shape == (384, 8, 8, 1)
    assert pictures.shape == (360, 8, 8, 1) and classes.shape == (360,)
    seen = {picture.tobytes() for picture in calibration}
    assert not any(picture.tobytes() in seen for picture in pictures)


def test_the_lesson_is_a_notebook_in_percent_format():
    text = (ROOT / "courses" / "s06_convolutional_networks" / "lesson.py").read_text("utf-8")
    cells = text.split("\n# %%")
    assert cells[0].startswith("# %% [markdown]\n# # Session 6")
    markdown = [cell for cell in cells[1:] if cell.startswith(" [markdown]")]
    assert len(markdown) > 8
    for cell in markdown:
        assert all(line.startswith("#") for line in cell.splitlines()[1:] if line), cell


def test_the_readme_shows_every_figure_and_leaves_the_tables_to_the_script():
    text = (ROOT / "courses" / "s06_convolutional_networks" / "README.md").read_text("utf-8")
    for name in FIGURES:
        assert f"](figures/{name})" in text
    for dataset in ("digits", "fashion_mnist"):
        assert f"<!-- table: s06-{dataset} -->" in text
