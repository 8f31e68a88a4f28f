"""Episodes and pairs: what belongs together, numbers that start anew, seeds, changes."""

import numpy as np
import pytest
import tensorflow as tf

from thinkkeras.datasets import Characters, episodes, pairs
from thinkkeras.datasets.augmentation import random_affine

CLASSES, DRAWINGS = 9, 6


def numbered():
    """Characters whose pixels tell class (first column) and drawing (second column)."""
    images = np.zeros((CLASSES, DRAWINGS, 4, 2, 1), np.uint8)
    images[..., 0, 0] = np.arange(CLASSES)[:, None, None]
    images[..., 1, 0] = np.arange(DRAWINGS)[:, None]
    names = np.array([str(number) for number in range(CLASSES)])
    return Characters(images, names, names)


def taken(pipeline, count):
    return list(pipeline.take(count).as_numpy_iterator())


@pytest.mark.parametrize(("ways", "shots", "queries"), [(5, 1, 2), (9, 2, 4), (2, 3, 1)])
def test_an_episode(ways, shots, queries):
    pipeline = episodes(numbered(), ways=ways, shots=shots, queries=queries, augment=False)
    seen = set()
    for images, labels in taken(pipeline, 30):
        assert images.shape == (ways * (shots + queries), 4, 2, 1) and images.dtype == np.float32
        classes = images[:, 0, 0, 0].reshape(shots + queries, ways)
        drawings = images[:, 0, 1, 0].reshape(shots + queries, ways)
        # A column is one class, no two columns the same; no drawing comes twice in a column.
        assert (classes == classes[0]).all() and len(set(classes[0])) == ways
        assert all(len(set(column)) == shots + queries for column in drawings.T)
        assert labels.tolist() == list(range(ways)) * queries
        seen |= {(int(c), int(d)) for c, d in zip(classes.ravel(), drawings.ravel(), strict=True)}
    assert len(seen) == CLASSES * DRAWINGS


def test_pairs():
    halves = []
    for (first, second), same in taken(pairs(numbered(), batch_size=40, augment=False), 20):
        assert first.shape == second.shape == (40, 4, 2, 1) and same.shape == (40, 1)
        equal = first[:, 0, 0, 0] == second[:, 0, 0, 0]
        assert np.array_equal(equal, same[:, 0] == 1) and same.sum() == 20
        other_drawing = first[:, 0, 1, 0] != second[:, 0, 1, 0]
        assert other_drawing.all()
        halves.append(first[:, 0, 0, 0])
    assert set(np.concatenate(halves)) == set(range(CLASSES))


@pytest.mark.parametrize("pipeline", [episodes, pairs])
def test_seeds(pipeline):
    def firsts(seed):
        arguments = {"ways": 5} if pipeline is episodes else {"batch_size": 8}
        batch = taken(pipeline(numbered(), **arguments, seed=seed), 2)
        return [tf.nest.flatten(one)[0] for one in batch]

    one, again, other = firsts(0), firsts(0), firsts(1)
    assert np.array_equal(one[0], again[0]) and np.array_equal(one[1], again[1])
    assert not np.array_equal(one[0], other[0]) and not np.array_equal(one[0], one[1])


def test_random_affine_keeps_the_middle_and_fills_with_paper():
    page = np.full((64, 28, 28, 1), 255, "float32")
    page[:, 10:18, 10:18] = 0
    changed = random_affine(tf.constant(page), tf.constant([1, 2], tf.int64), paper=255.0).numpy()
    assert changed.shape == page.shape
    ink = (255 - changed).sum(axis=(1, 2, 3)) / 255
    # An area of 64 pixels, scaled by at most 1.15 on each axis; the corners stay paper.
    assert ink.min() > 64 / 1.15**2 - 2 and ink.max() < 64 / 0.85**2 + 2 and ink.std() > 1
    assert (changed[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    rows = (np.arange(28)[:, None, None] * (255 - changed)).sum(axis=(1, 2, 3)) / (255 * ink)
    assert 0.5 < np.abs(rows - 13.5).max() < 28 * 0.07 / 0.85 + 0.1
    assert abs(rows.mean() - 13.5) < 0.4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ways": 10}, "at most 9 ways"),
        ({"ways": 2, "shots": 4, "queries": 3}, r"at most 6 shots and queries together, received"),
        ({"ways": 2, "shots": 0}, "of at least 1, received 2, 0 and 5"),
    ],
)
def test_wrong_episodes(arguments, message):
    with pytest.raises(ValueError, match=message):
        episodes(numbered(), **arguments)


@pytest.mark.parametrize("batch_size", [0, 7])
def test_wrong_pairs(batch_size):
    with pytest.raises(ValueError, match=f"even batch_size of at least 2, received {batch_size}"):
        pairs(numbered(), batch_size=batch_size)
