"""Walks through the space that images are made from."""

from collections.abc import Sequence

import keras
import numpy as np

from courses.s10_generative_models.experiments.generators import paint
from deploy.runtime.tasks.generation import between, draw_noise


def ways(
    network: keras.Model, seeds: Sequence[int], count: int = 9, label: int | None = None
) -> np.ndarray:
    """Images from the noise of each seed to that of the next, on great circles.

    Args:
        network: as `paint` takes it.
        seeds: two or more.
        count: images of each way.
        label: their class, of a network with classes.

    Returns:
        `(ways, count, height, width, channels)`.
    """
    ends = [draw_noise(network.inputs[0].shape[1:], 1, seed)[0] for seed in seeds]
    noise = np.concatenate(
        [between(*pair, count) for pair in zip(ends[:-1], ends[1:], strict=True)]
    )
    labels = None if label is None else np.full(len(noise), label)
    images = paint(network, noise, labels)
    return images.reshape(len(ends) - 1, count, *images.shape[1:])


def between_images(
    encoder: keras.Model, decoder: keras.Model, start: np.ndarray, end: np.ndarray, count: int = 9
) -> np.ndarray:
    """Images from one to another on a straight line between the means of their codes.

    Args:
        encoder: of a VAE without classes.
        decoder: of pixels.
        start: `(height, width, channels)`, 0-255.
        end: the same.
        count: with both ends.
    """
    codes, _ = encoder.predict(np.stack([start, end]).astype("float32"), verbose=0)
    shares = np.linspace(0, 1, count)[:, None]
    return paint(decoder, ((1 - shares) * codes[0] + shares * codes[1]).astype("float32"))


def number_walks(
    decoder: keras.Model, numbers: Sequence[int], reach: float = 2.5, count: int = 9
) -> dict[str, np.ndarray]:
    """By title images of codes: one number goes from -reach to reach, the others are 0."""
    rows = {}
    for number in numbers:
        codes = np.zeros((count, decoder.inputs[0].shape[1]), np.float32)
        codes[:, number] = np.linspace(-reach, reach, count)
        rows[f"number {number}"] = paint(decoder, codes)
    return rows


def used_numbers(encoder: keras.Model, images: np.ndarray) -> np.ndarray:
    """The mean KL of each number of the code in nats, `(numbers,)`: one at 0 is not used.

    Args:
        encoder: of a VAE without classes.
        images: pixels of 0-255.
    """
    mean, log_variance = encoder.predict(images.astype("float32"), verbose=0)
    return ((np.exp(log_variance) + mean**2 - 1 - log_variance) / 2).mean(axis=0)


def classes_by_noise(
    network: keras.Model, classes: int, count: int = 5, seed: int = 0, steps: int = 20
) -> np.ndarray:
    """The same noise as every class, `(count, classes, height, width, channels)`."""
    noise = draw_noise(network.inputs[0].shape[1:], count, seed)
    labels = np.tile(np.arange(classes), count)
    images = paint(network, np.repeat(noise, classes, axis=0), labels, steps)
    return images.reshape(count, classes, *images.shape[1:])
