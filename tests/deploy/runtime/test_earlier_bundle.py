"""Bundles that version 0.1 exported: they load, predict, and are compared with those of today."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deploy
from deploy import runtime
from deploy.commands.compare import compare
from deploy.runtime.__main__ import main

FOLDER = Path(__file__).parent / "earlier_bundle"
NAMES = ["classifier", "detector"]


@pytest.mark.parametrize("name", NAMES)
def test_its_recorded_outputs_come_again(name, capsys):
    assert all(result["passed"] for result in runtime.selftest(FOLDER / name))
    assert main(["selftest", str(FOLDER / name)]) == 0
    assert "passed" in capsys.readouterr().out
    assert deploy.verify(FOLDER / name)["passed"]


@pytest.mark.parametrize("name", NAMES)
def test_its_card_is_of_that_version(name):
    card = json.loads((FOLDER / name / "card.json").read_text("utf-8"))
    assert card["inputs"][0]["pixels"] == [0, 255] and "front_end" not in card["inputs"][0]
    front_end = runtime.load(FOLDER / name).card["inputs"][0]["front_end"]
    assert front_end == {"kind": "image", "black": 0, "white": 255}


@pytest.mark.parametrize(
    ("rows", "expected"), [(slice(0, 30), "top"), (slice(30, 60), "bottom"), (slice(0), "nothing")]
)
def test_a_classifier_predicts(rows, expected, tmp_path, capsys):
    pixels = np.zeros((60, 40), "uint8")
    pixels[rows] = 230
    Image.fromarray(pixels).save(tmp_path / "image.png")
    prediction = runtime.load(FOLDER / "classifier").predict(tmp_path / "image.png")
    assert prediction["label"] == expected and prediction["probabilities"].shape == (3,)
    command = ["run", str(FOLDER / "classifier"), str(tmp_path / "image.png")]
    assert main([*command, "--draw", str(tmp_path / "out.png")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'image.png'}: {expected} (")


def test_a_detector_predicts():
    pixels = np.zeros((32, 64, 3), "uint8")
    # Red fills the upper left quarter of the image, green the lower right one.
    pixels[:16, :32, 0] = pixels[16:, 32:, 1] = 230
    prediction = runtime.load(FOLDER / "detector").predict(pixels)
    order = np.argsort(prediction["labels"])
    assert [prediction["names"][index] for index in order] == ["red", "green"]
    np.testing.assert_allclose(
        prediction["boxes"][order], [[0, 0, 32, 16], [32, 16, 64, 32]], atol=0.5
    )


def test_it_is_compared_with_one_of_today(exported, tmp_path):
    bundles = [FOLDER / "classifier", FOLDER / "detector", exported("convnet", "cpu")]
    page = compare(bundles, tmp_path / "page")
    text = page.read_text("utf-8")
    for name in ("halves", "squares", "convnet"):
        assert name in text
