"""Descriptions of detectors, and what the runtime finds by them."""

from deploy.runtime.tasks import detection, instance_segmentation

COMMON = {"boxes": 0, "scores": 1, "score_threshold": 0.4, "iou_threshold": 0.6}
COMMON |= {"max_detections": 100, "activation": "sigmoid"}
CELLS = COMMON | {"format": "cells", "cells": 16, "strides": [8, 16]}
XYXY = COMMON | {"format": "xyxy"}


def detect(outputs, detector, input_size, image_size, score_threshold=None):
    """The prediction of a model of one image of `input_size` with these outputs."""
    card = {"detector": detector, "inputs": [{"shape": [1, *input_size, 3]}]}
    task = instance_segmentation if "prototypes" in detector else detection
    return task.predict(card, outputs, [], image_size, score_threshold)
