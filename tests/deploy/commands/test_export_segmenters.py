"""Semantic segmenters: the deployed model gives the label map that the Keras model gives."""

import json

import keras
import numpy as np
import pytest

import deploy
from deploy import runtime
from tests.deploy.tiny_models import (
    TASKS,
    fraction_of_pixels,
    images,
    label_maps,
    squares_segmenter,
)


@pytest.fixture
def bundle(request, squares, tmp_path):
    """Of a softmax the shared bundle, of another activation one of its own."""
    target, activation = request.param
    if activation == "softmax":
        return squares("semantic_segmentation", target)
    _, class_names, task, metric = TASKS["semantic_segmentation"]
    x, ground_truth = images(12, seed=1)
    deploy.export(
        squares_segmenter(activation),
        target,
        out=tmp_path / "bundle",
        calibration=images(24)[0],
        class_names=class_names,
        task=task,
        test=deploy.TestData(x, label_maps(ground_truth), metric),
        verbose=0,
    )
    return tmp_path / "bundle"


CASES = [("cpu", "softmax"), ("cpu-float", "linear"), ("cpu-float", "sigmoid")]


@pytest.mark.parametrize(
    ("bundle", "activation"), [(case, case[1]) for case in CASES], indirect=["bundle"]
)
def test_a_segmenter_is_exported(bundle, activation):
    card, (x, ground_truth) = json.loads((bundle / "card.json").read_text()), images(12, seed=1)
    assert (card["task"], card["activation"]) == ("semantic_segmentation", activation)
    assert "detector" not in card
    assert card["quality"]["keras"] > 0.93
    assert card["quality"]["deployed"] == pytest.approx(card["quality"]["keras"], abs=0.005)
    assert list(card["agreement"]) == ["background", "red", "green"]
    # Each class of the 16 x 16 places of an output.
    assert sum(row["examples"] for row in card["agreement"].values()) == 12 * 16 * 16
    assert min(row["agreement"] for row in card["agreement"].values()) > 0.98
    prediction = runtime.load(bundle).predict(x[0])
    assert prediction.shape == (64, 64) and prediction.dtype == np.uint8
    assert "16 × 16" in (bundle / "card.md").read_text("utf-8")
    test = deploy.TestData(x, label_maps(ground_truth), fraction_of_pixels)
    assert deploy.verify(bundle, test)["passed"]


def test_a_single_unit_tells_two_classes_of_pixels(tmp_path):
    model = squares_segmenter()
    one = keras.Model(model.inputs, model.output[..., 1:2])
    card = deploy.export(
        one,
        "cpu-float",
        out=tmp_path / "bundle",
        class_names=["other", "red"],
        task="segmentation",
        calibration=images(24)[0],
        verbose=0,
    )
    assert (card["task"], card["activation"]) == ("semantic_segmentation", "sigmoid")
    assert list(card["agreement"]) == ["other", "red"]


def test_a_segmenter_fits_an_npu():
    verdicts = deploy.check_targets(squares_segmenter(), board="grove-vision-ai-v2", verbose=0)
    assert [(verdict.target, verdict.fits) for verdict in verdicts] == [
        ("cortex-m", True), ("cortex-m-int16", True), ("ethos-u55-64", True),
    ]  # fmt: skip
