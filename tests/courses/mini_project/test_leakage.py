"""Near-duplicates across the splits: copies are found, other examples are not."""

import numpy as np
import pytest

from courses.mini_project.examples import Examples, Split, load_examples
from courses.mini_project.leakage import near_duplicates


def changed(examples, number, image):
    """The examples with training image `number` replaced."""
    x = examples.train.x.copy()
    x[number] = image
    return examples._replace(train=Split(x, examples.train.y))


@pytest.fixture(scope="module")
def digits():
    return load_examples("digits", {})


def test_no_test_digit_is_a_copy(digits):
    assert near_duplicates(digits) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: np.minimum(image * 1.1, 255),
        lambda image: image * 0.5 + 60,
        lambda image: np.clip(image + np.random.default_rng(0).normal(0, 3, image.shape), 0, 255),
    ],
    ids=["copy", "brighter", "less contrast", "noise"],
)
def test_a_changed_copy_is_found(digits, change):
    leaked = changed(digits, 700, change(digits.test.x[5].astype(float)).astype(np.uint8))
    (twin,) = near_duplicates(leaked)
    assert (twin.test, twin.split, twin.other) == (5, "train", 700)


def test_a_copy_in_the_validation_examples_is_found_there(digits):
    x = digits.validation.x.copy()
    x[3] = digits.test.x[9]
    (twin,) = near_duplicates(digits._replace(validation=Split(x, digits.validation.y)))
    assert (twin.test, twin.split, twin.other) == (9, "validation", 3)


def test_images_are_compared_at_sixteen_pixels_a_side():
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 255, (12, 40, 40, 3)).astype(np.float32)
    copy = np.roll(x[0], 0) + generator.normal(0, 2, x[0].shape)
    y = np.zeros(4, np.int64)
    test = np.concatenate([copy[None], x[9:12]])
    examples = Examples("images", Split(x[:4], y), Split(x[4:8], y), Split(test, y), ["a"], {})
    assert [(twin.test, twin.other) for twin in near_duplicates(examples)] == [(0, 0)]


def test_rows_are_compared_in_their_columns_own_units():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 3)).astype(np.float32) * [1, 1000, 0.001]
    test = x[:2] + np.array([[0, 0.5, 0], [0, 0, 0.0005]])
    y = np.zeros(300, np.int64)
    examples = Examples(
        "rows", Split(x, y), Split(x[:0], y[:0]), Split(test, y[:2]), ["a"], {"kind": "array"}
    )
    # Half a thousandth of a standard deviation, and half of one.
    assert [twin.test for twin in near_duplicates(examples)] == [0]


@pytest.mark.parametrize("constant", [0.0, 1.0, 9.81])
def test_a_column_that_never_changes_makes_no_twins(constant):
    generator = np.random.default_rng(0)
    splits = []
    for count in (300, 40, 40):
        x = generator.normal(size=(count, 6)).astype("float32")
        x[:, 2] = constant
        splits.append(Split(x, np.zeros(count, np.int64)))
    examples = Examples("rows", *splits, ["a", "b"], {"kind": "array"})
    assert near_duplicates(examples) == []
    copied = splits[0].x.copy()
    copied[7] = splits[2].x[3]
    (twin,) = near_duplicates(examples._replace(train=Split(copied, splits[0].y)))
    assert (twin.test, twin.other) == (3, 7)
