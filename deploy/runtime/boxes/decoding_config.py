"""Whether what a card (or a caller of the export) says of a detector fits the model's outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deploy.runtime.boxes.decoding import FORMATS, Size, grid_points
from deploy.runtime.errors import DeployError

# Formats in which each box belongs to a point of the grids.
_ON_GRIDS = ("cells", "distances", "deltas")
_ANCHORS = ("sizes", "scales", "aspect_ratios", "box_variance", "clip_boxes")


def check_decoding_config(
    detector: Any, outputs: Sequence[Mapping[str, Any]], input_shape: Sequence[int]
) -> None:
    """Whether the boxes of a model of these outputs can be decoded by this description.

    Args:
        detector: a mapping of

            - `format`: what the numbers of a box are.

              "cells": centre y, centre x, height, width, each 0 to 1, in a square of `cells`
              strides around the grid point's centre.
              "distances": those of the left, top, right and bottom side from the grid point's
              centre in strides, each as logits of a distribution over 0, 1, … (keras-cv's
              YOLOV8Detector).
              `bins`, 16 unless given, is the length of each.
              "deltas": y, x, height, width, relative to anchors (keras-cv's RetinaNet): `anchors`
              has `sizes` (one a level), `scales`, `aspect_ratios`, `clip_boxes` (those of its
              AnchorGenerator) and `box_variance`.
              "cycxhw-normalized": centre y, centre x, height, width as fractions of the image.
              "xyxy": left, top, right, bottom as fractions of the image.
            - `boxes` and `scores`: the positions of these outputs, (1, N, 4) (of "distances"
              (1, N, 4 · bins)) and (1, N, classes).
            - `activation`: "sigmoid" where the scores are probabilities, "linear" for logits.
            - `strides`, of the first three formats: pixels from one grid point to the next, of
              each level; a level has ceil(height / stride) x ceil(width / stride) grid points, row
              by row.
            - `score_threshold` and `iou_threshold`, 0 to 1, and `max_detections`.
            - `class_agnostic`, false unless given: whether boxes suppress those of other classes.
            - `coefficients` and `prototypes`, of an instance segmenter: the positions of the
              outputs (1, N, K) and (1, h, w, K).
        outputs: of each output of the model its `shape`, as in the card.
        input_shape: height and width of the model's input.

    Raises:
        DeployError: something is missing, of another type, or does not fit the outputs.
    """
    if not isinstance(detector, Mapping):
        raise _error("a mapping with format, boxes, scores, …", type(detector).__name__)
    _check(detector, "format", lambda v: isinstance(v, str) and v in FORMATS, " or ".join(FORMATS))
    _check(detector, "activation", lambda v: v in ("sigmoid", "linear"), "sigmoid or linear")
    for key in ("score_threshold", "iou_threshold"):
        _check(detector, key, lambda v: _is_number(v) and 0 <= v <= 1, "a number from 0 to 1")
    _check(detector, "max_detections", _is_count, "a whole number above zero")
    agnostic = detector.get("class_agnostic", False)
    if not isinstance(agnostic, bool):
        raise _error("class_agnostic true or false", agnostic)
    shapes = [tuple(entry["shape"]) for entry in outputs]
    count = _check_outputs(detector, shapes)
    if detector["format"] in _ON_GRIDS:
        _check_grids(detector, count, (int(input_shape[0]), int(input_shape[1])))


def _check_outputs(detector: Mapping[str, Any], shapes: list[tuple[int, ...]]) -> int:
    """The number of boxes."""
    masks = [key for key in ("coefficients", "prototypes") if detector.get(key) is not None]
    if len(masks) == 1:
        raise _error("both coefficients and prototypes, or neither", masks[0])
    names = ["boxes", "scores", *masks]
    for name in names:
        _check(
            detector,
            name,
            lambda v: isinstance(v, int) and not isinstance(v, bool) and 0 <= v < len(shapes),
            f"the position of one of the model's {len(shapes)} outputs",
        )
    found = {name: shapes[detector[name]] for name in names}
    if len({detector[name] for name in names}) < len(names):
        raise _error(f"an output each for {', '.join(names)}", [detector[name] for name in names])
    numbers, count = found["boxes"][2:], found["boxes"][1:2]
    width = 4
    if detector["format"] == "distances":
        bins = detector.get("bins", 16)
        if not _is_count(bins):
            raise _error("bins: the numbers of a side", bins)
        width *= bins
    fits = len(found["boxes"]) == 3 and numbers == (width,)
    fits &= len(found["scores"]) == 3 and found["scores"][1:2] == count
    if masks:
        fits &= len(found["coefficients"]) == 3 and found["coefficients"][1:2] == count
        fits &= len(found["prototypes"]) == 4
        fits &= found["prototypes"][-1] == found["coefficients"][-1]
    if not fits or min(min(shape) for shape in found.values()) < 1:
        extra = ", coefficients (1, N, K), prototypes (1, h, w, K)" if masks else ""
        raise _error(
            f"boxes (1, N, {width}), scores (1, N, classes){extra}",
            ", ".join(f"{name} {shape}" for name, shape in found.items()),
        )
    return count[0]


def _check_grids(detector: Mapping[str, Any], count: int, input_size: Size) -> None:
    _check(detector, "strides", _are_counts, "pixels of each level")
    strides = detector["strides"]
    each = 1
    if detector["format"] == "cells":
        _check(detector, "cells", lambda v: _is_number(v) and v > 0, "strides a box can reach")
    if detector["format"] == "deltas":
        each = _check_anchors(detector, len(strides))
    expected = each * len(grid_points(tuple(strides), input_size)[0])
    if expected != count:
        raise _error(
            f"{expected} boxes of an input of {input_size[0]}x{input_size[1]} and the strides "
            f"{', '.join(map(str, strides))}",
            f"{count} boxes",
        )


def _check_anchors(detector: Mapping[str, Any], levels: int) -> int:
    """The number of anchors at a grid point."""
    _check(
        detector,
        "anchors",
        lambda v: isinstance(v, Mapping) and all(key in v for key in _ANCHORS),
        f"a mapping with {', '.join(_ANCHORS)}",
    )
    anchors = detector["anchors"]
    lengths = {"sizes": levels, "scales": 0, "aspect_ratios": 0, "box_variance": 4}
    for key, length in lengths.items():
        values = anchors[key]
        right = _is_list(values) and all(_is_number(v) and v > 0 for v in values)
        if not right or (length and len(values) != length):
            number = f"{length} numbers" if length else "numbers"
            raise _error(f"{key} of the anchors, {number} above zero", values)
    if not isinstance(anchors["clip_boxes"], bool):
        raise _error("clip_boxes of the anchors true or false", anchors["clip_boxes"])
    return len(anchors["scales"]) * len(anchors["aspect_ratios"])


def _check(
    detector: Mapping[str, Any], key: str, right: Callable[[Any], bool], expected: str
) -> None:
    value = detector.get(key)
    if not right(value):
        raise _error(f"{key}: {expected}", "none" if value is None else value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1e9


def _are_counts(value: Any) -> bool:
    return _is_list(value) and all(map(_is_count, value))


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0


def _error(expected: str, received: Any) -> DeployError:
    return DeployError(
        f"expected a detector's description with {expected}, received {received}; correct the "
        "description and export the model again"
    )
