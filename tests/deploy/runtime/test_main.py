"""Detectors and segmenters on the device: their predictions, and what the command line makes of them.

The models need no training: they find red squares of 16 pixels and green ones of 32.
"""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import deploy
from deploy import DeployError, runtime
from deploy.runtime.__main__ import main
from deploy.runtime.tasks.detection import intersection_over_union
from tests.deploy import tiny_models

MODELS = {
    "detection": (tiny_models.squares_detector, {"detector": tiny_models.DETECTOR}),
    "instance": (
        lambda: tiny_models.squares_detector(masks=True),
        {"detector": tiny_models.DETECTOR | tiny_models.MASKS},
    ),
    "segmentation": (tiny_models.squares_segmenter, {"task": "segmentation"}),
}


@pytest.fixture(scope="module")
def scenes():
    """Images, uint8 (6, 64, 64, 3), and what is in them; the first has white columns."""
    x, targets = tiny_models.images(6)
    return x.round().astype("uint8"), targets


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """`bundles(task)`: a float32 bundle of that task."""
    folder = tmp_path_factory.mktemp("bundles")

    def export(task):
        if not (folder / task).exists():
            build, what = MODELS[task]
            labels = ["red", "green"] if task != "segmentation" else ["background", "red", "green"]
            x = tiny_models.images(8)[0]
            deploy.export(
                build(),
                "cpu-float",
                out=folder / task,
                labels=labels,
                calibration=x,
                verbose=0,
                **what,
            )
        return folder / task

    return export


def found_boxes(prediction, target, zoom=(1, 1)):
    """The boxes of red and green, each of which must be there once."""
    assert sorted(prediction["names"]) == ["green", "red"]
    boxes = prediction["boxes"][np.argsort(prediction["labels"])]
    expected = target["boxes"] * np.array([*zoom, *zoom])
    overlap = intersection_over_union(boxes, expected.astype("float32")).diagonal()
    assert overlap.min() > 0.75
    return boxes, expected


@pytest.mark.parametrize("task", ["detection", "instance"])
def test_boxes_are_in_pixels_of_the_image_given(task, bundles, scenes):
    model, (x, targets) = runtime.load(bundles(task)), scenes
    batch = model.predict(x[1:4].astype("float32"))
    assert isinstance(batch, list) and len(batch) == 3
    for image, target, of_batch in zip(x[1:4], targets[1:4], batch, strict=True):
        alone = model.predict(image)
        for key in ("boxes", "scores", "labels"):
            np.testing.assert_array_equal(alone[key], of_batch[key])
        found_boxes(alone, target)
        # No square, and another size than the model's.
        wide = Image.fromarray(image).resize((192, 128), Image.Resampling.NEAREST)
        for form in (wide, np.asarray(wide)):
            prediction = model.predict(form)
            found_boxes(prediction, target, (3, 2))
            assert (np.diff(prediction["scores"]) <= 0).all() and prediction["scores"].dtype == "float32"
            if task == "instance":
                assert prediction["masks"].shape == (2, 128, 192) and prediction["masks"].dtype == bool
        assert ("masks" in alone) == (task == "instance")


def test_masks_are_the_squares_at_the_images_size(bundles, scenes):
    model, (x, targets) = runtime.load(bundles("instance")), scenes
    for image, target in zip(x[1:], targets[1:], strict=True):
        wide = Image.fromarray(image).resize((192, 128), Image.Resampling.NEAREST)
        prediction = model.predict(wide)
        for label, mask in zip(prediction["labels"], prediction["masks"], strict=True):
            left, top, right, bottom = (target["boxes"][label] * [3, 2, 3, 2]).astype(int)
            truth = np.zeros((128, 192), bool)
            truth[top:bottom, left:right] = True
            assert (mask & truth).sum() / (mask | truth).sum() > 0.8


def test_a_map_has_the_images_size(bundles, scenes):
    model, (x, targets) = runtime.load(bundles("segmentation")), scenes
    for image, target in zip(x[1:], targets[1:], strict=True):
        tall = Image.fromarray(image).resize((64, 192), Image.Resampling.NEAREST)
        prediction = model.predict(tall)
        assert prediction.shape == (192, 64) and prediction.dtype == np.uint8
        truth = np.zeros((192, 64), "uint8")
        for label, box in enumerate(target["boxes"]):
            left, top, right, bottom = (box * [1, 3, 1, 3]).astype(int)
            truth[top:bottom, left:right] = label + 1
        assert (prediction == truth).mean() > 0.95
        assert model.predict(image).shape == (64, 64)


def test_another_threshold(bundles, scenes):
    model = runtime.load(bundles("detection"))
    usual, low = (model.predict(scenes[0][1], threshold) for threshold in (None, 0.0))
    assert len(usual["scores"]) == 2 < len(low["scores"])
    assert low["scores"].min() < 0.4 < usual["scores"].min()
    assert len(model.predict(scenes[0][1], score_threshold=1.0)["names"]) == 0
    for threshold in (-0.1, 1.5, float("nan")):
        with pytest.raises(DeployError, match="a score threshold from 0 to 1, received"):
            model.predict(scenes[0][1], threshold)
    with pytest.raises(DeployError, match="expected a detector for a score threshold"):
        runtime.load(bundles("segmentation")).predict(scenes[0][1], 0.5)


def changed(**changes):
    return lambda card: card | {"detector": card["detector"] | changes}


DAMAGE = {
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
    "no masks": (changed(prototypes=None, coefficients=None), "of a model for instance"),
    "another task": (
        lambda card: card | {"task": "segmentation"},
        "one output \\(1, h, w, classes",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_detector_is_refused(name, bundles, tmp_path, capsys):
    change, message = DAMAGE[name]
    shutil.copytree(bundles("instance"), tmp_path / "copy")
    card = json.loads((tmp_path / "copy" / "card.json").read_text("utf-8"))
    (tmp_path / "copy" / "card.json").write_text(json.dumps(change(card)), "utf-8")
    with pytest.raises(DeployError, match=message):
        runtime.load(tmp_path / "copy")
    assert main(["run", str(tmp_path / "copy"), "photo.png"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("deploy.runtime: error: expected")


@pytest.fixture
def photos(scenes, tmp_path):
    """A folder of three images, of several sizes, and a file that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, size in enumerate([(64, 64), (128, 96), (200, 300)]):
        image = Image.fromarray(scenes[0][index + 1]).resize(size, Image.Resampling.NEAREST)
        image.save(folder / f"{'bac'[index]}.png")
    (folder / "notes.txt").write_text("hello")
    return folder


def test_run_tells_what_is_where(bundles, photos, capsys):
    assert main(["run", str(bundles("detection")), str(photos / "a.png")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{photos / 'a.png'}: 1 red, 1 green" and len(lines) == 3
    assert {line.split(" (")[0] for line in lines[1:]} == {"  red", "  green"}
    assert all(" %): left " in line and ", bottom " in line for line in lines[1:])
    command = ["run", str(bundles("detection")), str(photos / "a.png"), "--threshold", "1"]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{photos / 'a.png'}: nothing found\n"


def test_run_takes_arrays_of_objects(bundles, scenes, tmp_path, capsys):
    np.save(tmp_path / "many.npy", scenes[0][1:4])
    assert main(["run", str(bundles("segmentation")), str(tmp_path / "many.npy")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(f"{tmp_path / 'many.npy'}[0]: background ")
    assert "green 2" in lines[0] and "red " in lines[0]


@pytest.mark.parametrize("task", MODELS)
def test_run_on_a_folder_tells_its_speed_and_draws_each(task, bundles, photos, tmp_path, capsys):
    drawings = tmp_path / "drawings"
    assert main(["run", str(bundles(task)), str(photos), "--draw", str(drawings)]) == 0
    lines = capsys.readouterr().out.splitlines()
    named = [line.split(": ")[0] for line in lines if not line.startswith(" ")]
    assert named == [str(photos / f"{stem}.png") for stem in "abc"] + [str(photos)]
    assert lines[-1].startswith(f"{photos}: 3 images, ")
    assert float(lines[-1].split("images, ")[1].split()[0]) > 1
    assert sorted(path.name for path in drawings.iterdir()) == ["a.png", "b.png", "c.png"]
    for name in "abc":
        with Image.open(drawings / f"{name}.png") as drawing:
            assert max(drawing.size) >= 640


def test_images_of_the_same_name_get_drawings_of_their_own(bundles, photos, tmp_path):
    Image.open(photos / "a.png").save(photos / "a.jpg")
    drawings = tmp_path / "drawings"
    assert main(["run", str(bundles("detection")), str(photos), "--draw", str(drawings)]) == 0
    names = ["a.jpg.png", "a.png.png", "b.png", "c.png"]
    assert sorted(path.name for path in drawings.iterdir()) == names


def test_few_images_are_drawn_side_by_side(bundles, photos, tmp_path):
    inputs = [str(photos / "a.png"), str(photos / "b.png")]
    out = tmp_path / "out.png"
    assert main(["run", str(bundles("instance")), *inputs, "--draw", str(out)]) == 0
    with Image.open(out) as drawing:
        assert drawing.width == 640 * 2
        colours = {colour for _, colour in drawing.convert("RGB").getcolors(1 << 24)}
    assert (230, 40, 60) in colours and (20, 90, 230) in colours


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["empty"], "expected a folder with images"),
        (["photos", "--draw", "photos"], "expected another folder than the images' own"),
        (["photos", "--draw", "photos/a.png"], "expected a folder that can be made"),
        (["photos", "--draw", "no/such"], "expected a folder that can be made"),
        (["photos", "photos/a.png", "--draw", "out"], "expected a folder alone to draw"),
        (["photos/a.png", "--draw", "photos/a.png"], "expected another file than the input"),
        (["broken"], "expected an image that Pillow reads"),
        (["photos/a.png", "--threshold", "40"], "expected a score threshold from 0 to 1"),
        (["missing.mp4"], "'missing.mp4', which does not exist"),
    ],
)
def test_bad_input_is_told_in_one_line(arguments, message, bundles, photos, capsys, monkeypatch):
    monkeypatch.chdir(photos.parent)
    (photos.parent / "empty").mkdir()
    (photos.parent / "broken").mkdir()
    (photos.parent / "broken" / "a.png").write_text("hello")
    if "missing.mp4" in arguments:
        pytest.importorskip("cv2")
    before = (photos / "a.png").read_bytes()
    assert main(["run", str(bundles("detection")), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert (photos / "a.png").read_bytes() == before
