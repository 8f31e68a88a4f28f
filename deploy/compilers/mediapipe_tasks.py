"""MediaPipe Tasks' metadata inside the model: what an Android, iOS or web app needs to run it.

Sources: the schemas that come with the package, `mediapipe/tasks/metadata/*.fbs`, and MediaPipe's
readers of them, `mediapipe/tasks/cc/components/processors` and `mediapipe/tasks/cc/vision`.
"""

from __future__ import annotations

import importlib
import io
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from deploy import child
from deploy.compilers import Compiled
from deploy.errors import DeployError
from deploy.flatbuffer import pack

# What MediaPipe opens a model of the card's `task` with.
_TASKS = {
    "classification": "ImageClassifier",
    "detection": "ObjectDetector",
    "segmentation": "ImageSegmenter",
}
# And how that is run on a picture.
_RUN = {"ImageClassifier": "classify", "ObjectDetector": "detect", "ImageSegmenter": "segment"}
_LABELS = "labels.txt"
# The one order of a box's numbers that MediaPipe decodes.
_BOX_FORMAT = "cycxhw-normalized"
# MediaPipe's own, which no metadata and no option changes.
_IOU_THRESHOLD = 0.3


def mediapipe_tasks(content: bytes, card: dict[str, Any], labels: Sequence[str]) -> Compiled:
    """The model `with_metadata`, which MediaPipe itself has opened and run.

    Raises:
        DeployError: MediaPipe is not installed, or its task can't run this model.
    """
    task, note = find_task(card)
    described = with_metadata(content, card, labels)
    facts: dict[str, Any] = {"task": task, "note": note}
    if task:
        _run(described, task)
    if task == "ObjectDetector":
        facts["iou_threshold"] = _IOU_THRESHOLD
    return Compiled({"model.tflite": described}, {"mediapipe": facts})


def find_task(card: dict[str, Any]) -> tuple[str | None, str | None]:
    """MediaPipe's task for the model and None, or None and why there is none."""
    task, shapes = _TASKS.get(card["task"]), [tuple(entry["shape"]) for entry in card["inputs"]]
    if task is None:
        return None, "MediaPipe has no task for what the model does"
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][3] != 3:
        grey = len(shapes) == 1 and shapes[0][3:] == (1,)
        hint = "; begin the model with keras.ops.image.rgb_to_grayscale to open it there"
        return None, (
            f"MediaPipe's {task} takes RGB pictures (1, height, width, 3), the model "
            f"{' and '.join(map(str, shapes))}{hint if grey else ''}"
        )
    return task, None


def with_metadata(content: bytes, card: dict[str, Any], labels: Sequence[str]) -> bytes:
    """The model with what MediaPipe Tasks must know: names, units of pixels, class names, boxes.

    The card's `task` says what opens it. MediaPipe resizes the RGB picture to the input
    (1, height, width, 3), float32 or uint8, and gives dequantized results.

    - `classification`, an ImageClassifier: scores (1, classes), as the model gives them: of a model
      that ends in logits they are logits. One unit is the score of the second class.
    - `segmentation`, an ImageSegmenter: (1, height, width, classes). Logits (`activation`
      "linear") go through the softmax in MediaPipe, of a single class through the sigmoid.
    - `detection`, an ObjectDetector: two outputs, boxes (1, N, 4) as (centre y, centre x, height,
      width) in shares of the picture, and the classes' probabilities (1, N, classes). MediaPipe
      keeps the likeliest class of each box, then suppresses boxes of any class that overlap a
      likelier one by an IoU of more than 0.3. The card's `detector` has the positions of the
      outputs `boxes` and `scores`, the `format` "cycxhw-normalized" and the `score_threshold`,
      which an app of Python or C sets anew (without, it gets every box).

    A model of any other task, or of other inputs, is described for programs that read the metadata
    themselves.

    Args:
        content: the flatbuffer.
        card: its `name`, `task`, `activation`, `detector`, and of each input and output `name`,
            `shape`, `dtype`, `scale`, `zero_point` and, of pictures, `pixels` (black and white).
        labels: the class names, which go behind the flatbuffer as `labels.txt` in a zip archive.

    Raises:
        DeployError: MediaPipe is not installed, or would refuse this model or feed it wrongly.
    """
    task, _ = find_task(card)
    names = _names_of_scores(card, labels)
    if task:
        _check_input(card["inputs"], task)
        _check_outputs(card, task)
        classes = card["outputs"][_scores(card)]["shape"][-1]
        if names and len(names) != classes:
            raise DeployError(
                f"expected a label for each of {classes} scores, received {len(names)}; give as "
                "many, in the order of the classes"
            )
    model = schema.ModelT.InitFromPackedBuf(content)
    metadata = _metadata(card, task, bool(names))
    model.buffers.append(schema.BufferT(np.frombuffer(metadata, np.uint8)))
    entry = schema.MetadataT("TFLITE_METADATA", len(model.buffers) - 1)
    model.metadata = [*(model.metadata or ()), entry]
    packed = pack(model)
    return _with_file(packed, _LABELS, "\n".join(names)) if names else packed


def _run(content: bytes, task: str) -> None:
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        model = Path(folder, "model.tflite")
        model.write_bytes(content)
        try:
            child.call(f"{__name__}:run_in_child", model=str(model), task=task)
        except child.ChildError as error:
            missing = "libEGL" in str(error) or "libGLES" in str(error)
            hint = "; install the system's packages libegl1 and libgles2" if missing else ""
            message = " ".join(str(error).split())[:400]
            raise DeployError(f"MediaPipe's {task} can't run the model: {message}{hint}") from error


def run_in_child(model: str, task: str) -> None:
    """Run MediaPipe's `task` on a grey picture; what it can't decode may end the process."""
    # MediaPipe imports it for its documentation only, which takes seconds.
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    child.step("importing MediaPipe")
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    child.step("opening the model")
    options = getattr(vision, f"{task}Options")(base_options=BaseOptions(model_asset_path=model))
    picture = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.full((64, 64, 3), 128, np.uint8))
    with getattr(vision, task).create_from_options(options) as opened:
        child.step("running the model")
        getattr(opened, _RUN[task])(picture)


def _check_input(inputs: list[dict[str, Any]], task: str) -> None:
    pixels = inputs[0].get("pixels")
    if pixels is None:
        raise DeployError(
            f"expected to know what the model takes for black and white, for MediaPipe's {task}, "
            "received no examples that tell it; give calibration data with values 0 to 1, -1 to 1 "
            "or 0 to 255"
        )
    scale = inputs[0]["scale"]
    if inputs[0]["dtype"] == "uint8" and scale:
        ends = [scale * (integer - inputs[0]["zero_point"]) for integer in (0, 255)]
        if np.abs(np.subtract(ends, pixels)).max() > scale / 2:
            raise DeployError(
                f"expected a uint8 input whose 0 and 255 are black and white ({pixels[0]} and "
                f"{pixels[1]}), as MediaPipe puts the pixels in unchanged, received one whose are "
                f"{ends[0]:.4g} and {ends[1]:.4g}; calibrate with pictures that hold both, or use "
                "a scheme with float32 inputs"
            )


def _check_outputs(card: dict[str, Any], task: str) -> None:
    dtypes = [entry["dtype"] for entry in [*card["inputs"], *card["outputs"]]]
    strange = [dtype for dtype in dtypes if dtype not in ("float32", "uint8")]
    if strange:
        raise DeployError(
            f"expected inputs and outputs of float32 or uint8 for MediaPipe's {task}, received "
            f"{strange[0]}; use a scheme with float32 inputs and outputs"
        )
    shapes = [tuple(entry["shape"]) for entry in card["outputs"]]
    if task == "ImageSegmenter" and [len(shape) for shape in shapes] != [4]:
        raise DeployError(
            "expected one output (1, height, width, classes) for MediaPipe's ImageSegmenter, "
            f"received {' and '.join(map(str, shapes))}; end the model in the classes' scores"
        )
    if task != "ObjectDetector":
        return
    detector = card["detector"]
    if detector["format"] != _BOX_FORMAT:
        raise DeployError(
            f"expected boxes in the format {_BOX_FORMAT} (centre y, centre x, height, width), "
            f"which is all that MediaPipe's ObjectDetector decodes, received {detector['format']}; "
            "give the detector's boxes in that order"
        )
    order = {detector["boxes"], detector["scores"]}
    if order != {0, 1} or len(shapes) != 2 or any(len(shape) != 3 for shape in shapes):
        raise DeployError(
            "expected two outputs, boxes (1, N, 4) and scores (1, N, classes), for MediaPipe's "
            f"ObjectDetector, received {' and '.join(map(str, shapes))}; put the boxes of all "
            "levels into one output, and their scores into another"
        )


def _scores(card: dict[str, Any]) -> int:
    # The output that the class names belong to.
    return card["detector"]["scores"] if card["task"] == "detection" else 0


def _names_of_scores(card: dict[str, Any], labels: Sequence[str]) -> Sequence[str]:
    # A single unit tells how likely the second of two classes is.
    single = card["task"] == "classification" and card["outputs"][0]["shape"][-1] == 1
    return labels[1:] if single else labels


def _tables(name: str) -> Any:
    # The package loads OpenCV and Matplotlib as well, and lacks either where it is not whole.
    try:
        return importlib.import_module(f"mediapipe.tasks.metadata.{name}_py_generated")
    except ImportError as error:
        raise DeployError(
            f"expected the package mediapipe, received an installation without it ({error}); "
            "install it with pip install --no-deps -r requirements-mobile.txt"
        ) from error


def _metadata(card: dict[str, Any], task: str | None, labelled: bool) -> bytes:
    tables = _tables("metadata_schema")
    files = [
        tables.AssociatedFileT(
            _LABELS, "The class names", tables.AssociatedFileType.TENSOR_AXIS_LABELS
        )
    ]
    outputs = [
        tables.TensorMetadataT(
            entry["name"], associatedFiles=files if labelled and index == _scores(card) else None
        )
        for index, entry in enumerate(card["outputs"])
    ]
    custom = []
    if task == "ObjectDetector":
        _describe_detections(tables, outputs, card["detector"])
        options = _detector_options(card).Pack
        custom = [tables.CustomMetadataT("DETECTOR_METADATA", _packed(options, b"V001"))]
    if task == "ImageSegmenter":
        options = _segmenter_options(card).Pack
        custom = [tables.CustomMetadataT("SEGMENTER_METADATA", _packed(options, b"V001"))]
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


def _input(tables: Any, entry: dict[str, Any]) -> Any:
    if not entry.get("pixels"):
        return tables.TensorMetadataT(entry["name"])
    black, white = entry["pixels"]
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


def _describe_detections(tables: Any, outputs: list[Any], detector: dict[str, Any]) -> None:
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


def _detector_options(card: dict[str, Any]) -> Any:
    # A box is decoded as number · anchor size ÷ scale + anchor centre: with this anchor and scales
    # of 1 it stays as it is.
    tables, detector = _tables("object_detector_metadata_schema"), card["detector"]
    count = card["outputs"][detector["boxes"]]["shape"][1]
    anchor = tables.FixedAnchorT(xCenter=0.0, yCenter=0.0, width=1.0, height=1.0)
    return tables.ObjectDetectorOptionsT(
        "1.0.0",
        tables.SsdAnchorsOptionsT(tables.FixedAnchorsSchemaT([anchor] * count)),
        tables.TensorsDecodingOptionsT(
            numClasses=card["outputs"][detector["scores"]]["shape"][2],
            numBoxes=count,
            numCoords=4,
            # There are no keypoints, but MediaPipe aborts without this.
            numValuesPerKeypoint=2,
            xScale=1.0,
            yScale=1.0,
            wScale=1.0,
            hScale=1.0,
        ),
    )


def _segmenter_options(card: dict[str, Any]) -> Any:
    tables = _tables("image_segmenter_metadata_schema")
    activation = tables.Activation.NONE
    if card["activation"] == "linear":
        single = card["outputs"][0]["shape"][3] == 1
        activation = tables.Activation.SIGMOID if single else tables.Activation.SOFTMAX
    return tables.ImageSegmenterOptionsT(activation, "1.0.0")


def _packed(pack_table: Callable[[flatbuffers.Builder], int], identifier: bytes) -> np.ndarray:
    builder = flatbuffers.Builder()
    builder.Finish(pack_table(builder), identifier)
    return np.frombuffer(builder.Output(), np.uint8)


def _with_file(model: bytes, name: str, text: str) -> bytes:
    # A file to read for everyone, with the same bytes for the same model.
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o644 << 16
    stream = io.BytesIO(model)
    # Appending counts the archive's offsets from the model's first byte, as MediaPipe's writer.
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(entry, text)
    return stream.getvalue()
