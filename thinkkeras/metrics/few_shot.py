"""Few-shot accuracy over many episodes, and distances of same and different classes, in NumPy.

Both work on embeddings computed once, `(classes, drawings, dimensions)`: an episode costs a
matrix product then, and a thousand of them a second.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]


class FewShotAccuracy(NamedTuple):
    """What a thousand episodes say."""

    mean: float
    interval: float  # half the width of the 95 % interval of the mean
    accuracies: np.ndarray  # of each episode


def squared_euclidean(queries: np.ndarray, prototypes: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances `(…, queries, prototypes)` of vectors `(…, n, dimensions)`."""
    products = queries @ np.swapaxes(prototypes, -1, -2)
    lengths = np.square(queries).sum(-1)[..., :, None] + np.square(prototypes).sum(-1)[..., None, :]
    return np.maximum(lengths - 2 * products, 0)


def few_shot_accuracy(
    embeddings: np.ndarray,
    *,
    ways: int,
    shots: int = 1,
    queries: int = 5,
    episodes: int = 1000,
    groups: np.ndarray | None = None,
    distance: Distance = squared_euclidean,
    seed: int = 0,
) -> FewShotAccuracy:
    """Accuracy of the nearest prototype over random episodes, with its 95 % interval.

    Args:
        embeddings: `(classes, drawings, dimensions)`.
        ways: Classes of an episode.
        shots: Drawings of each class whose mean is its prototype.
        queries: Other drawings of each class, to be recognised.
        episodes: How many.
        groups: The group of each class, as its alphabet; an episode is then of one group's classes
            alone. Groups with too few classes are left out, the others are equally likely.
        distance: From `(queries, dimensions)` and `(ways, dimensions)` to `(queries, ways)`.
        seed: Seeds the episodes.

    Raises:
        ValueError: There are too few classes, in each of the groups, or too few drawings.
    """
    rng = np.random.default_rng(seed)
    classes, drawings, dimensions = embeddings.shape
    groups = np.zeros(classes, int) if groups is None else np.asarray(groups)
    pools = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    pools = [pool for pool in pools if len(pool) >= ways]
    if not pools or shots + queries > drawings or min(ways, shots, queries, episodes) < 1:
        largest = np.unique(groups, return_counts=True)[1].max()
        raise ValueError(
            f"expected between 1 and {largest} ways, and between 2 and {drawings} shots and "
            f"queries together, received {ways} ways, {shots} shots and {queries} queries"
        )
    accuracies = np.empty(episodes)
    for episode in range(episodes):
        chosen = rng.choice(pools[rng.integers(len(pools))], ways, replace=False)
        order = rng.permuted(np.tile(np.arange(drawings), (ways, 1)), axis=1)
        drawn = embeddings[chosen[:, None], order[:, : shots + queries]]
        prototypes = drawn[:, :shots].mean(axis=1)
        asked = drawn[:, shots:].reshape(-1, dimensions)
        nearest = distance(asked, prototypes).argmin(axis=-1)
        accuracies[episode] = np.mean(nearest == np.repeat(np.arange(ways), queries))
    error = accuracies.std(ddof=1) / np.sqrt(episodes) if episodes > 1 else np.nan
    return FewShotAccuracy(float(accuracies.mean()), float(1.96 * error), accuracies)


def pair_distances(
    embeddings: np.ndarray,
    *,
    pairs: int = 10_000,
    distance: Distance = squared_euclidean,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Distances of random pairs of the same class, and of as many of different classes.

    The threshold beyond which a device says "unknown" lies between them: its rate of false
    accepts is the fraction of different pairs below it, that of false rejects the fraction of same
    pairs above. `sklearn.metrics.roc_curve` draws all thresholds.

    Args:
        embeddings: `(classes, drawings, dimensions)`, of two classes and two drawings or more.
        pairs: How many of each.
        distance: As in `few_shot_accuracy`.
        seed: Seeds the pairs.

    Returns:
        `(same, different)`, each `(pairs,)`.
    """
    rng = np.random.default_rng(seed)
    classes, drawings = embeddings.shape[:2]
    one = rng.integers(classes, size=pairs)
    other = (one + rng.integers(1, classes, size=pairs)) % classes
    first = rng.integers(drawings, size=pairs)
    second = (first + rng.integers(1, drawings, size=pairs)) % drawings
    anchors = embeddings[one, first][:, None]
    same = distance(anchors, embeddings[one, second][:, None])
    stranger = rng.integers(drawings, size=pairs)
    different = distance(anchors, embeddings[other, stranger][:, None])
    return same[:, 0, 0], different[:, 0, 0]
