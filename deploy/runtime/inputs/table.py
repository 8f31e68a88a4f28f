"""Tables of numbers in CSV, row by row: the readings of sensors, from a file or standard input.

A first line without a number is a header and no row; with it columns are found by their names,
others (a time, say) are passed over.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from deploy.runtime.errors import DeployError


def rows(path: str | Path | None, columns: Sequence[str] = ()) -> Iterator[np.ndarray]:
    """The rows of a CSV file, float32 (columns,), as they are read.

    Args:
        path: of the file; None: standard input.
        columns: the names of the columns that are wanted, in this order; none: all as they stand.

    Raises:
        DeployError: no such file, no text, a header without one of the columns; a row with another
            number of values than the first line or the columns, or with one that is no finite
            number.
    """
    where = "standard input" if path is None else f"'{path}'"
    if path is not None and not Path(path).is_file():
        raise DeployError(f"expected a CSV file, received {where}, which does not exist")
    try:
        if path is None:
            yield from _rows(sys.stdin, columns, where)
        else:
            with open(path, encoding="utf-8-sig", newline="") as file:
                yield from _rows(file, columns, where)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DeployError(f"expected CSV in UTF-8, received {where}: {error}") from error


def _rows(file: Iterable[str], columns: Sequence[str], where: str) -> Iterator[np.ndarray]:
    wanted, count, number = None, len(columns), 0
    for index, line in enumerate(filter(None, csv.reader(file))):
        cells = [cell.strip() for cell in line]
        if index == 0 and all(_number(cell) is None for cell in cells):
            wanted, count = _positions(cells, columns, where), len(cells)
            continue
        number, count = number + 1, count or len(cells)
        if len(cells) != count:
            raise DeployError(
                f"expected {count} values in row {number} of {where}, received {len(cells)}; "
                "complete or remove it"
            )
        chosen = cells if wanted is None else [cells[position] for position in wanted]
        values = [_number(cell) for cell in chosen]
        for cell, value in zip(chosen, values, strict=True):
            if value is None or not np.isfinite(value):
                raise DeployError(
                    f"expected finite numbers in row {number} of {where}, received '{cell:.40}'; "
                    "correct or remove it"
                )
        yield np.array(values, np.float32)


def _positions(header: list[str], columns: Sequence[str], where: str) -> list[int] | None:
    missing = [name for name in columns if name not in header]
    if missing:
        raise DeployError(
            f"expected the columns {', '.join(columns)} in {where}, received a header without "
            f"'{missing[0]}'"
        )
    return [header.index(name) for name in columns] if columns else None


def _number(cell: str) -> np.float32 | None:
    try:
        with np.errstate(over="ignore"):
            return np.float32(float(cell))
    except ValueError:
        return None
