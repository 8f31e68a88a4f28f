"""Characters by class: splits without a class in common, turned classes, paper and ink."""

import os
from pathlib import Path

import numpy as np
import pytest

from thinkkeras.datasets import Characters, load_characters, rotated_as_classes
from thinkkeras.datasets.characters import joined, omniglot

OMNIGLOT = (Path(os.environ.get("TFDS_DATA_DIR", "")) / "omniglot").is_dir()
needs_omniglot = pytest.mark.skipif(not OMNIGLOT, reason="omniglot is not in TFDS_DATA_DIR")


def loaded(name):
    if name == "omniglot" and not OMNIGLOT:
        pytest.skip("omniglot is not in TFDS_DATA_DIR")
    return load_characters(name)


@pytest.mark.parametrize(
    ("name", "classes", "alphabets"),
    [("drawn", (100, 40, 40), (5, 2, 2)), ("omniglot", (114, 22, 106), (4, 1, 3))],
)
def test_splits_share_no_alphabet_and_no_image(name, classes, alphabets):
    splits = loaded(name)
    for split, count, few in zip(splits, classes, alphabets, strict=True):
        assert split.images.shape == (count, 20, 28, 28, 1) and split.images.dtype == np.uint8
        assert len(set(split.names)) == count == len(split.alphabets)
        assert len(set(split.alphabets)) == few
        # Mostly white paper.
        assert np.median(split.images) == 255 and split.images.min() < 80
    images = [{drawing.tobytes() for drawing in split.images.reshape(-1, 784)} for split in splits]
    written = [set(split.alphabets) for split in splits]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not images[one] & images[other] and not written[one] & written[other]


@needs_omniglot
def test_small_background_sets_share_two_alphabets():
    """Why the test leaves Greek and Latin out: the second set holds the first one's images."""
    first, second = omniglot("small1"), omniglot("small2")
    assert first.images.shape[:2] == (136, 20) and second.images.shape[:2] == (156, 20)
    assert set(first.alphabets) & set(second.alphabets) == {"Greek", "Latin"}
    seen = {drawing.tobytes() for drawing in first.of(["Greek", "Latin"]).images.reshape(-1, 784)}
    again = second.of(["Greek", "Latin"]).images.reshape(-1, 784)
    assert len(again) == 1000 and all(drawing.tobytes() in seen for drawing in again)


def test_drawn_characters_are_the_same_each_time_and_no_two_alike():
    train, _, _ = load_characters()
    assert np.array_equal(train.images, load_characters("drawn")[0].images)
    assert len({drawing.tobytes() for drawing in train.images.reshape(-1, 784)}) == 2000


def tiny():
    images = np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(2, 3, 4, 4, 1)
    return Characters(images, np.array(["Greek", "Thai"]), np.array(["Greek 1", "Thai 1"]))


def test_turned_characters_are_classes_of_their_own():
    turned = rotated_as_classes(tiny())
    assert turned.images.shape == (8, 3, 4, 4, 1)
    assert list(turned.alphabets[[0, 2, 5, 7]]) == [
        "Greek",
        "Greek, 90°",
        "Thai, 180°",
        "Thai, 270°",
    ]
    assert len(set(turned.names)) == 8
    one = tiny().images[1, 2, ..., 0]
    for quarter, place in enumerate((1, 3, 5, 7)):
        assert np.array_equal(turned.images[place, 2, ..., 0], np.rot90(one, quarter))


def test_of_and_joined():
    whole = tiny()
    parts = [whole.of([alphabet]) for alphabet in ("Greek", "Thai")]
    assert [part.names.tolist() for part in parts] == [["Greek 1"], ["Thai 1"]]
    again = joined(*parts)
    assert np.array_equal(again.images, whole.images) and list(again.names) == list(whole.names)


def test_another_name():
    with pytest.raises(ValueError, match="expected 'drawn' or 'omniglot', received 'mnist'"):
        load_characters("mnist")
