"""The numbers of a detector's boxes become corners in pixels, each format by its own rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

# e^8 times an anchor is larger than any image, and no float32 overflows.
_LARGEST_DELTA = 8.0

Size = tuple[int, int]


def decode(
    encoded: np.ndarray, found: np.ndarray, detector: Mapping[str, Any], input_size: Size
) -> np.ndarray:
    """The boxes, (n, 4) left, top, right, bottom in pixels of the input, of the grid points
    `found`.

    `encoded` are the output `boxes`, (N, 4), of "distances" (N, 4 · bins).
    """
    chosen = np.asarray(encoded[found], np.float32)
    return FORMATS[detector["format"]](chosen, found, detector, input_size).astype(np.float32)


def _from_grid(
    encoded: np.ndarray, found: np.ndarray, detector: Mapping[str, Any], input_size: Size
) -> np.ndarray:
    # A box reaches at most `cells` strides in each direction.
    centres, strides = grid_points(tuple(detector["strides"]), input_size)
    reach = detector["cells"] * strides[found, None]
    return _corners(
        centres[found] + (encoded[:, [1, 0]] - np.float32(0.5)) * reach, encoded[:, [3, 2]] * reach
    )


def _from_distributions(
    encoded: np.ndarray, found: np.ndarray, detector: Mapping[str, Any], input_size: Size
) -> np.ndarray:
    # Each side is the mean of a distribution over 0, 1, … strides (Li et al. 2020, "Generalized
    # Focal Loss").
    centres, strides = grid_points(tuple(detector["strides"]), input_size)
    bins = encoded.reshape(len(encoded), 4, -1)
    weights = np.exp(bins - bins.max(axis=2, keepdims=True))
    sides = weights @ np.arange(bins.shape[2], dtype=np.float32) / weights.sum(axis=2)
    sides *= strides[found, None]
    return np.concatenate([centres[found] - sides[:, :2], centres[found] + sides[:, 2:]], axis=1)


def _from_anchor_offsets(
    encoded: np.ndarray, found: np.ndarray, detector: Mapping[str, Any], input_size: Size
) -> np.ndarray:
    # Girshick et al. 2014, "Rich feature hierarchies", appendix C, in the order y, x, h, w.
    shapes = detector["anchors"]
    anchors = anchor_boxes(
        tuple(detector["strides"]),
        tuple(shapes["sizes"]),
        tuple(shapes["scales"]),
        tuple(shapes["aspect_ratios"]),
        bool(shapes["clip_boxes"]),
        input_size,
    )[found]
    deltas = encoded * np.asarray(shapes["box_variance"], np.float32)
    sizes = np.exp(np.minimum(deltas[:, [3, 2]], _LARGEST_DELTA)) * anchors[:, 2:]
    return _corners(anchors[:, :2] + deltas[:, [1, 0]] * anchors[:, 2:], sizes)


def _from_normalized_centres(
    encoded: np.ndarray, found: np.ndarray, detector: Mapping[str, Any], input_size: Size
) -> np.ndarray:
    size = np.array(input_size[::-1], np.float32)
    return _corners(encoded[:, [1, 0]] * size, encoded[:, [3, 2]] * size)


def _from_normalized_corners(
    encoded: np.ndarray, found: np.ndarray, detector: Mapping[str, Any], input_size: Size
) -> np.ndarray:
    return encoded * np.array(2 * input_size[::-1], np.float32)


# What the numbers of a box are; the first three belong to a grid point of the levels' grids.
FORMATS: dict[str, Callable[..., np.ndarray]] = {
    "cells": _from_grid,
    "distances": _from_distributions,
    "deltas": _from_anchor_offsets,
    "cycxhw-normalized": _from_normalized_centres,
    "xyxy": _from_normalized_corners,
}


def _corners(centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    half = sizes / 2
    return np.concatenate([centres - half, centres + half], axis=1)


@lru_cache(maxsize=8)
def grid_points(strides: tuple[int, ...], input_size: Size) -> tuple[np.ndarray, np.ndarray]:
    """The centres, (N, 2) x and y in pixels, and the strides, (N,), of all levels' cells.

    A level of stride s is a grid of ceil(height / s) rows and ceil(width / s) columns, row by row.
    """
    centres = []
    for stride in strides:
        rows, columns = (-(-side // stride) for side in input_size)
        x = np.tile(np.arange(columns), rows)
        y = np.repeat(np.arange(rows), columns)
        centres.append((np.stack([x, y], axis=1) + 0.5) * stride)
    repeated = np.repeat(strides, [len(level) for level in centres])
    return np.concatenate(centres).astype(np.float32), repeated.astype(np.float32)


@lru_cache(maxsize=8)
def anchor_boxes(
    strides: tuple[int, ...],
    sizes: tuple[float, ...],
    scales: tuple[float, ...],
    aspect_ratios: tuple[float, ...],
    clip_boxes: bool,
    input_size: Size,
) -> np.ndarray:
    """The anchors, (N, 4) centre x, centre y, width, height in pixels, of all levels' grid points.

    Each grid point has one for each scale and within it each aspect ratio (width by height), of
    the area (size · scale)²; `clip_boxes` cuts off what lies outside of the input. They are those
    of `keras_cv.layers.AnchorGenerator`.
    """
    centres, _ = grid_points(strides, input_size)
    levels = [len(grid_points((stride,), input_size)[0]) for stride in strides]
    roots = np.sqrt(np.array(aspect_ratios, np.float32))
    scaled = np.array(scales, np.float32)[:, None]
    shapes = np.stack([scaled * roots, scaled / roots], axis=-1).reshape(-1, 2)
    of_size = np.repeat(np.array(sizes, np.float32), levels)[:, None, None]
    half = of_size * shapes / 2
    low, high = centres[:, None] - half, centres[:, None] + half
    if clip_boxes:
        limits = np.array(input_size[::-1], np.float32)
        low, high = np.clip(low, 0, limits), np.clip(high, 0, limits)
    return np.concatenate([(low + high) / 2, high - low], axis=-1).reshape(-1, 4)
