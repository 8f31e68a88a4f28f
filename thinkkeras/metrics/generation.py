"""How near generated examples are to real ones, in NumPy and SciPy, on features of both.

Features are `(examples, dimensions)`, those of a classifier before its last layer, say. A distance
between two halves of the real examples is the floor that no generator gets below.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import linalg

from thinkkeras.metrics.few_shot import squared_euclidean

# Rows of a distance matrix that are held at once.
ROWS = 1024


class KernelDistance(NamedTuple):
    """What the subsets say."""

    mean: float
    deviation: float  # of the subsets


class Manifold(NamedTuple):
    """Two numbers of how two sets of features lie in each other, from 0 to 1 for equal sets."""

    quality: float  # precision, density: are the generated ones like real ones?
    variety: float  # recall, coverage: are all kinds of real ones generated?


class ModeCoverage(NamedTuple):
    """Which classes a generator makes."""

    found: float  # share of the classes that are generated
    divergence: float  # nats of the classes' shares from equal shares
    shares: np.ndarray  # of each class


def frechet_distance(real: np.ndarray, generated: np.ndarray) -> float:
    """The squared Fréchet distance of two Gaussians with the features' means and covariances.

    |m - m'|² + tr(C + C' - 2 (C C')^½). Few examples make it larger: compare at equal numbers.

    Args:
        real: Features `(examples, dimensions)`, two examples or more.
        generated: Features `(others, dimensions)`.

    Returns:
        The distance, in the features' squared units; 0 for the same features.

    Raises:
        ValueError: The features don't have the same dimensions, or there are too few.

    Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
    Equilibrium", NIPS 2017, section 3.1; Dowson and Landau, Journal of Multivariate Analysis, 1982.
    """
    real, generated = _checked(real, generated, 2)
    covariances = [np.atleast_2d(np.cov(x, rowvar=False)) for x in (real, generated)]
    # The square root of a product of two has the trace of one of a symmetric matrix, which is real
    # and exists where a covariance is singular, too.
    root = _square_root(covariances[0])
    trace = np.sqrt(np.maximum(linalg.eigvalsh(root @ covariances[1] @ root), 0)).sum()
    shift = np.square(real.mean(axis=0) - generated.mean(axis=0)).sum()
    return float(max(shift + sum(map(np.trace, covariances)) - 2 * trace, 0.0))


def kernel_distance(
    real: np.ndarray,
    generated: np.ndarray,
    *,
    subsets: int = 50,
    subset_size: int = 1000,
    seed: int = 0,
) -> KernelDistance:
    """The squared maximum mean discrepancy with the kernel (x·y / dimensions + 1)³, without bias.

    Its expectation does not depend on the number of examples, and is 0 for equal distributions; a
    single estimate may be below.

    Args:
        real: Features `(examples, dimensions)`.
        generated: Features `(others, dimensions)`.
        subsets: How many random subsets are compared.
        subset_size: Examples of each subset, at most; fewer where there are fewer.
        seed: Seeds the subsets.

    Returns:
        Mean and standard deviation over the subsets.

    Raises:
        ValueError: The features don't have the same dimensions, or there are too few.

    Source: Bińkowski, Sutherland, Arbel and Gretton, "Demystifying MMD GANs", ICLR 2018, equation 4
    and section 4.
    """
    real, generated = _checked(real, generated, 2)
    rng = np.random.default_rng(seed)
    size = min(subset_size, len(real), len(generated))
    if subsets < 1 or size < 2:
        raise ValueError(
            "expected one subset or more, of two examples or more, received "
            f"{subsets} of {subset_size}"
        )
    found = []
    for _ in range(subsets):
        x, y = (rng.choice(each, size, replace=False) for each in (real, generated))
        within = sum(
            (kernel.sum() - np.trace(kernel)) / (size * (size - 1))
            for kernel in (_kernel(x, x), _kernel(y, y))
        )
        found.append(within - 2 * _kernel(x, y).mean())
    return KernelDistance(float(np.mean(found)), float(np.std(found)))


def precision_and_recall(real: np.ndarray, generated: np.ndarray, neighbours: int = 3) -> Manifold:
    """Shares of generated examples within the real ones' manifold, and the other way round.

    A manifold is the union of the balls around its examples that reach to the k-th neighbour.

    Args:
        real: Features `(examples, dimensions)`, more than `neighbours`.
        generated: Features `(others, dimensions)`.
        neighbours: k.

    Returns:
        Precision as `quality`, recall as `variety`.

    Raises:
        ValueError: The features don't have the same dimensions, or there are too few.

    Source: Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative
    Models", NeurIPS 2019, equation 2.
    """
    real, generated = _neighbourly(real, generated, neighbours)
    return Manifold(
        _share_within(generated, real, neighbours), _share_within(real, generated, neighbours)
    )


def density_and_coverage(real: np.ndarray, generated: np.ndarray, neighbours: int = 5) -> Manifold:
    """How many real balls hold each generated example, and how many hold one at all.

    Unlike precision and recall it asks for the real examples' balls alone, so that a generated
    outlier makes nothing better.

    Args:
        real: Features `(examples, dimensions)`, more than `neighbours`.
        generated: Features `(others, dimensions)`.
        neighbours: k, to which each ball reaches.

    Returns:
        Density as `quality`, about 1 for equal distributions and more where the generated examples
        keep to where the real ones are dense; coverage as `variety`, a share.

    Raises:
        ValueError: The features don't have the same dimensions, or there are too few.

    Source: Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", ICML
    2020, equations 3 and 4.
    """
    real, generated = _neighbourly(real, generated, neighbours)
    radii = _radii(real, neighbours)
    held, covered = 0, np.zeros(len(real), bool)
    for distances in _distances(generated, real):
        inside = distances <= radii
        held += int(inside.sum())
        covered |= inside.any(axis=0)
    return Manifold(held / (neighbours * len(generated)), float(covered.mean()))


def mode_coverage(classes: np.ndarray, count: int, *, share: float = 0.1) -> ModeCoverage:
    """Which of the classes a generator makes, as a classifier sees them.

    Args:
        classes: What the classifier takes each generated example for, integers `(examples,)`.
        count: How many classes there are.
        share: A class is found with this part of its equal share or more.

    Raises:
        ValueError: There is no example, or a class that isn't there.

    Source: Che et al., "Mode Regularized Generative Adversarial Networks", ICLR 2017; Srivastava et
    al., "VEEGAN", NIPS 2017, section 4 (both count modes with a classifier).
    """
    classes = np.asarray(classes)
    if not classes.size or classes.min() < 0 or classes.max() >= count:
        raise ValueError(f"expected classes from 0 to {count - 1}, received {np.unique(classes)}")
    shares = np.bincount(classes, minlength=count) / len(classes)
    some = shares[shares > 0]
    divergence = float(np.sum(some * np.log(some * count)))
    return ModeCoverage(float(np.mean(shares >= share / count)), divergence, shares)


def sharpness(images: np.ndarray) -> np.ndarray:
    """The variance of the Laplacian within each image: blur lowers it. Compare with real images'.

    Args:
        images: `(examples, height, width, channels)`, three pixels high and wide or more.

    Returns:
        In squared units of the pixels, `(examples,)`, the channels averaged before.

    Raises:
        ValueError: These are no images, or smaller ones.

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative
    study", ICPR 2000.
    """
    if images.ndim != 4 or min(images.shape[1:3]) < 3:
        raise ValueError(
            "expected images (examples, height, width, channels) of 3x3 pixels or more, received "
            f"{images.shape}"
        )
    grey = images.astype(np.float64).mean(axis=-1)
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return (around - 4 * grey[:, 1:-1, 1:-1]).var(axis=(1, 2))


def importance_weighted_bound(log_weights: Iterable[np.ndarray]) -> np.ndarray:
    """A lower bound on each example's log likelihood: the log of its weights' mean.

    It rises with the number of weights, to the likelihood itself; of one weight it is the evidence
    lower bound.

    Args:
        log_weights: Arrays `(examples, weights)` of nats, log p(x, z) - log q(z | x) of codes z
            from q, as `thinkkeras.models.generative.log_weights` yields them: one array is held at
            a time.

    Returns:
        Nats `(examples,)`.

    Raises:
        ValueError: There are no weights.

    Source: Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016, equation
    8.
    """
    total, count = None, 0
    for weights in log_weights:
        weights = np.asarray(weights, np.float64)
        sums = np.logaddexp.reduce(weights, axis=1)
        total = sums if total is None else np.logaddexp(total, sums)
        count += weights.shape[1]
    if total is None or not count:
        raise ValueError("expected arrays (examples, weights), received none")
    return total - np.log(count)


def nearest_examples(generated: np.ndarray, training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The training example nearest to each generated one: has the generator learned it by heart?

    Args:
        generated: Features or flattened images, `(examples, dimensions)`.
        training: `(others, dimensions)`.

    Returns:
        `(which, distance)`: numbers of training examples, and Euclidean distances to them,
        `(examples,)` each.

    Raises:
        ValueError: They don't have the same dimensions.
    """
    generated, training = _checked(generated, training, 1)
    which, squares = [], []
    for distances in _distances(generated, training):
        which.append(distances.argmin(axis=1))
        squares.append(distances.min(axis=1))
    return np.concatenate(which), np.sqrt(np.concatenate(squares))


def _square_root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _distances(x: np.ndarray, y: np.ndarray) -> Iterator[np.ndarray]:
    """Squared distances `(some of x, y)`, all of x one after the other."""
    for start in range(0, len(x), ROWS):
        yield squared_euclidean(x[start : start + ROWS], y)


def _radii(x: np.ndarray, neighbours: int) -> np.ndarray:
    """Squared distances to the k-th neighbour, `(examples,)`; each is its own nearest."""
    return np.concatenate(
        [np.partition(rows, neighbours, axis=1)[:, neighbours] for rows in _distances(x, x)]
    )


def _share_within(x: np.ndarray, y: np.ndarray, neighbours: int) -> float:
    """The share of x that lies in a ball around one of y."""
    radii = _radii(y, neighbours)
    return float(np.concatenate([(d <= radii).any(axis=1) for d in _distances(x, y)]).mean())


def _neighbourly(
    real: np.ndarray, generated: np.ndarray, neighbours: int
) -> tuple[np.ndarray, np.ndarray]:
    if neighbours < 1:
        raise ValueError(f"expected at least 1 neighbour, received {neighbours}")
    return _checked(real, generated, neighbours + 1)


def _checked(x: np.ndarray, y: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < least:
        raise ValueError(
            f"expected features (examples, dimensions) of {least} examples or more and the same "
            f"dimensions, received {x.shape} and {y.shape}"
        )
    # The differences of squares need all digits.
    return x.astype(np.float64), y.astype(np.float64)
