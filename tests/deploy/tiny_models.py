"""Tiny models with set weights that find coloured squares: nothing has to be trained.

Red squares of 16 pixels are of class 0 and found at stride 8, green ones of 32 pixels of class 1
and found at stride 16; each is seen from the four grid points that it covers.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

import deploy
from deploy.runtime.boxes.non_max_suppression import intersection_over_union

SIDE, STRIDES, CELLS, CLASS_NAMES = 64, [8, 16], 16, ["red", "green"]
DETECTOR = {
    "format": "cells",
    "cells": CELLS,
    "boxes": "boxes",
    "scores": "scores",
    "activation": "sigmoid",
    "strides": STRIDES,
    "score_threshold": 0.4,
    "iou_threshold": 0.6,
    "max_detections": 100,
}
MASKS = {"coefficients": "coefficients", "prototypes": "prototypes"}


def images(count: int, seed: int = 0) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
    """Images (count, 64, 64, 3) of 0 to 255 with one red and one green square on dark noise, and
    for each the `boxes` (2, 4), left, top, right, bottom in pixels, and `labels` (2,)."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(0, 40, (count, SIDE, SIDE, 3)).astype("float32")
    ground_truth = []
    for image in x:
        left, right = (0, 1) if generator.random() < 0.5 else (1, 0)
        # Halves of the image, so that they never touch.
        red = (32 * left + 8 * generator.integers(1, 2), 8 * generator.integers(1, 6))
        green = (32 * right, 16 * generator.integers(0, 3))
        boxes = []
        for colour, (x0, y0), size in ((0, red, 16), (1, green, 32)):
            image[y0 : y0 + size, x0 : x0 + size, colour] = generator.uniform(200, 255)
            boxes.append([x0, y0, x0 + size, y0 + size])
        ground_truth.append({"boxes": np.array(boxes, "float32"), "labels": np.array([0, 1])})
    return x, ground_truth


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def _means(image: keras.KerasTensor, size: int, name: str) -> keras.KerasTensor:
    x = layers.Rescaling(1 / 255, name=f"{name}_rescaling")(image)
    # Windows of 2, as no NPU takes large strides.
    for step in range(int(np.log2(size))):
        x = layers.AveragePooling2D(2, name=f"{name}_{step}")(x)
    return x


def _conv(
    x: keras.KerasTensor, kernel: np.ndarray, bias: list[float], activation: str, name: str
) -> keras.KerasTensor:
    convolution = layers.Conv2D(
        kernel.shape[-1], kernel.shape[0], padding="same", activation=activation, name=name
    )
    y = convolution(x)
    # A filter of nothing but zeros has no int8 scale.
    noise = np.random.default_rng(1).normal(size=kernel.shape)
    convolution.set_weights([kernel + 1e-2 * noise, np.array(bias)])
    return y


def _box_kernel(colour: int) -> tuple[np.ndarray, list[float]]:
    # The square's centre is half a cell towards the neighbour of its colour; a number of 0.5 is the
    # cell's own, and a cell 1/16. Its sides are two cells, whatever the image.
    kernel = np.zeros((3, 3, 3, 4))
    shift = logit(0.5 + 0.5 / CELLS) / (220 / 255)
    kernel[0, 1, colour, 0], kernel[2, 1, colour, 0] = -shift, shift
    kernel[1, 0, colour, 1], kernel[1, 2, colour, 1] = -shift, shift
    return kernel, [0.0, 0.0, logit(2 / CELLS), logit(2 / CELLS)]


def _score_kernel(colour: int) -> tuple[np.ndarray, list[float]]:
    kernel = np.zeros((1, 1, 3, 2))
    kernel[0, 0, colour, colour] = 20.0
    return kernel, [-12.0, -12.0]


def squares_detector(masks: bool = False, activation: str = "sigmoid") -> keras.Model:
    """Image (64, 64, 3) of 0 to 255 to `boxes` (80, 4) in "cells" and `scores` (80, 2); with
    `masks` also `coefficients` (80, 2) and `prototypes` (16, 16, 2)."""
    image = keras.Input((SIDE, SIDE, 3), name="image")
    levels: dict[str, list[keras.KerasTensor]] = {"boxes": [], "scores": [], "coefficients": []}
    for colour, stride in enumerate(STRIDES):
        x = _means(image, stride, f"means_{stride}")
        for kind, filters, (kernel, bias), end in (
            ("boxes", 4, _box_kernel(colour), "sigmoid"),
            ("scores", 2, _score_kernel(colour), activation),
            ("coefficients", 2, (10 * np.eye(3, 2)[None, None], [-4.0, -4.0]), "tanh"),
        ):
            part = _conv(x, kernel, bias, end, f"{kind}_{stride}")
            levels[kind].append(layers.Reshape((-1, filters))(part))
    kinds = list(levels) if masks else ["boxes", "scores"]
    outputs = {kind: layers.Concatenate(axis=1, name=kind)(levels[kind]) for kind in kinds}
    if masks:
        kernel = np.eye(3, 2)[None, None] * 8
        fine = _means(image, 4, "means_4")
        outputs["prototypes"] = _conv(fine, kernel, [-4.0, -4.0], "linear", "prototypes")
    return keras.Model(image, outputs, name="squares")


def exchanging_head() -> keras.Model:
    """Two levels of random weights that exchange what they have seen, with every operator of such
    heads; outputs as those of `squares_detector(masks=True)`."""
    keras.utils.set_random_seed(2)
    image = keras.Input((64, 64, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    fine = layers.Conv2D(16, 3, 8, padding="same", activation="relu")(x)
    coarse = layers.DepthwiseConv2D(3, 2, padding="same", activation="relu")(fine)
    coarse = layers.Conv2D(16, 1, activation="relu")(coarse)
    # UpSampling2D of the nearest becomes a TILE, which no Edge TPU has.
    near = layers.Resizing(8, 8, interpolation="nearest")(coarse)
    smooth = layers.UpSampling2D(2, interpolation="bilinear")(coarse)
    fine = layers.Concatenate()([layers.Add()([fine, near]), smooth])
    outputs = {}
    for name, size, activation in (
        ("boxes", 4, "sigmoid"),
        ("scores", 2, "sigmoid"),
        ("coefficients", 3, "tanh"),
    ):
        parts = [
            layers.Reshape((-1, size))(layers.Conv2D(size, 1, activation=activation)(level))
            for level in (fine, coarse)
        ]
        outputs[name] = layers.Concatenate(axis=1, name=name)(parts)
    outputs["prototypes"] = layers.Conv2D(3, 3, padding="same", name="prototypes")(
        layers.UpSampling2D(2, interpolation="bilinear")(fine)
    )
    return keras.Model(image, outputs, name="fpn")


def squares_segmenter(activation: str = "softmax", size: int = 16, up: bool = False) -> keras.Model:
    """Image (64, 64, 3) of 0 to 255 to `pixels` (size, size, 3): background, red, green."""
    image = keras.Input((SIDE, SIDE, 3), name="image")
    kernel = np.zeros((1, 1, 3, 3))
    kernel[0, 0, 0, 1], kernel[0, 0, 1, 2] = 10.0, 10.0
    x = _conv(_means(image, SIDE // size, "means"), kernel, [5.0, 0.0, 0.0], "linear", "logits")
    if up:
        x = layers.UpSampling2D(SIDE // size, interpolation="bilinear", name="up")(x)
    return keras.Model(image, layers.Activation(activation, name="pixels")(x), name="regions")


def f1(ground_truth, predictions):
    """Found objects (score of at least 0.5, IoU of at least 0.5, right class) against all, 0 to
    1: 2 · right / (found + true)."""
    right = found = true = 0
    for expected, prediction in zip(ground_truth, predictions, strict=True):
        chosen = prediction["scores"] >= 0.5
        overlap = intersection_over_union(expected["boxes"], prediction["boxes"][chosen]) >= 0.5
        overlap &= expected["labels"][:, None] == prediction["labels"][chosen]
        right, found = right + int(overlap.any(axis=1).sum()), found + int(chosen.sum())
        true += len(expected["labels"])
    return 2 * right / (found + true)


def label_maps(ground_truth, size: int = SIDE) -> np.ndarray:
    """The class of each pixel, (images, size, size): 0 is the background, then red and green."""
    maps, zoom = np.zeros((len(ground_truth), size, size), int), size / SIDE
    for pixels, expected in zip(maps, ground_truth, strict=True):
        boxes = (expected["boxes"] * zoom).astype(int)
        for (left, top, right, bottom), label in zip(boxes, expected["labels"], strict=True):
            pixels[top:bottom, left:right] = label + 1
    return maps


def fraction_of_pixels(ground_truth, predictions):
    """How many pixels have the right class, 0 to 1."""
    return np.mean([np.mean(a == b) for a, b in zip(ground_truth, predictions, strict=True)])


# Of each task the model, its class names, the `task` of `export`, and the metric.
TASKS = {
    "detection": (squares_detector, CLASS_NAMES, DETECTOR, f1),
    "instance_segmentation": (
        lambda: squares_detector(masks=True),
        CLASS_NAMES,
        DETECTOR | MASKS,
        f1,
    ),
    "semantic_segmentation": (
        squares_segmenter,
        ["background", *CLASS_NAMES],
        "semantic_segmentation",
        fraction_of_pixels,
    ),
}


def export_squares(task: str, target: str, out, **options):
    """The bundle of the model of that task, calibrated and tested on images with squares."""
    build, class_names, settings, metric = TASKS[task]
    x, ground_truth = images(12, seed=1)
    y = label_maps(ground_truth) if metric is fraction_of_pixels else ground_truth
    given = {
        "calibration": images(24)[0],
        "class_names": class_names,
        "task": settings,
        "test": deploy.TestData(x, y, metric),
        "verbose": 0,
    }
    return deploy.export(build(), target, out=out, **given | options)
