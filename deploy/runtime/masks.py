"""Masks at the image's size: the class of each pixel, or one mask for each object."""

from __future__ import annotations

import numpy as np

Size = tuple[int, int]


def label_map(scores: np.ndarray, activation: str | None, image_size: Size) -> np.ndarray:
    """The class of each pixel, (height, width) of the image; uint8 up to 256 classes, else int32.

    The scores are interpolated between their places, then the largest counts.

    Args:
        scores: (h, w, classes), probabilities or logits; (h, w, 1): those of the second of two
            classes, which a pixel belongs to above one half (a logit: above zero).
        activation: what the model ends in, "softmax", "sigmoid" or "linear" (logits).
        image_size: height and width.
    """
    scores = np.asarray(scores, np.float32)
    classes = scores.shape[2]
    if classes == 1:
        border = 0.0 if activation == "linear" else 0.5
        return (resize(scores[..., 0], image_size) > border).astype(np.uint8)
    # One class after the other: all at once fill a device's memory.
    # A copy: where nothing is resized, the scores themselves would change.
    best = resize(scores[..., 0], image_size).copy()
    labels = np.zeros(image_size, np.uint8 if classes <= 256 else np.int32)
    for index in range(1, classes):
        score = resize(scores[..., index], image_size)
        labels[score > best] = index
        np.maximum(best, score, out=best)
    return labels


def instance_masks(
    prototypes: np.ndarray, coefficients: np.ndarray, boxes: np.ndarray, image_size: Size
) -> np.ndarray:
    """Which pixels belong to which object, bool (n, height, width) of the image.

    A mask's logits are a sum of prototypes, weighted by the object's coefficients; they are
    interpolated, and the pixels of the box (their centres lie in it) with a logit above zero
    belong to the object.

    Args:
        prototypes: (h, w, K), over the whole image.
        coefficients: (n, K).
        boxes: (n, 4) left, top, right, bottom in pixels of the image.
        image_size: height and width.

    Source: Bolya et al. 2019, "YOLACT: Real-time Instance Segmentation".
    """
    masks = np.zeros((len(boxes), *image_size), bool)
    low, high = (np.ceil(boxes[:, side] - 0.5).astype(int) for side in (slice(2), slice(2, 4)))
    flat = prototypes.reshape(-1, prototypes.shape[2]).T
    logits = (np.asarray(coefficients, np.float32) @ flat).reshape(-1, *prototypes.shape[:2])
    for mask, logit, (left, top), (right, bottom) in zip(masks, logits, low, high, strict=True):
        part = resize(logit, image_size, slice(top, bottom), slice(left, right))
        np.greater(part, 0, out=mask[top:bottom, left:right])
    return masks


def resize(
    values: np.ndarray, size: Size, rows: slice = slice(None), columns: slice = slice(None)
) -> np.ndarray:
    """`values`, (h, w), interpolated bilinearly to `size`, or only these rows and columns of it.

    A value stands for the centre of its pixel; beyond the outermost ones they go on unchanged.
    """
    if values.shape == tuple(size):
        return values[rows, columns]
    left, right, fraction = _neighbours(values.shape[1], size[1], columns)
    top, bottom, weight = _neighbours(values.shape[0], size[0], rows)
    first = int(top[0]) if len(top) else 0
    part = values[first : int(bottom[-1]) + 1 if len(bottom) else 0]
    part = part[:, left] + (part[:, right] - part[:, left]) * fraction
    upper = part[top - first]
    return upper + (part[bottom - first] - upper) * weight[:, None]


def _neighbours(count: int, size: int, chosen: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # Between which two of `count` values each chosen one of `size` pixels lies, and how far.
    places = (np.arange(size)[chosen] + 0.5) * (count / size) - 0.5
    places = np.clip(places, 0, count - 1)
    first = places.astype(int)
    return first, np.minimum(first + 1, count - 1), (places - first).astype(np.float32)
