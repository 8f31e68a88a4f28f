"""Codes as bytes: what an image takes and how well it comes back, beside JPEG."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from PIL import Image

import deploy.runtime
from deploy.runtime.quantization import dequantize, quantize
from deploy.tasks import image_to_image


class Compressed(NamedTuple):
    """What images take, and how well they come back."""

    bits_per_pixel: float
    psnr: float  # dB, the mean over the images


def psnr(images: np.ndarray, rebuilt: np.ndarray) -> float:
    """The peak signal-to-noise ratio of pixels of 0-255 in dB, the mean over the images."""
    return image_to_image.psnr({"black": 0, "white": 255}, images, [rebuilt])


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


def on_device(bundle: str | Path, images: np.ndarray) -> Compressed:
    """What images take and how they come back where both halves are edge models in int8.

    The encoder's own integers are the bytes that are sent.

    Args:
        bundle: as `deploy.export_models` writes it, with an `encoder` and a `decoder`.
        images: of 0-255, `(examples, height, width, channels)`.
    """
    models = deploy.runtime.load_models(bundle)
    code = models["encoder"].card["outputs"][0]
    stored = quantize(models["encoder"].run([images])[0], code)
    (rebuilt,) = models["decoder"].run([dequantize(stored, code)])
    pixels = images.shape[1] * images.shape[2]
    return Compressed(8 * stored[0].nbytes / pixels, psnr(images, np.clip(rebuilt, 0, 255).round()))


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


def rate_table(curves: Mapping[str, Sequence[Compressed]]) -> list[list[str]]:
    """Bits and PSNR, a row a point, the header first."""
    return [
        ["", "bits of a pixel", "PSNR"],
        *(
            [title, f"{each.bits_per_pixel:.2f}", f"{each.psnr:.1f} dB"]
            for title, points in curves.items()
            for each in points
        ),
    ]
