"""Which of overlapping boxes stay, by hand and one after the other."""

import numpy as np
import pytest

from deploy.runtime.boxes.non_max_suppression import intersection_over_union, non_max_suppression


def test_suppressed_boxes_suppress_none():
    # The second covers both others by a half, they each other by a third.
    row = np.array([[0, 0, 4, 1], [2, 0, 6, 1], [4, 0, 8, 1]], "float32")
    assert non_max_suppression(row, None, 0.3, 9).tolist() == [0, 2]


@pytest.mark.parametrize("limit", [7, 1000])
def test_suppression_of_many_is_that_of_one_after_the_other(limit):
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 20, (500, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(2, 9, (500, 2))], 1).astype("float32")
    labels = rng.integers(0, 2, 500)
    expected = []
    for index in range(500):
        rivals = [k for k in expected if labels[k] == labels[index]]
        overlaps = intersection_over_union(boxes[index : index + 1], boxes[rivals])
        if (overlaps < 0.4).all():
            expected.append(index)
    assert 128 < len(expected) < 400
    assert non_max_suppression(boxes, labels, 0.4, limit).tolist() == expected[:limit]


def test_intersection_over_union_by_hand():
    first = np.array([[0, 0, 2, 2], [0, 0, 0, 0]], "float32")
    second = np.array([[1, 0, 3, 2], [2, 2, 4, 4], [0, 0, 2, 2], [0, 0, 0, 0]], "float32")
    received = intersection_over_union(first, second)
    np.testing.assert_allclose(received, [[1 / 3, 0, 1, 0], [0, 0, 0, 0]], rtol=1e-6)
