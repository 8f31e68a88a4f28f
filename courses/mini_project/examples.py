"""What a learner brings, as arrays: images, sounds, sensor rows, or a data set's name."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from deploy.load.folder import Folder, class_names_in, labelled_examples
from deploy.load.readers import load as load_source
from deploy.runtime.checks import is_number, is_whole
from deploy.runtime.inputs import image, log_mel, sound
from thinkkeras import datasets
from thinkkeras.datasets.folder import tell_skipped

RECORDINGS = ("tones", "spoken_digit")
CLASS, GROUP = "class", "group"  # the columns of a CSV file that are no readings

# Frames of a spectrogram are so long and so far apart, in seconds; it has so many bands.
_WINDOW, _HOP, _BINS = 0.032, 0.016, 40


_counts = partial(is_whole, least=1)

# What may be told of each kind of data.
_READINGS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "image_size": (
        "[height, width] in pixels",
        lambda value: isinstance(value, list) and len(value) == 2 and all(map(_counts, value)),
    ),
    "rate": ("a whole number of samples a second", _counts),
    "seconds": ("a number above 0", lambda value: is_number(value) and value > 0),
    "window": ("a whole number of rows", _counts),
}


class Split(NamedTuple):
    """Examples with their classes."""

    x: np.ndarray  # (examples, …), in the model's input units
    y: np.ndarray  # (examples,), int64


class Examples(NamedTuple):
    """A project's data."""

    kind: str  # "images", "sounds" or "rows"
    train: Split
    validation: Split
    test: Split
    class_names: list[str]
    front_end: Mapping[str, Any]  # how the device makes an example's numbers

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(self.train.x.shape[1:])


def kind_of(data: str | Path) -> str:
    """What `data` brings: "images", "sounds" or "rows"."""
    path = Path(data)
    if path.suffix.lower() == ".csv" or str(data) == "breast_cancer":
        return "rows"
    if str(data) in RECORDINGS:
        return "sounds"
    if path.is_dir():
        suffixes = [file.suffix.lower() for file in path.rglob("*") if file.is_file()]
        sounds = sum(suffix in sound.SUFFIXES for suffix in suffixes)
        return (
            "sounds" if sounds > sum(suffix in image.SUFFIXES for suffix in suffixes) else "images"
        )
    return "images"


def default_reading(data: str | Path) -> dict[str, Any]:
    """How files of this kind are read where nobody says it otherwise."""
    if kind_of(data) == "sounds":
        return {"rate": 8000, "seconds": 1.0}
    if Path(data).suffix.lower() == ".csv":
        return {"window": 1}
    return {"image_size": [64, 64]} if Path(data).is_dir() else {}


def load_examples(data: str | Path, reading: Mapping[str, Any], base: Path = Path()) -> Examples:
    """Loads the data of a project and splits it into training, validation and test examples.

    Files that can't be read are named in a line each and skipped. The splits are the same at every
    call.

    Args:
        data: one of
            - a folder of images or of sounds, one sub-folder a class, split 80 : 10 : 10 class by
              class, or with the sub-folders `train`, `validation` and `test`;
            - a `.csv` file of sensor rows: a header, a column `class`, numbers in all others but
              an optional column `group` (a recording, a person, a day), whose rows are in one
              split together. Without it the order of the rows is taken as time, and the last tenth
              of each class is the test, the tenth before the validation;
            - a name of `thinkkeras.datasets.load` (TFDS's among them) or of `load_recordings`.
        reading: of images `image_size`, (height, width), needed where images differ in size; of
            sounds `rate`, samples a second, and `seconds`, what the network hears at once; of a
            CSV file `window`, how many rows of one class and group, one after the other, are an
            example (windows don't overlap).
        base: where a relative path begins.

    Raises:
        ValueError: no such data, or data that can't be split; the message says what to do.
    """
    path = base / data
    found = path if path.exists() else data
    known = set(default_reading(found)) | ({"image_size"} if kind_of(found) == "images" else set())
    if set(reading) - known:
        raise ValueError(
            f"expected {', '.join(sorted(known)) or 'nothing'} as the reading of '{data}', "
            f"received {', '.join(reading)}; correct project.json"
        )
    for name, value in reading.items():
        asked, holds = _READINGS[name]
        if not holds(value):
            raise ValueError(f"expected {name} to be {asked}, received {value!r}")
    if path.suffix.lower() == ".csv":
        return _rows(path, reading.get("window", 1))
    if kind_of(found) == "sounds":
        return _sounds(path if path.is_dir() else str(data), reading)
    size = reading.get("image_size")
    (train, validation, test), info = datasets.load(
        str(path if path.is_dir() else data),
        augment=False,
        image_size=tuple(size) if size else None,
    )
    splits = [Split(*datasets.as_arrays(part)) for part in (train, validation, test)]
    images = len(info.input_shape) == 3
    front_end = {"kind": "image", "black": 0, "white": 255} if images else {"kind": "array"}
    kind = "images" if images else "rows"
    return Examples(kind, *_three(splits), list(info.class_names), front_end)


def _three(splits: Sequence[Split]) -> tuple[Split, Split, Split]:
    train, validation, test = splits
    return train, validation, test


def _sounds(data: Path | str, reading: Mapping[str, Any]) -> Examples:
    rate, seconds = (
        reading.get(name, default_reading("tones")[name]) for name in ("rate", "seconds")
    )
    window, hop = round(_WINDOW * rate), round(_HOP * rate)
    front_end = {"kind": "log_mel", "rate": rate, "window": window, "hop": hop, "bins": _BINS}
    shape = (1 + (round(seconds * rate) - window) // hop, _BINS)
    log_mel.check(front_end, shape)
    if isinstance(data, Path):
        names = class_names_in(Folder(data, None))
        if len(names) < 2:
            raise ValueError(
                "expected a folder with a sub-folder of sounds for each of two or more classes, "
                f"received '{data}' with {len(names) or 'none'}; sort the sounds into them"
            )
        # What reads the folder for a model asks only for the model's input.
        source = load_source(keras.Sequential([keras.Input(shape), keras.layers.Flatten()]))
        splits = []
        for split in ("train", "validation", "test"):
            x, y = labelled_examples(Folder(data, split), source, [front_end], names)
            splits.append(Split(x.astype(np.float32), np.asarray(y, np.int64)))
        return Examples("sounds", *_three(splits), names, front_end)
    parts = datasets.load_recordings(data)
    splits = [
        Split(
            np.stack(
                [
                    log_mel.to_array((samples, part.rate), front_end, shape)
                    for samples in part.samples
                ]
            ),
            np.asarray(part.labels, np.int64),
        )
        for part in parts
    ]
    return Examples("sounds", *_three(splits), list(parts[0].class_names), front_end)


def _rows(path: Path, window: int) -> Examples:
    columns, values, classes, groups = _read_rows(path)
    class_names = sorted(set(classes))
    if len(class_names) < 2:
        raise ValueError(
            f"expected rows of two or more classes in '{path}', received "
            f"{', '.join(class_names) or 'none'}"
        )
    starts = _windows(list(zip(classes, groups, strict=True)), window)
    x = np.stack([values[start : start + window] for start in starts]) if starts else values[:0]
    x = x[:, 0] if window == 1 else x
    y = np.array([class_names.index(classes[start]) for start in starts], np.int64)
    split = _split_groups if any(groups) else _split_in_time
    parts = split(y, [groups[start] for start in starts])
    for name, part in zip(("training", "validation", "test"), parts, strict=True):
        missing = [class_names[each] for each in range(len(class_names)) if each not in y[part]]
        if missing:
            raise ValueError(
                f"expected examples of every class in each split, received none of '{missing[0]}' "
                f"for the {name} in '{path}'; add rows{' of other groups' if any(groups) else ''}, "
                "or make the window shorter"
            )
    splits = [Split(x[part], y[part]) for part in parts]
    return Examples("rows", *_three(splits), class_names, {"kind": "array", "columns": columns})


def _read_rows(path: Path) -> tuple[list[str], np.ndarray, list[str], list[str]]:
    """The readings' columns, their values (rows, columns), and each row's class and group."""
    if not path.is_file():
        raise ValueError(f"expected a CSV file, received '{path}', which is not there")
    values, classes, groups, skipped = [], [], [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            columns = [name for name in reader.fieldnames or () if name not in (CLASS, GROUP)]
            if CLASS not in (reader.fieldnames or ()) or not columns:
                raise ValueError(
                    f"expected a header with a column '{CLASS}' and others in '{path}', received "
                    f"{', '.join(reader.fieldnames or ()) or 'nothing'}"
                )
            for row in reader:
                try:
                    if None in row or None in row.values():
                        raise ValueError(f"not {len(reader.fieldnames or ())} values")
                    numbers = [float(row[name]) for name in columns]
                    if not np.isfinite(numbers).all():
                        raise ValueError("a value that is no finite number")
                    if not row[CLASS]:
                        raise ValueError("no class")
                except ValueError as error:
                    skipped.append(f"skipped line {reader.line_num} of '{path}': {error}")
                    continue
                values.append(numbers)
                classes.append(row[CLASS])
                groups.append(row.get(GROUP) or "")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"expected CSV in UTF-8, received '{path}': {error}") from None
    tell_skipped(skipped, "rows that can't be read")
    return columns, np.array(values, np.float32), classes, groups


def _windows(owners: Sequence[tuple[str, str]], window: int) -> list[int]:
    """Where windows begin that don't overlap and lie within one class and group."""
    starts: list[int] = []
    begin = 0
    for end in range(1, len(owners) + 1):
        if end == len(owners) or owners[end] != owners[begin]:
            starts += range(begin, end - window + 1, window)
            begin = end
    return starts


def _split_groups(y: np.ndarray, groups: Sequence[str]) -> list[np.ndarray]:
    """Whole groups, a tenth of the examples or what comes next to it for validation and test, the
    classes as evenly as groups allow."""
    from sklearn.model_selection import StratifiedGroupKFold

    count = min(10, len(set(groups)))
    if count < 3:
        raise ValueError(
            f"expected three groups or more, received {count}; without the column '{GROUP}' the "
            "rows are split by their order"
        )
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=0)
    held_out = [test for _, test in folds.split(np.zeros(len(y)), y, groups)]
    return [np.sort(np.concatenate(held_out[2:])), held_out[1], held_out[0]]


def _split_in_time(y: np.ndarray, _: Sequence[str]) -> list[np.ndarray]:
    """Of each class the first examples, the tenth after them, and the last tenth."""
    parts: list[list[int]] = [[], [], []]
    for each in np.unique(y):
        found = np.flatnonzero(y == each)
        tenth = max(1, round(len(found) / 10))
        cuts = np.split(found, [max(0, len(found) - 2 * tenth), max(0, len(found) - tenth)])
        for part, cut in zip(parts, cuts, strict=True):
            part += cut.tolist()
    return [np.array(sorted(part), np.int64) for part in parts]
