"""The front end "tokens": a text becomes the numbers of its pieces, (length,) int32.

{"kind": "tokens", "unit": "word", "lower": true, "strip_punctuation": true,
 "vocabulary": ["", "[UNK]", "the", …], "unknown": 1, "start": null, "end": null, "padding": 0,
 "side": "after"}

`vocabulary` are the pieces in the order of their numbers. `unit` says how a text is cut:

- "word": at white space, as `keras.layers.TextVectorization` does.
- "character": each is a piece, white space too, as of that layer's split "character".
- "subword": every word begins with "▁", and is cut into the longest pieces of the vocabulary, from
  the left on; joined again, with spaces in place of "▁", the pieces are the text.

`lower` makes small letters: of A to Z, which are all that TextVectorization knows, of subwords of
every letter. `strip_punctuation` leaves out the punctuation of ASCII. What is in no piece is
`unknown` (a run of such characters in a word of subwords: once). `start` and `end` are set around
the pieces (null: not), `padding` fills up to the length, on the `side` "after" or "before" them.
A longer text is cut behind the pieces that fit.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deploy.runtime.errors import DeployError
from deploy.runtime.lines import read_lines
from deploy.runtime.text import plural

NOUN = "text"
SUFFIXES = (".txt",)

# Texts end.
stream = None
windows = None

UNITS = ("word", "character", "subword")
SIDES = ("after", "before")

# Stands at the beginning of each word that is cut into subwords.
WORD_START = "▁"

_SPECIAL = ("unknown", "start", "end", "padding")
_PARAMETERS = ("unit", "lower", "strip_punctuation", "vocabulary", *_SPECIAL, "side")

# What TensorFlow takes for white space between words; Python takes more.
_WHITE_SPACE = re.compile(r"[ \t\n\v\f\r]+")
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def check(front_end: Mapping[str, Any], shape: Sequence[int]) -> None:
    """Whether the parameters are those of a vocabulary, and the input takes a row of numbers.

    Raises:
        DeployError: they are not.
    """
    if len(shape) != 1:
        raise DeployError(
            f"expected an input (length,) for the front end tokens, received {tuple(shape)}; use "
            "the front end array"
        )
    wrong = sorted(set(front_end).symmetric_difference({"kind", *_PARAMETERS}))
    if wrong:
        raise DeployError(
            f"expected the parameters {', '.join(_PARAMETERS)} of the front end tokens, received "
            f"{'an unknown one' if wrong[0] in front_end else 'none'} called '{wrong[0]}'; correct "
            "them"
        )
    pieces = front_end["vocabulary"]
    if not isinstance(pieces, list | tuple) or not all(map(_is_text, pieces)):
        raise _error("a vocabulary, a list of texts in UTF-8", _shown(pieces))
    doubled = len(pieces) - len(set(pieces))
    if doubled or len(pieces) < 2:
        raise _error(
            "a vocabulary of two pieces or more that differ",
            f"{len(pieces)} pieces, {doubled} of them again",
        )
    for name, allowed in (("unit", UNITS), ("side", SIDES)):
        if front_end[name] not in allowed:
            raise _error(f"{name} {' or '.join(allowed)}", _shown(front_end[name]))
    for name in ("lower", "strip_punctuation"):
        if not isinstance(front_end[name], bool):
            raise _error(f"{name} true or false", _shown(front_end[name]))
    for name in _SPECIAL:
        value = front_end[name]
        number = isinstance(value, int) and not isinstance(value, bool)
        if not (number and 0 <= value < len(pieces)) and (
            value is not None or name in ("unknown", "padding")
        ):
            raise _error(f"{name} as a number from 0 to {len(pieces) - 1}", _shown(value))


def open_file(path: str | Path) -> str:
    """The text in a file of one.

    Raises:
        DeployError: as `open_several`, or several texts.
    """
    found = open_several(path)
    if len(found) != 1:
        raise DeployError(
            f"expected one text, received '{path}' with {len(found)}; run it, which takes them one "
            "after the other"
        )
    return found[0][1]


def open_several(path: str | Path) -> list[tuple[str, str]]:
    """The texts in a file with their names, one a line; blank lines count for nothing.

    Raises:
        DeployError: no such file, none in UTF-8, or one without a text.
    """
    found = [line for line in read_lines(path, "text") if line.strip()]
    if not found:
        raise DeployError(f"expected a text in '{path}', received an empty file")
    if len(found) == 1:
        return [(str(path), found[0])]
    return [(f"{path}[{number}]", text) for number, text in enumerate(found)]


def is_raw(example: Any, shape: Sequence[int]) -> bool:
    """Whether it is a text; bytes are one that is not decoded yet."""
    return isinstance(example, str | bytes)


def size(example: Any) -> tuple[int, int]:
    """Nothing to be seen."""
    return 0, 0


def to_array(
    example: str | bytes, front_end: Mapping[str, Any], shape: Sequence[int]
) -> np.ndarray:
    """The numbers of the text's pieces, int32 of `shape` (length,); of a text that is too long
    those of its beginning, then `end`. A text of unknown words alone is a row of `unknown`.

    Raises:
        DeployError: as `encode`.
    """
    numbers = encode(example, front_end)
    (length,) = shape
    if len(numbers) > length:
        ends = [] if front_end["end"] is None else [front_end["end"]]
        numbers = [*numbers[: length - len(ends)], *ends][:length]
    padding = [front_end["padding"]] * (length - len(numbers))
    padded = [*numbers, *padding] if front_end["side"] == "after" else [*padding, *numbers]
    return np.array(padded, np.int32)


def warning(example: str | bytes, front_end: Mapping[str, Any], shape: Sequence[int]) -> str | None:
    """Of a text in another language, and of one that is longer than the model's input."""
    pieces = plural(front_end["unit"])
    if is_unknown(to_array(example, front_end, shape).tolist(), front_end):
        return f"the model's vocabulary has none of its {pieces}; the answer knows nothing of it"
    around = sum(front_end[end] is not None for end in ("start", "end"))
    count, read = len(encode(example, front_end)) - around, max(0, shape[0] - around)
    if count > read:
        return f"the model reads the first {read:,} of its {count:,} {pieces}; cut it into parts"
    return None


def encode(text: Any, front_end: Mapping[str, Any]) -> list[int]:
    """The numbers of all pieces of a text, between `start` and `end`, neither cut nor padded.

    Raises:
        DeployError: no text, bytes, or a text without words: empty, nothing but white space, or
            nothing but punctuation that is stripped.
    """
    if not isinstance(text, str):
        advice = 'decode it, text.decode("utf-8")' if isinstance(text, bytes) else "give a string"
        raise DeployError(f"expected a text, received {type(text).__name__}; {advice}")
    plain = _standardized(text, front_end)
    if not plain.strip():
        raise DeployError(
            f"expected a text with words, received {_shown(text)}, which is empty or nothing but "
            "white space and punctuation; leave it out"
        )
    table = _table(front_end)
    if front_end["unit"] == "subword":
        words = plain.split()
        inner = [number for word in words for number in table.subwords(WORD_START + word)]
    else:
        pieces = plain if front_end["unit"] == "character" else _WHITE_SPACE.split(plain)
        inner = [table.numbers.get(piece, table.unknown) for piece in pieces if piece]
    around = ([] if front_end[end] is None else [front_end[end]] for end in ("start", "end"))
    return [*next(around), *inner, *next(around)]


def is_unknown(numbers: Iterable[int], front_end: Mapping[str, Any]) -> bool:
    """Whether a text of these pieces says nothing: all are unknown, or stand between words."""
    known = (number for number in numbers if number != front_end["unknown"])
    return not any(piece.replace(WORD_START, "").strip() for piece in pieces_of(known, front_end))


def decode(numbers: Iterable[int], front_end: Mapping[str, Any]) -> str:
    """The text of these pieces, without `start`, `end` and `padding`; what is unknown is called as
    the vocabulary does.

    Raises:
        DeployError: numbers that are none of the vocabulary.
    """
    told = pieces_of(numbers, front_end)
    if front_end["unit"] == "subword":
        return "".join(told).replace(WORD_START, " ").strip()
    return ("" if front_end["unit"] == "character" else " ").join(told)


def pieces_of(numbers: Iterable[int], front_end: Mapping[str, Any]) -> list[str]:
    """The pieces themselves, without `start`, `end` and `padding`.

    Raises:
        DeployError: numbers that are none of the vocabulary.
    """
    vocabulary = front_end["vocabulary"]
    around = {front_end[name] for name in ("start", "end", "padding")}
    found = [int(number) for number in numbers]
    wrong = [number for number in found if not 0 <= number < len(vocabulary)]
    if wrong:
        raise DeployError(
            f"expected numbers of pieces from 0 to {len(vocabulary) - 1}, received {wrong[0]}; use "
            "the vocabulary that the model was trained with"
        )
    return [vocabulary[number] for number in found if number not in around]


class _Table(NamedTuple):
    """The number of each piece that a text can hold, and the length of the longest."""

    numbers: dict[str, int]
    unknown: int
    longest: int

    def subwords(self, word: str) -> list[int]:
        """The longest pieces from the left on; characters in none are unknown, neighbours once."""
        found: list[int] = []
        start, after_unknown = 0, False
        while start < len(word):
            stops = range(min(len(word), start + self.longest), start, -1)
            stop = next((stop for stop in stops if word[start:stop] in self.numbers), None)
            if stop is not None:
                found.append(self.numbers[word[start:stop]])
            elif not after_unknown:
                found.append(self.unknown)
            start, after_unknown = stop or start + 1, stop is None
        return found


def _table(front_end: Mapping[str, Any]) -> _Table:
    special = tuple(front_end[name] for name in _SPECIAL)
    return _made_table(tuple(front_end["vocabulary"]), special)


@lru_cache(maxsize=8)
def _made_table(vocabulary: tuple[str, ...], special: tuple[int | None, ...]) -> _Table:
    # No text spells the start of a sentence, or what is unknown.
    numbers = {piece: k for k, piece in enumerate(vocabulary) if k not in special}
    return _Table(numbers, int(special[0] or 0), max(map(len, numbers), default=1))


def _standardized(text: str, front_end: Mapping[str, Any]) -> str:
    if front_end["lower"]:
        text = text.lower() if front_end["unit"] == "subword" else text.translate(_SMALL)
    return text.translate(_NO_PUNCTUATION) if front_end["strip_punctuation"] else text


def _is_text(piece: Any) -> bool:
    try:
        return isinstance(piece, str) and piece.encode() is not None
    except UnicodeEncodeError:
        return False


def _shown(value: Any) -> str:
    return f"{value!r:.60}"


def _error(expected: str, received: str) -> DeployError:
    return DeployError(
        f"expected {expected} for the front end tokens, received {received}; correct the front end"
    )
