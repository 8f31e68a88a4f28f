"""Session 6's run: what it keeps for the command line."""

import json

import numpy as np


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
