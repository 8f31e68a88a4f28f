"""Predictions in words: names, counts and fractions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def class_name(labels: Sequence[str], index: int) -> str:
    """The name of class `index`, or its number where it has none."""
    return labels[index] if index < len(labels) else str(index)


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


def fractions_of(label_map: np.ndarray, count: int) -> np.ndarray:
    """The fraction of the pixels of each of `count` classes in a map of class ids."""
    return np.bincount(label_map.ravel(), minlength=count) / max(1, label_map.size)


def percent(fraction: float) -> str:
    """A fraction with one place after the decimal point."""
    return f"{100 * float(fraction):.1f} %"
