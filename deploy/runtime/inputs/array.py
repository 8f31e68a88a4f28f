"""The front end "array": examples are arrays in the model's own units already, or the rows of a
table.

Parameter, if it is given: `columns`, the names of the values on the input's last axis, by which a
table with a header is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deploy.runtime.checks import is_whole
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import table
from deploy.runtime.inputs.streaming import Streaming

NOUN = "example"
SUFFIXES = (".npy", ".npz", ".csv")

open_several = None
warning = None
windows = None


def check(front_end: Mapping[str, Any], shape: Sequence[int]) -> None:
    """Whether there are no parameters, or a name for each value on the last axis; any array will
    do.

    Raises:
        DeployError: there are others.
    """
    unknown = sorted(set(front_end) - {"kind", "columns"})
    if unknown:
        raise DeployError(
            f"expected no parameters of the front end array but columns, received '{unknown[0]}'; "
            "leave it out"
        )
    columns = front_end.get("columns")
    if columns is None:
        return
    texts = isinstance(columns, list) and all(isinstance(name, str) and name for name in columns)
    if not texts or len(set(columns)) != len(columns) or [len(columns)] != list(shape[-1:]):
        raise DeployError(
            f"expected a list of different names, one for each value on the last axis of "
            f"{tuple(shape)}, as the columns of the front end array, received {columns!r:.200}"
        )


def open_file(path: str | Path) -> np.ndarray:
    """The array of an .npy file, `x` of an .npz archive, or the rows of a .csv table.

    Raises:
        DeployError: no such file, or none with an array.
    """
    if Path(path).suffix.lower() == ".csv":
        found = list(table.rows(path))
        if not found:
            raise DeployError(f"expected a table of numbers, received '{path}' without a row")
        return np.stack(found)
    if not Path(path).is_file():
        raise DeployError(f"expected an array file, received '{path}', which does not exist")
    try:
        loaded = np.load(path, allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else loaded["x"]
    except Exception as error:
        raise DeployError(
            f"expected an .npy array or an .npz archive with 'x', received '{path}': "
            f"{reason(error)}"
        ) from error


def reason(error: Exception) -> str:
    """Why NumPy read no numbers from a file; what it takes for pickled objects is no advice."""
    return "it holds no plain numbers" if "pickle" in str(error) else str(error)


def is_raw(example: Any, shape: Sequence[int]) -> bool:
    """Images, by which Pillow's are meant, are none for such a model."""
    return hasattr(example, "convert")


def size(example: Any) -> tuple[int, int]:
    """Nothing to be seen."""
    return 0, 0


def to_array(example: Any, front_end: Mapping[str, Any], shape: Sequence[int]) -> np.ndarray:
    """Never possible.

    Raises:
        DeployError: always; what `is_raw` is no array.
    """
    raise DeployError(
        "expected a model that takes images (height, width, 1 or 3), received one that takes "
        f"{tuple(shape)}; give it an .npy or .npz file"
    )


def _check_stream(
    front_end: Mapping[str, Any], shape: Sequence[int], settings: Mapping[str, Any]
) -> None:
    if len(shape) not in (1, 2):
        raise DeployError(
            f"expected an input (channels,) or (rows, channels) to stream, received {tuple(shape)}"
        )
    if not is_whole(settings["hop"], 1):
        raise DeployError(
            f"expected a hop of the stream of 1 row or more, a whole number, received "
            f"{settings['hop']!r}"
        )


def _chunks(
    source: str | None, front_end: Mapping[str, Any], shape: Sequence[int]
) -> Iterator[np.ndarray]:
    """A row at a time, (1, channels), of a CSV file or of what comes through standard input."""
    for number, row in enumerate(table.rows(source, front_end.get("columns", ())), start=1):
        if len(row) != shape[-1]:
            where = "standard input" if source is None else f"'{source}'"
            raise DeployError(
                f"expected {shape[-1]} values in row {number} of {where}, received {len(row)}"
            )
        yield row[None]


def _examples(
    chunks: Iterable[np.ndarray],
    front_end: Mapping[str, Any],
    shape: Sequence[int],
    settings: Mapping[str, Any],
) -> Iterator[tuple[float, np.ndarray]]:
    """Single rows, or the last rows together, `hop` rows apart, with the number of the last one,
    from 1 on."""
    length = 1 if len(shape) == 1 else shape[0]
    last = deque[np.ndarray](maxlen=length)
    number = 0
    for chunk in chunks:
        if np.ndim(chunk) != 2 or np.shape(chunk)[1] != shape[-1]:
            raise DeployError(
                f"expected chunks of rows (n, {shape[-1]}) to stream, received one of shape "
                f"{np.shape(chunk)}; give a list of them"
            )
        for row in np.asarray(chunk):
            number += 1
            last.append(row)
            if number >= length and (number - length) % settings["hop"] == 0:
                yield float(number), np.stack(last).reshape(tuple(shape))


def _moment(number: float) -> str:
    return f"row {number:.0f}"


stream = Streaming(_check_stream, _chunks, _examples, _moment)
