"""Session 6's run: what it keeps for the command line."""

import json

import numpy as np
import pytest
from PIL import Image


def test_the_metric_is_that_of_every_test_image(lesson_run):
    out, _ = lesson_run("s06")
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["dataset"] == "digits"
    assert metrics["targets"]["cpu"]["quality"]["examples"] == 360


def test_calibration_and_test_images_are_pixels_and_disjoint(lesson_run):
    out, _ = lesson_run("s06")
    calibration = np.load(out / "calibration.npz")["x"]
    with np.load(out / "test.npz") as test:
        images, classes = test["x"], test["y"]
    assert calibration.dtype == images.dtype == np.uint8
    assert calibration.shape == (384, 8, 8, 1)
    assert images.shape == (360, 8, 8, 1) and classes.shape == (360,)
    seen = {image.tobytes() for image in calibration}
    assert not any(image.tobytes() in seen for image in images)


@pytest.mark.slow
def test_it_runs_on_a_folder_of_images(lesson_run, tmp_path):
    generator = np.random.default_rng(0)
    for name, red in (("blue", 0), ("red", 200)):
        (tmp_path / "colours" / name).mkdir(parents=True)
        for index in range(30):
            pixels = generator.integers(0, 56, (28, 28, 3), dtype=np.uint8)
            pixels[..., 0] += red
            Image.fromarray(pixels).save(tmp_path / "colours" / name / f"{index}.png")
    (tmp_path / "colours/red/notes.txt").write_text("no image")
    out, printed = lesson_run("s06", tmp_path / "colours")
    assert f"skipped '{tmp_path / 'colours/red/notes.txt'}'" in printed
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["dataset"] == "colours"
    assert metrics["targets"]["cpu"]["quality"]["examples"] == 6
    assert (out / "deploy/cpu/labels.txt").read_text().split() == ["blue", "red"]
    assert np.load(out / "test.npz")["x"].shape == (6, 64, 64, 3)
