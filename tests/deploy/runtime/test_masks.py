"""Masks: those of objects from prototypes and coefficients, and the class of each pixel."""

import keras
import numpy as np
import pytest

from deploy.runtime.masks import instance_masks, label_map, resize

SIZES = [(64, 64), (16, 24), (200, 90), (33, 47)]


@pytest.mark.parametrize("size", SIZES)
def test_resizing_is_kerass_bilinear(size):
    values = np.random.default_rng(0).normal(size=(32, 40)).astype("float32")
    expected = keras.ops.image.resize(values[..., None], size, "bilinear")[..., 0]
    received = resize(values, size)
    np.testing.assert_allclose(received, expected, atol=1e-4)
    part = resize(values, size, slice(5, 11), slice(3, 20))
    np.testing.assert_allclose(part, received[5:11, 3:20], atol=1e-6)
    assert resize(values, size, slice(4, 4), slice(2, 9)).shape == (0, 7)


def distances(size):
    """The distance of each pixel of an image of `size` to its centre, in fractions of its sides."""
    y, x = ((np.arange(side) + 0.5) / side - 0.5 for side in size)
    return np.hypot(y[:, None], x).astype("float32")


@pytest.mark.parametrize("size", [(256, 256), (300, 200), (40, 40)])
def test_the_masks_of_known_discs(size):
    # The first prototype is a disc of radius 0.3, positive inside, the second the constant one.
    prototypes = np.stack([0.3 - distances((64, 64)), np.ones((64, 64))], 2).astype("float32")
    # A disc, one of radius 0.2, and all but the disc.
    coefficients = np.array([[1, 0], [1, -0.1], [-1, 0]], "float32")
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]) * np.array(2 * size[::-1])
    masks = instance_masks(prototypes, coefficients, boxes.astype("float32"), size)
    assert masks.shape == (3, *size) and masks.dtype == bool
    away = distances(size)
    for mask, truth in zip(masks, [away < 0.3, away < 0.2, away > 0.3], strict=True):
        overlap = (mask & truth).sum() / (mask | truth).sum()
        assert overlap > 0.99
    assert masks[0].sum() / np.prod(size) == pytest.approx(np.pi * 0.3**2, rel=0.02)


def test_masks_end_at_their_boxes():
    prototypes = np.ones((4, 4, 1), "float32")
    boxes = np.array([[1.5, 2.4, 5.4, 6.6], [0, 0, 8, 10], [3.1, 3.1, 3.3, 9]], "float32")
    masks = instance_masks(prototypes, np.ones((3, 1)), boxes, (10, 8))
    # The pixels with their centres inside: columns 1.5 to 5.4 hold 1.5 (its border), 2.5, 3.5, 4.5.
    expected = np.zeros((10, 8), bool)
    expected[2:7, 1:5] = True
    np.testing.assert_array_equal(masks[0], expected)
    assert masks[1].all() and not masks[2].any()
    assert not instance_masks(-prototypes, np.ones((1, 1)), boxes[1:2], (10, 8)).any()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("classes", [2, 5])
def test_the_label_map_is_the_largest_of_the_resized_scores(classes, size):
    scores = np.random.default_rng(classes).normal(size=(32, 40, classes)).astype("float32")
    resized = keras.ops.convert_to_numpy(keras.ops.image.resize(scores, size, "bilinear"))
    expected = resized.argmax(axis=2)
    two = np.sort(resized, axis=2)
    clear = two[..., -1] - two[..., -2] > 1e-4
    received = label_map(scores, "linear", size)
    assert received.dtype == np.uint8 and received.shape == size and clear.mean() > 0.99
    np.testing.assert_array_equal(received[clear], expected[clear])


def test_one_unit_is_the_second_of_two_classes():
    scores = np.array([[0.2, 0.6], [0.5, 0.4]], "float32")[..., None]
    assert label_map(scores, "sigmoid", (2, 2)).tolist() == [[0, 1], [0, 0]]
    assert label_map(scores, "linear", (2, 2)).tolist() == [[1, 1], [1, 1]]
    assert label_map(scores - 0.5, "linear", (2, 2)).tolist() == [[0, 1], [0, 0]]


def test_ties_go_to_the_first_class_and_many_classes_fit():
    assert label_map(np.zeros((2, 2, 3)), "softmax", (4, 4)).tolist() == [[0] * 4] * 4
    scores = np.zeros((1, 2, 300), "float32")
    scores[0, 0, 299] = scores[0, 1, 7] = 1
    received = label_map(scores, "softmax", (1, 2))
    assert received.tolist() == [[299, 7]] and received.dtype == np.int32


def test_the_scores_of_a_map_stay_as_they_are():
    scores = np.random.default_rng(0).normal(size=(6, 8, 3)).astype(np.float32)
    before = scores.copy()
    first = label_map(scores, "linear", (6, 8))
    assert (first == before.argmax(axis=-1)).all()
    assert (scores == before).all()
    assert (label_map(scores, "linear", (6, 8)) == first).all()
