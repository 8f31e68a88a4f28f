"""Where drawings go: into one PNG, into a folder of them, or into a video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.runtime.draw.drawing import side_by_side
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs.files import files_in
from deploy.runtime.inputs.image import SUFFIXES
from deploy.runtime.inputs.video import Writer, frame_rate

if TYPE_CHECKING:
    from PIL.Image import Image

Add = Callable[[str, "Image"], None]


def open_output(path: str, inputs: Sequence[str], kind: str) -> AbstractContextManager[Add]:
    """What takes the drawings, a function of the image's name and its drawing.

    Args:
        path: of images the PNG, in which they stand side by side; of a folder another folder,
            which is made, with a PNG for each image; of a video another one, an .mp4. Files
            appear whole or not at all.
        inputs: what is drawn.
        kind: what they are: "file", "folder" (one of them) or "video" (one of them).

    Raises:
        DeployError: a path that can't be written.
    """
    target = Path(path)
    if kind == "folder":
        return _folder(target, Path(inputs[0]))
    suffix = ".mp4" if kind == "video" else ".png"
    what = "a video file, .mp4," if kind == "video" else "a PNG file, .png,"
    wrong = target.is_dir() or (target.exists() and not target.is_file())
    wrong |= not target.parent.is_dir() or target.suffix.lower() != suffix
    if wrong:
        raise DeployError(f"expected {what} that can be written, received '{path}'")
    if target.exists() and any(Path(i).exists() and target.samefile(i) for i in inputs):
        raise DeployError(f"expected another file than the input to draw into, received '{path}'")
    return _png(target) if kind == "file" else _video(target, frame_rate(inputs[0]))


@contextmanager
def _png(path: Path) -> Iterator[Add]:
    drawings: list[Image] = []
    yield lambda name, drawing: drawings.append(drawing)
    _save(side_by_side(drawings), path)


@contextmanager
def _folder(path: Path, images: Path) -> Iterator[Add]:
    if path.resolve() == images.resolve():
        raise DeployError(
            f"expected another folder than the images' own for the drawings, received '{path}'"
        )
    stems = Counter(image.stem for image in files_in(images, SUFFIXES))
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise DeployError(
            f"expected a folder that can be made, received '{path}': {error}"
        ) from error

    def add(name: str, drawing: Image) -> None:
        image = Path(name)
        # Two images may differ in nothing but their kind.
        stem = image.stem if stems[image.stem] == 1 else image.name
        _save(drawing, path / f"{stem}.png")

    yield add


@contextmanager
def _video(path: Path, rate: float) -> Iterator[Add]:
    partial = path.with_name(f".{path.stem}.partial.mp4")
    writer = Writer(partial, rate)
    try:
        yield lambda name, drawing: writer.add(drawing)
        writer.close()
        _rename(partial, path)
    finally:
        writer.close()
        partial.unlink(missing_ok=True)


def _save(drawing: Image, path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        drawing.save(partial, format="PNG")
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
