"""Handwritten characters by class, to learn recognising what was shown once or a few times."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from thinkkeras.datasets.drawing.characters import draw_alphabet
from thinkkeras.datasets.tfds import prepared_builder

SIZE = 28  # pixels of a side, as Vinyals et al. and most after them have it

# Omniglot's two small background sets share Greek and Latin, image by image: tested on are the
# alphabets of the second that the first lacks. A whole alphabet is held out for validation, too.
OMNIGLOT_TRAIN = ("Balinese", "Greek", "Korean", "Latin")
OMNIGLOT_VALIDATION = ("Early_Aramaic",)
OMNIGLOT_TEST = ("Japanese_(katakana)", "Sanskrit", "Tagalog")

# The drawn alphabets: as many characters, drawn as often each, and how many for which split.
DRAWN_CHARACTERS, DRAWN_DRAWINGS = 20, 20
DRAWN_ALPHABETS = {"train": 5, "validation": 2, "test": 2}


class Characters(NamedTuple):
    """Drawings of characters: every class has the same number of them."""

    images: np.ndarray  # uint8 (classes, drawings, height, width, 1): dark ink on white paper
    alphabets: np.ndarray  # the alphabet's name of each class, (classes,)
    names: np.ndarray  # the name of each class, (classes,)

    def of(self, alphabets: Sequence[str]) -> "Characters":
        """The characters of these alphabets alone."""
        chosen = np.isin(self.alphabets, list(alphabets))
        return Characters(*(part[chosen] for part in self))


def load_characters(name: str = "drawn") -> tuple[Characters, Characters, Characters]:
    """Loads characters as `(train, validation, test)`, which share no alphabet.

    Pixels are those of the paper: 255 is white, ink is dark.

    Args:
        name: `"drawn"`, nine alphabets of random strokes that need no download (a toy: the
            drawings of a character differ in slant, size, width of the pen and a wobble, nothing
            else); or `"omniglot"`, read through TFDS: 114, 22 and 106 characters that 20 people
            drew each. Lake's small background sets `small1` (train and validation) and `small2`
            (test) share the Greek and Latin images; these are left out of the test.

    Raises:
        ValueError: The name is another.
        FileNotFoundError: TFDS could neither find Omniglot nor download and prepare it.

    Source: Lake, Salakhutdinov and Tenenbaum, "Human-level concept learning through probabilistic
    program induction", Science 350(6266), 2015 (Omniglot, MIT licence).
    """
    if name == "drawn":
        return _drawn()
    if name == "omniglot":
        first, second = omniglot("small1"), omniglot("small2")
        return first.of(OMNIGLOT_TRAIN), first.of(OMNIGLOT_VALIDATION), second.of(OMNIGLOT_TEST)
    raise ValueError(f"expected 'drawn' or 'omniglot', received {name!r}")


def omniglot(split: str) -> Characters:
    """One split of Omniglot as TFDS has it, resized from 105x105 to 28x28 pixels.

    Args:
        split: `"small1"` or `"small2"`, with five alphabets each, two of them in both; `"train"`
            or `"test"`, with 30 and 20.

    Raises:
        FileNotFoundError: TFDS could neither find the set nor download and prepare it.
    """
    builder = prepared_builder("omniglot", offline=["drawn"])
    alphabet_names = builder.info.features["alphabet"].names
    classes: dict[int, list[np.ndarray]] = {}
    names: dict[int, tuple[str, str]] = {}
    for example in builder.as_dataset(split=split).as_numpy_iterator():
        label, alphabet = int(example["label"]), alphabet_names[int(example["alphabet"])]
        page = Image.fromarray(example["image"][..., 0])
        small = page.resize((SIZE, SIZE), Image.Resampling.BOX)
        classes.setdefault(label, []).append(np.asarray(small)[..., None])
        names[label] = alphabet, f"{alphabet} {int(example['alphabet_char_id']) + 1}"
    labels = sorted(classes, key=lambda label: (names[label][0], label))
    alphabets, characters = zip(*(names[label] for label in labels), strict=True)
    images = np.stack([np.stack(classes[label]) for label in labels])
    return Characters(images, np.array(alphabets), np.array(characters))


def rotated_as_classes(characters: Characters) -> Characters:
    """The characters, and their quarter, half and three-quarter turns as further classes.

    Args:
        characters: Those to train on: nobody is to be tested on turned ones.

    Returns:
        Four times as many classes; a turned one's alphabet is turned too: "Greek, 90°".

    Source: Santoro, Bartunov, Botvinick, Wierstra and Lillicrap, "Meta-Learning with
    Memory-Augmented Neural Networks", ICML 2016, section 4.1.
    """
    turns = [characters]
    for quarter in (1, 2, 3):
        suffix = f", {90 * quarter}°"
        turns.append(
            Characters(
                np.rot90(characters.images, quarter, axes=(2, 3)),
                np.char.add(characters.alphabets, suffix),
                np.char.add(characters.names, suffix),
            )
        )
    return joined(*turns)


def joined(*parts: Characters) -> Characters:
    """All the classes of several sets of characters, one set after the other."""
    return Characters(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _drawn() -> tuple[Characters, Characters, Characters]:
    splits, drawn = [], 0
    for count in DRAWN_ALPHABETS.values():
        alphabets = []
        for seed in range(drawn, drawn + count):
            name = f"drawn {seed + 1}"
            alphabets.append(
                Characters(
                    draw_alphabet(seed, DRAWN_CHARACTERS, DRAWN_DRAWINGS, SIZE),
                    np.full(DRAWN_CHARACTERS, name),
                    np.array([f"{name}, {number + 1}" for number in range(DRAWN_CHARACTERS)]),
                )
            )
        splits.append(joined(*alphabets))
        drawn += count
    train, validation, test = splits
    return train, validation, test
