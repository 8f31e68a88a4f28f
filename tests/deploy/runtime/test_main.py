"""`python -m deploy.runtime`: what it prints, what it draws, and what it refuses in one line."""

import numpy as np
import pytest
from PIL import Image

from deploy.runtime.__main__ import main
from tests.deploy import tiny_models


def test_run_prints_labels_and_draws(bundle, digit, tmp_path, capsys):
    path, truth = digit
    drawing = tmp_path / "drawing.png"
    assert main(["run", str(bundle), str(path), str(path), "--draw", str(drawing)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith(f"{path}: {truth} (")
    with Image.open(drawing) as image:
        assert image.width > 2 * 256 and image.height > 256


def test_run_takes_array_files(bundle, digits, tmp_path, capsys):
    np.save(tmp_path / "one.npy", digits.test[0][0])
    np.savez(tmp_path / "many.npz", x=digits.test[0][:4], y=digits.test[1][:4])
    assert main(["run", str(bundle), str(tmp_path / "one.npy"), str(tmp_path / "many.npz")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["missing.png"], "which does not exist"),
        (["text.png"], "expected an image that Pillow reads"),
        (["text.npy"], "expected an .npy array"),
        (["image.png", "--draw", "no/such/folder.png"], "can be written"),
        (["image.png", "--draw", "."], "can be written"),
        (["image.png", "--draw", ""], "can be written"),
        (["nan.npy", "--draw", "out.png"], "expected images and a task that is drawn"),
        (["nan.npy"], "finite real numbers"),
        (["words.npy"], "finite real numbers"),
        (["complex.npy"], "finite real numbers"),
    ],
)
def test_bad_input_is_told_in_one_line(inputs, message, bundle, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("text.png", "text.npy"):
        (tmp_path / name).write_text("hello")
    Image.new("L", (8, 8), 128).save("image.png")
    np.save("nan.npy", np.full((8, 8, 1), np.nan))
    np.save("words.npy", np.full((8, 8, 1), "a"))
    np.save("complex.npy", np.ones((8, 8, 1), complex))
    assert main(["run", str(bundle), *inputs]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_run_tells_what_is_where(squares, photos, capsys):
    assert main(["run", str(squares("detection", "cpu-float")), str(photos / "a.png")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{photos / 'a.png'}: 1 red, 1 green" and len(lines) == 3
    assert {line.split(" (")[0] for line in lines[1:]} == {"  red", "  green"}
    assert all(" %): left " in line and ", bottom " in line for line in lines[1:])
    command = [
        "run",
        str(squares("detection", "cpu-float")),
        str(photos / "a.png"),
        "--threshold",
        "1",
    ]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{photos / 'a.png'}: nothing found\n"


def test_run_takes_arrays_of_objects(squares, scenes, tmp_path, capsys):
    np.save(tmp_path / "many.npy", scenes[0][1:4])
    assert (
        main(
            ["run", str(squares("semantic_segmentation", "cpu-float")), str(tmp_path / "many.npy")]
        )
        == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(f"{tmp_path / 'many.npy'}[0]: background ")
    assert "green 2" in lines[0] and "red " in lines[0]


@pytest.mark.parametrize("task", tiny_models.TASKS)
def test_run_on_a_folder_tells_its_speed_and_draws_each(task, squares, photos, tmp_path, capsys):
    drawings = tmp_path / "drawings"
    assert main(["run", str(squares(task, "cpu-float")), str(photos), "--draw", str(drawings)]) == 0
    lines = capsys.readouterr().out.splitlines()
    named = [line.split(": ")[0] for line in lines if not line.startswith(" ")]
    assert named == [str(photos / f"{stem}.png") for stem in "abc"] + [str(photos)]
    assert lines[-1].startswith(f"{photos}: 3 images, ")
    assert float(lines[-1].split("images, ")[1].split()[0]) > 1
    assert sorted(path.name for path in drawings.iterdir()) == ["a.png", "b.png", "c.png"]
    for name in "abc":
        with Image.open(drawings / f"{name}.png") as drawing:
            assert max(drawing.size) >= 640


def test_images_of_the_same_name_get_drawings_of_their_own(squares, photos, tmp_path):
    Image.open(photos / "a.png").save(photos / "a.jpg")
    drawings = tmp_path / "drawings"
    assert (
        main(["run", str(squares("detection", "cpu-float")), str(photos), "--draw", str(drawings)])
        == 0
    )
    names = ["a.jpg.png", "a.png.png", "b.png", "c.png"]
    assert sorted(path.name for path in drawings.iterdir()) == names


def test_few_images_are_drawn_side_by_side(squares, photos, tmp_path):
    inputs = [str(photos / "a.png"), str(photos / "b.png")]
    out = tmp_path / "out.png"
    assert (
        main(
            ["run", str(squares("instance_segmentation", "cpu-float")), *inputs, "--draw", str(out)]
        )
        == 0
    )
    with Image.open(out) as drawing:
        assert drawing.width == 640 * 2
        colours = {colour for _, colour in drawing.convert("RGB").getcolors(1 << 24)}
    assert (230, 40, 60) in colours and (20, 90, 230) in colours


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["empty"], "expected a folder with files of the kinds"),
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
def test_bad_folders_are_told_in_one_line(arguments, message, squares, photos, capsys, monkeypatch):
    monkeypatch.chdir(photos.parent)
    (photos.parent / "empty").mkdir()
    (photos.parent / "broken").mkdir()
    (photos.parent / "broken" / "a.png").write_text("hello")
    if "missing.mp4" in arguments:
        pytest.importorskip("cv2")
    before = (photos / "a.png").read_bytes()
    assert main(["run", str(squares("detection", "cpu-float")), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert (photos / "a.png").read_bytes() == before


def test_a_recogniser_is_shown_asked_and_made_to_forget(recogniser, pictures, tmp_path, capsys):
    bundle, (annas, bens, _) = str(recogniser), pictures
    assert main(["enrol", bundle, "anna", str(annas[0])]) == 0
    assert main(["enrol", bundle, "anna", str(annas[1]), str(annas[2])]) == 0
    np.savez(tmp_path / "ben.npz", x=np.stack([np.asarray(Image.open(p)) for p in bens])[..., None])
    assert main(["enrol", bundle, "ben", str(tmp_path / "ben.npz")]) == 0
    assert capsys.readouterr().out == "anna: 1 image\nanna: 3 images\nben: 4 images\n"
    asked = [str(annas[1]), str(bens[0])]
    assert main(["recognise", bundle, *asked, "--draw", str(tmp_path / "drawing.png")]) == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert len(lines) == 2 and lines[0].startswith(f"{asked[0]}: anna (distance 0.")
    assert lines[1].startswith(f"{asked[1]}: ben (distance 0.")
    with Image.open(tmp_path / "drawing.png") as drawing:
        assert drawing.size == (560, 344)
    assert main(["run", bundle, *asked]) == 0
    assert capsys.readouterr().out == said
    assert main(["recognise", bundle, asked[0], "--threshold", "0"]) == 0
    assert capsys.readouterr().out.startswith(f"{asked[0]}: unknown (distance 0.")
    assert main(["forget", bundle, "anna"]) == 0
    assert main(["recognise", bundle, asked[0], "--threshold", "2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"anna: forgotten\n{asked[0]}: ben (distance 0.")


def test_a_folder_is_enrolled_and_recognised(recogniser, pictures, tmp_path, capsys):
    folder = tmp_path / "anna"
    folder.mkdir()
    for path in pictures[0]:
        path.rename(folder / path.name)
    assert main(["enrol", str(recogniser), "anna", str(folder)]) == 0
    assert main(["recognise", str(recogniser), str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "anna: 4 images" and len(lines) == 6
    assert lines[-1].startswith(f"{folder}: 4 images, ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recognise", "B", "image.png"], "received an empty store; enrol first"),
        (["run", "B", "image.png"], "received an empty store; enrol first"),
        (["forget", "B", "anna"], "enrolled names (nobody yet), received 'anna'"),
        (["enrol", "B", "a/b", "image.png"], "expected a name of 1 to 64 printable"),
        (["enrol", "B", "", "image.png"], "expected a name of 1 to 64 printable"),
        (["enrol", "B", "anna", "image.png", "text.png"], "expected an image that Pillow reads"),
        (["enrol", "B", "anna", "missing.png"], "which does not exist"),
        (["enrol", "B", "anna", "nan.npy"], "finite real numbers"),
        (["enrol", "no", "anna", "image.png"], "expected a bundle folder with card.json"),
        (["enrol", "classifier", "anna", "image.png"], "received a model for classification"),
        (["recognise", "classifier", "image.png"], "received a model for classification"),
        (["forget", "classifier", "anna"], "received a model for classification"),
        (["recognise", "B", "image.png", "--threshold", "-1"], "a distance of 0 or more"),
        (["recognise", "B", "image.png", "--threshold", "nan"], "a distance of 0 or more"),
        (["run", "B", "image.png", "--threshold", "0.5"], "expected a detector for a score"),
    ],
)
def test_what_cannot_be_recognised_is_told_in_one_line(
    arguments, message, recogniser, bundle, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.png").write_text("hello")
    Image.new("L", (28, 28), 128).save("image.png")
    np.save("nan.npy", np.full((28, 28, 1), np.nan))
    places = {"B": str(recogniser), "classifier": str(bundle)}
    assert main([places.get(argument, argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and captured.out == ""
    assert not (recogniser / "store.json").exists()
