"""The inputs of the command line: a picture, an array file, a folder of pictures, a video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deploy.runtime.errors import DeployError
from deploy.runtime.inputs.image import open_picture
from deploy.runtime.inputs.video import frames

if TYPE_CHECKING:
    from PIL.Image import Image

_ARRAYS = (".npy", ".npz")
_PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
_VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")


def kind_of(path: str) -> str:
    """What an input is by its name: "folder", "arrays", "video" or "picture"."""
    if Path(path).is_dir():
        return "folder"
    suffix = Path(path).suffix.lower()
    if suffix in _ARRAYS:
        return "arrays"
    return "video" if suffix in _VIDEOS else "picture"


def read_pictures(path: str, kind: str) -> Iterator[tuple[str, Image]]:
    """The pictures of an input with their names, opened one by one: the picture, those of the
    folder in the order of their names, or the frames of the video.

    Raises:
        DeployError: there is none, or one that can't be read.
    """
    if kind == "picture":
        yield path, open_picture(path)
    elif kind == "folder":
        for picture in pictures_in(path):
            yield str(picture), open_picture(picture)
    else:
        for number, frame in enumerate(frames(path)):
            yield f"{path}[{number}]", frame


def pictures_in(folder: str | Path) -> list[Path]:
    """The paths of the pictures in a folder, sorted.

    Raises:
        DeployError: there are none, or it can't be read.
    """
    try:
        paths = sorted(Path(folder).iterdir())
    except OSError as error:
        raise DeployError(f"expected a folder to read, received '{folder}': {error}") from error
    found = [
        path for path in paths if path.suffix.lower() in _PICTURES and not path.name.startswith(".")
    ]
    if not found:
        raise DeployError(
            f"expected a folder with pictures ({', '.join(_PICTURES)}), received '{folder}' "
            "without any"
        )
    return found


def read_array(path: str) -> np.ndarray:
    """The array of an .npy file, or `x` of an .npz archive.

    Raises:
        DeployError: no such file, or none with an array.
    """
    if not Path(path).is_file():
        raise DeployError(f"expected an array file, received '{path}', which does not exist")
    try:
        loaded = np.load(path, allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else loaded["x"]
    except Exception as error:
        raise DeployError(
            f"expected an .npy array or an .npz archive with 'x', received '{path}': {error}"
        ) from error
