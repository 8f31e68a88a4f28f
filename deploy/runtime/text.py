"""Answers in words: what was found, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# So many classes of a map are told, the largest.
_TOLD = 5


def in_words(answer: Any, classes: Sequence[str]) -> str:
    """The answer of `Model.predict` in one line, and of a detector one more for each object.

    `classes` are the names of all classes of a detector or a segmenter.
    """
    if isinstance(answer, np.ndarray):
        shares = shares_of(answer, len(classes))
        largest = np.argsort(-shares, kind="stable")[:_TOLD]
        return ", ".join(
            f"{classes[index]} {percent(shares[index])}" for index in largest if shares[index]
        )
    if "boxes" in answer:
        lines = map(_line, answer["names"], answer["scores"], answer["boxes"])
        return "\n".join([count_in_words(answer["names"], classes), *lines])
    if "label" in answer:
        return f"{answer['label']} ({percent(answer['probabilities'][answer['index']])})"
    return "; ".join(
        f"{name} = {np.array2string(output, precision=4, threshold=12)}"
        for name, output in answer["outputs"].items()
    )


def count_in_words(names: Sequence[str], classes: Sequence[str]) -> str:
    """How many objects there are of each class: "7 balloons", of several classes "3 rbc, 1 wbc".

    `names` are those of the objects, `classes` those of all classes.
    """
    if len(classes) == 1:
        return f"{len(names) or 'no'} {classes[0] if len(names) == 1 else plural(classes[0])}"
    counts = {name: names.count(name) for name in classes if name in names}
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing found"


def plural(noun: str) -> str:
    """More than one of it, by the simple rules of English."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in ("a", "e", "i", "o", "u", ""):
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def shares_of(classes: np.ndarray, count: int) -> np.ndarray:
    """The share of the pixels of each of `count` classes in a map of them."""
    return np.bincount(classes.ravel(), minlength=count) / max(1, classes.size)


def percent(share: float) -> str:
    """A share with one place after the decimal point."""
    return f"{100 * float(share):.1f} %"


def _line(name: str, score: float, box: np.ndarray) -> str:
    left, top, right, bottom = (f"{side:.1f}" for side in box)
    return f"  {name} ({percent(score)}): left {left}, top {top}, right {right}, bottom {bottom}"
