"""Which location learns which object, on grids small enough to work out by hand."""

import numpy as np
import pytest
from keras import ops

from thinkkeras.detection import anchor_points, task_aligned

# 4 x 4 locations, 16 pixels apart: 8, 24, 40, 56; numbered row by row.
POINTS = anchor_points((64, 64), (16,))


def assigned(scores, boxes, true_boxes, true_classes, points=POINTS, **options):
    """`task_aligned` of one image, as arrays without the batch axis."""
    found = task_aligned(
        np.float32(scores)[None],
        np.float32(boxes)[None],
        points,
        np.float32(true_boxes)[None],
        np.float32(true_classes)[None],
        **options,
    )
    return type(found)(*(ops.convert_to_numpy(part)[0] for part in found))


def everywhere(box, points=POINTS):
    return np.tile(np.float32(box), (len(points), 1))


def test_weights_are_fractions_of_the_best_alignment():
    # The object holds locations 5, 6, 9 and 10.
    true = [16, 16, 48, 48]
    boxes = everywhere([0, 0, 1, 1])
    boxes[[5, 6, 9]] = [[16, 16, 48, 48], [16, 16, 48, 32], [16, 16, 48, 48]]
    scores = np.full((16, 1), 0.04)
    scores[[5, 6]] = 0.64
    found = assigned(scores, boxes, [true], [0])
    # √0.64 · 1², √0.64 · 0.5², √0.04 · 1², and no overlap at all; by the best.
    expected = np.zeros(16)
    expected[[5, 6, 9]] = [1, 0.25, 0.25]
    np.testing.assert_allclose(found.weights, [expected], atol=1e-6)
    np.testing.assert_allclose(found.scores, expected[:, None], atol=1e-6)
    np.testing.assert_array_equal(found.boxes[[5, 6, 9]], [true] * 3)
    found = assigned(scores, boxes, [true], [0], alpha=1.0, beta=1.0)
    np.testing.assert_allclose(found.weights[0, [5, 6, 9]], [1, 0.5, 0.04 / 0.64], atol=1e-6)


def test_only_the_class_of_the_object_counts_and_is_learned():
    true = [16, 16, 48, 48]
    scores = np.full((16, 3), 0.01)
    scores[5] = [0.9, 0.09, 0.9]
    scores[10] = [0.01, 0.36, 0.01]
    found = assigned(scores, everywhere(true), [true], [1])
    # √0.09 / √0.36, and √0.01 / √0.36 for the two others.
    np.testing.assert_allclose(found.weights[0, [5, 6, 9, 10]], [0.5, 1 / 6, 1 / 6, 1], atol=1e-5)
    np.testing.assert_allclose(found.scores[:, 1], found.weights[0])
    assert not found.scores[:, [0, 2]].any()


@pytest.mark.parametrize("candidates", [1, 3, 10, 16, 100])
def test_as_many_candidates_as_asked_for(candidates):
    rng = np.random.default_rng(0)
    # It holds every location.
    scores = rng.uniform(0.1, 0.9, (16, 1))
    found = assigned(
        scores, everywhere([0, 0, 64, 64]), [[0, 0, 64, 64]], [0], candidates=candidates
    )
    expected = np.sort(scores[:, 0])[::-1][:candidates]
    learning = found.weights[0] > 0
    assert learning.sum() == len(expected)
    np.testing.assert_allclose(np.sort(scores[learning, 0])[::-1], expected)
    np.testing.assert_allclose(found.weights[0].max(), 1, atol=1e-6)


def test_only_locations_near_the_object_learn_it():
    # Inside 16-64 in x, or less than a cell from the centre (40, 8) in both directions.
    found = assigned(np.full((16, 1), 0.5), everywhere([16, 0, 64, 16]), [[16, 0, 64, 16]], [0])
    np.testing.assert_array_equal(np.flatnonzero(found.weights), [1, 2, 3])
    # Up to 32 pixels around the centre for the coarse grid, 8 for the fine one.
    points = anchor_points((64, 64), (8, 32))
    box = [30, 30, 34, 34]
    found = assigned(np.full((68, 1), 0.5), everywhere(box, points), [box], [0], points)
    np.testing.assert_array_equal(
        np.flatnonzero(found.weights), [3 * 8 + 3, 3 * 8 + 4, 4 * 8 + 3, 4 * 8 + 4, 64, 65, 66, 67]
    )


def test_a_location_learns_the_object_that_it_overlaps_most():
    one, other = [0, 0, 44, 64], [20, 0, 64, 64]
    boxes = everywhere(one)
    boxes[[2, 6, 10, 14]] = other
    # Both hold the columns at 24 and 40: it is the predicted box that decides.
    boxes[9], boxes[10] = other, one
    scores = np.full((16, 1), 0.5)
    found = assigned(scores, boxes, [one, other], [0, 0], candidates=16)
    np.testing.assert_array_equal(found.boxes[[1, 2, 5, 6]], [one, other, one, other])
    np.testing.assert_array_equal(found.boxes[[9, 10]], [other, one])
    assert not (found.weights > 0).all(axis=0).any()
    np.testing.assert_allclose(found.weights[:, [9, 10]], [[0, 1], [1, 0]], atol=1e-6)
    np.testing.assert_allclose(found.weights.sum(axis=0), found.scores[:, 0])


def test_who_loses_a_location_is_weighed_by_its_others():
    # Location 5 suits both; the first overlaps it more, the second keeps 6.
    one, other = [16, 16, 32, 32], [16, 16, 48, 32]
    boxes = everywhere([0, 0, 1, 1])
    boxes[5], boxes[6] = [16, 16, 36, 32], [32, 16, 48, 32]
    found = assigned(np.full((16, 1), 0.5), boxes, [one, other], [0, 0], candidates=1)
    np.testing.assert_allclose(found.weights[0, 5], 1, atol=1e-6)
    assert not found.weights[1, 5]
    found = assigned(np.full((16, 1), 0.5), boxes, [one, other], [0, 0], candidates=2)
    np.testing.assert_allclose(found.weights[1, 6], 1, atol=1e-6)
    np.testing.assert_array_equal(found.boxes[6], other)


@pytest.mark.parametrize("box", [[30, 20, 33, 23], [15, 15, 17, 17], [31, 31, 33, 33]])
def test_an_object_between_the_locations_gets_one(box):
    # None lies inside; the nearest is within a cell, whatever it predicts.
    found = assigned(np.full((16, 1), 0.01), everywhere([0, 0, 0, 0]), [box], [0])
    np.testing.assert_allclose(found.weights.max(), 1, atol=1e-6)
    distance = np.linalg.norm(
        POINTS[:, :2] - [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2], axis=1
    )
    assert distance[found.weights[0].argmax()] == distance.min()
    # With no overlap, the nearer ones weigh more.
    order = np.argsort(distance, kind="stable")[: np.count_nonzero(found.weights)]
    assert (np.diff(found.weights[0, order]) < 1e-6).all()


def test_empty_places_and_images_learn_nothing():
    scores = np.full((2, 16, 2), 0.5, "float32")
    boxes = np.tile(everywhere([16, 16, 48, 48]), (2, 1, 1))
    true_boxes = np.float32([[[-1] * 4, [16, 16, 48, 48], [-1] * 4], [[-1] * 4] * 3])
    classes = np.float32([[-1, 1, -1], [-1, -1, -1]])
    found = task_aligned(scores, boxes, POINTS, true_boxes, classes)
    weights, targets, learned = (ops.convert_to_numpy(part) for part in found)
    assert weights.shape == (2, 3, 16) and targets.shape == (2, 16, 2)
    assert learned.shape == (2, 16, 4)
    np.testing.assert_array_equal(weights.sum(axis=-1) > 0, [[False, True, False], [False] * 3])
    np.testing.assert_array_equal(np.flatnonzero(targets[0, :, 1]), [5, 6, 9, 10])
    assert not targets[1].any() and not targets[0, :, 0].any()


def test_images_of_a_batch_do_not_mix():
    rng = np.random.default_rng(1)
    scores = rng.uniform(0, 1, (3, 16, 2)).astype("float32")
    corners = np.sort(rng.uniform(0, 64, (2, 3, 16, 2, 2)), axis=-2).astype("float32")
    predicted, true = corners[0].reshape(3, 16, 4), corners[1, :, :4].reshape(3, 4, 4)
    classes = np.float32([[0, 1, 0, -1], [1, -1, -1, -1], [1, 1, 0, 0]])
    together = task_aligned(scores, predicted, POINTS, true, classes)
    for index in range(3):
        alone = assigned(scores[index], predicted[index], true[index], classes[index])
        for one, all_of_them in zip(alone, together, strict=True):
            np.testing.assert_allclose(one, all_of_them[index], atol=1e-6)
