"""Where drawings go: into one PNG, into a folder of them, or into a video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.runtime.draw.drawing import side_by_side
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs.files import pictures_in
from deploy.runtime.inputs.video import Writer, frame_rate

if TYPE_CHECKING:
    from PIL.Image import Image

Add = Callable[[str, "Image"], None]


def open_sheets(path: str, inputs: Sequence[str], kind: str) -> AbstractContextManager[Add]:
    """What takes the drawings, a function of the picture's name and its drawing.

    Args:
        path: of pictures the PNG, in which they stand side by side; of a folder another folder,
            which is made, with a PNG for each picture; of a video another one, an .mp4. Files
            appear whole or not at all.
        inputs: what is drawn.
        kind: what they are: "picture", "folder" (one of them) or "video" (one of them).

    Raises:
        DeployError: a path that can't be written.
    """
    target = Path(path)
    if kind == "folder":
        return _folder(target, Path(inputs[0]))
    what = "a video file, .mp4," if kind == "video" else "a PNG file"
    wrong = target.is_dir() or (target.exists() and not target.is_file())
    wrong |= not target.parent.is_dir() or (kind == "video" and target.suffix.lower() != ".mp4")
    if wrong:
        raise DeployError(f"expected {what} that can be written, received '{path}'")
    if target.exists() and any(Path(i).exists() and target.samefile(i) for i in inputs):
        raise DeployError(f"expected another file than the input to draw into, received '{path}'")
    return _png(target) if kind == "picture" else _video(target, frame_rate(inputs[0]))


@contextmanager
def _png(path: Path) -> Iterator[Add]:
    sheets: list[Image] = []
    yield lambda name, sheet: sheets.append(sheet)
    _save(side_by_side(sheets), path)


@contextmanager
def _folder(path: Path, pictures: Path) -> Iterator[Add]:
    if path.resolve() == pictures.resolve():
        raise DeployError(
            f"expected another folder than the pictures' own for the drawings, received '{path}'"
        )
    stems = Counter(picture.stem for picture in pictures_in(pictures))
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise DeployError(
            f"expected a folder that can be made, received '{path}': {error}"
        ) from error

    def add(name: str, sheet: Image) -> None:
        picture = Path(name)
        # Two pictures may differ in nothing but their kind.
        stem = picture.stem if stems[picture.stem] == 1 else picture.name
        _save(sheet, path / f"{stem}.png")

    yield add


@contextmanager
def _video(path: Path, rate: float) -> Iterator[Add]:
    partial = path.with_name(f".{path.stem}.partial.mp4")
    writer = Writer(partial, rate)
    try:
        yield lambda name, sheet: writer.add(sheet)
        writer.close()
        _rename(partial, path)
    finally:
        writer.close()
        partial.unlink(missing_ok=True)


def _save(sheet: Image, path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        sheet.save(partial, format="PNG")
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _unwritable(path, error) from error
    _rename(partial, path)


def _rename(partial: Path, path: Path) -> None:
    try:
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> DeployError:
    return DeployError(f"expected a file that can be written, received '{path}': {error}")
