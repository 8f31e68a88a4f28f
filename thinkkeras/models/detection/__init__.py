"""Detectors and instance segmenters, and how a device decodes their outputs."""

from thinkkeras.models.detection.decoding import decoding_config
from thinkkeras.models.detection.edge_model import edge_model
from thinkkeras.models.detection.retinanet import retinanet
from thinkkeras.models.detection.yolact_tiny import yolact_tiny
from thinkkeras.models.detection.yolo_tiny import yolo_tiny
from thinkkeras.models.detection.yolo_v8 import yolo_v8

__all__ = ["decoding_config", "edge_model", "retinanet", "yolact_tiny", "yolo_tiny", "yolo_v8"]
