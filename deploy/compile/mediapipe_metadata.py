"""What MediaPipe Tasks' metadata says of a model, as the flatbuffer that goes into it.

Sources: the schemas that come with the package, `mediapipe/tasks/metadata/*.fbs`, and MediaPipe's
readers of them, `mediapipe/tasks/cc/components/processors` and `mediapipe/tasks/cc/vision`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import flatbuffers
import numpy as np

from deploy.runtime.boxes.decoding import grid_points
from deploy.runtime.errors import DeployError

# The file with the class names.
LABELS = "labels.txt"

# What a task of MediaPipe must know of a model, by its card, as custom metadata; it may change the
# metadata of the outputs.
Describe = Callable[[Mapping[str, Any], list[Any]], list[Any]]


def scores_position(card: Mapping[str, Any]) -> int:
    """The position of the output that the class names belong to."""
    detector = card.get("detector")
    return detector["scores"] if detector else 0


def _tables(name: str) -> Any:
    # The package loads OpenCV and Matplotlib as well, and lacks either where it is not whole.
    try:
        return importlib.import_module(f"mediapipe.tasks.metadata.{name}_py_generated")
    except ImportError as error:
        raise DeployError(
            f"expected the package mediapipe, received an installation without it ({error}); "
            "install it with pip install --no-deps -r requirements-mobile.txt"
        ) from error


def pack_metadata(
    card: Mapping[str, Any], labelled: bool, task: str | None, describe: Describe
) -> bytes:
    """The flatbuffer with all that the model's own says nothing of.

    Args:
        card: as for `mediapipe.with_metadata`.
        labelled: whether the class names are appended to the model, as `LABELS`.
        task: MediaPipe's task that opens the model, if any.
        describe: what this task must know beyond names, units of pixels and class names.

    Raises:
        DeployError: MediaPipe is not installed.
    """
    tables = _tables("metadata_schema")
    files = [
        tables.AssociatedFileT(
            LABELS, "The class names", tables.AssociatedFileType.TENSOR_AXIS_LABELS
        )
    ]
    outputs = [
        tables.TensorMetadataT(
            entry["name"],
            associatedFiles=files if labelled and index == scores_position(card) else None,
        )
        for index, entry in enumerate(card["outputs"])
    ]
    custom = describe(card, outputs)
    graph = tables.SubGraphMetadataT(
        inputTensorMetadata=[_input(tables, entry) for entry in card["inputs"]],
        outputTensorMetadata=outputs,
        customMetadata=custom or None,
    )
    purpose = f" for MediaPipe's {task}" if task else ""
    model = tables.ModelMetadataT(
        card["name"],
        f"A Keras model{purpose}, exported by ThinkKeras",
        subgraphMetadata=[graph],
        # The schema's version that brought custom metadata, and its first.
        minParserVersion="1.5.0" if custom else "1.0.0",
    )
    return _packed(model.Pack, b"M001").tobytes()


def describe_nothing(card: Mapping[str, Any], outputs: list[Any]) -> list[Any]:
    """Nothing beyond what any model's metadata tells."""
    return []


def _input(tables: Any, entry: dict[str, Any]) -> Any:
    front_end = entry["front_end"]
    black, white = front_end.get("black"), front_end.get("white")
    if black is None or white is None:
        return tables.TensorMetadataT(entry["name"])
    # The model gets (pixel − mean) / std.
    std = 255 / (white - black)
    channels, colours = entry["shape"][3], tables.ColorSpaceType
    return tables.TensorMetadataT(
        entry["name"],
        content=tables.ContentT(
            tables.ContentProperties.ImageProperties,
            tables.ImagePropertiesT(colours.RGB if channels == 3 else colours.GRAYSCALE),
        ),
        processUnits=[
            tables.ProcessUnitT(
                tables.ProcessUnitOptions.NormalizationOptions,
                tables.NormalizationOptionsT([-black * std], [std]),
            )
        ],
    )


def describe_detections(card: Mapping[str, Any], outputs: list[Any]) -> list[Any]:
    """Which output holds boxes and which scores, and how MediaPipe decodes them."""
    tables, detector = _tables("metadata_schema"), card["detector"]
    boxes, scores = outputs[detector["boxes"]], outputs[detector["scores"]]
    # MediaPipe finds both by these names, and asks for this type of box, whatever it decodes.
    boxes.name, scores.name = "location", "score"
    boxes.content = tables.ContentT(
        tables.ContentProperties.BoundingBoxProperties,
        tables.BoundingBoxPropertiesT(
            type=tables.BoundingBoxType.BOUNDARIES, coordinateType=tables.CoordinateType.RATIO
        ),
    )
    scores.processUnits = [
        tables.ProcessUnitT(
            tables.ProcessUnitOptions.ScoreThresholdingOptions,
            tables.ScoreThresholdingOptionsT(detector["score_threshold"]),
        )
    ]
    options = _tables("object_detector_metadata_schema")
    anchors = [options.FixedAnchorT(*numbers) for numbers in _anchors(card).tolist()]
    decoding = options.ObjectDetectorOptionsT(
        "1.0.0",
        options.SsdAnchorsOptionsT(options.FixedAnchorsSchemaT(anchors)),
        options.TensorsDecodingOptionsT(
            numClasses=card["outputs"][detector["scores"]]["shape"][2],
            numBoxes=len(anchors),
            numCoords=4,
            # There are no keypoints, but MediaPipe aborts without this.
            numValuesPerKeypoint=2,
            xScale=1.0,
            yScale=1.0,
            wScale=1.0,
            hScale=1.0,
            sigmoidScore=detector["activation"] == "linear",
        ),
    )
    return [tables.CustomMetadataT("DETECTOR_METADATA", _packed(decoding.Pack, b"V001"))]


def _anchors(card: Mapping[str, Any]) -> np.ndarray:
    """(N, 4): centre x, centre y, width, height of each box's anchor in fractions of the image.

    A box is decoded as number · anchor size ÷ scale + anchor centre; the scales are 1.
    """
    detector = card["detector"]
    if detector["format"] != "cells":
        # Fractions of the image already: with this anchor they stay as they are.
        count = card["outputs"][detector["boxes"]]["shape"][1]
        return np.tile([0.0, 0.0, 1.0, 1.0], (count, 1))
    height, width = card["inputs"][0]["shape"][1:3]
    centres, strides = grid_points(tuple(detector["strides"]), (height, width))
    # A number of one half is the cell's centre, so the anchor's own is that far to the left of it.
    reach = detector["cells"] * strides[:, None] * np.ones(2)
    return np.concatenate([centres - reach / 2, reach], axis=1) / [width, height, width, height]


def describe_segments(card: Mapping[str, Any], outputs: list[Any]) -> list[Any]:
    """What makes probabilities of the scores of a segmenter's pixels."""
    options = _tables("image_segmenter_metadata_schema")
    activation = options.Activation.NONE
    if card["activation"] == "linear":
        single = card["outputs"][0]["shape"][3] == 1
        activation = options.Activation.SIGMOID if single else options.Activation.SOFTMAX
    packed = _packed(options.ImageSegmenterOptionsT(activation, "1.0.0").Pack, b"V001")
    return [_tables("metadata_schema").CustomMetadataT("SEGMENTER_METADATA", packed)]


def _packed(pack_table: Callable[[flatbuffers.Builder], int], identifier: bytes) -> np.ndarray:
    builder = flatbuffers.Builder()
    builder.Finish(pack_table(builder), identifier)
    return np.frombuffer(builder.Output(), np.uint8)
