"""A folder of images, one sub-folder a class, for calibration and test: as the device reads it."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import deploy
from deploy import DeployError
from deploy.__main__ import main
from deploy.load.folder import (
    Folder,
    calibration_examples,
    check_disjoint,
    class_names_in,
    find_folder,
    labelled_examples,
)
from deploy.load.readers import load
from deploy.quantize.calibration import calibrate
from thinkkeras import datasets

PIXELS = {"kind": "image", "black": 0, "white": 255}


def network(classes=3, shape=(8, 6, 3)):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(classes)]
    return keras.Sequential([keras.Input(shape), *layers], name="flat")


@pytest.fixture(scope="module")
def source():
    return load(network())


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def pets(tmp_path):
    """Photographs of several sizes and kinds, and files that are none."""
    generator = np.random.default_rng(0)
    for number, (name, count) in enumerate({"ants": 20, "cats": 5, "dogs": 40}.items()):
        for index in range(count):
            height, width = generator.integers(4, 20, 2)
            pixels = generator.integers(0, 256, (height, width, 3 + index % 2), dtype=np.uint8)
            pixels[0, 0, 0] = number
            save(tmp_path / "pets" / name / f"{index:02}.png", pixels)
    save(tmp_path / "pets/cats/deep.png", np.full((9, 9), 65535, np.uint16))
    save(tmp_path / "pets/cats/grey.png", np.full((9, 9), 7, np.uint8))
    (tmp_path / "pets/dogs/notes.txt").write_text("no image")
    (tmp_path / "pets/dogs/cut.png").write_bytes((tmp_path / "pets/dogs/00.png").read_bytes()[:60])
    return tmp_path / "pets"


def rows(x, y):
    return sorted((image.tobytes(), int(label)) for image, label in zip(x, y, strict=True))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_both_packages_read_the_same(split, pets, source):
    pipelines, info = datasets.load(str(pets), image_size=(8, 6), augment=False)
    position = ("train", "validation", "test").index(split)
    x, y = datasets.as_arrays(pipelines[position])
    found = labelled_examples(Folder(pets, split), source, [PIXELS], info.class_names)
    assert len(x) == info.counts[split] > 5
    assert rows(x.astype("float32"), y) == rows(*found)


def test_without_a_split_all_of_it_is_read(pets, source):
    x, y = labelled_examples(Folder(pets, None), source, [], ["dogs", "ants", "cats"])
    assert x.shape == (67, 8, 6, 3) and x.dtype == np.float32
    assert np.bincount(y).tolist() == [40, 20, 7]
    assert labelled_examples(Folder(pets, None), source, [], [])[1] is None
    assert labelled_examples(Folder(pets / "ants", None), source, [], ["ants"])[1] is None


def test_black_and_white_are_those_of_the_front_end(pets, source):
    ends = PIXELS | {"black": -1, "white": 1}
    told, _ = labelled_examples(Folder(pets, None), source, [ends], [])
    plain, _ = labelled_examples(Folder(pets, None), source, [], [])
    np.testing.assert_allclose(told, plain / 127.5 - 1, atol=1e-6)


def test_sub_folders_train_and_test_are_taken(tmp_path, source):
    for value, name in enumerate(("train/a", "train/b", "test/a", "test/b")):
        save(tmp_path / name / "0.png", np.full((8, 6, 3), value, np.uint8))
    folder = Folder(tmp_path, None)
    assert class_names_in(folder) == ["a", "b"]
    assert np.unique(calibration_examples(folder, source, [], 9, 0)).tolist() == [0, 1]
    x, y = labelled_examples(folder, source, [], ["b", "a"])
    assert np.unique(x).tolist() == [2, 3] and y.tolist() == [1, 0]


def test_calibration_is_spread_over_the_classes(pets, source):
    drawn = [calibration_examples(Folder(pets, None), source, [], 15, seed) for seed in (0, 0, 1)]
    x, y = labelled_examples(Folder(pets, None), source, [], ["ants", "cats", "dogs"])
    class_of = {image.tobytes(): label for image, label in zip(x, y, strict=True)}
    assert np.bincount([class_of[image.tobytes()] for image in drawn[0]]).tolist() == [5, 5, 5]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    assert calibrate(pets, source).examples == calibrate(str(pets), source).examples == 67
    assert calibrate(f"{pets}:train", source).examples == 53  # 16 + 5 + 32


def test_files_that_cannot_be_read_are_named(pets, source, capsys):
    labelled_examples(Folder(pets, None), source, [], [])
    lines = capsys.readouterr().out.splitlines()
    names = [pets / "dogs" / name for name in ("cut.png", "notes.txt")]
    assert [line.split("'")[1] for line in lines] == list(map(str, names))
    assert all(line.startswith("skipped '") for line in lines)
    for index in range(15):
        (pets / "cats" / f"bad{index}.png").write_bytes(b"")
    labelled_examples(Folder(pets, "test"), source, [], [])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11 and lines[-1] == "skipped 7 more files that can't be read"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("pets", ("pets", None)),
        ("pets:test", ("pets", "test")),
        ("pets:train", ("pets", "train")),
        ("pets:cats", None),
        ("fashion_mnist:train", None),
        (":test", None),
        (np.zeros(3), None),
    ],
)
def test_folders_and_their_splits_are_known(data, found, pets, monkeypatch):
    monkeypatch.chdir(pets.parent)
    received = find_folder(data)
    assert (received and (str(received.path), received.split)) == found


@pytest.mark.parametrize(
    ("calibration", "test", "fits"),
    [
        ("pets:train", "pets:test", True),
        ("pets:train", "pets:validation", True),
        ("sorted", "sorted", True),
        ("pets", "sorted", True),
        ("pets", "fashion_mnist", True),
        ("pets", "pets", False),
        ("pets:train", "pets", False),
        ("pets", "pets:test", False),
        ("sorted", "sorted:train", False),
    ],
)
def test_calibration_never_sees_the_test(calibration, test, fits, pets, monkeypatch):
    monkeypatch.chdir(pets.parent)
    for name in ("train/a", "train/b", "test/a"):
        (pets.parent / "sorted" / name).mkdir(parents=True)
    if fits:
        check_disjoint(calibration, test)
    else:
        with pytest.raises(DeployError, match="other examples for the test"):
            check_disjoint(calibration, test)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda pets, s: labelled_examples(Folder(pets, None), s, [], ["ants", "cats", "birds"]),
         "called like the classes ants, cats, birds, received 'dogs' in"),
        (lambda pets, s: calibration_examples(Folder(pets, "test"), s, [], 9, 0),
         "expected training examples, received"),
        (lambda pets, s: labelled_examples(Folder(pets.parent / "none", None), s, [], []),
         "of the kinds .bmp, .* without any that can be read"),
        (lambda pets, s: labelled_examples(
            Folder(pets, None), s, [PIXELS | {"black": None, "white": None}], []),
         "black and white is not known"),
        (lambda pets, s: calibration_examples(
            Folder(pets, None), load(keras.Model(*two_inputs())), [], 9, 0),
         "a model of one input for a folder, received 2"),
    ],
)  # fmt: skip
def test_what_can_not_be_had_of_a_folder(read, message, pets, source):
    (pets.parent / "none").mkdir()
    with pytest.raises(DeployError, match=message) as raised:
        read(pets, source)
    assert "\n" not in str(raised.value)


def two_inputs():
    inputs = [keras.Input((8, 6, 3)), keras.Input((8, 6, 3))]
    return inputs, keras.layers.Add()(inputs)


def test_export_and_verify_take_a_folder(digits, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for split, (x, y), count in (("train", digits.train, 200), ("test", digits.test, 100)):
        for index in range(count):
            path = tmp_path / "scans" / split / str(y[index]) / f"{index}.png"
            save(path, x[index, ..., 0])
    (tmp_path / "scans/train/3/notes.txt").write_text("no image")
    command = ["export", str(trained("convnet")), "--target", "cpu", "--out", "bundle"]
    assert main([*command, "--calibration", "scans", "--test", "scans"]) == 0
    assert "skipped 'scans/train/3/notes.txt'" in capsys.readouterr().out
    card = json.loads((tmp_path / "bundle/card.json").read_text())
    assert card["calibration"]["examples"] == 200 and card["quality"]["examples"] == 100
    model = keras.saving.load_model(trained("convnet"))
    right = model.predict(digits.test[0][:100], verbose=0).argmax(axis=1) == digits.test[1][:100]
    assert card["quality"]["keras"] == pytest.approx(right.mean())
    assert (tmp_path / "bundle/labels.txt").read_text().split() == digits.class_names
    assert main(["verify", "bundle", "--data", "scans", "--tolerance", "5"]) == 0
    assert "quality     accuracy" in capsys.readouterr().out
    report = deploy.verify("bundle", tmp_path / "scans", tolerance=5)
    assert report["quality"]["examples"] == 100
    (tmp_path / "scans/test/ten").mkdir()
    assert main(["verify", "bundle", "--data", "scans"]) == 2
    assert "received 'ten' in 'scans'; rename it" in capsys.readouterr().err
    assert (
        main([*command, "--overwrite", "--calibration", "scans/test/1", "--test", "scans/test/1"])
        == 2
    )
    assert "other examples for the test" in capsys.readouterr().err


def test_each_record_of_a_file_is_an_example(tmp_path):
    front_end = {"kind": "one_hot_sequence", "letters": "ACGT"}
    layers = [keras.layers.Flatten(), keras.layers.Dense(2)]
    source = load(keras.Sequential([keras.Input((3, 4)), *layers], name="bases"))
    texts = {"exon": ["ACG", "TTT"], "intron": ["GGG", "CAT", "AAA"]}
    for name, sequences in texts.items():
        (tmp_path / name).mkdir()
        records = "\n".join(f">{number}\n{text}" for number, text in enumerate(sequences))
        (tmp_path / name / "all.fasta").write_text(records)
    folder = find_folder(tmp_path)
    x, y = labelled_examples(folder, source, [front_end], ["exon", "intron"])
    assert y.tolist() == [0, 0, 1, 1, 1]
    assert ["".join("ACGT"[k] for k in row) for row in x.argmax(axis=2)] == sum(texts.values(), [])
    assert calibration_examples(folder, source, [front_end], 9, seed=0).shape == (5, 3, 4)
    (tmp_path / "exon" / "bad.fasta").write_text(">a\nACU")
    with pytest.raises(DeployError, match="bad.fasta': expected letters of ACGT, received 'U'"):
        labelled_examples(folder, source, [front_end], ["exon", "intron"])
