"""Pictures in, in the model's size and units; Pillow is loaded only when there is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.errors import DeployError

if TYPE_CHECKING:
    from PIL.Image import Image


def open_picture(path: str | Path) -> Image:
    """The picture at `path`, upright.

    Raises:
        DeployError: no such file, or no picture that Pillow reads.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture)
    except FileNotFoundError:
        raise DeployError(f"expected a picture, received '{path}', which does not exist") from None
    except Exception as error:
        raise DeployError(
            f"expected a picture that Pillow reads (PNG, JPEG, …), received '{path}', which is "
            f"none: {error}"
        ) from error


def is_picture(example: Any, shape: tuple[int, ...]) -> bool:
    """Whether `example` is a picture still to be brought to `shape`, and no array of that shape."""
    if isinstance(example, np.ndarray):
        plain = example.ndim == 2 or (example.ndim == 3 and example.shape[2] in (1, 3, 4))
        return example.dtype == np.uint8 and plain and len(shape) == 3 and example.shape != shape
    return hasattr(example, "convert")


def size_of(picture: Image | np.ndarray) -> tuple[int, int]:
    """The height and the width of a picture."""
    if isinstance(picture, np.ndarray):
        return picture.shape[0], picture.shape[1]
    return picture.height, picture.width


def to_array(
    picture: Image | np.ndarray, shape: tuple[int, ...], pixels: tuple[float, float]
) -> np.ndarray:
    """`picture` resized to `shape` (height, width, channels), float32, black to white as `pixels`.

    Raises:
        DeployError: the model's input is no picture (rank 3 with 1 or 3 channels).
    """
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise DeployError(
            "expected a model that takes pictures (height, width, 1 or 3), received one that takes "
            f"{shape}; give it an .npy or .npz file"
        )
    from PIL.Image import Resampling, fromarray

    height, width, channels = shape
    if isinstance(picture, np.ndarray):
        picture = fromarray(picture[..., 0] if picture.shape[2:] == (1,) else picture)
    if picture.mode == "F":
        raise DeployError(
            "expected a picture of 8 or 16 bits a pixel, received one of floating-point numbers; "
            "give it as an array in the model's units"
        )
    if picture.mode.startswith("I"):
        # Sixteen bits a pixel, which Pillow would cut off at 255.
        picture = fromarray((np.asarray(picture) / 257).round().clip(0, 255).astype("uint8"))
    picture = picture.convert("L" if channels == 1 else "RGB")
    if picture.size != (width, height):
        picture = picture.resize((width, height), Resampling.BILINEAR)
    array = np.asarray(picture, np.float32).reshape(shape)
    low, high = pixels
    return low + array * np.float32((high - low) / 255.0)
