"""Session 10, solutions: one way to write each exercise (the tasks are in exercises.py)."""

from collections.abc import Callable

import numpy as np
from scipy.special import logsumexp, xlogy


def reparameterised_gradient(
    slope: Callable[[np.ndarray], np.ndarray],
    mean: np.ndarray,
    log_variance: np.ndarray,
    noise: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of a loss through the codes that a variational autoencoder draws."""
    spread = np.exp(log_variance / 2) * noise
    slopes = slope(mean + spread)
    return slopes.mean(axis=0), (slopes * spread / 2).mean(axis=0)


def kl_divergence(
    mean: np.ndarray,
    log_variance: np.ndarray,
    prior_mean: np.ndarray,
    prior_log_variance: np.ndarray,
) -> np.ndarray:
    """The Kullback-Leibler divergence of Gaussians of independent numbers from such a prior."""
    log_ratio = log_variance - prior_log_variance
    distance = np.square(mean - prior_mean) * np.exp(-prior_log_variance)
    return np.sum(np.exp(log_ratio) + distance - 1 - log_ratio, axis=1) / 2


def log_weights(
    image: np.ndarray,
    decode: Callable[[np.ndarray], np.ndarray],
    mean: np.ndarray,
    log_variance: np.ndarray,
    noise: np.ndarray,
) -> np.ndarray:
    """The samples' log weights: their mean is the evidence lower bound (ELBO), by Monte Carlo."""
    codes = mean + np.exp(log_variance / 2) * noise
    logits = decode(codes)
    likelihood = np.sum(image * logits - np.logaddexp(0, logits), axis=1)
    # What both densities are divided by, sqrt(2 pi) a number, cancels.
    prior, posterior = np.square(codes), np.square(noise) + log_variance
    return likelihood - np.sum(prior - posterior, axis=1) / 2


def importance_weighted_bound(log_weights: np.ndarray, k: int) -> float:
    """The bound on the log likelihood that k samples of an image give (Burda et al., 2016)."""
    groups = log_weights.reshape(-1, k)
    return float(np.mean(logsumexp(groups, axis=1)) - np.log(k))


def optimal_discriminator(real: np.ndarray, generated: np.ndarray) -> tuple[np.ndarray, float]:
    """What the best discriminator of a toy answers, and what the game is worth then."""
    both = real + generated
    answers = np.divide(real, both, out=np.full(both.shape, 0.5), where=both > 0)
    value = np.sum(xlogy(real, answers) + xlogy(generated, 1 - answers))
    return answers, float(value)


def gradient_penalty(
    gradient: Callable[[np.ndarray], np.ndarray],
    real: np.ndarray,
    generated: np.ndarray,
    mix: np.ndarray,
    strength: float,
) -> float:
    """What a critic pays for slopes other than 1 between real and generated images (WGAN-GP)."""
    share = mix[:, None, None, None]
    slopes = gradient(share * real + (1 - share) * generated)
    lengths = np.sqrt(np.sum(np.square(slopes), axis=(1, 2, 3)))
    return float(strength * np.mean(np.square(lengths - 1)))


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """How far apart are the Gaussians of two sets of features (Heusel et al., 2017)."""
    shift = first.mean(axis=0) - second.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(features, rowvar=False)) for features in (first, second)]
    # The trace of a root is the sum of the eigenvalues' roots; none is negative but by rounding.
    eigenvalues = np.linalg.eigvals(covariances[0] @ covariances[1]).real
    root = np.sum(np.sqrt(np.maximum(eigenvalues, 0)))
    return float(shift @ shift + np.trace(covariances[0] + covariances[1]) - 2 * root)


def mode_coverage(probabilities: np.ndarray, confidence: float) -> tuple[float, str]:
    """Whether a generator has collapsed, by what a classifier answers to its samples."""
    samples, classes = probabilities.shape
    recognised = probabilities.max(axis=1) >= confidence
    found = int(recognised.sum())
    counts = np.bincount(probabilities[recognised].argmax(axis=1), minlength=classes)
    coverage = float(np.mean(2 * classes * counts >= found)) if found else 0.0
    if 2 * found < samples:
        return coverage, "unrecognisable"
    return coverage, "collapsed" if coverage < 0.8 else "covered"


def copying(
    generated: np.ndarray, training: np.ndarray, held_out: np.ndarray
) -> tuple[np.ndarray, float]:
    """Which training image is nearest to each generated one, and whether that is too near."""
    known = training.reshape(len(training), -1).astype(float)
    nearest, distances = [], []
    for images in (generated, held_out):
        numbers = images.reshape(len(images), -1).astype(float)
        squares = np.array([np.sum(np.square(known - each), axis=1) for each in numbers])
        nearest.append(squares.argmin(axis=1))
        distances.append(squares.min(axis=1))
    own, others = distances[0][:, None], distances[1]
    return nearest[0], float(np.mean((own < others) + (own == others) / 2))


def signal_to_noise(schedule: str, steps: int) -> np.ndarray:
    """How much of an image is left at each step of a diffusion's noise schedule, in decibels."""
    if schedule == "linear":
        noise = np.linspace(1e-4, 0.02, steps)
    elif schedule == "cosine":
        kept = np.cos((np.linspace(0, 1, steps + 1) + 0.008) / 1.008 * np.pi / 2) ** 2
        noise = np.minimum(1 - kept[1:] / kept[:-1], 0.999)
    else:
        raise ValueError(f"expected the schedule 'linear' or 'cosine', received {schedule!r}")
    signal = np.cumprod(1 - noise)
    return 10 * np.log10(signal / (1 - signal))


def ddim_step(
    images: np.ndarray,
    predicted: np.ndarray,
    signal: float,
    next_signal: float,
    eta: float,
    fresh: np.ndarray,
) -> np.ndarray:
    """One step of a diffusion model's sampling, to images with less noise (Song et al., 2021)."""
    clean = (images - np.sqrt(1 - signal) * predicted) / np.sqrt(signal)
    drawn = eta * np.sqrt((1 - next_signal) / (1 - signal) * (1 - signal / next_signal))
    kept = np.sqrt(1 - next_signal - drawn**2)
    return np.sqrt(next_signal) * clean + kept * predicted + drawn * fresh
