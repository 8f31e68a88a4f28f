"""Sentences in two languages."""

from typing import NamedTuple

import numpy as np

from thinkkeras.datasets.builders.multi30k import LANGUAGES
from thinkkeras.datasets.tfds import prepared_builder

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
    "twenty-first",
    "twenty-second",
    "twenty-third",
    "twenty-fourth",
    "twenty-fifth",
    "twenty-sixth",
    "twenty-seventh",
    "twenty-eighth",
    "twenty-ninth",
    "thirtieth",
    "thirty-first",
]
_DATES = 4000  # of which the last two tenths are validation and test


class Translations(NamedTuple):
    """Pairs of texts that mean the same."""

    source: list[str]
    target: list[str]


def load_translations(
    name: str = "dates",
) -> tuple[Translations, Translations, Translations]:
    """Loads pairs of texts as `(train, validation, test)`.

    Args:
        name: `"dates"`, days written out in one of several ways, and in digits as ISO 8601 has
            them (a toy that needs no download; no day is in two of the three); or `"multi30k"`,
            captions of photographs in English and French, read through TFDS: 29,000, 1,014 and
            1,000, the test set of 2016.

    Raises:
        ValueError: The name is another.
        FileNotFoundError: TFDS could neither find the set nor download and prepare it.
    """
    if name == "dates":
        return _dates()
    if name != "multi30k":
        raise ValueError(f"expected 'dates' or 'multi30k', received {name!r}")
    builder = prepared_builder("multi30k", offline=["dates"])
    train, validation, test = (
        Translations(*_texts(builder.as_dataset(split=split)))
        for split in ("train", "validation", "test")
    )
    return train, validation, test


def _texts(dataset: object) -> list[list[str]]:
    examples = list(dataset.as_numpy_iterator())  # type: ignore[attr-defined]
    return [[each[language].decode("utf-8") for each in examples] for language in LANGUAGES]


def _dates() -> tuple[Translations, Translations, Translations]:
    generator = np.random.default_rng(1582)
    first = np.datetime64("1950-01-01")
    numbers = generator.choice(100 * 365, _DATES, replace=False)
    pairs = [_date(str(first + int(number)), generator) for number in numbers]
    cuts = 0, _DATES * 8 // 10, _DATES * 9 // 10, _DATES
    train, validation, test = (
        Translations(*map(list, zip(*pairs[start:stop], strict=True)))
        for start, stop in zip(cuts, cuts[1:], strict=False)
    )
    return train, validation, test


def _date(iso: str, generator: np.random.Generator) -> tuple[str, str]:
    year, month, day = iso.split("-")
    named, number = _MONTHS[int(month) - 1], str(int(day))
    written = [
        f"the {_ORDINALS[int(day) - 1]} of {named} {year}",
        f"{named} {number}, {year}",
        f"{number} {named[:3]} {year}",
        f"{named[:3]} {number} {year}",
    ]
    return written[generator.integers(len(written))], iso
