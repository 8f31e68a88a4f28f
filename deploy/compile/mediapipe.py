"""MediaPipe Tasks' metadata inside the model: what an Android, iOS or web app needs to run it."""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from deploy import worker
from deploy.compile.compiled import Compiled
from deploy.compile.mediapipe_metadata import LABELS, metadata, scores_position
from deploy.flatbuffer import pack
from deploy.runtime.errors import DeployError

# What MediaPipe opens a model of the card's `task` with.
_TASKS = {
    "classification": "ImageClassifier",
    "detection": "ObjectDetector",
    "semantic_segmentation": "ImageSegmenter",
}
# And how that is run on a picture.
_RUN = {"ImageClassifier": "classify", "ObjectDetector": "detect", "ImageSegmenter": "segment"}
# The formats of boxes that MediaPipe decodes: each number of them is moved and scaled, no more.
_BOX_FORMATS = ("cells", "cycxhw-normalized")
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
    if card["task"] == "instance_segmentation":
        return (
            None,
            "MediaPipe's ObjectDetector takes boxes and scores, the model has masks as well",
        )
    if task is None:
        return None, "MediaPipe has no task for what the model does"
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][3] != 3:
        grey = len(shapes) == 1 and shapes[0][3:] == (1,)
        hint = "; begin the model with keras.ops.image.rgb_to_grayscale to open it there"
        return None, (
            f"MediaPipe's {task} takes RGB pictures (1, height, width, 3), the model "
            f"{' and '.join(map(str, shapes))}{hint if grey else ''}"
        )
    if task == "ObjectDetector" and card["detector"]["format"] not in _BOX_FORMATS:
        return None, (
            f"MediaPipe's {task} decodes boxes in the formats {' and '.join(_BOX_FORMATS)}, the "
            f"model gives {card['detector']['format']}"
        )
    return task, None


def adapt(facts: dict[str, Any]) -> dict[str, Any]:
    """TEMP"""
    if facts["task"] != "detection" or facts["detector"]["format"] not in _BOX_FORMATS:
        return facts
    own = {"iou_threshold": _IOU_THRESHOLD, "class_agnostic": True}
    return facts | {"detector": facts["detector"] | own}


def with_metadata(content: bytes, card: dict[str, Any], labels: Sequence[str]) -> bytes:
    """The model with what MediaPipe Tasks must know: names, units of pixels, class names, boxes.

    The card's `task` says what opens it. MediaPipe resizes the RGB picture to the input
    (1, height, width, 3), float32 or uint8, and gives dequantized results.

    - `classification`, an ImageClassifier: scores (1, classes), as the model gives them: of a model
      that ends in logits they are logits. One unit is the score of the second class.
    - `segmentation`, an ImageSegmenter: (1, height, width, classes). Logits (`activation`
      "linear") go through the softmax in MediaPipe, of a single class through the sigmoid. At the
      output's own size its category mask is the runtime's map. At any other MediaPipe interpolates
      its confidence masks between the centres of pixels, as the runtime does, but its category mask
      between the corners of the picture: its borders are up to half a pixel of the output apart.
    - `detection`, an ObjectDetector: two outputs, boxes (1, N, 4) in the format "cells" (through an
      anchor a location) or "cycxhw-normalized", and the classes' scores (1, N, classes), logits
      (the detector's `activation` "linear") of which go through the sigmoid in MediaPipe. It
      keeps the likeliest class of each box, then suppresses boxes of any class that overlap a
      likelier one by an IoU of more than 0.3, as the runtime does by the `detector` of
      `suppressed`; where scores are equal, as int8 leaves many, another box may come first. Its
      boxes are whole pixels of the picture, fractions cut off; a corner beyond the left or upper
      edge is put onto that edge, while width and height stay. The `score_threshold` is one which
      an app of Python or C sets anew (without, it gets every box).

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
        classes = card["outputs"][scores_position(card)]["shape"][-1]
        if names and len(names) != classes:
            raise DeployError(
                f"expected a label for each of {classes} scores, received {len(names)}; give as "
                "many, in the order of the classes"
            )
    model = schema.ModelT.InitFromPackedBuf(content)
    described = metadata(card, task, bool(names))
    model.buffers.append(schema.BufferT(np.frombuffer(described, np.uint8)))
    entry = schema.MetadataT("TFLITE_METADATA", len(model.buffers) - 1)
    model.metadata = [*(model.metadata or ()), entry]
    packed = pack(model)
    return _with_file(packed, LABELS, "\n".join(names)) if names else packed


def _run(content: bytes, task: str) -> None:
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        model = Path(folder, "model.tflite")
        model.write_bytes(content)
        try:
            worker.call(f"{__name__}:run_in_child", model=str(model), task=task)
        except worker.ChildError as error:
            missing = "libEGL" in str(error) or "libGLES" in str(error)
            hint = "; install the system's packages libegl1 and libgles2" if missing else ""
            message = " ".join(str(error).split())[:400]
            raise DeployError(f"MediaPipe's {task} can't run the model: {message}{hint}") from error


def run_in_child(model: str, task: str) -> None:
    """Run MediaPipe's `task` on a grey picture; what it can't decode may end the process."""
    # MediaPipe imports it for its documentation only, which takes seconds.
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    worker.step("importing MediaPipe")
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    worker.step("opening the model")
    options = getattr(vision, f"{task}Options")(base_options=BaseOptions(model_asset_path=model))
    picture = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.full((64, 64, 3), 128, np.uint8))
    with getattr(vision, task).create_from_options(options) as opened:
        worker.step("running the model")
        getattr(opened, _RUN[task])(picture)


def _check_input(inputs: list[dict[str, Any]], task: str) -> None:
    front_end = inputs[0]["front_end"]
    pixels = front_end.get("black"), front_end.get("white")
    if None in pixels:
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
    order = {detector["boxes"], detector["scores"]}
    if order != {0, 1} or len(shapes) != 2 or any(len(shape) != 3 for shape in shapes):
        raise DeployError(
            "expected two outputs, boxes (1, N, 4) and scores (1, N, classes), for MediaPipe's "
            f"ObjectDetector, received {' and '.join(map(str, shapes))}; put the boxes of all "
            "levels into one output, and their scores into another"
        )


def _names_of_scores(card: dict[str, Any], labels: Sequence[str]) -> Sequence[str]:
    # A single unit tells how likely the second of two classes is.
    two = card["task"] in ("classification", "semantic_segmentation") and len(labels) == 2
    return labels[1:] if two and card["outputs"][0]["shape"][-1] == 1 else labels


def _with_file(model: bytes, name: str, text: str) -> bytes:
    # A file to read for everyone, with the same bytes for the same model.
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o644 << 16
    stream = io.BytesIO(model)
    # Appending counts the archive's offsets from the model's first byte, as MediaPipe's writer.
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(entry, text)
    return stream.getvalue()
