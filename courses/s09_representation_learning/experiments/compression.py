"""Codes as bytes: what an image takes and how well it comes back, beside JPEG."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from PIL import Image


class Compressed(NamedTuple):
    """What images take, and how well they come back."""

    bits_per_pixel: float
    psnr: float  # dB, of the mean square error over all images


def psnr(images: np.ndarray, rebuilt: np.ndarray) -> float:
    """The peak signal-to-noise ratio of pixels of 0-255, over all images, in dB.

    It is 10 log₁₀(255² / mean square error); endless where nothing is lost.
    """
    error = np.mean(np.square(images.astype("float64") - rebuilt.astype("float64")))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def as_bytes(codes: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Codes as bytes, uint8 of the same shape: each number between its least and its largest.

    Args:
        codes: `(examples, …)`.
        low: the least of each number on training images, `(…)`.
        high: the largest; what is beyond is cut off.
    """
    return np.round(255 * np.clip((codes - low) / np.maximum(high - low, 1e-9), 0, 1)).astype(
        np.uint8
    )


def from_bytes(stored: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The codes that bytes stand for, float32: `as_bytes` the other way round."""
    return (low + stored.astype("float32") / 255 * (high - low)).astype("float32")


def by_codes(model: keras.Model, train: np.ndarray, images: np.ndarray) -> Compressed:
    """What images take as an autoencoder's code of a byte a number.

    Args:
        model: as `conv_autoencoder` gives it, trained.
        train: images whose codes tell the ranges.
        images: of 0-255, `(examples, height, width, channels)`.
    """
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    known = encoder.predict(train, verbose=0)
    low, high = known.min(axis=0), known.max(axis=0)
    stored = as_bytes(encoder.predict(images, verbose=0), low, high)
    rebuilt = np.clip(decoder.predict(from_bytes(stored, low, high), verbose=0), 0, 255)
    pixels = images.shape[1] * images.shape[2]
    return Compressed(8 * stored[0].size / pixels, psnr(images, rebuilt.round()))


def by_jpeg(
    images: np.ndarray, qualities: Sequence[int] = (1, 5, 10, 25, 50, 75)
) -> list[Compressed]:
    """What images take as JPEG files, at several qualities.

    The tables that every file repeats are left out of the count, as a device would keep them once:
    the size of an image of one colour, in the same quality.

    Args:
        images: of 0-255, `(examples, height, width, 1 or 3)`.
        qualities: of Pillow's encoder.
    """
    found = []
    grey = np.full_like(images[0], 128)
    for quality in qualities:
        _, header = _through_jpeg(grey, quality)
        rebuilt, sizes = zip(*(_through_jpeg(image, quality) for image in images), strict=True)
        pixels = images.shape[1] * images.shape[2]
        bits = 8 * (np.mean(sizes) - header) / pixels
        found.append(Compressed(float(bits), psnr(images, np.stack(rebuilt))))
    return found


def _through_jpeg(image: np.ndarray, quality: int) -> tuple[np.ndarray, int]:
    pixels = image.astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(
        file, "JPEG", quality=quality, optimize=True
    )
    size = file.tell()
    with Image.open(file) as opened:
        return np.asarray(opened).reshape(pixels.shape), size
