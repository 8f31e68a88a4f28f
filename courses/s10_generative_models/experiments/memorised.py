"""Whether a generator has learned its examples by heart."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from courses.s10_generative_models.solutions import copying


class Copies(NamedTuple):
    """Generated images, what they are nearest to, and what that says."""

    images: np.ndarray
    nearest: np.ndarray  # training images
    score: float  # 0.5 is honest, 1 is a copier


def copies(
    generated: np.ndarray, training: np.ndarray, held_out: np.ndarray, shown: int = 10
) -> Copies:
    """The nearest training images, by the distance of pixels, of the first generated ones.

    Args:
        generated: `(examples, height, width, channels)`, 0-255; all of them count for the score.
        training: what the generator was trained on.
        held_out: real images that it has not seen.
        shown: how many are kept.
    """
    nearest, score = copying(generated, training, held_out)
    return Copies(generated[:shown], training[nearest[:shown]], score)


def copying_table(found: Mapping[str, Copies]) -> list[list[str]]:
    """Rows of text: how likely an image lies nearer to the training set than a held-out one."""
    return [["", "nearer than held-out images"]] + [
        [name, f"{each.score:.2f}"] for name, each in found.items()
    ]
