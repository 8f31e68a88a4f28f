"""The bias–variance decomposition: of polynomials, from noisy examples of a curve, and of networks.

Each function draws its own random numbers from a seed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

NOISE = 0.3  # standard deviation of the noise on the curve's examples


class Decomposition(NamedTuple):
    """The parts of the expected squared error, one number for each degree; `error` is measured."""

    bias: np.ndarray
    variance: np.ndarray
    noise: float
    error: np.ndarray


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


def decompose_networks(probabilities: np.ndarray, classes: np.ndarray) -> tuple[float, float]:
    """Bias² and variance of repeated trainings of a classifier, as parts of its squared error.

    The labels' noise is not known, so it counts as bias.

    Args:
        probabilities: `(trainings, examples, classes)`.
        classes: `(examples,)`.

    Returns:
        (bias², variance), each summed over the classes; their sum is the mean squared distance
        between probabilities and labels.
    """
    mean = probabilities.mean(axis=0)
    targets = np.eye(probabilities.shape[-1])[classes]
    bias = np.mean(np.sum((mean - targets) ** 2, axis=-1))
    return float(bias), float(np.mean(np.sum((probabilities - mean) ** 2, axis=-1)))


def _noisy(seed: int, examples: int, sets: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Examples to fit and fresh ones: places, and noisy values `(places, sets)`."""
    random = np.random.default_rng(seed)
    places = [np.linspace(0, 1, count) for count in (examples, 101)]
    return [
        (x, curve(x)[:, None] + random.normal(scale=NOISE, size=(len(x), sets))) for x in places
    ]
