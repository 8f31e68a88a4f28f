"""From a detector's numbers to boxes: keras-cv's own answers, and cases worked out by hand."""

import keras_cv
import numpy as np
import pytest

from deploy.runtime.boxes.decoding import anchor_boxes, locations
from deploy.runtime.boxes.decoding_config import check_detector
from deploy.runtime.tasks.detection import detections, intersection_over_union, sigmoid, suppress

COMMON = {"boxes": 0, "scores": 1, "score_threshold": 0.4, "iou_threshold": 0.6}
COMMON |= {"max_detections": 100, "activation": "sigmoid"}
CELLS = COMMON | {"format": "cells", "cells": 16, "strides": [8, 16]}
XYXY = COMMON | {"format": "xyxy"}


@pytest.fixture(scope="module")
def backbone():
    return keras_cv.models.YOLOV8Backbone(
        stackwise_channels=[8, 8, 8, 8],
        stackwise_depth=[1, 1, 1, 1],
        include_rescaling=False,
        input_shape=(96, 128, 3),
    )


def same_as_keras_cv(received, expected, input_size):
    count = int(expected["num_detections"][0])
    assert 10 < count < 100
    boxes = np.asarray(expected["boxes"])[0, :count]
    # Ours are clipped to the picture.
    boxes = np.clip(boxes, 0, np.array(2 * input_size[::-1]))
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    assert inside.sum() > 10
    np.testing.assert_allclose(received["boxes"], boxes[inside], rtol=0, atol=1e-4)
    scores = np.asarray(expected["confidence"])[0, :count][inside]
    np.testing.assert_allclose(received["scores"], scores, rtol=0, atol=1e-5)
    labels = np.asarray(expected["classes"])[0, :count][inside]
    np.testing.assert_array_equal(received["labels"], labels)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_as_keras_cvs_yolo_v8(seed, backbone):
    model = keras_cv.models.YOLOV8Detector(backbone, 3, "xyxy", fpn_depth=1)
    rng, size = np.random.default_rng(seed), (96, 128)
    count = 12 * 16 + 6 * 8 + 3 * 4
    assert model.output["boxes"].shape == (None, count, 64)
    boxes = rng.normal(0, 2, (1, count, 64)).astype("float32")
    scores = rng.uniform(0, 1, (1, count, 3)).astype("float32") ** 16
    expected = model.decode_predictions(
        {"boxes": boxes, "classes": scores}, np.zeros((1, *size, 3), "float32")
    )
    detector = COMMON | {"format": "distances", "bins": 16, "strides": [8, 16, 32]}
    detector |= {"class_agnostic": True, "score_threshold": 0.2, "iou_threshold": 0.7}
    check_detector(detector, [{"shape": [1, count, 64]}, {"shape": [1, count, 3]}], size)
    received = detections([boxes[0], scores[0]], detector, size, size)
    same_as_keras_cv(received, expected, size)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_as_keras_cvs_retinanet(seed, backbone):
    model = keras_cv.models.RetinaNet(backbone, 3, "xyxy")
    rng, size = np.random.default_rng(seed), (96, 128)
    count = 9 * (12 * 16 + 6 * 8 + 3 * 4 + 2 * 2 + 1)
    # The model's own symbolic shapes take P6 and P7 to be as large as P5.
    assert model({"images": np.zeros((1, *size, 3))})["box"].shape == (1, count, 4)
    boxes = rng.normal(0, 2, (1, count, 4)).astype("float32")
    scores = rng.normal(-5, 2.4, (1, count, 3)).astype("float32")
    expected = model.decode_predictions(
        {"box": boxes, "classification": scores}, np.zeros((1, *size, 3), "float32")
    )
    anchors = {
        "sizes": [32.0, 64.0, 128.0, 256.0, 512.0],
        "scales": [2**0, 2 ** (1 / 3), 2 ** (2 / 3)],
        "aspect_ratios": [0.5, 1.0, 2.0],
        "clip_boxes": True,
        "box_variance": [0.1, 0.1, 0.2, 0.2],
    }
    detector = COMMON | {"format": "deltas", "anchors": anchors, "strides": [8, 16, 32, 64, 128]}
    detector |= {"class_agnostic": True, "score_threshold": 0.5, "iou_threshold": 0.5}
    detector |= {"activation": "linear"}
    check_detector(detector, [{"shape": [1, count, 4]}, {"shape": [1, count, 3]}], size)
    received = detections([boxes[0], scores[0]], detector, size, size)
    same_as_keras_cv(received, expected, size)


@pytest.mark.parametrize("clip_boxes", [False, True])
@pytest.mark.parametrize("size", [(96, 128), (100, 75)])
def test_the_anchors_are_those_of_keras_cv(clip_boxes, size):
    shapes = {"sizes": [32.0, 50.0], "scales": [1.0, 1.5], "aspect_ratios": [0.5, 3.0]}
    generator = keras_cv.layers.AnchorGenerator(
        "center_xywh", strides=[16, 32], clip_boxes=clip_boxes, **shapes
    )
    expected = np.concatenate(list(generator(image_shape=(*size, 3)).values()))
    received = anchor_boxes(
        (16, 32), *(tuple(values) for values in shapes.values()), clip_boxes, size
    )
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-4)


def test_locations_by_hand():
    centres, strides = locations((8, 16), (16, 20))
    # Two rows of three cells, the last of which reaches over the edge, then one row of two.
    expected = [[4, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12], [8, 8], [24, 8]]
    np.testing.assert_array_equal(centres, expected)
    np.testing.assert_array_equal(strides, [8] * 6 + [16] * 2)


def test_cells_by_hand():
    numbers = np.full((8, 4), 0.5, "float32")
    # The fifth location: centre (12, 12), stride 8. Its centre lies 0.125 · 2 · 8 = 2 lower and
    # 0.0625 · 2 · 8 = 1 to the left; it is 0.25 · 16 = 4 high and 0.5 · 16 = 8 wide.
    numbers[4] = [0.625, 0.4375, 0.25, 0.5]
    # The seventh: centre (8, 8), stride 16, 8 high and 4 wide.
    numbers[6] = [0.5, 0.5, 0.25, 0.125]
    scores = np.zeros((8, 2), "float32")
    scores[4], scores[6] = [0.1, 0.75], [0.875, 0.2]
    answer = detections([numbers, scores], CELLS | {"cells": 2}, (16, 20), (16, 20))
    np.testing.assert_allclose(answer["boxes"], [[6, 4, 10, 12], [7, 12, 15, 16]])
    assert answer["boxes"].dtype == np.float32
    assert answer["scores"].tolist() == [0.875, 0.75]
    assert answer["labels"].tolist() == [0, 1] and answer["labels"].dtype == np.int64
    assert sorted(answer) == ["boxes", "labels", "scores"]


def test_distances_by_hand():
    bins = np.full((6, 4, 4), -30.0, "float32")
    # The left side is all in bin 1, the top half in 0 and half in 1, the right in 3, the bottom
    # evenly in all four: 8, 4, 24 and 12 pixels from the centre (12, 12).
    bins[4, 0, 1] = bins[4, 1, :2] = bins[4, 2, 3] = 30.0
    bins[4, 3] = 1.0
    scores = np.eye(6, dtype="float32")[4][:, None]
    detector = CELLS | {"format": "distances", "bins": 4, "strides": [8]}
    answer = detections([bins.reshape(6, 16), scores], detector, (64, 24), (64, 24))
    np.testing.assert_allclose(answer["boxes"], [[4, 8, 24, 24]], atol=1e-5)


@pytest.mark.parametrize(
    ("format", "numbers"),
    [("cycxhw-normalized", [0.5, 0.25, 0.5, 0.25]), ("xyxy", [0.125, 0.25, 0.375, 0.75])],
)
def test_shares_of_the_picture_by_hand(format, numbers):
    # A picture that is no square, of another size than the input, which is no square either.
    answer = detections(
        [np.array([numbers]), np.array([[0.5]])], COMMON | {"format": format}, (32, 64), (120, 80)
    )
    np.testing.assert_allclose(answer["boxes"], [[10, 30, 30, 90]], rtol=1e-6)


def test_boxes_are_clipped_and_those_outside_left_out():
    boxes = [[-0.5, 0.5, 0.25, 1.5], [1.1, 0.0, 1.5, 0.5], [0.5, 0.5, 0.4, 0.6], [0, 0, np.nan, 1]]
    scores = np.array([[0.5], [0.6], [0.7], [0.8]])
    answer = detections([np.array(boxes), scores], XYXY, (10, 10), (100, 200))
    assert answer["boxes"].tolist() == [[0, 50, 50, 100]]
    assert answer["scores"].tolist() == [0.5]


# Two that cover each other by two thirds, one of another class that covers the first by as much.
OVERLAPPING = np.array([[0, 0, 1, 1], [0, 0, 0.75, 1], [0, 0, 1, 0.75], [0, 0, 0.25, 0.25]])
CLASSES = np.array([[0.9, 0], [0.8, 0.1], [0.1, 0.7], [0.6, 0]])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [0.9, 0.7, 0.6]),
        ({"class_agnostic": True}, [0.9, 0.6]),
        ({"iou_threshold": 0.75}, [0.9, 0.7, 0.6]),
        ({"iou_threshold": 0.76}, [0.9, 0.8, 0.7, 0.6]),
        ({"max_detections": 2}, [0.9, 0.7]),
        ({"score_threshold": 0.6}, [0.9, 0.7, 0.6]),
        ({"score_threshold": 0.61}, [0.9, 0.7]),
    ],
)
def test_suppression_by_hand(changes, expected):
    outputs = [OVERLAPPING, CLASSES.astype("float32")]
    answer = detections(outputs, XYXY | changes, (4, 4), (4, 4))
    np.testing.assert_allclose(answer["scores"], np.float32(expected))
    assert answer["labels"].tolist() == [int(score == 0.7) for score in expected]


def test_suppressed_boxes_suppress_none():
    # The second covers both others by a half, they each other by a third.
    row = np.array([[0, 0, 4, 1], [2, 0, 6, 1], [4, 0, 8, 1]], "float32")
    assert suppress(row, None, 0.3, 9).tolist() == [0, 2]


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
    assert suppress(boxes, labels, 0.4, limit).tolist() == expected[:limit]


def test_intersection_over_union_by_hand():
    first = np.array([[0, 0, 2, 2], [0, 0, 0, 0]], "float32")
    second = np.array([[1, 0, 3, 2], [2, 2, 4, 4], [0, 0, 2, 2], [0, 0, 0, 0]], "float32")
    received = intersection_over_union(first, second)
    np.testing.assert_allclose(received, [[1 / 3, 0, 1, 0], [0, 0, 0, 0]], rtol=1e-6)


def test_logits_and_probabilities_give_the_same():
    rng = np.random.default_rng(0)
    boxes, logits = rng.uniform(0, 1, (80, 4)), rng.normal(0, 3, (80, 2)).astype("float32")
    boxes = np.concatenate([boxes[:, :2], boxes[:, :2] + 0.1], axis=1)
    probabilities = 1 / (1 + np.exp(-logits))
    one = detections([boxes, logits], XYXY | {"activation": "linear"}, (9, 9), (9, 9))
    two = detections([boxes, probabilities], XYXY, (9, 9), (9, 9))
    assert len(one["scores"]) > 20
    for key in one:
        np.testing.assert_allclose(one[key], two[key], rtol=1e-5)


def test_sigmoid_by_hand():
    with np.errstate(all="raise"):
        received = sigmoid(np.array([-1e4, -np.log(3), 0, np.log(3), 1e4], "float32"))
    np.testing.assert_allclose(received, [0, 0.25, 0.5, 0.75, 1], atol=1e-7)


def test_nothing_found_has_the_same_shapes():
    outputs = [np.zeros((2 * 3 + 1 * 2, 4)), np.full((8, 2), 0.3, "float32")]
    answer = detections(outputs, CELLS, (16, 20), (16, 20))
    assert answer["boxes"].shape == (0, 4) and answer["boxes"].dtype == np.float32
    assert answer["scores"].shape == (0,) and answer["scores"].dtype == np.float32
    assert answer["labels"].shape == (0,) and answer["labels"].dtype == np.int64
    assert len(detections(outputs, CELLS, (16, 20), (16, 20), 0.2)["scores"]) == 0
    found = detections([outputs[0] + 0.5, outputs[1]], CELLS, (16, 20), (16, 20), 0.2)
    assert len(found["scores"]) > 0
