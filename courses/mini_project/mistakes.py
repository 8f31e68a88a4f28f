"""The worked example with a mistake in it, which `project check` has to find."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from courses.mini_project.examples import load_examples
from courses.mini_project.project import FILE

_LEAKED = 0.1  # of the test images


def leaked_test_data(folder: Path) -> None:
    """A tenth of the test images lies among the training images too, a little darker: as it comes
    of sorting the frames of a film, or a download twice made, into two folders."""
    _write_digits(folder, leaked=_LEAKED)


def wrong_metric(folder: Path) -> None:
    """Nine of ten images are an 8, and the metric is still the accuracy."""
    _write_digits(folder, kept=0.05)


def over_budget(folder: Path) -> None:
    """A network of twice the width, and four times the multiply-accumulates."""
    file = folder / "network.py"
    file.write_text(file.read_text("utf-8").replace("WIDTH = 24", "WIDTH = 48"), "utf-8")


MISTAKES: dict[str, Callable[[Path], None]] = {
    "leak": leaked_test_data,
    "metric": wrong_metric,
    "budget": over_budget,
}


def _write_digits(folder: Path, leaked: float = 0.0, kept: float = 1.0) -> None:
    """The digits as files, `photos/SPLIT/CLASS/NUMBER.png`, which project.json then names.

    Args:
        folder: the project's.
        leaked: this part of the test images goes to the training images as well.
        kept: this part stays of every class but the 8.
    """
    examples = load_examples("digits", {})
    for name in ("train", "validation", "test"):
        split = getattr(examples, name)
        seen = np.zeros(len(examples.class_names), np.int64)
        totals = np.bincount(split.y)
        for number, (image, label) in enumerate(zip(split.x[..., 0], split.y, strict=True)):
            seen[label] += 1
            if label != 8 and seen[label] > max(1, kept * totals[label]):
                continue
            places = [folder / "photos" / name]
            if name == "test" and number < leaked * len(split.y):
                places.append(folder / "photos" / "train")
            for place, pixels in zip(places, (image, np.uint8(0.9 * image)), strict=False):
                file = place / examples.class_names[label] / f"{name}-{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(file)
    told = json.loads((folder / FILE).read_text("utf-8"))
    told |= {"data": "photos", "reading": {"image_size": [8, 8]}}
    (folder / FILE).write_text(json.dumps(told, indent=2) + "\n", "utf-8")
