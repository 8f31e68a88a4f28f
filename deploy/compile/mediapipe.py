"""MediaPipe Tasks' metadata inside the model: what an Android, iOS or web app needs to run it."""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from deploy import worker
from deploy.compile.compiled import Compiled
from deploy.compile.mediapipe_metadata import (
    LABELS,
    Describe,
    describe_detections,
    describe_nothing,
    describe_segments,
    pack_metadata,
    scores_position,
)
from deploy.flatbuffer import pack
from deploy.runtime.errors import DeployError

# The formats of boxes that MediaPipe decodes: each number of them is moved and scaled, no more.
_BOX_FORMATS = ("cells", "cycxhw-normalized")
# MediaPipe's own, which no metadata and no option changes.
_IOU_THRESHOLD = 0.3


def compile_model(content: bytes, card: Mapping[str, Any], class_names: Sequence[str]) -> Compiled:
    """The model `with_metadata`, which MediaPipe itself has opened and run.

    Args:
        content: the flatbuffer.
        card: as for `with_metadata`.
        class_names: as for `with_metadata`.

    Returns:
        `model.tflite`, and `mediapipe` for the card: the `task` that opens the model, or None and a
        `note` why there is none; of an ObjectDetector the `iou_threshold` of its non-maximum
        suppression.

    Raises:
        DeployError: MediaPipe is not installed, or its task can't run this model.
    """
    task, note = find_task(card)
    described = with_metadata(content, card, class_names)
    if task is None:
        return Compiled({"model.tflite": described}, {"mediapipe": {"task": None, "note": note}})
    _run(described, task)
    told = {"task": task.name, "note": None, **task.constants}
    return Compiled({"model.tflite": described}, {"mediapipe": told})


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """What of MediaPipe opens the model, or why nothing does."""
    told = card["mediapipe"]
    if not told["task"]:
        return [f"- Described, but opened by no task of MediaPipe: {told['note']}."]
    threshold = told.get("iou_threshold")
    suppression = f", which suppresses boxes at an IoU of {threshold}" if threshold else ""
    return [f"- Opened and run by MediaPipe's {told['task']}{suppression}."]


def adapt(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of the task, with overlapping boxes suppressed as MediaPipe does where it
    decodes them."""
    task = _TASKS.get(metadata["task"])
    return dict(metadata) if task is None else task.adapt(metadata)


def _nothing(card: Mapping[str, Any]) -> None:
    return None


class Task(NamedTuple):
    """What MediaPipe has for one of the card's tasks.

    `name` is MediaPipe's, `run` its method for an image; `describe` gives what the metadata tells
    of such a model beside its inputs, outputs and class names; `refuses` says why MediaPipe does
    not open a model (None: it does) and `check` raises where it would feed or read it wrongly;
    `adapt` as in `Compiler`; `constants` go into the card; `binary`: one unit may stand for the
    second of two classes.
    """

    name: str
    run: str
    describe: Describe = describe_nothing
    refuses: Callable[[Mapping[str, Any]], str | None] = _nothing
    check: Callable[[Mapping[str, Any]], None] = _nothing
    adapt: Callable[[Mapping[str, Any]], dict[str, Any]] = dict
    constants: Mapping[str, Any] = MappingProxyType({})
    binary: bool = True


def find_task(card: Mapping[str, Any]) -> tuple[Task | None, str | None]:
    """MediaPipe's task for the model and None, or None and why there is none."""
    task, shapes = _TASKS.get(card["task"]), [tuple(entry["shape"]) for entry in card["inputs"]]
    if task is None:
        return None, _NOT_OPENED.get(card["task"], "MediaPipe has no task for what the model does")
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][3] != 3:
        grey = len(shapes) == 1 and shapes[0][3:] == (1,)
        hint = "; begin the model with keras.ops.image.rgb_to_grayscale to open it there"
        return None, (
            f"MediaPipe's {task.name} takes RGB images (1, height, width, 3), the model "
            f"{' and '.join(map(str, shapes))}{hint if grey else ''}"
        )
    reason = task.refuses(card)
    return (task, None) if reason is None else (None, reason)


def with_metadata(content: bytes, card: Mapping[str, Any], class_names: Sequence[str]) -> bytes:
    """The model with what MediaPipe Tasks must know: names, units of pixels, class names, boxes.

    The card's `task` says what opens it. MediaPipe resizes the RGB image to the input
    (1, height, width, 3), float32 or uint8, and gives dequantized results.

    - `classification`, an ImageClassifier: scores (1, classes), as the model gives them: of a model
      that ends in logits they are logits. One unit is the score of the second class.
    - `semantic_segmentation`, an ImageSegmenter: (1, height, width, classes). Logits (`activation`
      "linear") go through the softmax in MediaPipe, of a single class through the sigmoid. At the
      output's own size its category mask is the runtime's label map. At any other MediaPipe
      interpolates its confidence masks between the centres of pixels, as the runtime does, but its
      category mask between the corners of the image: its borders are up to half a pixel of the
      output apart.
    - `detection`, an ObjectDetector: two outputs, boxes (1, N, 4) in the format "cells" (through an
      anchor a location) or "cycxhw-normalized", and the classes' scores (1, N, classes), logits
      (the detector's `activation` "linear") of which go through the sigmoid in MediaPipe. It
      keeps the highest-scoring class of each box, then suppresses boxes of any class that overlap a
      higher-scoring one by an IoU of more than 0.3, as the runtime does by the `detector` of
      `adapt`; where scores are equal, as int8 leaves many, another box may come first. Its
      boxes are whole pixels of the image, fractions cut off; a corner beyond the left or upper
      edge is put onto that edge, while width and height stay. The `score_threshold` is one which
      an app of Python or C sets anew (without, it gets every box).

    A model of any other task, or of other inputs, is described for programs that read the metadata
    themselves.

    Args:
        content: the flatbuffer.
        card: its `name`, `task`, `activation`, `detector`, and of each input and output `name`,
            `shape`, `dtype`, `scale`, `zero_point` and, of inputs, `front_end`.
        class_names: they go behind the flatbuffer as `labels.txt` in a zip archive.

    Raises:
        DeployError: MediaPipe is not installed, or would refuse this model or feed it wrongly.
    """
    task, _ = find_task(card)
    names = _names_of_scores(card, class_names)
    if task:
        _check_input(card["inputs"][0], task)
        _check_dtypes(card, task)
        task.check(card)
        classes = card["outputs"][scores_position(card)]["shape"][-1]
        if names and len(names) != classes:
            raise DeployError(
                f"expected a class name for each of {classes} scores, received {len(names)}; give "
                "as many, in the order of the classes"
            )
    model = schema.ModelT.InitFromPackedBuf(content)
    described = pack_metadata(
        card,
        bool(names),
        task.name if task else None,
        task.describe if task else describe_nothing,
    )
    model.buffers.append(schema.BufferT(np.frombuffer(described, np.uint8)))
    entry = schema.MetadataT("TFLITE_METADATA", len(model.buffers) - 1)
    model.metadata = [*(model.metadata or ()), entry]
    packed = pack(model)
    return _with_file(packed, LABELS, "\n".join(names)) if names else packed


def _run(content: bytes, task: Task) -> None:
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        model = Path(folder, "model.tflite")
        model.write_bytes(content)
        try:
            worker.call(
                f"{__name__}:run_in_child",
                fresh=True,
                model=str(model),
                task=task.name,
                run=task.run,
            )
        except worker.WorkerError as error:
            missing = "libEGL" in str(error) or "libGLES" in str(error)
            hint = "; install the system's packages libegl1 and libgles2" if missing else ""
            message = " ".join(str(error).split())[:400]
            raise DeployError(
                f"MediaPipe's {task.name} can't run the model: {message}{hint}"
            ) from error


def run_in_child(model: str, task: str, run: str) -> None:
    """Run MediaPipe's `task` on a grey image by its method `run`; what it can't decode may end the
    process."""
    # MediaPipe imports it for its documentation only, which takes seconds.
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    worker.step("importing MediaPipe")
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    worker.step("opening the model")
    options = getattr(vision, f"{task}Options")(base_options=BaseOptions(model_asset_path=model))
    image = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.full((64, 64, 3), 128, np.uint8))
    with getattr(vision, task).create_from_options(options) as opened:
        worker.step("running the model")
        getattr(opened, run)(image)


def _check_input(entry: dict[str, Any], task: Task) -> None:
    front_end, scale = entry["front_end"], entry["scale"]
    black, white = front_end.get("black"), front_end.get("white")
    if black is None or white is None:
        raise DeployError(
            "expected to know what the model takes for black and white, for MediaPipe's "
            f"{task.name}, received no examples that tell it; give calibration data with values 0 "
            "to 1, -1 to 1 or 0 to 255"
        )
    if entry["dtype"] == "uint8" and scale:
        ends = [scale * (integer - entry["zero_point"]) for integer in (0, 255)]
        if np.abs(np.subtract(ends, (black, white))).max() > scale / 2:
            raise DeployError(
                f"expected a uint8 input whose 0 and 255 are black and white ({black} and "
                f"{white}), as MediaPipe puts the pixels in unchanged, received one whose are "
                f"{ends[0]:.4g} and {ends[1]:.4g}; calibrate with images that hold both, or use "
                "a scheme with float32 inputs"
            )


def _check_dtypes(card: Mapping[str, Any], task: Task) -> None:
    dtypes = [entry["dtype"] for entry in [*card["inputs"], *card["outputs"]]]
    strange = [dtype for dtype in dtypes if dtype not in ("float32", "uint8")]
    if strange:
        raise DeployError(
            f"expected inputs and outputs of float32 or uint8 for MediaPipe's {task.name}, "
            f"received {strange[0]}; use a scheme with float32 inputs and outputs"
        )


def _shapes(card: Mapping[str, Any]) -> list[tuple[int, ...]]:
    return [tuple(entry["shape"]) for entry in card["outputs"]]


def _check_segmenter(card: Mapping[str, Any]) -> None:
    shapes = _shapes(card)
    if [len(shape) for shape in shapes] != [4]:
        raise DeployError(
            "expected one output (1, height, width, classes) for MediaPipe's ImageSegmenter, "
            f"received {' and '.join(map(str, shapes))}; end the model in the classes' scores"
        )


def _check_detector(card: Mapping[str, Any]) -> None:
    shapes, detector = _shapes(card), card["detector"]
    order = {detector["boxes"], detector["scores"]}
    if order != {0, 1} or len(shapes) != 2 or any(len(shape) != 3 for shape in shapes):
        raise DeployError(
            "expected two outputs, boxes (1, N, 4) and scores (1, N, classes), for MediaPipe's "
            f"ObjectDetector, received {' and '.join(map(str, shapes))}; put the boxes of all "
            "levels into one output, and their scores into another"
        )


def _refuses_boxes(card: Mapping[str, Any]) -> str | None:
    if card["detector"]["format"] in _BOX_FORMATS:
        return None
    return (
        f"MediaPipe's ObjectDetector decodes boxes in the formats {' and '.join(_BOX_FORMATS)}, "
        f"the model gives {card['detector']['format']}"
    )


def _with_own_suppression(metadata: Mapping[str, Any]) -> dict[str, Any]:
    if _refuses_boxes(metadata):
        return dict(metadata)
    own = {"iou_threshold": _IOU_THRESHOLD, "class_agnostic": True}
    return dict(metadata) | {"detector": metadata["detector"] | own}


def _names_of_scores(card: Mapping[str, Any], class_names: Sequence[str]) -> Sequence[str]:
    task = _TASKS.get(card["task"])
    two = task is not None and task.binary and len(class_names) == 2
    return class_names[1:] if two and card["outputs"][0]["shape"][-1] == 1 else class_names


def _with_file(model: bytes, name: str, text: str) -> bytes:
    # A file to read for everyone, with the same bytes for the same model.
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o644 << 16
    stream = io.BytesIO(model)
    # Appending counts the archive's offsets from the model's first byte, as MediaPipe's writer.
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(entry, text)
    return stream.getvalue()


# By the card's `task`.
_TASKS = {
    "classification": Task("ImageClassifier", "classify"),
    "semantic_segmentation": Task(
        "ImageSegmenter", "segment", describe=describe_segments, check=_check_segmenter
    ),
    "detection": Task(
        "ObjectDetector",
        "detect",
        describe=describe_detections,
        refuses=_refuses_boxes,
        check=_check_detector,
        adapt=_with_own_suppression,
        constants={"iou_threshold": _IOU_THRESHOLD},
        binary=False,
    ),
}
_NOT_OPENED = {
    "instance_segmentation": "MediaPipe's ObjectDetector takes boxes and scores, the model has "
    "masks as well",
}
