"""Bundles to run and to spoil, and images for them."""

import shutil

import pytest
from PIL import Image

from tests.deploy import strokes, tiny_models


@pytest.fixture(scope="session")
def bundle(exported):
    """The digits classifier in int8."""
    return exported("convnet", "cpu")


@pytest.fixture
def copy(bundle, tmp_path):
    """A copy of `bundle` that a test may spoil."""
    shutil.copytree(bundle, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def digit(digits, tmp_path):
    """A test image as a PNG, twice its size, and its class."""
    image = Image.fromarray(digits.test[0][0, ..., 0])
    image.resize((16, 16), Image.Resampling.NEAREST).save(tmp_path / "digit.png")
    return tmp_path / "digit.png", digits.test[1][0]


@pytest.fixture(scope="session")
def scenes():
    """Images with squares, uint8 (6, 64, 64, 3), and what is on them."""
    x, ground_truth = tiny_models.images(6)
    return x.round().astype("uint8"), ground_truth


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


@pytest.fixture
def recogniser(recognisers, tmp_path):
    """A copy of the encoder's int8 bundle, with nobody enrolled."""
    shutil.copytree(recognisers["cpu"], tmp_path / "recogniser")
    return tmp_path / "recogniser"


@pytest.fixture
def pictures(tmp_path):
    """Four images of each of three characters as PNGs, `pictures[character][image]`."""
    x, y = strokes.characters(3, 4, seed=9)
    paths = [[], [], []]
    for image, number in zip(x, y, strict=True):
        path = tmp_path / f"{number}_{len(paths[number])}.png"
        Image.fromarray(image[..., 0].astype("uint8")).save(path)
        paths[number].append(path)
    return paths
