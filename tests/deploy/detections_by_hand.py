"""The outputs of two models on two images, whose detections are known by hand."""

import numpy as np

DETECTOR = {
    "format": "xyxy",
    "boxes": 0,
    "scores": 1,
    "activation": "sigmoid",
    "score_threshold": 0.5,
    "iou_threshold": 0.5,
    "max_detections": 10,
}
CARD = {
    "task": "detection",
    "activation": None,
    "detector": DETECTOR,
    "inputs": [{"shape": [1, 10, 20, 3]}],
    "outputs": [{"name": "boxes"}, {"name": "scores"}],
}
# Two images, each with three boxes in fractions of 10 x 20 pixels.
BOXES = np.array([[[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0.5, 0.5, 1]]] * 2, "float32")
SCORES = np.array([[[0.9, 0], [0, 0.8], [0.3, 0]], [[0.9, 0], [0.005, 0], [0.7, 0]]], "float32")
OTHER = np.array([[[0.9, 0], [0, 0.2], [0.6, 0]], [[0, 0.9], [0.6, 0], [0.7, 0]]], "float32")
