"""Sentences with a sentiment: good or bad."""

from typing import NamedTuple

import numpy as np

from thinkkeras.datasets.tfds import prepared_builder

CLASS_NAMES = ["negative", "positive"]

# Of SST-2's training phrases so many of at least that many words are held out for validation.
HELD_OUT, HELD_OUT_WORDS = 1000, 12
RUN = 5  # words in a row that no training phrase shares with one that is held out

_GOOD = ["charming", "funny", "gripping", "brilliant", "warm", "clever", "moving", "fresh"]
_BAD = ["dull", "tedious", "clumsy", "shallow", "lifeless", "predictable", "bland", "messy"]
_THINGS = ["film", "story", "cast", "script", "ending", "score", "plot", "camera work"]
_TEMPLATES = [
    "a {0} {1}",
    "the {1} is {0}",
    "the {1} is {2} {0}",
    "what a {0} {1} , and what a {3} {4}",
    "the {1} , like the {4} , is {2} {3}",
    "i found the {1} {0} and the {4} {3}",
    "never {5}",
    "the {1} is not {5}",
]


class Sentences(NamedTuple):
    """Texts and what they think of their subject."""

    texts: list[str]
    labels: np.ndarray  # 0 negative, 1 positive, (texts,)
    class_names: list[str]


def load_sentences(name: str = "templated") -> tuple[Sentences, Sentences, Sentences]:
    """Loads sentences with a sentiment as `(train, validation, test)`.

    Args:
        name: `"templated"`, a few templates filled with good and bad words and the word "not" (a
            toy that needs no download); or `"glue/sst2"`, phrases of film reviews, read through
            TFDS. GLUE hides the labels of its test set, so its validation set of 872 sentences is
            the test here. The validation set are 1,000 of its training phrases of 12 words or
            more; phrases that share five words in a row with one of them are left out of
            training: most of GLUE's 67,349 are parts of one another.

    Raises:
        ValueError: The name is another.
        FileNotFoundError: TFDS could neither find the set nor download and prepare it.

    Source: Socher et al., "Recursive Deep Models for Semantic Compositionality Over a Sentiment
    Treebank", EMNLP 2013; Wang et al., "GLUE", ICLR 2019.
    """
    if name == "templated":
        train, validation, test = (
            _templated(count, seed) for seed, count in enumerate((2000, 400, 400))
        )
        return train, validation, test
    if name == "glue/sst2":
        return _sst2()
    raise ValueError(f"expected 'templated' or 'glue/sst2', received {name!r}")


def _sst2() -> tuple[Sentences, Sentences, Sentences]:
    builder = prepared_builder("glue/sst2", offline=["templated"])
    known, test = (_read(builder.as_dataset(split=split)) for split in ("train", "validation"))
    long = [k for k, text in enumerate(known.texts) if len(text.split()) >= HELD_OUT_WORDS]
    held = set(np.random.default_rng(0).permutation(long)[:HELD_OUT].tolist())
    runs = {run for k in held for run in _runs(known.texts[k])}
    kept = [
        k for k, text in enumerate(known.texts) if k not in held and runs.isdisjoint(_runs(text))
    ]
    return _of(known, kept), _of(known, sorted(held)), test


def _read(dataset: object) -> Sentences:
    texts, labels = [], []
    for example in dataset.as_numpy_iterator():  # type: ignore[attr-defined]
        texts.append(example["sentence"].decode("utf-8").strip())
        labels.append(int(example["label"]))
    return Sentences(texts, np.array(labels), CLASS_NAMES)


def _of(sentences: Sentences, numbers: list[int]) -> Sentences:
    texts = [sentences.texts[number] for number in numbers]
    return sentences._replace(texts=texts, labels=sentences.labels[numbers])


def _runs(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1)}


def _templated(count: int, seed: int) -> Sentences:
    generator = np.random.default_rng([seed, 1811])
    texts, labels = [], generator.integers(0, 2, count)
    for label in labels:
        words, others = (_GOOD, _BAD) if label else (_BAD, _GOOD)
        chosen = (
            generator.choice(words),
            generator.choice(_THINGS),
            generator.choice(["very", "really", "so", "quite"]),
            generator.choice(words),
            generator.choice(_THINGS),
            generator.choice(others),
        )
        texts.append(str(generator.choice(_TEMPLATES)).format(*chosen))
    return Sentences(texts, labels, CLASS_NAMES)
