"""How the outputs of this package's detectors become boxes and masks on a device."""

from collections.abc import Sequence
from typing import Any

import keras

from thinkkeras.models.detection.yolo_tiny import CELLS, STRIDES


def decoding_config(
    model: keras.Model,
    strides: Sequence[int] = STRIDES,
    *,
    score_threshold: float = 0.5,
    iou_threshold: float = 0.5,
) -> dict[str, Any]:
    """What a device must know to decode a detector's outputs, as `deploy.export` takes it.

    Args:
        model: Of `yolo_tiny` or `yolact_tiny`.
        strides: Its strides.
        score_threshold: The least score of a detection; choose it on validation data with
            `thinkkeras.metrics.best_threshold`.
        iou_threshold: From which IoU on non-maximum suppression drops the lower-scoring of two
            boxes.

    Returns:
        A mapping of names, numbers and lists. Its `"task"` is "instance_segmentation" for a model
        with prototypes of masks, else "detection".
    """
    segments = "prototypes" in model.output_names
    return {
        "task": "instance_segmentation" if segments else "detection",
        "format": "cells",
        "cells": CELLS,
        "strides": list(strides),
        "activation": "sigmoid",
        "score_threshold": score_threshold,
        "iou_threshold": iou_threshold,
        "max_detections": 100,
        **{name: name for name in model.output_names},
    }
