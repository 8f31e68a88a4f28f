"""A folder of examples, one sub-folder a class: read through the model's front end, as the device
reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deploy.load.source import Source
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import FrontEndModule, default_front_end, find_front_end
from deploy.runtime.inputs.files import examples_in

# Sub-folders that are taken as the splits, each with one sub-folder a class.
_SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}

# So many files that can't be read are named.
_NAMED = 10


class Folder(NamedTuple):
    """A folder and the `split` of it that is asked for by name; None: what it has for the use."""

    path: Path
    split: str | None


def find_folder(data: Any) -> Folder | None:
    """What `FOLDER` or `FOLDER:SPLIT` names; None of anything else than an existing folder."""
    if not isinstance(data, str | Path):
        return None
    if Path(data).is_dir():
        return Folder(Path(data), None)
    folder, _, split = str(data).rpartition(":")
    known = split in ("train", "validation", "test") and folder and Path(folder).is_dir()
    return Folder(Path(folder), split) if known else None


def check_disjoint(calibration: Any, test: Any) -> None:
    """Whether both are not the same images, where both are folders.

    Raises:
        DeployError: they are.
    """
    first, second = find_folder(calibration), find_folder(test)
    if first is None or second is None or first.path.resolve() != second.path.resolve():
        return
    if (first.split or "train") == (second.split or "test") or (
        None in (first.split, second.split) and "test" not in _parts(first.path)
    ):
        raise DeployError(
            f"expected other images for the test than for the calibration, received '{calibration}'"
            f" and '{test}'; give '{first.path}:train' and '{first.path}:test', a fixed tenth of "
            "each class, or sort the images into the sub-folders train and test"
        )


def class_names_in(folder: Folder) -> list[str]:
    """The sub-folders' names, sorted; none of a folder without them."""
    parts = _parts(folder.path)
    return _sub_folders(parts.get("train", folder.path))


def calibration_examples(
    folder: Folder,
    source: Source,
    front_ends: Sequence[Mapping[str, Any]],
    most: int,
    seed: int,
) -> np.ndarray:
    """At most `most` examples, drawn evenly from all classes: float32 (examples, …).

    Args:
        folder: without a split, its sub-folder `train` or, where there is none, all of it.
        source: the model, of one input.
        front_ends: that of its input; none: images become 0 to 255.
        most: as many are read.
        seed: draws them.

    Raises:
        DeployError: a model of several inputs, no file that can be read, or test images.
    """
    if folder.split == "test":
        raise DeployError(
            f"expected training images, received '{folder.path}:test': a model calibrated on test "
            "images can't be judged on them; give the split train"
        )
    reader = _Reader(source, front_ends)
    generator = np.random.default_rng(seed)
    classes = [
        [paths[index] for index in generator.permutation(len(paths))]
        for paths in _files(folder, "train", reader).values()
    ]
    in_turn = (path for path in chain(*zip_longest(*classes)) if path is not None)
    found = list(islice(reader.arrays(in_turn), most))
    reader.tell_skipped()
    return np.stack([array for _, array in _some(found, folder, reader)])


def labelled_examples(
    folder: Folder,
    source: Source,
    front_ends: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
) -> tuple[np.ndarray, np.ndarray | None]:
    """All examples, float32 (examples, …), and their classes' numbers, int64 (examples,); None
    without class names or sub-folders.

    Args:
        folder: without a split, its sub-folder `test` or, where there is none, all of it.
        source: the model, of one input.
        front_ends: that of its input; none: images become 0 to 255.
        class_names: in the order of the model's classes.

    Raises:
        DeployError: a model of several inputs, no file that can be read, or a sub-folder that is
            called like no class.
    """
    reader = _Reader(source, front_ends)
    files = _files(folder, "test", reader)
    numbers = {name: number for number, name in enumerate(class_names)}
    for name in files:
        if name and numbers and name not in numbers:
            shown = f"{', '.join(class_names[:10])}{', …' if len(class_names) > 10 else ''}"
            raise DeployError(
                f"expected sub-folders called like the classes {shown}, received '{name}' in "
                f"'{folder.path}'; rename it, or correct the class names"
            )
    of_path = {path: name for name, paths in files.items() for path in paths}
    found = list(reader.arrays(of_path))
    reader.tell_skipped()
    x = np.stack([array for _, array in _some(found, folder, reader)])
    if not numbers or "" in files:
        return x, None
    return x, np.array([numbers[of_path[path]] for path, _ in found], np.int64)


class _Reader:
    """Files as examples of a model of one input; those that can't be read are remembered."""

    def __init__(self, source: Source, front_ends: Sequence[Mapping[str, Any]]):
        if len(source.inputs) != 1 or source.state:
            raise DeployError(
                f"expected a model of one input for a folder, received {len(source.inputs)}; give "
                "arrays, or an .npz file with them"
            )
        self._shape = source.inputs[0].shape
        self._front_end = front_ends[0] if front_ends else default_front_end(self._shape)
        self._skipped: list[str] = []
        self.module: FrontEndModule = find_front_end(
            {"name": source.inputs[0].name, "front_end": self._front_end}
        )

    def opened(self, paths: Iterable[Path]) -> Iterator[tuple[Path, Any]]:
        """What the front end opens, with the file that it is of."""
        for path in paths:
            try:
                for _, example in examples_in(str(path), self.module):
                    yield path, example
            except DeployError as error:
                self._skipped.append(f"skipped '{path}': {error.__cause__ or error}")

    def arrays(self, paths: Iterable[Path]) -> Iterator[tuple[Path, np.ndarray]]:
        """The model's numbers, with the file that they are of."""
        for path, example in self.opened(paths):
            if self.module.is_raw(example, self._shape):
                try:
                    example = self.module.to_array(example, self._front_end, self._shape)
                except DeployError as error:
                    raise DeployError(f"'{path}': {error}") from error
            yield path, np.asarray(example)

    def tell_skipped(self) -> None:
        """Name what can't be read."""
        for line in self._skipped[:_NAMED]:
            print(line, flush=True)
        if len(self._skipped) > _NAMED:
            print(f"skipped {len(self._skipped) - _NAMED} more files that can't be read")


def _some(found: list[Any], folder: Folder, reader: _Reader) -> list[Any]:
    if not found:
        raise DeployError(
            f"expected a folder with files of the kinds {', '.join(reader.module.SUFFIXES)}, "
            f"received '{folder.path}' without any that can be read"
        )
    return found


def _parts(folder: Path) -> dict[str, Path]:
    # Of vehicles "train" may be a class.
    if not (folder / "train").is_dir() or not _sub_folders(folder / "train"):
        return {}
    return {split: folder / name for name, split in _SPLITS.items() if (folder / name).is_dir()}


def _files(folder: Folder, use: str, reader: _Reader) -> dict[str, list[Path]]:
    """The files by class; by "" where there are no sub-folders."""
    parts = _parts(folder.path)
    split = folder.split
    if split is None or (split in parts and split != "train"):
        return _by_class(parts.get(split or use, folder.path))
    files = _by_class(parts.get("train", folder.path))
    missing = [each for each in ("test", "validation") if each not in parts]
    return {name: _cut(paths, missing, reader)[split] for name, paths in files.items()}


def _cut(paths: Sequence[Path], missing: Sequence[str], reader: _Reader) -> dict[str, list[Path]]:
    """The files of a class that can be read, 80 : 10 : 10, by a fixed draw."""
    readable = list(dict.fromkeys(path for path, _ in reader.opened(paths)))
    order = np.random.default_rng(0).permutation(len(readable))
    drawn, tenth = [readable[index] for index in order], max(1, round(len(readable) / 10))
    splits = {}
    for split in missing:
        splits[split], drawn = drawn[:tenth], drawn[tenth:]
    return splits | {"train": drawn}


def _by_class(folder: Path) -> dict[str, list[Path]]:
    names = _sub_folders(folder)
    if not names:
        return {"": [path for path in sorted(folder.iterdir()) if _is_shown(path)]}
    return {
        name: [path for path in sorted((folder / name).rglob("*")) if _is_shown(path)]
        for name in names
    }


def _is_shown(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _sub_folders(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
