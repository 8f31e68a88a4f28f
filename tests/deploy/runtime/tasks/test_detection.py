"""Detections: keras-cv's own, and cases worked out by hand."""

import numpy as np
import pytest

from deploy.runtime.boxes.decoding_config import check_decoding_config
from deploy.runtime.tasks.detection import class_names, to_text
from tests.deploy.runtime.detectors import CELLS, COMMON, XYXY, detect


@pytest.fixture(scope="module")
def keras_cv():
    return pytest.importorskip("keras_cv")


@pytest.fixture(scope="module")
def backbone(keras_cv):
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
    # Ours are clipped to the image.
    boxes = np.clip(boxes, 0, np.array(2 * input_size[::-1]))
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    assert inside.sum() > 10
    np.testing.assert_allclose(received["boxes"], boxes[inside], rtol=0, atol=1e-4)
    scores = np.asarray(expected["confidence"])[0, :count][inside]
    np.testing.assert_allclose(received["scores"], scores, rtol=0, atol=1e-5)
    labels = np.asarray(expected["classes"])[0, :count][inside]
    np.testing.assert_array_equal(received["labels"], labels)


@pytest.fixture(scope="module")
def yolo_v8(keras_cv, backbone):
    return keras_cv.models.YOLOV8Detector(backbone, 3, "xyxy", fpn_depth=1)


@pytest.fixture(scope="module")
def retina_net(keras_cv, backbone):
    return keras_cv.models.RetinaNet(backbone, 3, "xyxy")


@pytest.mark.parametrize("seed", range(3))
def test_the_same_as_keras_cvs_yolo_v8(seed, yolo_v8):
    model = yolo_v8
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
    check_decoding_config(detector, [{"shape": [1, count, 64]}, {"shape": [1, count, 3]}], size)
    received = detect([boxes[0], scores[0]], detector, size, size)
    same_as_keras_cv(received, expected, size)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_as_keras_cvs_retinanet(seed, retina_net):
    model = retina_net
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
    check_decoding_config(detector, [{"shape": [1, count, 4]}, {"shape": [1, count, 3]}], size)
    received = detect([boxes[0], scores[0]], detector, size, size)
    same_as_keras_cv(received, expected, size)


def test_boxes_are_clipped_and_those_outside_left_out():
    boxes = [[-0.5, 0.5, 0.25, 1.5], [1.1, 0.0, 1.5, 0.5], [0.5, 0.5, 0.4, 0.6], [0, 0, np.nan, 1]]
    scores = np.array([[0.5], [0.6], [0.7], [0.8]])
    prediction = detect([np.array(boxes), scores], XYXY, (10, 10), (100, 200))
    assert prediction["boxes"].tolist() == [[0, 50, 50, 100]]
    assert prediction["scores"].tolist() == [0.5]


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
    prediction = detect(outputs, XYXY | changes, (4, 4), (4, 4))
    np.testing.assert_allclose(prediction["scores"], np.float32(expected))
    assert prediction["labels"].tolist() == [int(score == 0.7) for score in expected]


def test_logits_and_probabilities_give_the_same():
    rng = np.random.default_rng(0)
    boxes, logits = rng.uniform(0, 1, (80, 4)), rng.normal(0, 3, (80, 2)).astype("float32")
    boxes = np.concatenate([boxes[:, :2], boxes[:, :2] + 0.1], axis=1)
    probabilities = 1 / (1 + np.exp(-logits))
    one = detect([boxes, logits], XYXY | {"activation": "linear"}, (9, 9), (9, 9))
    two = detect([boxes, probabilities], XYXY, (9, 9), (9, 9))
    assert len(one["scores"]) > 20
    assert one.pop("names") == two.pop("names")
    for key in one:
        np.testing.assert_allclose(one[key], two[key], rtol=1e-5)


def test_large_logits_have_scores_too():
    logits = np.array([-1e4, -np.log(3), 0, np.log(3), 1e4], "float32")[:, None]
    boxes = np.stack([np.arange(5) / 5, np.zeros(5), np.arange(1, 6) / 5, np.ones(5)], axis=1)
    with np.errstate(all="raise"):
        received = detect([boxes, logits], XYXY | {"activation": "linear"}, (9, 9), (9, 9), 0.0)
    np.testing.assert_allclose(received["scores"], [1, 0.75, 0.5, 0.25, 0], atol=1e-7)


def test_nothing_found_has_the_same_shapes():
    outputs = [np.zeros((2 * 3 + 1 * 2, 4)), np.full((8, 2), 0.3, "float32")]
    prediction = detect(outputs, CELLS, (16, 20), (16, 20))
    assert prediction["boxes"].shape == (0, 4) and prediction["boxes"].dtype == np.float32
    assert prediction["scores"].shape == (0,) and prediction["scores"].dtype == np.float32
    assert prediction["labels"].shape == (0,) and prediction["labels"].dtype == np.int64
    assert len(detect(outputs, CELLS, (16, 20), (16, 20), 0.2)["scores"]) == 0
    found = detect([outputs[0] + 0.5, outputs[1]], CELLS, (16, 20), (16, 20), 0.2)
    assert len(found["scores"]) > 0


def test_classes_have_names_or_numbers():
    card = {"detector": XYXY, "outputs": [{"shape": [1, 8, 4]}, {"shape": [1, 8, 3]}]}
    assert class_names(card, []) == ["0", "1", "2"]
    assert class_names(card, ["red", "green", "blue"]) == ["red", "green", "blue"]


def test_a_detector_says_a_line_an_object():
    prediction = {
        "boxes": np.array([[1, 2, 30.25, 40.5]], "float32"),
        "scores": np.array([0.9], "float32"),
        "labels": np.array([0]),
        "names": ["balloon"],
    }
    assert to_text(prediction, ["balloon"]).splitlines() == [
        "1 balloon",
        "  balloon (90.0 %): left 1.0, top 2.0, right 30.2, bottom 40.5",
    ]
