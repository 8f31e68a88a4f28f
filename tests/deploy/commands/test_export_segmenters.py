"""Semantic segmenters: the deployed model gives the map that the Keras model gives."""

import keras
import numpy as np
import pytest

import deploy
from deploy import runtime
from tests.deploy.tiny_models import LABELS, pictures, squares_segmenter

CLASSES = ["ground", *LABELS]


@pytest.fixture(scope="module")
def squares():
    """Pictures for calibration, and others with what is on them."""
    return pictures(24)[0], pictures(12, seed=1)


def share_of_pixels(targets, found):
    return np.mean([np.mean(one == other) for one, other in zip(targets, found, strict=True)])


def regions(truths):
    maps = np.zeros((len(truths), 64, 64), int)
    for pixels, truth in zip(maps, truths, strict=True):
        for (x0, y0, x1, y1), label in zip(
            truth["boxes"].astype(int), truth["labels"], strict=True
        ):
            pixels[y0:y1, x0:x1] = label + 1
    return maps


@pytest.mark.parametrize(
    ("target", "activation"),
    [("cpu", "softmax"), ("cpu-float", "linear"), ("cpu-float", "sigmoid")],
)
def test_a_segmenter_is_exported(target, activation, squares, tmp_path):
    calibration, (x, truths) = squares
    out = tmp_path / "bundle"
    card = deploy.export(
        squares_segmenter(activation),
        target,
        out=out,
        calibration=calibration,
        labels=CLASSES,
        task="segmentation",
        test=(x, regions(truths)),
        metric=share_of_pixels,
        verbose=0,
    )
    assert (card["task"], card["activation"]) == ("segmentation", activation)
    assert "detector" not in card
    assert card["quality"]["keras"] > 0.93
    assert card["quality"]["deployed"] == pytest.approx(card["quality"]["keras"], abs=0.005)
    assert list(card["agreement"]) == CLASSES
    # Each class of the 16 x 16 places of an output.
    assert sum(row["examples"] for row in card["agreement"].values()) == 12 * 16 * 16
    assert min(row["agreement"] for row in card["agreement"].values()) > 0.98
    answer = runtime.load(out).predict(x[0])
    assert answer.shape == (64, 64) and answer.dtype == np.uint8
    assert "each pixel of 16 × 16, interpolated" in (out / "card.md").read_text("utf-8")
    assert deploy.verify(out, (x, regions(truths)), metric=share_of_pixels)["passed"]


def test_a_single_unit_tells_two_classes_of_pixels(squares, tmp_path):
    model = squares_segmenter()
    one = keras.Model(model.inputs, model.output[..., 1:2])
    card = deploy.export(
        one,
        "cpu-float",
        out=tmp_path / "bundle",
        labels=["other", "red"],
        task="segmentation",
        calibration=squares[0],
        verbose=0,
    )
    assert card["activation"] == "sigmoid" and list(card["agreement"]) == ["other", "red"]
