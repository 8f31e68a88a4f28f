"""Leaks: accuracies in which the test examples had a say, beside the ones without.

Each function draws its own random numbers from a seed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from courses.s03_bias_and_variance.experiments.double_descent import random_features


class Leak(NamedTuple):
    """One way to leak: the accuracy that it reports, and the one on data never looked at."""

    name: str
    reported: float
    honest: float


def leak_table(leaks: Sequence[Leak]) -> list[list[str]]:
    """The table of the leaks: what each reports, and what is true."""
    header = [["what leaks", "accuracy reported", "without the leak"]]
    return header + [[leak.name, f"{leak.reported:.1%}", f"{leak.honest:.1%}"] for leak in leaks]


def feature_selection_leak(
    seed: int, *, examples: int = 100, features: int = 5000, kept: int = 20, repetitions: int = 20
) -> Leak:
    """Selects features of pure noise before the split, and after it.

    Source:
        Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 2nd edition,
        Springer 2009, section 7.10.2 (the wrong and the right way to do cross-validation).
    """
    random, scores = np.random.default_rng(seed), []
    for _ in range(repetitions):
        x = random.normal(size=(examples, features))
        y = np.resize([0, 1], examples)
        train, test = np.split(random.permutation(examples), 2)
        row = []
        for seen in (slice(None), train):
            # Class 1 less class 0: the features that seem to tell the classes apart.
            apart = np.abs(x[seen][y[seen] == 1].mean(0) - x[seen][y[seen] == 0].mean(0))
            chosen = np.argsort(-apart)[:kept]
            predicted = _nearest_mean(x[train][:, chosen], y[train], x[test][:, chosen])
            row.append(np.mean(predicted == y[test]))
        scores.append(row)
    return Leak("features selected before the split", *np.mean(scores, axis=0))


def duplicates_leak(images: np.ndarray, classes: np.ndarray, seed: int, *, copies: int = 4) -> Leak:
    """Splits noisy copies of the same images one by one, and image by image.

    Args:
        images: `(examples, height, width, channels)`, pixels of 0-255.
        classes: `(examples,)`.
        seed: seeds copies and splits.
        copies: of each image, as frames of one film are copies.
    """
    random = np.random.default_rng(seed)
    x = np.repeat(images.reshape(len(images), -1).astype(float), copies, axis=0)
    x += random.normal(scale=16, size=x.shape)
    y, group = np.repeat(classes, copies), np.repeat(np.arange(len(images)), copies)
    by_copy = random.random(len(x)) < 0.5
    by_group = (random.random(len(images)) < 0.5)[group]
    scores = [
        np.mean(_nearest_example(x[train], y[train], x[~train]) == y[~train])
        for train in (by_copy, by_group)
    ]
    return Leak("copies of one picture on both sides", *scores)


def choice_leak(
    train: tuple[np.ndarray, np.ndarray],
    fresh: tuple[np.ndarray, np.ndarray],
    seed: int,
    *,
    models: int = 200,
    test_size: int = 50,
    repetitions: int = 20,
) -> Leak:
    """Chooses the best of many equal models on a small test set, and judges it on fresh images.

    Args:
        train: `(images, classes)` that the models learn from; they differ in random features.
        fresh: `(images, classes)` from which each repetition's test set is drawn.
        seed: seeds models and draws.
        models: among which to choose.
        test_size: images on which the choice is made.
        repetitions: draws of a test set.
    """
    random = np.random.default_rng(seed)
    right = np.stack(
        [random_features(train, fresh, 40, random)[1].argmax(1) == fresh[1] for _ in range(models)]
    )
    scores = []
    for _ in range(repetitions):
        order = random.permutation(right.shape[1])
        test, rest = order[:test_size], order[test_size:]
        best = right[:, test].mean(1).argmax()
        scores.append((right[best, test].mean(), right[best, rest].mean()))
    name = f"best of {models} chosen on {test_size} test pictures"
    return Leak(name, *np.mean(scores, axis=0))


def _nearest_mean(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    means = np.stack([x[y == label].mean(0) for label in (0, 1)])
    return np.linalg.norm(at[:, None] - means, axis=2).argmin(1)


def _nearest_example(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    # |a - b|² without |a|², which is the same for every b.
    return y[np.argmin((x**2).sum(1) - 2 * at @ x.T, axis=1)]
