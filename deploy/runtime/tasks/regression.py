"""Regression, and every model that no other task knows: the outputs themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

HAS_SCORES = False

# The outputs tell it alone.
judge = None

# A stream of them is not reported.
events = None

# Numbers are not drawn.
draw = None


def check(card: Mapping[str, Any]) -> None:
    """Any inputs and outputs will do."""


def class_names(card: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """There are no classes."""
    return []


def predict(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    image_size: tuple[int, int],
    score_threshold: float | None = None,
) -> dict[str, Any]:
    """`outputs`, the arrays by the outputs' names; what the model carries on is not among them."""
    names = [entry["name"] for entry in card["outputs"]]
    return {"outputs": dict(zip(names, outputs, strict=True))}


def to_text(prediction: Mapping[str, Any], classes: Sequence[str]) -> str:
    """The numbers of each output, of long ones the first and the last."""
    return "; ".join(
        f"{name} = {np.array2string(output, precision=4, threshold=12)}"
        for name, output in prediction["outputs"].items()
    )
