"""Pieces of DNA by class, and folds that keep equal pieces together."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from thinkkeras.datasets.builders.splice import CLASSES
from thinkkeras.datasets.tfds import prepared_builder

LETTERS = "ACGT"

# What an ambiguous letter may stand for.
# Source: IUPAC-IUB, "Nomenclature for incompletely specified bases in nucleic acid sequences",
# Nucleic Acids Research 13(9), 1985.
AMBIGUOUS = {
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
    "N": "ACGT",
}


class Sequences(NamedTuple):
    """Sequences of equal length and their classes."""

    letters: list[str]
    labels: np.ndarray  # the class of each, (sequences,)
    class_names: list[str]


def load_sequences(name: str = "motifs") -> Sequences:
    """Loads pieces of DNA of 60 letters, a class each.

    There is no split: with 3,190 pieces one cross-validates, see `folds`.

    Args:
        name: `"motifs"`, 1,200 pieces of random letters with the consensus of one border or the
            other in the middle, or with neither (a toy that needs no download); or `"splice"`,
            UCI's splice junctions of primates, read through TFDS.

    Raises:
        ValueError: The name is another.
        FileNotFoundError: TFDS could neither find the set nor download and prepare it.
    """
    if name == "motifs":
        return _motifs()
    if name != "splice":
        raise ValueError(f"expected 'motifs' or 'splice', received {name!r}")
    letters, labels = [], []
    dataset = prepared_builder("splice", offline=["motifs"]).as_dataset(split="train")
    for example in dataset.as_numpy_iterator():
        letters.append(example["sequence"].decode())
        labels.append(int(example["label"]))
    return Sequences(letters, np.array(labels), CLASSES)


def folds(
    sequences: Sequences, count: int = 10, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Numbers of training and test pieces for cross-validation, `count` times.

    Every class has its share in each fold, and equal pieces are in the same one: what is tested was
    not trained.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    _, groups = np.unique(sequences.letters, return_inverse=True)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    yield from splitter.split(np.zeros((len(groups), 1)), sequences.labels, groups)


def _motifs() -> Sequences:
    generator = np.random.default_rng(1953)
    # Around the middle; lower case: most of the time.
    # Source: Shapiro and Senapathy, Nucleic Acids Research 15(17), 1987, in outline.
    motifs = {"EI": "agGTaagt", "IE": "tttcAGg", "N": ""}
    letters, labels = [], generator.integers(0, len(CLASSES), 1200)
    for label in labels:
        piece = list(generator.choice(list(LETTERS), 60))
        motif = motifs[CLASSES[label]]
        # EI begins with GT behind the middle, IE ends with AG before it.
        start = {"EI": 28, "IE": 24, "N": 0}[CLASSES[label]]
        for place, letter in enumerate(motif, start=start):
            if letter.isupper() or generator.random() < 0.8:
                piece[place] = letter.upper()
        letters.append("".join(piece))
    return Sequences(letters, labels, CLASSES)


def consensus(letters: Sequence[str]) -> np.ndarray:
    """How often each of the letters A, C, G and T stands at each place, `(length, 4)`, 0 to 1.

    Ambiguous letters count for all that they may be, in equal parts.
    """
    counts = np.zeros((len(letters[0]), len(LETTERS)))
    for piece in letters:
        for place, letter in enumerate(piece):
            meant = AMBIGUOUS.get(letter, letter)
            for each in meant:
                counts[place, LETTERS.index(each)] += 1 / len(meant)
    return counts / len(letters)
