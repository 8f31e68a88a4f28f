"""Made-up characters of a few strokes, and an encoder of random weights that tells them apart."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from PIL import Image, ImageDraw

import deploy

SIDE, DIMENSION = 28, 48
TARGETS = ["cpu", "cortex-m", "ethos-u55-128", "coral"]
# Few classes and images, so that an export takes seconds.
TASK = {"task": "recognition", "ways": 5, "queries": 3, "episodes": 400, "threshold": 0.25}


def characters(classes: int, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (classes · each, 28, 28, 1) of 0 to 255, white strokes whose corners move a little
    from one to the next, and their classes' numbers."""
    generator = np.random.default_rng(seed)
    x, y = [], []
    for number in range(classes):
        corners = generator.uniform(4, SIDE - 4, (5, 2))
        for _ in range(each):
            image = Image.new("L", (4 * SIDE, 4 * SIDE))
            moved = 4 * (corners + generator.uniform(-2.4, 2.4, corners.shape))
            ImageDraw.Draw(image).line([tuple(point) for point in moved], fill=255, width=10)
            x.append(np.asarray(image.resize((SIDE, SIDE)), "float32")[..., None])
            y.append(number)
    return np.stack(x), np.array(y)


def encoder(last: keras.Layer | None = None) -> keras.Model:
    """Image (28, 28, 1) of 0 to 255 to an embedding (48,), which `last` may change."""
    keras.utils.set_random_seed(0)
    image = keras.Input((SIDE, SIDE, 1), name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    for filters in (8, 16):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = keras.layers.AveragePooling2D(2)(x)
    x = keras.layers.Dense(DIMENSION, name="embedding")(keras.layers.Flatten()(x))
    return keras.Model(image, x if last is None else last(x), name="encoder")


def export_strokes(out: Path) -> None:
    """A bundle of the encoder for each target, calibrated on some characters and tested on
    others."""
    deploy.export(
        encoder(),
        TARGETS,
        out=out,
        calibration=characters(20, 4, seed=1)[0],
        task=TASK,
        test=characters(30, 6, seed=2),
        verbose=0,
    )
