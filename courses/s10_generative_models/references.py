"""What the exercises are held against, computed another way than the solutions do.

Differences in place of derivatives, quadrature and SciPy's distributions in place of closed forms.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import cdist, jensenshannon
from scipy.special import log_expit, xlog1py, xlogy
from scipy.stats import mannwhitneyu, norm

Function = Callable[[np.ndarray], np.ndarray]


def central_differences(f: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    """The derivatives by each number of `x` of a function with one value, f(x)."""
    slopes, width = np.zeros(x.shape), 1e-5
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = width
        slopes[index] = (f(x + step) - f(x - step)) / (2 * width)
    return slopes


def losses_of_codes(dimensions: int) -> dict[str, tuple[Function, Function]]:
    """By name a function of codes, (samples, dimensions) to (samples,), and its slope."""
    generator = np.random.default_rng(dimensions)
    form = generator.normal(size=(dimensions, dimensions))
    kernel = generator.normal(size=(dimensions, 4))
    return {
        "a sum of squares": (lambda z: np.sum(z**2, axis=1), lambda z: 2 * z),
        "a quadratic form": (
            lambda z: np.sum((z @ form) * z, axis=1),
            lambda z: z @ (form + form.T),
        ),
        "waves": (
            lambda z: np.sum(np.sin(z @ kernel), axis=1),
            lambda z: np.cos(z @ kernel) @ kernel.T,
        ),
    }


def differences_of_a_draw(
    loss: Function, mean: np.ndarray, log_variance: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of the samples' mean loss by the mean and by the log variance."""

    def drawn(moments: np.ndarray) -> float:
        return float(np.mean(loss(moments[0] + np.exp(moments[1]) ** 0.5 * noise)))

    by_mean, by_log_variance = central_differences(drawn, np.stack([mean, log_variance]))
    return by_mean, by_log_variance


def divergence_by_quadrature(
    mean: float, log_variance: float, prior_mean: float, prior_log_variance: float
) -> float:
    """The Kullback-Leibler divergence of two Gaussians of one number: what the first one's entropy
    lacks to the mean, under it, of the prior's log density."""
    nodes, shares = np.polynomial.hermite_e.hermegauss(5)
    deviation, prior = np.exp(log_variance / 2), norm(prior_mean, np.exp(prior_log_variance / 2))
    crossed = shares @ prior.logpdf(mean + deviation * nodes) / shares.sum()
    return float(-(np.log(2 * np.pi * np.e) + log_variance) / 2 - crossed)


def decoder(dimensions: int, pixels: int, scale: float) -> Function:
    """Codes (samples, dimensions) to logits (samples, pixels) of about the size `scale`."""
    generator = np.random.default_rng(pixels)
    kernel, bias = generator.normal(size=(dimensions, pixels)), generator.normal(size=pixels)
    return lambda codes: scale * np.tanh(codes @ kernel + bias)


def sampled_log_weights(
    image: np.ndarray,
    decode: Function,
    mean: np.ndarray,
    log_variance: np.ndarray,
    noise: np.ndarray,
) -> list[float]:
    """Log weights, sample by sample, out of SciPy's distributions."""
    deviation = np.exp(log_variance / 2)
    found = []
    for each in noise:
        code = mean + deviation * each
        (logits,) = decode(code[None])
        likelihood = np.where(image == 1, log_expit(logits), log_expit(-logits))
        density = norm.logpdf(code) - norm.logpdf(code, mean, deviation)
        found.append(float(likelihood.sum() + density.sum()))
    return found


def bound(log_weights: np.ndarray, k: int) -> float:
    """The bound of k samples, group by group, each one's largest weight taken out."""
    groups = [row[start : start + k] for row in log_weights for start in range(0, len(row), k)]
    found = [group.max() + np.log(np.mean(np.exp(group - group.max()))) for group in groups]
    return float(np.mean(found))


def best_answer(real: float, generated: float) -> float:
    """The discriminator's best answer to one outcome, by search."""
    if real + generated == 0:
        return 0.5
    worth = minimize_scalar(
        lambda answer: -(xlogy(real, answer) + xlog1py(generated, -answer)),
        bounds=(0, 1),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return float(worth.x)


def value_of_the_game(real: np.ndarray, generated: np.ndarray) -> float:
    """Goodfellow et al., 2014, theorem 1: twice the Jensen-Shannon divergence, less log 4."""
    return float(2 * jensenshannon(real.ravel(), generated.ravel()) ** 2 - np.log(4))


def critic(shape: tuple[int, ...], scale: float) -> tuple[Function, Function]:
    """A network of six units of tanh for images of `shape`: the scores of a batch, and their
    slopes by the images."""
    generator = np.random.default_rng(shape[0])
    kernel = generator.normal(0, 0.5, (int(np.prod(shape)), 6))
    bias, output = generator.normal(size=6), scale * generator.normal(size=6)

    def score(images: np.ndarray) -> np.ndarray:
        return np.tanh(images.reshape(len(images), -1) @ kernel + bias) @ output

    def gradient(images: np.ndarray) -> np.ndarray:
        units = np.tanh(images.reshape(len(images), -1) @ kernel + bias)
        return (((1 - units**2) * output) @ kernel.T).reshape(images.shape)

    return score, gradient


def penalty_by_differences(
    score: Function, real: np.ndarray, generated: np.ndarray, mix: np.ndarray, strength: float
) -> float:
    """The gradient penalty of a critic's scores, image by image."""
    found = []
    for one, other, share in zip(real, generated, mix, strict=True):
        slopes = central_differences(lambda x: score(x[None])[0], other + share * (one - other))
        found.append((np.linalg.norm(slopes.ravel()) - 1) ** 2)
    return strength * float(np.mean(found))


def distance_of_gaussians(first: np.ndarray, second: np.ndarray) -> float:
    """The Fréchet distance of two sets of features without a root of a matrix.

    With A and B the centred features over sqrt(n - 1), the covariances are A'A and B'B, and the
    trace of the root of their product is the sum of the singular values of AB'.
    """
    shift = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    a, b = ((x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (first, second))
    return float(shift**2 + np.sum(a**2) + np.sum(b**2) - 2 * np.linalg.norm(a @ b.T, "nuc"))


def nearest_neighbours(images: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each image the index of the first of its nearest ones among `known`, and its distance."""
    distances = cdist(*(x.reshape(len(x), -1).astype(float) for x in (images, known)))
    return distances.argmin(axis=1), distances.min(axis=1)


def nearer(distances: np.ndarray, others: np.ndarray) -> float:
    """How probably one of the first is less than one of the others: Mann and Whitney's U."""
    statistic = mannwhitneyu(others, distances).statistic
    return float(statistic / (len(distances) * len(others)))


def decibels(schedule: str, steps: int) -> np.ndarray:
    """The signal-to-noise ratio of a schedule from sums of logarithms, and from tangents."""
    if schedule == "linear":
        noise = 1e-4 + (0.02 - 1e-4) * np.arange(steps) / (steps - 1)
        return -10 * np.log10(np.expm1(-np.cumsum(np.log1p(-noise))))
    # With all but the last step's b below 0.999, a_t is cos²(angle_t) / cos²(angle_0).
    angles = np.pi / 2 * (np.arange(steps) / steps + 0.008) / 1.008
    signal = (1 + np.tan(angles[0]) ** 2) / (1 + np.tan(angles[1:]) ** 2)
    signal = np.append(signal, 0.001 * signal[-1])
    return 10 * (np.log10(signal) - np.log10(1 - signal))


def turned_step(
    clean: np.ndarray,
    noise: np.ndarray,
    signal: float,
    next_signal: float,
    eta: float,
    fresh: np.ndarray,
) -> np.ndarray:
    """A sampling step, of whose noise the variance is given and a part is turned to fresh noise."""
    angle = np.arcsin(eta * np.sqrt((1 / signal - 1 / next_signal) / (1 / signal - 1)))
    mixed = np.cos(angle) * noise + np.sin(angle) * fresh
    return np.sqrt(next_signal) * clean + np.sqrt(1 - next_signal) * mixed


def posterior_step(
    clean: np.ndarray,
    images: np.ndarray,
    signal: float,
    next_signal: float,
    fresh: np.ndarray,
) -> np.ndarray:
    """A sample of q(next images | images, clean ones): Ho et al., 2020, equations 6 and 7."""
    kept = signal / next_signal
    mean = np.sqrt(next_signal) * (1 - kept) * clean + np.sqrt(kept) * (1 - next_signal) * images
    variance = (1 - next_signal) / (1 - signal) * (1 - kept)
    return mean / (1 - signal) + np.sqrt(variance) * fresh
