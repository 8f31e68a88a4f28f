"""The front end "image": resized to the input, black to white in the model's units.

Pillow is loaded only when there is an image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.checks import is_number
from deploy.runtime.errors import DeployError

if TYPE_CHECKING:
    from PIL.Image import Image

NOUN = "image"
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

# A file holds one image; a video is none of its own kind.
open_several = None
warning = None
stream = None
windows = None

_PARAMETERS = ("size", "channels", "black", "white")


def is_image_shape(shape: Sequence[int]) -> bool:
    """Whether an input of this shape, without the batch axis, can be an image."""
    return len(shape) == 3 and shape[2] in (1, 3)


def check(front_end: Mapping[str, Any], shape: Sequence[int]) -> None:
    """Whether an input of this shape takes images, and black and white are numbers or unknown.

    Raises:
        DeployError: they are not.
    """
    if not is_image_shape(shape):
        raise DeployError(
            "expected an input (height, width, 1 or 3) for the front end image, received "
            f"{tuple(shape)}; use the front end array"
        )
    unknown = sorted(set(front_end) - {"kind", *_PARAMETERS})
    if unknown:
        raise DeployError(
            f"expected the parameters {', '.join(_PARAMETERS)} of the front end image, received "
            f"'{unknown[0]}'; correct its name"
        )
    size = front_end.get("size", shape[:2])
    size = [*(size if isinstance(size, list | tuple) else [size])]
    size.append(front_end.get("channels", shape[2]))
    if size != list(shape):
        raise DeployError(
            f"expected the size and channels {list(shape)} of the input for the front end image, "
            f"received {size}; leave them out"
        )
    ends = (front_end.get("black"), front_end.get("white"))
    if ends != (None, None) and not (all(map(is_number, ends)) and ends[0] != ends[1]):
        raise DeployError(
            "expected two numbers black and white for the front end image, received "
            f"{ends[0]!r} and {ends[1]!r}"
        )


def open_file(path: str | Path) -> Image:
    """The image at `path`, upright.

    Raises:
        DeployError: no such file, no image that Pillow reads, or one of floating-point pixels.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            upright = ImageOps.exif_transpose(opened)
    except FileNotFoundError:
        raise DeployError(f"expected an image, received '{path}', which does not exist") from None
    except Exception as error:
        raise DeployError(
            f"expected an image that Pillow reads (PNG, JPEG, …), received '{path}', which is "
            f"none: {error}"
        ) from error
    _check_mode(upright)
    return upright


def is_raw(example: Any, shape: Sequence[int]) -> bool:
    """Whether `example` is an image still to be brought to `shape`, and no array of that shape."""
    if isinstance(example, np.ndarray):
        plain = example.ndim == 2 or (example.ndim == 3 and example.shape[2] in (1, 3, 4))
        other = len(shape) == 3 and example.shape != tuple(shape)
        return example.dtype == np.uint8 and plain and other
    return hasattr(example, "convert")


def size(example: Image | np.ndarray) -> tuple[int, int]:
    """The height and the width of an image."""
    if isinstance(example, np.ndarray):
        return example.shape[0], example.shape[1]
    return example.height, example.width


def to_array(
    example: Image | np.ndarray, front_end: Mapping[str, Any], shape: Sequence[int]
) -> np.ndarray:
    """The image resized (bilinear, over all pixels that shrink into one) to `shape` (height, width,
    channels), float32, from the front end's `black` to its `white`.

    Raises:
        DeployError: black and white are not known, or the image has floating-point pixels.
    """
    black, white = front_end.get("black"), front_end.get("white")
    if black is None or white is None:
        raise DeployError(
            "expected an array, received an image: what the model takes for black and white is not "
            "known; give arrays in its units, or export it with calibration data"
        )
    from PIL.Image import Resampling, fromarray

    height, width, channels = shape
    if isinstance(example, np.ndarray):
        example = fromarray(example[..., 0] if example.shape[2:] == (1,) else example)
    _check_mode(example)
    if example.mode.startswith("I"):
        # Sixteen bits a pixel, which Pillow would cut off at 255.
        example = fromarray((np.asarray(example) / 257).round().clip(0, 255).astype("uint8"))
    example = example.convert("L" if channels == 1 else "RGB")
    if example.size != (width, height):
        example = example.resize((width, height), Resampling.BILINEAR)
    pixels = np.asarray(example, np.float32).reshape(tuple(shape))
    return black + pixels * np.float32((white - black) / 255.0)


def _check_mode(image: Image) -> None:
    if image.mode == "F":
        raise DeployError(
            "expected an image of 8 or 16 bits a pixel, received one of floating-point numbers; "
            "give it as an array in the model's units"
        )
