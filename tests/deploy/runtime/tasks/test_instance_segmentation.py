"""Instance segmentation: each object with the mask that its own coefficients make."""

import numpy as np
import pytest

from deploy import DeployError
from deploy.runtime.tasks.instance_segmentation import check
from tests.deploy.runtime.detectors import CELLS, detect


def test_each_detection_has_its_own_coefficients():
    detector = {"format": "xyxy", "boxes": 0, "scores": 1, "coefficients": 2, "prototypes": 3}
    detector |= {"activation": "sigmoid", "score_threshold": 0.4, "iou_threshold": 0.6}
    detector |= {"max_detections": 10}
    boxes = np.array([[0, 0, 0.5, 1], [0, 0, 0.5, 1], [0.5, 0, 1, 1], [0, 0, 1, 1]], "float32")
    scores = np.array([[0.5], [0.6], [0.7], [0.1]], "float32")
    # The upper half of the image and the lower one; the suppressed and the unlikely have both.
    half = np.repeat(np.float32([[1, -1]]), 4, axis=0).T[[0, 0, 1, 1]]
    prototypes = np.stack([half, -half], axis=2)
    coefficients = np.array([[1, 1], [1, 0], [0, 1], [1, 1]], "float32")
    prediction = detect([boxes, scores, coefficients, prototypes], detector, (32, 32), (8, 12))
    assert prediction["scores"].tolist() == [np.float32(0.7), np.float32(0.6)]
    expected = np.zeros((2, 8, 12), bool)
    expected[0, 4:, 6:] = expected[1, :4, :6] = True
    np.testing.assert_array_equal(prediction["masks"], expected)
    none = detect([boxes, scores, coefficients, prototypes], detector, (32, 32), (8, 12), 0.9)
    assert none["masks"].shape == (0, 8, 12) and none["masks"].dtype == bool


def test_a_detector_without_masks_is_refused():
    card = {"task": "instance_segmentation", "detector": CELLS}
    card |= {"inputs": [{"shape": [1, 16, 20, 3]}]}
    card |= {"outputs": [{"shape": [1, 8, 4]}, {"shape": [1, 8, 2]}]}
    with pytest.raises(DeployError, match="a detector with coefficients and prototypes"):
        check(card)
