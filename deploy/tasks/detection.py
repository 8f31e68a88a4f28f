"""Detection: boxes and scores, read as the user describes; measured by the user's own metric."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.boxes.decoding_config import check_decoding_config
from deploy.runtime.boxes.non_max_suppression import intersection_over_union
from deploy.runtime.card import ClassAgreement
from deploy.runtime.errors import DeployError
from deploy.tasks.classification import check_count
from deploy.tasks.predictions import predictions

if TYPE_CHECKING:
    from deploy.load.source import Source

# There is none but the user's own.
metric = None
further_metrics = None

# From this overlap on, two boxes of a class are the same object.
_SAME = 0.5

# What the settings name by outputs.
OUTPUTS = ("boxes", "scores", "coefficients", "prototypes")

# What the numbers of a box are, by the detector's format.
_BOXES = {
    "cells": "centre y, centre x, height and width, each 0 to 1, in a square of {cells} strides "
    "around the centre of its grid point",
    "distances": "logits of how far its left, top, right and bottom side are from the centre of "
    "its grid point: each the mean of a softmax over 0, 1, … strides",
    "deltas": "y, x, height and width relative to one of the anchors (card.json has their sizes) "
    "at its grid point: centre + number · variance · size, and size · e^(number · variance)",
    "cycxhw-normalized": "centre y, centre x, height and width in fractions of the image",
    "xyxy": "left, top, right and bottom in fractions of the image",
}


def infer(
    source: Source,
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    settings: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """The card's `detector`, with the positions of the outputs that `settings` name; None without
    settings, by which alone a detector is known.

    Raises:
        DeployError: inputs or outputs that don't fit the settings, or not as many class names as
            classes.
    """
    if settings is None:
        return None
    shape = source.inputs[0].shape
    if len(source.inputs) != 1 or len(shape) != 3 or shape[2] not in (1, 3):
        raise DeployError(
            "expected a detector of one image (height, width, 1 or 3), received inputs of "
            f"shapes {[entry.shape for entry in source.inputs]}; leave the task out"
        )
    found = with_positions(settings, source.outputs)
    check_decoding_config(
        found, [{"shape": (1, *output.shape[1:])} for output in outputs], shape[:2]
    )
    scores = outputs[found["scores"]]
    low, high = float(scores.min()), float(scores.max())
    if found["activation"] == "sigmoid" and not -1e-3 <= low <= high <= 1 + 1e-3:
        raise DeployError(
            "expected scores from 0 to 1 of a detector whose activation is sigmoid, received "
            f"{low:.3g} to {high:.3g}; for logits it is linear"
        )
    check_count(class_names, scores.shape[-1])
    return {"activation": None, "detector": found}


def with_positions(settings: Mapping[str, Any], outputs: Sequence[str]) -> dict[str, Any]:
    """The settings with the positions of the outputs that they name.

    Raises:
        DeployError: a name that no output has.
    """
    found = dict(settings)
    for key in OUTPUTS:
        if isinstance(found.get(key), str):
            if found[key] not in outputs:
                raise DeployError(
                    f"expected the name of an output of the model for the detector's {key}, "
                    f"received '{found[key]}'; it has {', '.join(outputs)}"
                )
            found[key] = list(outputs).index(found[key])
    return found


def agreement(
    card: Mapping[str, Any],
    class_names: Sequence[str],
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
) -> dict[str, ClassAgreement]:
    """The `agreement_of_detections` of both models."""
    # The masks of an instance segmenter follow from the boxes that agree, and take long.
    boxes_alone = {**card, "task": "detection"}
    return agreement_of_detections(
        *(predictions(boxes_alone, outputs, class_names) for outputs in (keras, deployed))
    )


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """How the outputs become objects, in words."""
    detector = card["detector"]
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
        f"higher-scoring one of {'any' if detector.get('class_agnostic') else 'its'} class by an "
        f"IoU of {detector['iou_threshold']:g} is left out; {detector['max_detections']} are the "
        "most.",
    ]
    if detector.get("strides") and detector["format"] in ("cells", "distances", "deltas"):
        grids = [
            (stride, -(-height // stride), -(-width // stride)) for stride in detector["strides"]
        ]
        listed = ", ".join(
            f"{rows} × {columns} of stride {stride}" for stride, rows, columns in grids
        )
        lines.append(f"- Grid points, row by row: {listed}.")
    return ["## Detections", "", *lines, ""]


def agreement_of_detections(
    keras: Sequence[Mapping[str, Any]], deployed: Sequence[Mapping[str, Any]]
) -> dict[str, ClassAgreement]:
    """For each class that either finds: how many objects Keras finds (`examples`), and the fraction
    of the objects of both that the other has too (`agreement`, 0 to 1: an F1 score), in a box of
    the same class with an IoU of at least 0.5, one to one."""
    found, common = [Counter[str](), Counter[str]()], Counter[str]()
    for expected, received in zip(keras, deployed, strict=True):
        found[0].update(expected["names"])
        found[1].update(received["names"])
        common.update(expected["names"][index] for index in _matched(expected, received))
    return {
        name: {
            "examples": found[0][name],
            "agreement": 2 * common[name] / (found[0][name] + found[1][name]),
        }
        for name in sorted(found[0] | found[1])
    }


def _matched(expected: Mapping[str, Any], received: Mapping[str, Any]) -> list[int]:
    """The positions in `expected` of the objects that are in `received`, too."""
    overlap = intersection_over_union(expected["boxes"], received["boxes"])
    overlap *= expected["labels"][:, None] == received["labels"]
    matched = []
    # The highest-scoring choose first.
    for index in range(len(overlap)):
        best = int(overlap[index].argmax()) if overlap.shape[1] else -1
        if best >= 0 and overlap[index, best] >= _SAME:
            matched.append(index)
            overlap[:, best] = 0
    return matched
