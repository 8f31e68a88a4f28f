"""Test examples that training has nearly seen: near-duplicates across the splits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from courses.mini_project.examples import Examples

# Images and spectrograms are shrunk to at most this many rows and columns to be compared.
_SIDE = 16

# Two fingerprints are near-duplicates at this distance: of images and spectrograms one between unit
# vectors (0.1 is a correlation of 0.995; different takes of a short word come as near as 0.06), of
# rows one in standard deviations of a column.
_NEAR = {"images": 0.1, "sounds": 0.03, "rows": 0.01}


class Twin(NamedTuple):
    """A test example, and one of training or validation that is nearly the same."""

    test: int
    split: str  # "train" or "validation"
    other: int
    distance: float


def near_duplicates(examples: Examples) -> list[Twin]:
    """The test examples with a near-duplicate in training or validation, the nearest one each.

    A fingerprint is a perceptual hash that is not rounded to bits: an image in grey, shrunk,
    without its mean brightness, at unit length, so that another brightness, contrast or compression
    leaves it as it is; 64 bits would call many small images the same that are not. Mirrored,
    turned or cropped copies are not found. scikit-learn finds the nearest neighbours.
    """
    from sklearn.neighbors import NearestNeighbors

    seen = {"train": examples.train.x, "validation": examples.validation.x}
    x = np.concatenate(list(seen.values()))
    prints, test = _fingerprints(examples.kind, x, examples.test.x)
    found = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(prints)
    distances, nearest = (column[:, 0] for column in found.kneighbors(test))
    twins, count = [], len(examples.train.x)
    for number in np.flatnonzero(distances <= _NEAR[examples.kind]):
        split, other = "train", int(nearest[number])
        if other >= count:
            split, other = "validation", other - count
        twins.append(Twin(int(number), split, other, float(distances[number])))
    return twins


def _fingerprints(kind: str, seen: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if kind == "rows":
        seen, test = (x.reshape(len(x), -1).astype(np.float64) for x in (seen, test))
        middle, spread = seen.mean(axis=0), seen.std(axis=0)
        # What never changes tells no rows apart; its rounding would.
        kept = spread > 1e-6 * np.abs(middle)
        spread = spread[kept] * np.sqrt(max(1, kept.sum()))
        return tuple((x - middle)[:, kept] / spread for x in (seen, test))
    return _unit(_shrunk(seen)), _unit(_shrunk(test))


def _shrunk(x: np.ndarray) -> np.ndarray:
    """Grey images of at most `_SIDE` rows and columns, as vectors: float32 (examples, …)."""
    grey = x.mean(axis=-1, dtype=np.float32) if x.ndim == 4 else np.asarray(x, np.float32)
    for axis in (1, 2):
        # Means over stretches of nearly the same length.
        edges = np.linspace(0, grey.shape[axis], min(_SIDE, grey.shape[axis]) + 1).astype(int)
        sums = np.add.reduceat(grey, edges[:-1], axis=axis)
        lengths = np.diff(edges).astype(np.float32)
        grey = sums / (lengths[:, None] if axis == 1 else lengths)
    return grey.reshape(len(grey), -1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    centred = vectors - vectors.mean(axis=1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
