"""Bundles that are damaged, of several models, or no bundles at all."""

import json
import shutil

import pytest

from deploy import DeployError, runtime
from deploy.runtime.__main__ import main
from deploy.runtime.bundle import read_labels


def spoil_model(folder, change):
    content = bytearray((folder / "model.tflite").read_bytes())
    (folder / "model.tflite").write_bytes(change(content))


def flip(content):
    content[len(content) // 2] ^= 1
    return content


DAMAGE = {
    "a truncated model": (lambda f: spoil_model(f, lambda c: c[:-100]), "received another one of"),
    "a flipped bit": (lambda f: spoil_model(f, flip), "received another one of"),
    "no model": (lambda f: (f / "model.tflite").unlink(), "received none"),
    "no card": (lambda f: (f / "card.json").unlink(), "with card.json"),
    "a torn card": (lambda f: (f / "card.json").write_text("{"), "damaged file"),
    "an empty card": (lambda f: (f / "card.json").write_text("{}"), "expected a card with"),
    "a list for a card": (lambda f: (f / "card.json").write_text("[]"), "expected a card with"),
    "no inputs": (lambda f: change_card(f, inputs=[]), "inputs or outputs of its model"),
    "inputs of numbers": (lambda f: change_card(f, inputs=[3]), "inputs or outputs of its model"),
    "no target": (lambda f: change_card(f, target=None), "expected a card with target"),
    "labels in another code": (
        lambda f: (f / "labels.txt").write_bytes("é".encode("latin-1")),
        "UTF-8",
    ),
}


def change_card(folder, **changes):
    card = json.loads((folder / "card.json").read_text("utf-8"))
    (folder / "card.json").write_text(json.dumps(card | changes), "utf-8")


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_bundle_is_refused(name, copy, capsys):
    spoil, message = DAMAGE[name]
    spoil(copy)
    with pytest.raises(DeployError, match=message):
        runtime.load(copy)
    assert main(["selftest", str(copy)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("size", [0, 4, 100, 5000])
def test_a_truncated_bare_file_is_refused(size, bundle, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes((bundle / "model.tflite").read_bytes()[:size])
    with pytest.raises(DeployError, match=f"received {size} bytes that LiteRT refuses"):
        runtime.load(path)


def changed(**changes):
    return lambda card: card | {"detector": card["detector"] | changes}


DETECTORS = {
    "no detector": (lambda card: card | {"detector": None}, "a mapping with format"),
    "a list": (lambda card: card | {"detector": [1]}, "expected a card with detector"),
    "no format": (changed(format=None), "format: cells or distances"),
    "an output too far": (changed(boxes=9), "boxes: the position of one of the model's 4"),
    "swapped": (
        lambda card: changed(boxes=card["detector"]["scores"], scores=card["detector"]["boxes"])(
            card
        ),
        "boxes \\(1, N, 4\\)",
    ),
    "other strides": (changed(strides=[8, 16, 32]), "84 boxes of an input of 64x64"),
    "text for strides": (changed(strides="8"), "strides: pixels of each level"),
    "no prototypes": (changed(prototypes=None), "both coefficients and prototypes"),
    "no masks": (
        changed(prototypes=None, coefficients=None),
        "of a model for instance_segmentation a detector",
    ),
    "an unknown task": (lambda card: card | {"task": "singing"}, "received 'singing'"),
    "another task": (
        lambda card: card | {"task": "semantic_segmentation"},
        "one output \\(1, h, w, classes",
    ),
}


@pytest.mark.parametrize("name", DETECTORS)
def test_a_damaged_detector_is_refused(name, squares, tmp_path, capsys):
    change, message = DETECTORS[name]
    shutil.copytree(squares("instance_segmentation", "cpu-float"), tmp_path / "copy")
    card = json.loads((tmp_path / "copy" / "card.json").read_text("utf-8"))
    (tmp_path / "copy" / "card.json").write_text(json.dumps(change(card)), "utf-8")
    with pytest.raises(DeployError, match=message):
        runtime.load(tmp_path / "copy")
    assert main(["run", str(tmp_path / "copy"), "photo.png"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("deploy.runtime: error: expected")


@pytest.fixture
def several(dense, tmp_path):
    """A bundle of two models."""
    for name in ("encoder", "decoder"):
        shutil.copytree(dense, tmp_path / "both" / name)
    (tmp_path / "both" / "card.json").write_text('{"models": ["encoder", "decoder"]}')
    return tmp_path / "both"


def test_a_bundle_of_several_models(several, capsys):
    models = runtime.load_models(several)
    assert list(models) == ["encoder", "decoder"]
    assert models["encoder"].predict([1, 2, 3])["probabilities"].shape == (2,)
    with pytest.raises(DeployError, match="which holds several; name one of them: .*encoder, "):
        runtime.load(several)
    assert [result["model"] for result in runtime.selftest(several)] == ["encoder", "decoder"]
    assert main(["selftest", str(several)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("'")[1].split("/")[0] for line in lines] == ["encoder", "decoder"]
    assert main(["run", str(several), "x.npy"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("names", ["encoder", ["../encoder"], [3]])
def test_names_that_are_no_folders_are_refused(names, several):
    (several / "card.json").write_text(json.dumps({"models": names}))
    with pytest.raises(DeployError, match="the folders' names of several models"):
        runtime.load_models(several)


def test_a_model_that_is_missing_is_told(several):
    shutil.rmtree(several / "decoder")
    with pytest.raises(DeployError, match="decoder'"):
        runtime.load_models(several)


def test_a_bundle_of_one_model_has_its_name(dense):
    assert list(runtime.load_models(dense)) == ["dense"]


def test_there_may_be_no_class_names(dense):
    assert read_labels(dense) == runtime.load(dense).labels == []
