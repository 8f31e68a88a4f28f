"""From a detector's numbers to boxes: keras-cv's own anchors, and cases worked out by hand."""

import numpy as np
import pytest

from deploy.runtime.boxes.decoding import anchor_boxes, grid_points
from tests.deploy.runtime.detectors import CELLS, COMMON, detect


@pytest.mark.parametrize("clip_boxes", [False, True])
@pytest.mark.parametrize("size", [(96, 128), (100, 75)])
def test_the_anchors_are_those_of_keras_cv(clip_boxes, size):
    keras_cv = pytest.importorskip("keras_cv")
    shapes = {"sizes": [32.0, 50.0], "scales": [1.0, 1.5], "aspect_ratios": [0.5, 3.0]}
    generator = keras_cv.layers.AnchorGenerator(
        "center_xywh", strides=[16, 32], clip_boxes=clip_boxes, **shapes
    )
    expected = np.concatenate(list(generator(image_shape=(*size, 3)).values()))
    received = anchor_boxes(
        (16, 32), *(tuple(values) for values in shapes.values()), clip_boxes, size
    )
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-4)


def test_grid_points_by_hand():
    centres, strides = grid_points((8, 16), (16, 20))
    # Two rows of three cells, the last of which reaches over the edge, then one row of two.
    expected = [[4, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12], [8, 8], [24, 8]]
    np.testing.assert_array_equal(centres, expected)
    np.testing.assert_array_equal(strides, [8] * 6 + [16] * 2)


def test_cells_by_hand():
    numbers = np.full((8, 4), 0.5, "float32")
    # The fifth grid point: centre (12, 12), stride 8. Its centre lies 0.125 · 2 · 8 = 2 lower and
    # 0.0625 · 2 · 8 = 1 to the left; it is 0.25 · 16 = 4 high and 0.5 · 16 = 8 wide.
    numbers[4] = [0.625, 0.4375, 0.25, 0.5]
    # The seventh: centre (8, 8), stride 16, 8 high and 4 wide.
    numbers[6] = [0.5, 0.5, 0.25, 0.125]
    scores = np.zeros((8, 2), "float32")
    scores[4], scores[6] = [0.1, 0.75], [0.875, 0.2]
    prediction = detect([numbers, scores], CELLS | {"cells": 2}, (16, 20), (16, 20))
    np.testing.assert_allclose(prediction["boxes"], [[6, 4, 10, 12], [7, 12, 15, 16]])
    assert prediction["boxes"].dtype == np.float32
    assert prediction["scores"].tolist() == [0.875, 0.75]
    assert prediction["labels"].tolist() == [0, 1] and prediction["labels"].dtype == np.int64
    assert sorted(prediction) == ["boxes", "labels", "names", "scores"]


def test_distances_by_hand():
    bins = np.full((6, 4, 4), -30.0, "float32")
    # The left side is all in bin 1, the top half in 0 and half in 1, the right in 3, the bottom
    # evenly in all four: 8, 4, 24 and 12 pixels from the centre (12, 12).
    bins[4, 0, 1] = bins[4, 1, :2] = bins[4, 2, 3] = 30.0
    bins[4, 3] = 1.0
    scores = np.eye(6, dtype="float32")[4][:, None]
    detector = CELLS | {"format": "distances", "bins": 4, "strides": [8]}
    prediction = detect([bins.reshape(6, 16), scores], detector, (64, 24), (64, 24))
    np.testing.assert_allclose(prediction["boxes"], [[4, 8, 24, 24]], atol=1e-5)


@pytest.mark.parametrize(
    ("format", "numbers"),
    [("cycxhw-normalized", [0.5, 0.25, 0.5, 0.25]), ("xyxy", [0.125, 0.25, 0.375, 0.75])],
)
def test_fractions_of_the_image_by_hand(format, numbers):
    # An image that is no square, of another size than the input, which is no square either.
    prediction = detect(
        [np.array([numbers]), np.array([[0.5]])], COMMON | {"format": format}, (32, 64), (120, 80)
    )
    np.testing.assert_allclose(prediction["boxes"], [[10, 30, 30, 90]], rtol=1e-6)
