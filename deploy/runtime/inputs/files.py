"""The inputs of the command line: a file of the model's front end, arrays, a folder, a video, or a
text itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import FrontEndModule, array
from deploy.runtime.inputs.video import frames

# As many letters of a text are its name.
_SHOWN = 60

_VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")


def kind_of(path: str, front_end: FrontEndModule) -> str:
    """What an input is by its name: "folder", "arrays", "video", "file" or, where the front end
    takes texts and no file is called like it, "text"."""
    if _exists(path) and Path(path).is_dir():
        return "folder"
    suffix = Path(path).suffix.lower()
    # One word that ends like a file is the name of one that is missing.
    called_like_a_file = suffix in (*front_end.SUFFIXES, *array.SUFFIXES) and path.split() == [path]
    if front_end.is_raw(path, ()) and not _exists(path) and not called_like_a_file:
        return "text"
    if suffix in array.SUFFIXES:
        return "arrays"
    return "video" if suffix in _VIDEOS else "file"


def read_examples(path: str, kind: str, front_end: FrontEndModule) -> Iterator[tuple[str, Any]]:
    """The examples of an input with their names, opened one by one: those of the file, those of the
    folder's files in the order of their names, the frames of the video, or the text.

    Raises:
        DeployError: there is none, or one that can't be read.
    """
    if kind == "text":
        yield f'"{path}"' if len(path) <= _SHOWN else f'"{path[:_SHOWN]}…"', path
    elif kind == "file":
        yield from examples_in(path, front_end)
    elif kind == "folder":
        for file in files_in(path, front_end.SUFFIXES):
            yield from examples_in(str(file), front_end)
    else:
        for number, frame in enumerate(frames(path)):
            yield f"{path}[{number}]", frame


def examples_in(path: str, front_end: FrontEndModule) -> Sequence[tuple[str, Any]]:
    """The examples of a file with their names, that of the file where it holds one.

    Raises:
        DeployError: it can't be read.
    """
    if front_end.open_several is not None:
        return front_end.open_several(path)
    return [(path, front_end.open_file(path))]


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:
        # A text may be longer than any path.
        return False


def files_in(folder: str | Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The paths of the files of these kinds in a folder, sorted.

    Raises:
        DeployError: there are none, or it can't be read.
    """
    try:
        paths = sorted(Path(folder).iterdir())
    except OSError as error:
        raise DeployError(f"expected a folder to read, received '{folder}': {error}") from error
    found = [
        path for path in paths if path.suffix.lower() in suffixes and not path.name.startswith(".")
    ]
    if not found:
        raise DeployError(
            f"expected a folder with files of the kinds {', '.join(suffixes)}, received "
            f"'{folder}' without any"
        )
    return found
