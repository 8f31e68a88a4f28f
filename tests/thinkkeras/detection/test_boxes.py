"""Boxes on grids: by hand, as pycocotools counts overlap, and as the device reads them."""

import numpy as np
import pytest
from pycocotools import mask as coco

import deploy
from deploy.runtime.boxes import decoding as on_device
from thinkkeras.detection import anchor_points, decode_boxes, pairwise_iou
from thinkkeras.models.detection.yolo_tiny import CELLS


def random_boxes(rng, *shape):
    corners = np.sort(rng.uniform(0, 60, (*shape, 2, 2)), axis=-2)
    return corners.reshape(*shape, 4).astype("float32")


def test_anchor_points_by_hand():
    by_hand = [(8, 8), (24, 8), (40, 8), (8, 24), (24, 24), (40, 24)]
    expected = [(x, y, 16) for x, y in by_hand] + [(16, 16, 32), (48, 16, 32)]
    points = anchor_points((32, 48), (16, 32))
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points, expected)


@pytest.mark.parametrize(
    ("size", "strides", "count"),
    [((256, 256), (8, 16, 32), 1344), ((64, 96), (4, 8), 480), ((33, 7), (8,), 5)],
)
def test_anchor_points_are_those_of_the_device(size, strides, count):
    points = anchor_points(size, strides)
    assert points.shape == (count, 3)
    centres, steps = on_device.grid_points(strides, size)
    np.testing.assert_array_equal(points[:, :2], centres)
    np.testing.assert_array_equal(points[:, 2], steps)


def test_decode_by_hand():
    points = np.float32([[20, 12, 8], [48, 16, 32]])
    encoded = np.float32(
        [
            # In the cell's middle, 16 pixels high and 32 wide.
            [[0.5, 0.5, 0.125, 0.25], [0.5, 0.5, 0, 0]],
            # 32 pixels up and 64 to the right; then the whole of a square with sides of 512.
            [[0.25, 1, 0.5, 0.25], [0.5, 0.5, 1, 1]],
        ]
    )
    expected = [
        [[4, 4, 36, 20], [48, 16, 48, 16]],
        [[68, -52, 100, 12], [-208, -240, 304, 272]],
    ]
    np.testing.assert_array_equal(decode_boxes(encoded, points, 16), expected)
    # Half the square: half as far and half as large.
    np.testing.assert_array_equal(decode_boxes(encoded, points, 8)[0, 0], [12, 8, 28, 16])


def test_decode_is_what_the_device_does():
    size, strides = (64, 96), (8, 16, 32)
    points = anchor_points(size, strides)
    rng = np.random.default_rng(0)
    encoded = rng.uniform(0.3, 0.7, (len(points), 4)).astype("float32")
    encoded[:, 2:] *= 0.3
    # Falling scores keep the order of the locations; no box suppresses another.
    scores = np.linspace(0.9, 0.1, len(points), dtype="float32")[:, None]
    detector = {"format": "cells", "cells": CELLS, "strides": list(strides), "boxes": "boxes"}
    detector |= {"scores": "scores", "activation": "sigmoid", "score_threshold": 0.0}
    detector |= {"iou_threshold": 1.0, "max_detections": len(points)}
    outputs = {"boxes": encoded[None], "scores": scores[None]}
    (received,) = deploy.decode(outputs, detector, size, score_threshold=0)
    expected = np.clip(decode_boxes(encoded, points, CELLS), 0, [96, 64, 96, 64])
    seen = (expected[:, 2] > expected[:, 0]) & (expected[:, 3] > expected[:, 1])
    assert 60 < seen.sum() < len(points)
    np.testing.assert_allclose(received["boxes"], expected[seen], atol=1e-4)
    np.testing.assert_array_equal(received["scores"], scores[seen, 0])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([0, 0, 10, 10], [0, 0, 10, 10], 1),
        ([0, 0, 10, 10], [5, 0, 15, 10], 50 / 150),
        ([0, 0, 10, 10], [2, 4, 8, 9], 30 / 100),
        ([0, 0, 10, 10], [10, 0, 20, 10], 0),
        ([0, 0, 10, 10], [20, 20, 30, 30], 0),
        ([0, 0, 10, 10], [5, 5, 5, 5], 0),
        ([0, 0, 10, 10], [8, 8, 2, 2], 0),
        ([-1, -1, -1, -1], [-1, -1, -1, -1], 0),
        ([0, 0, 1e-3, 1e-3], [0, 0, 1e-3, 5e-4], 0.5),
    ],
)
def test_iou_by_hand(one, other, expected):
    np.testing.assert_allclose(
        pairwise_iou(np.float32([one]), np.float32([other])), [[expected]], rtol=1e-5
    )


def test_iou_of_all_pairs_is_that_of_pycocotools():
    rng = np.random.default_rng(0)
    one, other = random_boxes(rng, 2, 7), random_boxes(rng, 2, 5)
    received = pairwise_iou(one, other)
    assert received.shape == (2, 7, 5)
    for ours, first, second in zip(received, one, other, strict=True):
        as_xywh = [
            np.hstack([b[:, :2], b[:, 2:] - b[:, :2]]).astype(float) for b in (first, second)
        ]
        expected = coco.iou(*as_xywh, [0] * 5)
        assert (expected > 0.1).sum() > 5
        np.testing.assert_allclose(ours, expected, atol=1e-5)
