"""The front end "one_hot_sequence": a text of few letters, DNA say, one row a letter.

Parameters: `letters`, one for each column ("ACGT"), and if it is given `ambiguous`, what stands for
several of them in equal parts ({"N": "ACGT", "R": "AG"}). Lower case counts as upper case where
only the one is among them. Examples are strings, text files and FASTA files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deploy.runtime.errors import DeployError

SUFFIXES = (".txt", ".fa", ".faa", ".fasta", ".ffn", ".fna", ".fas")
NOUN = "sequence"

# Of a sequence every letter is seen.
warning = None

# Sequences end.
stream = None
windows = None


def check(front_end: Mapping[str, Any], shape: Sequence[int]) -> None:
    """Whether the letters are those of an input (length, letters).

    Raises:
        DeployError: they are not, or ambiguous letters stand for what is none of them.
    """
    unknown = sorted(set(front_end) - {"kind", "letters", "ambiguous"})
    if unknown:
        raise DeployError(
            "expected the parameters letters and ambiguous of the front end one_hot_sequence, "
            f"received '{unknown[0]}'; correct its name"
        )
    letters, ambiguous = front_end.get("letters"), front_end.get("ambiguous", {})
    plain = isinstance(letters, str) and letters and len(set(letters)) == len(letters)
    if not plain or any(letter.isspace() or letter == ">" for letter in letters or ""):
        raise DeployError(
            "expected different letters for the front end one_hot_sequence, 'ACGT' say, received "
            f"{letters!r}"
        )
    if len(shape) != 2 or shape[1] != len(letters or ""):
        raise DeployError(
            f"expected an input (length, {len(letters or '')}) for the letters {letters}, received "
            f"{tuple(shape)}"
        )
    wrong = not isinstance(ambiguous, Mapping) or any(
        not isinstance(stands_for, str)
        or not stands_for
        or not set(stands_for) <= set(letters or "")
        or len(letter) != 1
        or letter in (letters or "")
        for letter, stands_for in ambiguous.items()
    )
    if wrong:
        raise DeployError(
            f"expected other letters than {letters} that each stand for some of them as ambiguous, "
            f"received {ambiguous!r}"
        )


def open_file(path: str | Path) -> str:
    """The sequence in a file of one.

    Raises:
        DeployError: as `open_several`, or several sequences.
    """
    found = open_several(path)
    if len(found) != 1:
        raise DeployError(
            f"expected one sequence, received '{path}' with {len(found)}; run it, which takes them "
            "one after the other"
        )
    return found[0][1]


def open_several(path: str | Path) -> list[tuple[str, str]]:
    """The sequences of a file with their names: of FASTA each record by the first word of its
    header, of any other text one, by the file's name. White space in them does not count.

    Raises:
        DeployError: no such file, no text, or a sequence that is empty.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except FileNotFoundError:
        raise DeployError(
            f"expected a text file or FASTA, received '{path}', which does not exist"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DeployError(
            f"expected a text file or FASTA, received '{path}', which is none: {error}"
        ) from error
    before, *records = f"\n{text}".split("\n>")
    if before.strip() and records:
        raise DeployError(
            f"expected FASTA, a header after each '>', received '{path}' with letters before the "
            "first"
        )
    found = [(str(path), before)] if not records else [_record(record) for record in records]
    found = [(name, "".join(letters.split())) for name, letters in found]
    for name, letters in found:
        if not letters:
            raise DeployError(f"expected a sequence, received an empty one, '{name}', in '{path}'")
    return found


def is_raw(example: Any, shape: Sequence[int]) -> bool:
    """Whether `example` is a text."""
    return isinstance(example, str)


def size(example: Any) -> tuple[int, int]:
    """Nothing to be seen."""
    return 0, 0


def to_array(example: str, front_end: Mapping[str, Any], shape: Sequence[int]) -> np.ndarray:
    """One row a letter, float32 `shape` (length, letters): 1 in its column, of an ambiguous letter
    equal fractions in those that it stands for.

    Raises:
        DeployError: another length, or a letter that is none.
    """
    if len(example) != shape[0]:
        raise DeployError(
            f"expected a sequence of {shape[0]} letters, received {len(example)}: "
            f"'{_shortened(example)}'"
        )
    rows = _rows(front_end)
    for position, letter in enumerate(example):
        if letter not in rows:
            raise DeployError(
                f"expected letters of {''.join(_known(front_end))}, received {letter!r} at "
                f"position {position + 1} of '{_shortened(example)}'"
            )
    return np.stack([rows[letter] for letter in example])


def _rows(front_end: Mapping[str, Any]) -> dict[str, np.ndarray]:
    letters = front_end["letters"]
    rows: dict[str, np.ndarray] = {}
    for letter, stands_for in _known(front_end).items():
        rows[letter] = np.zeros(len(letters), np.float32)
        rows[letter][[letters.index(each) for each in stands_for]] = 1 / len(set(stands_for))
    for letter, row in list(rows.items()):
        for other in (letter.lower(), letter.upper()):
            rows.setdefault(other, row)
    return rows


def _known(front_end: Mapping[str, Any]) -> dict[str, str]:
    return {letter: letter for letter in front_end["letters"]} | dict(
        front_end.get("ambiguous", {})
    )


def _record(record: str) -> tuple[str, str]:
    header, _, letters = record.partition("\n")
    return (header.split() or [""])[0], letters


def _shortened(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:24]}…"
