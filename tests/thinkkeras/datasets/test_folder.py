"""A folder of images: what becomes of each kind of file, the splits, and the errors."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thinkkeras.datasets import as_arrays, load
from thinkkeras.datasets.folder import find_images, read_image

SIZE = (10, 12)


def save(path: Path, value: int, size: tuple[int, int] = SIZE) -> None:
    """A grey image of one value, by which it is known again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size[::-1], (value, value, value)).save(path)


def fill(folder: Path, counts: dict[str, int], start: int = 0) -> Path:
    for name, count in counts.items():
        for index in range(count):
            save(folder / name / f"{index:03}.png", start + index)
        start += count
    return folder


def values(pipeline) -> list[tuple[int, int]]:
    x, y = as_arrays(pipeline)
    return sorted(zip(x[:, 0, 0, 0].tolist(), y.tolist(), strict=True))


def test_splits_are_stratified_and_the_same_for_every_seed(tmp_path):
    fill(tmp_path / "pets", {"dogs": 30, "cats": 3, "ants": 20})
    pipelines, info = load(str(tmp_path / "pets"), augment=False, seed=5)
    counts = {"train": 24 + 1 + 16, "validation": 6, "test": 6}
    assert info == ("pets", (*SIZE, 3), 3, ["ants", "cats", "dogs"], counts)
    found = [values(pipeline) for pipeline in pipelines]
    of_class = [np.bincount([label for _, label in split]).tolist() for split in found]
    assert of_class == [[16, 1, 24], [2, 1, 3], [2, 1, 3]]
    # Dogs have the values 0 to 29, cats 30 to 32, ants the others: each once.
    expected = [(v, 2 if v < 30 else 1 if v < 33 else 0) for v in range(53)]
    assert sorted(sum(found, [])) == expected
    again = [values(pipeline) for pipeline in load(str(tmp_path / "pets"), augment=False)[0]]
    assert again == found


@pytest.mark.parametrize(
    ("folders", "counts"),
    [
        (("train", "validation", "test"), [6, 4, 8]),
        (("train", "val"), [4, 4, 2]),
        (("train", "test"), [4, 2, 8]),
        (("train",), [2, 2, 2]),
    ],
)
def test_split_folders_are_taken_where_they_are(folders, counts, tmp_path):
    for number, name in enumerate(folders):
        each = {"train": 3, "validation": 2, "val": 2, "test": 4}[name]
        fill(tmp_path / name, {"a": each, "b": each}, start=50 * number)
    (train, validation, test), info = load(str(tmp_path), augment=False)
    assert list(info.counts.values()) == counts and info.class_names == ["a", "b"]
    found = {
        name: values(pipeline)
        for name, pipeline in (
            ("train", train),
            ("validation", validation),
            ("val", validation),
            ("test", test),
        )
    }
    for number, name in enumerate(folders):
        assert {value // 50 for value, _ in found[name]} == {number}


def test_train_may_be_a_class(tmp_path):
    fill(tmp_path, {"car": 3, "train": 3})
    assert load(str(tmp_path))[1].class_names == ["car", "train"]


@pytest.mark.parametrize("shape", [None, (5, 6)])
def test_every_kind_of_image_becomes_rgb(shape, tmp_path):
    generator = np.random.default_rng(0)
    rgb = generator.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    grey = rgb[..., 0]
    alpha = np.dstack([rgb, grey])
    made = {
        "rgb": (Image.fromarray(rgb), rgb),
        "grey": (Image.fromarray(grey), np.dstack([grey] * 3)),
        "transparent": (Image.fromarray(alpha), rgb),
        "deep": (Image.fromarray(grey.astype("uint16") * 257), np.dstack([grey] * 3)),
        "palette": (
            Image.fromarray(grey).convert("P"),
            np.dstack([grey] * 3),
        ),
    }
    for name, (image, expected) in made.items():
        image.save(tmp_path / f"{name}.png")
        if shape:
            small = Image.fromarray(expected).resize(shape[::-1], Image.Resampling.BILINEAR)
            expected = np.asarray(small)
        received = read_image(tmp_path / f"{name}.png", shape)
        assert received.dtype == np.uint8
        np.testing.assert_array_equal(received, expected, err_msg=name)


def test_a_rotated_photograph_stands_upright(tmp_path):
    pixels = np.zeros((*SIZE, 3), np.uint8)
    pixels[:, :6] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: its left is up
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    received = read_image(tmp_path / "photo.png")
    assert received.shape == (12, 10, 3)
    assert (received[:6] == 255).all() and (received[6:] == 0).all()


def test_files_that_are_no_images_are_named_and_skipped(tmp_path, capsys):
    fill(tmp_path, {"a": 4, "b": 4})
    whole = (tmp_path / "a/000.png").read_bytes()
    photograph = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(photograph).save(tmp_path / "b/large.png")
    cut = (tmp_path / "b/large.png").read_bytes()[:2000]
    bad = {"empty.png": b"", "notes.txt": b"hello", "cut.png": cut, "page.jpg": b"<html>"}
    (tmp_path / "b/large.png").unlink()
    for name, content in bad.items():
        (tmp_path / "a" / name).write_bytes(content)
    (tmp_path / "a/.hidden").write_bytes(b"hello")
    (tmp_path / "a/deeper").mkdir()
    (tmp_path / "a/deeper/four.png").write_bytes(whole)
    found = find_images(tmp_path)
    assert sum(len(files) for files in found.splits.values()) == 9
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    for name, line in zip(sorted(bad), lines, strict=True):
        assert line.startswith(f"skipped '{tmp_path / 'a' / name}': ")
        assert line.count(name) == 1 and len(line) > len(f"skipped '{tmp_path / 'a' / name}': ")
    for index in range(20):
        (tmp_path / "b" / f"bad{index}.png").write_bytes(b"")
    find_images(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11 and lines[-1] == "skipped 14 more files that are no images"


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "a sub-folder of images for each of two or more classes, received '.*' with none;"),
        ({"a": 5}, "with 1; sort the images into them"),
        ({"a": 5, "b": 2}, "at least 3 images of each class, received 2 in '.*b'"),
        ({"a": 0, "b": 0}, "received 0 in '.*a'"),
        ({"train/a": 5, "train/b": 5, "test/c": 1}, "the classes a, b of the training images"),
        ({"train/a": 5, "train/b": 5, "test/a": 0}, "in each split, received none for test"),
    ],
)
def test_folders_that_are_no_data_set(counts, message, tmp_path):
    fill(tmp_path, counts)
    for name in counts:
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    with pytest.raises(ValueError, match=message) as raised:
        load(str(tmp_path))
    assert "\n" not in str(raised.value)


def test_images_of_several_sizes_need_an_image_size(tmp_path):
    fill(tmp_path, {"a": 3, "b": 3})
    save(tmp_path / "a/wide.png", 9, (10, 30))
    with pytest.raises(ValueError, match=r"whose images differ; pass image_size=\(height, width\)"):
        load(str(tmp_path))
    (train, _, _), info = load(str(tmp_path), image_size=(5, 7))
    assert info.input_shape == (5, 7, 3) and train.element_spec[0].shape == (None, 5, 7, 3)
    assert train.cardinality() == 1
