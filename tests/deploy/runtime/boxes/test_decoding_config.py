"""Descriptions of detectors that do not fit their models' outputs are refused."""

import numpy as np
import pytest

from deploy import DeployError
from deploy.runtime.boxes.decoding_config import check_decoding_config
from tests.deploy.runtime.detectors import CELLS, XYXY, detect

OUTPUTS = [{"shape": [1, 8, 4]}, {"shape": [1, 8, 2]}, {"shape": [1, 8, 5]}]
OUTPUTS += [{"shape": [1, 4, 4, 5]}]
MASKS = CELLS | {"coefficients": 2, "prototypes": 3}
ANCHORS = {"sizes": [9], "scales": [1], "aspect_ratios": [1], "box_variance": [1, 1, 1, 1]}
ANCHORS |= {"clip_boxes": False}
DELTAS = CELLS | {"format": "deltas", "anchors": ANCHORS | {"sizes": [9, 9]}}
WRONG = {
    "no mapping": ([], "a mapping with format"),
    "no format": (CELLS | {"format": None}, "format: cells or distances"),
    "another format": (CELLS | {"format": "polar"}, "received polar"),
    "a list for a format": (CELLS | {"format": ["xyxy"]}, "format: cells or distances"),
    "another activation": (CELLS | {"activation": "softmax"}, "activation: sigmoid or linear"),
    "a threshold of text": (CELLS | {"score_threshold": "0.4"}, "score_threshold: a number"),
    "a threshold of NaN": (CELLS | {"score_threshold": np.nan}, "score_threshold: a number"),
    "a large threshold": (CELLS | {"iou_threshold": 60}, "iou_threshold: a number from 0 to 1"),
    "no detections": (CELLS | {"max_detections": 0}, "max_detections: a whole number"),
    "agnostic of text": (CELLS | {"class_agnostic": "no"}, "class_agnostic true or false"),
    "no boxes": (CELLS | {"boxes": None}, "boxes: the position of one of the model's 4"),
    "a name": (CELLS | {"boxes": "boxes"}, "boxes: the position of one of the model's 4"),
    "an output too far": (CELLS | {"scores": 4}, "scores: the position"),
    "a negative output": (CELLS | {"scores": -1}, "scores: the position"),
    "the same output": (CELLS | {"scores": 0}, "an output each for boxes, scores"),
    "boxes of two numbers": (CELLS | {"boxes": 1, "scores": 0}, "boxes \\(1, N, 4\\)"),
    "scores of rank four": (CELLS | {"scores": 3}, "scores \\(1, 4, 4, 5\\)"),
    "bins": (CELLS | {"format": "distances"}, "boxes \\(1, N, 64\\)"),
    "bins of text": (CELLS | {"format": "distances", "bins": "a"}, "bins: the numbers of a side"),
    "no strides": (CELLS | {"strides": None}, "strides: pixels of each level"),
    "strides of zero": (CELLS | {"strides": [8, 0]}, "strides: pixels of each level"),
    "other strides": (CELLS | {"strides": [8]}, "6 boxes of an input of 16x20 and the strides 8"),
    "no cells": ({key: v for key, v in CELLS.items() if key != "cells"}, "cells: strides a box"),
    "no prototypes": (CELLS | {"coefficients": 2}, "both coefficients and prototypes"),
    "boxes for coefficients": (MASKS | {"coefficients": 0}, "an output each"),
    "prototypes of rank three": (
        MASKS | {"coefficients": 3, "prototypes": 2},
        "prototypes \\(1, h, w, K\\)",
    ),
    "no anchors": (DELTAS | {"anchors": None}, "anchors: a mapping with sizes"),
    "no variance": (DELTAS | {"anchors": {"sizes": [9, 9]}}, "anchors: a mapping with sizes"),
    "a size too few": (DELTAS | {"anchors": ANCHORS}, "sizes of the anchors, 2 numbers"),
    "scales of text": (
        DELTAS | {"anchors": DELTAS["anchors"] | {"scales": ["a"]}},
        "scales of the anchors",
    ),
    "two anchors a place": (
        DELTAS | {"anchors": DELTAS["anchors"] | {"scales": [1, 2]}},
        "16 boxes of an input of 16x20",
    ),
    "clipping of text": (
        DELTAS | {"anchors": DELTAS["anchors"] | {"clip_boxes": "no"}},
        "clip_boxes of the anchors",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_description_that_does_not_fit_is_refused(name):
    detector, message = WRONG[name]
    with pytest.raises(DeployError, match=message) as caught:
        check_decoding_config(detector, OUTPUTS, (16, 20))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("detector", [CELLS, MASKS, DELTAS, XYXY])
def test_a_description_that_fits_passes(detector):
    check_decoding_config(detector, OUTPUTS, (16, 20))
    prediction = detect(
        [np.full(entry["shape"][1:], 0.5, "float32") for entry in OUTPUTS],
        detector,
        (16, 20),
        (7, 9),
    )
    assert ("masks" in prediction) == ("prototypes" in detector)
