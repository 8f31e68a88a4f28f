"""How the outputs of a detector or a segmenter are to be read, in words for a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What the numbers of a box are, by the detector's format.
_BOXES = {
    "cells": "centre y, centre x, height and width, each 0 to 1, in a square of {cells} strides "
    "around the centre of its location",
    "distances": "logits of how far its left, top, right and bottom side are from the centre of "
    "its location: each the mean of a softmax over 0, 1, … strides",
    "deltas": "y, x, height and width relative to one of the anchors (card.json has their sizes) "
    "at its location: centre + number · variance · size, and size · e^(number · variance)",
    "cycxhw-normalized": "centre y, centre x, height and width in shares of the picture",
    "xyxy": "left, top, right and bottom in shares of the picture",
}


def task_lines(card: Mapping[str, Any]) -> list[str]:
    """How the outputs of a detector or a segmenter become its answer: a section in Markdown, none
    for other models."""
    detector = card.get("detector")
    if not detector:
        if card.get("task") != "segmentation":
            return []
        return ["## Segmentation", "", f"- {_pixels_text(card)}", ""]
    names = {key: f"`{card['outputs'][detector[key]]['name']}`" for key in ("boxes", "scores")}
    height, width = card["inputs"][0]["shape"][1:3]
    score_text = {
        "sigmoid": "probabilities",
        "linear": "logits, which the sigmoid makes probabilities",
    }
    lines = [
        f"- A box of {names['boxes']} is {_BOXES[detector['format']].format(**detector)}. "
        f"{names['scores']} are {score_text[detector['activation']]} of the classes.",
        f"- A box counts from a score of {detector['score_threshold']:g}; one that overlaps a "
        f"likelier one of {'any' if detector.get('class_agnostic') else 'its'} class by an IoU of "
        f"{detector['iou_threshold']:g} is left out; {detector['max_detections']} are the most.",
    ]
    if detector.get("strides") and detector["format"] in ("cells", "distances", "deltas"):
        grids = [
            (stride, -(-height // stride), -(-width // stride)) for stride in detector["strides"]
        ]
        listed = ", ".join(
            f"{rows} × {columns} of stride {stride}" for stride, rows, columns in grids
        )
        lines.append(f"- Locations, row by row: {listed}.")
    if detector.get("coefficients") is not None:
        weights, masks = (
            card["outputs"][detector[key]]["name"] for key in ("coefficients", "prototypes")
        )
        lines.append(
            f"- The mask of a box: where the sum of `{masks}`, weighted by its `{weights}`, is "
            "above zero within the box."
        )
    return ["## Detections", "", *lines, ""]


def _pixels_text(card: Mapping[str, Any]) -> str:
    output = card["outputs"][0]
    _, height, width, classes = output["shape"]
    of_what = "logits" if card["activation"] == "linear" else "probabilities"
    middle = "zero" if card["activation"] == "linear" else "one half"
    rule = "the largest is its class" if classes > 1 else f"above {middle} it is the second class"
    return (
        f"`{output['name']}` are {of_what} of each pixel of {height} × {width}, interpolated to "
        f"the picture's size: {rule}."
    )
