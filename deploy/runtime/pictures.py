"""Pictures in, pictures out; Pillow is loaded only when there is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.errors import DeployError

if TYPE_CHECKING:
    from PIL.Image import Image

_BACKGROUND, _INK, _BAR = (250, 250, 248), (32, 33, 36), (66, 120, 198)
_SIDE, _ROW = 256, 26


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


def draw_classification(
    picture: Image, probabilities: np.ndarray, label: Callable[[int], str]
) -> Image:
    """`picture` with the three likeliest classes as bars beneath it."""
    from PIL import Image, ImageDraw, ImageFont
    from PIL.Image import Resampling

    zoom = _SIDE / max(picture.size)
    size = (max(1, round(picture.width * zoom)), max(1, round(picture.height * zoom)))
    # Small pictures keep their pixels visible; photographs shrink smoothly.
    picture = picture.convert("RGB").resize(
        size, Resampling.NEAREST if zoom > 1 else Resampling.LANCZOS
    )
    best = np.argsort(probabilities)[::-1][:3]
    sheet = Image.new("RGB", (_SIDE + 24, size[1] + 36 + _ROW * len(best)), _BACKGROUND)
    sheet.paste(picture, ((sheet.width - size[0]) // 2, 12))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for row, index in enumerate(best):
        top = size[1] + 24 + _ROW * row
        probability = float(probabilities[index])
        draw.rectangle((12, top + 18, 12 + round(_SIDE * probability), top + 22), fill=_BAR)
        draw.text((12, top), label(int(index)), fill=_INK, font=font)
        draw.text(
            (12 + _SIDE, top), f"{100 * probability:.1f} %", fill=_INK, font=font, anchor="ra"
        )
    return sheet


def side_by_side(pictures: list[Image]) -> Image:
    """The `pictures` in one row."""
    from PIL import Image

    width = sum(picture.width for picture in pictures)
    sheet = Image.new("RGB", (width, max(p.height for p in pictures)), _BACKGROUND)
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width
    return sheet
