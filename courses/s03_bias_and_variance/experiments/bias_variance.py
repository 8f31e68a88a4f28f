"""Session 3's experiments in NumPy: leaks, polynomials and double descent.

Each function draws its own random numbers from a seed and returns what a figure or a table shows.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

SPREAD = 3.0  # how fast the random features change with the image
# Random features for each example: close together around the peak of double descent.
FEATURES_PER_EXAMPLE = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20)
NOISE = 0.3  # standard deviation of the noise on the curve's examples


class Leak(NamedTuple):
    """One way to leak: the accuracy that it reports, and the one on data never looked at."""

    name: str
    reported: float
    honest: float


class Decomposition(NamedTuple):
    """The parts of the expected squared error, one number for each degree; `error` is measured."""

    bias: np.ndarray
    variance: np.ndarray
    noise: float
    error: np.ndarray


def rows(leaks: Sequence[Leak]) -> list[list[str]]:
    """The table of the leaks: what each reports, and what is true."""
    table = [["what leaks", "accuracy reported", "without the leak"]]
    return table + [[leak.name, f"{leak.reported:.1%}", f"{leak.honest:.1%}"] for leak in leaks]


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


def curve(x: np.ndarray) -> np.ndarray:
    """The curve that the polynomials are to find, on 0-1."""
    return np.sin(2 * np.pi * x)


def polynomial(x: np.ndarray, y: np.ndarray, degree: int, at: np.ndarray) -> np.ndarray:
    """Least-squares polynomials, in Chebyshev's basis, where high degrees stay accurate.

    Args:
        x: `(examples,)`, in 0-1.
        y: `(examples,)`, or `(examples, sets)` for several sets of values.
        degree: of the polynomial.
        at: `(points,)`, in 0-1.

    Returns:
        Values at `at`, of shape `(points,)` or `(points, sets)`.
    """
    coefficients = chebyshev.chebfit(2 * x - 1, y, degree)
    return chebyshev.chebval(2 * at - 1, coefficients).T


def polynomial_errors(
    degrees: Sequence[int], seed: int, *, examples: int = 20, sets: int = 500
) -> tuple[np.ndarray, np.ndarray]:
    """Median mean squared error on the fitted examples and on fresh ones, for each degree."""
    (x, y), (at, fresh) = _noisy(seed, examples, sets)
    errors = [
        [
            np.median(np.mean((polynomial(x, y, degree, points) - values) ** 2, axis=0))
            for points, values in ((x, y), (at, fresh))
        ]
        for degree in degrees
    ]
    train, test = np.transpose(errors)
    return train, test


def decompose_polynomials(
    degrees: Sequence[int], seed: int, *, examples: int = 20, sets: int = 500
) -> Decomposition:
    """Bias², variance and noise of polynomials, over many training sets.

    Args:
        degrees: of the polynomials.
        seed: seeds the noise.
        examples: in a training set, evenly spaced; noise alone differs from set to set.
        sets: training sets.
    """
    (x, y), (at, fresh) = _noisy(seed, examples, sets)
    bias, variance, error = [], [], []
    for degree in degrees:
        predictions = polynomial(x, y, degree, at)
        bias.append(np.mean((predictions.mean(1) - curve(at)) ** 2))
        variance.append(predictions.var(axis=1).mean())
        error.append(np.mean((predictions - fresh) ** 2))
    return Decomposition(np.array(bias), np.array(variance), NOISE**2, np.array(error))


def decompose_networks(said: np.ndarray, classes: np.ndarray) -> tuple[float, float]:
    """Bias² and variance of repeated trainings of a classifier, as parts of its squared error.

    The labels' noise is not known, so it counts as bias.

    Args:
        said: probabilities, `(trainings, examples, classes)`.
        classes: `(examples,)`.

    Returns:
        (bias², variance), each summed over the classes; their sum is the mean squared distance
        between probabilities and labels.
    """
    mean, targets = said.mean(axis=0), np.eye(said.shape[-1])[classes]
    bias = np.mean(np.sum((mean - targets) ** 2, axis=-1))
    return float(bias), float(np.mean(np.sum((said - mean) ** 2, axis=-1)))


def random_features(
    train: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
    features: int,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """A layer of fixed random cosines, and the least-squares output layer of the smallest norm.

    Args:
        train: `(images, classes)` to fit.
        other: `(images, classes)` to predict.
        features: random units.
        random: draws their weights.

    Returns:
        Outputs on `train` and on `other`, `(examples, classes)`; the targets are 1 and 0.
    """
    pixels = [images.reshape(len(images), -1) / 255 for images, _ in (train, other)]
    weights = random.normal(size=(pixels[0].shape[1], features)) * SPREAD / len(pixels[0][0]) ** 0.5
    phases = random.uniform(0, 2 * np.pi, size=features)
    hidden, hidden_other = (np.cos(p @ weights + phases) for p in pixels)
    classes = max(train[1].max(), other[1].max()) + 1
    # With more features than examples many weights fit exactly; lstsq takes the smallest.
    output = np.linalg.lstsq(hidden, np.eye(classes)[train[1]], rcond=1e-10)[0]
    return hidden @ output, hidden_other @ output


def double_descent(
    train: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
    features: Sequence[int],
    seed: int,
    *,
    repetitions: int = 5,
) -> tuple[np.ndarray, np.ndarray]:
    """Squared error against the number of random features.

    Args:
        train: `(images, classes)` to fit.
        other: `(images, classes)` to judge on.
        features: numbers of random units.
        seed: seeds them.
        repetitions: draws of the units, of which the median is taken.

    Returns:
        Mean squared error, summed over the classes, on `train` and on `other`, one for each
        entry of `features`.

    Source:
        Belkin, Hsu, Ma and Mandal, "Reconciling modern machine-learning practice and the
        classical bias-variance trade-off", PNAS 116(32), 2019 (random features).
    """
    random = np.random.default_rng(seed)
    errors = np.empty((2, len(features), repetitions))
    for index, count in enumerate(features):
        for repetition in range(repetitions):
            outputs = random_features(train, other, count, random)
            for side, (output, (_, classes)) in enumerate(
                zip(outputs, (train, other), strict=True)
            ):
                targets = np.eye(output.shape[1])[classes]
                errors[side, index, repetition] = np.mean(np.sum((output - targets) ** 2, axis=1))
    return tuple(np.median(errors, axis=2))


def _noisy(seed: int, examples: int, sets: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Examples to fit and fresh ones: places, and noisy values `(places, sets)`."""
    random = np.random.default_rng(seed)
    places = [np.linspace(0, 1, count) for count in (examples, 101)]
    return [
        (x, curve(x)[:, None] + random.normal(scale=NOISE, size=(len(x), sets))) for x in places
    ]


def _nearest_mean(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    means = np.stack([x[y == label].mean(0) for label in (0, 1)])
    return np.linalg.norm(at[:, None] - means, axis=2).argmin(1)


def _nearest_example(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    # |a - b|² without |a|², which is the same for every b.
    return y[np.argmin((x**2).sum(1) - 2 * at @ x.T, axis=1)]
