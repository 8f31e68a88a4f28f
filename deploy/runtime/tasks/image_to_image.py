"""Image to image: a picture of the model's own making, for style transfer, denoising and such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.inputs.image import is_image_shape
from deploy.runtime.tasks.checks import wrong_model

if TYPE_CHECKING:
    from PIL.Image import Image

HAS_SCORES = False

# The outputs tell it alone.
judge = None

# A stream of them is not reported.
events = None


def check(card: Mapping[str, Any]) -> None:
    """Whether the model takes one image and gives one, from a known black to a known white.

    Raises:
        DeployError: it does not.
    """
    for key, what in (("inputs", "input"), ("outputs", "output")):
        shapes = [tuple(entry["shape"]) for entry in card[key]]
        if len(shapes) != 1 or not is_image_shape(shapes[0][1:]):
            raise wrong_model(card["task"], f"one image (1, h, w, 1 or 3) as the {what}", shapes)
    ends = [card.get("black"), card.get("white")]
    if not all(isinstance(end, int | float) for end in ends) or ends[0] == ends[1]:
        raise wrong_model(card["task"], "two numbers black and white", ends)


def class_names(card: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """There are no classes."""
    return []


def predict(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    image_size: tuple[int, int],
    score_threshold: float | None = None,
) -> np.ndarray:
    """The picture, uint8 (height, width, 3) of the image's size; see `to_pixels`."""
    from PIL.Image import Resampling, fromarray

    pixels = to_rgb(outputs[0], card)
    if pixels.shape[:2] == tuple(image_size):
        return pixels
    height, width = image_size
    return np.asarray(fromarray(pixels).resize((width, height), Resampling.BICUBIC))


def to_pixels(output: np.ndarray, black: float, white: float) -> np.ndarray:
    """A model's output as uint8 pixels: `black` becomes 0 and `white` 255, what lies beyond is cut
    off."""
    return np.clip(np.rint((output - black) * (255 / (white - black))), 0, 255).astype(np.uint8)


def to_rgb(output: np.ndarray, card: Mapping[str, Any]) -> np.ndarray:
    """A model's output as a picture, uint8 (height, width, 3), by the card's `black` and `white`;
    of one channel grey."""
    pixels = to_pixels(output, card["black"], card["white"])
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def to_text(prediction: np.ndarray, classes: Sequence[str]) -> str:
    """The size of the picture, and its mean colour."""
    height, width, _ = prediction.shape
    red, green, blue = (round(float(mean)) for mean in prediction.mean(axis=(0, 1)))
    return (
        f"a picture of {width} x {height} pixels, on average red {red}, green {green}, blue {blue}"
    )


def draw(image: Image, prediction: np.ndarray, classes: Sequence[str]) -> Image:
    """The picture itself."""
    from PIL.Image import fromarray

    return fromarray(prediction)
