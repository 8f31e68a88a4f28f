"""Training detectors: the boxes of their locations, which location learns what, and the losses."""

from thinkkeras.detection.assignment import Assignment, task_aligned
from thinkkeras.detection.boxes import anchor_points, decode_boxes, pairwise_iou
from thinkkeras.detection.trainer import DetectorTrainer

__all__ = [
    "Assignment",
    "DetectorTrainer",
    "anchor_points",
    "decode_boxes",
    "pairwise_iou",
    "task_aligned",
]
