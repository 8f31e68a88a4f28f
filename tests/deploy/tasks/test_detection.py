"""Detections: how often two models agree, by hand."""

import numpy as np
import pytest

from deploy.tasks.detection import agreement_of_detections


def found(names, boxes):
    numbers = np.array([["a", "b"].index(name) for name in names], "int64")
    return {"names": names, "labels": numbers, "boxes": np.array(boxes, "float32").reshape(-1, 4)}


def test_agreement_of_detections_by_hand():
    square, shifted, far = [0, 0, 10, 10], [0, 0, 10, 6], [20, 20, 30, 30]
    keras = [found(["a", "a", "b"], [square, far, far]), found(["b"], [square])]
    received = [found(["a", "b"], [shifted, square]), found(["b", "b"], [square, square])]
    # a: one of 2 + 1 matches in both (an IoU of 0.6). b: one of 1 + 0 and 0 + 1, one of 1 + 2.
    assert agreement_of_detections(keras, received) == {
        "a": {"examples": 2, "agreement": pytest.approx(2 / 3)},
        "b": {"examples": 2, "agreement": pytest.approx(2 / 5)},
    }
    nothing = found([], [])
    assert agreement_of_detections([nothing], [nothing]) == {}
    assert agreement_of_detections([nothing], [keras[1]]) == {"b": {"examples": 0, "agreement": 0}}


@pytest.mark.parametrize(("overlap", "same"), [(10, 1.0), (5, 1.0), (4, 0.0)])
def test_boxes_agree_from_an_iou_of_one_half(overlap, same):
    one, other = found(["a"], [[0, 0, 10, 10]]), found(["a"], [[0, 0, 10, overlap]])
    assert agreement_of_detections([one], [other])["a"]["agreement"] == same


def test_each_box_agrees_with_one_other():
    near = [[0, 0, 10, 10], [0, 0, 10, 9]]
    one, other = found(["a", "a"], near), found(["a"], near[:1])
    assert agreement_of_detections([one], [other])["a"]["agreement"] == pytest.approx(2 / 3)
