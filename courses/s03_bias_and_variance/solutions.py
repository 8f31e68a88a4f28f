"""Session 3, solutions: one way to write each exercise (the tasks are in exercises.py)."""

import numpy as np


def stratified_split(
    classes: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split examples at random into two parts, with every class in its proportion."""
    random = np.random.default_rng(seed)
    held_out = np.zeros(len(classes), dtype=bool)
    for label in np.unique(classes):
        members = random.permutation(np.flatnonzero(classes == label))
        held_out[members[: round(fraction * len(members))]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def standardize(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shift and scale every feature to mean 0 and standard deviation 1, without leaking."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    # Of a constant such as 0.1 the deviation is a rounding error, not 0.
    deviation = np.where(np.ptp(train, axis=0) == 0, 1.0, deviation)
    return (train - mean) / deviation, (other - mean) / deviation


def ridge_polynomial(x: np.ndarray, y: np.ndarray, degree: int, l2: float) -> np.ndarray:
    """The coefficients of a polynomial fitted with an L2 penalty (ridge regression)."""
    design = np.vander(x, degree + 1, increasing=True)
    penalised = np.eye(degree + 1)
    penalised[0, 0] = 0.0
    return np.linalg.solve(design.T @ design + l2 * penalised, design.T @ y)


def bias_variance(predictions: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Bias² and variance, from the predictions of repeated trainings."""
    mean = predictions.mean(axis=0)
    return float(np.mean((mean - truth) ** 2)), float(np.mean((predictions - mean) ** 2))


def dropout(x: np.ndarray, uniform: np.ndarray, rate: float, training: bool) -> np.ndarray:
    """Inverted dropout's forward pass."""
    return np.where(uniform >= rate, x / (1 - rate), 0.0) if training else x


def penalty(weights: list[np.ndarray], l1: float, l2: float) -> tuple[float, list[np.ndarray]]:
    """What L1 and L2 regularisation add to the loss, and to its gradient."""
    value = sum(l1 * np.abs(w).sum() + l2 * np.square(w).sum() for w in weights)
    return float(value), [l1 * np.sign(w) + 2 * l2 * w for w in weights]


def smooth_labels(classes: np.ndarray, count: int, smoothing: float) -> np.ndarray:
    """Targets with label smoothing: a fraction of each target is spread evenly over all classes."""
    return np.eye(count)[classes] * (1 - smoothing) + smoothing / count


def early_stopping(losses: list[float], patience: int, min_delta: float = 0.0) -> tuple[int, int]:
    """When `keras.callbacks.EarlyStopping` stops, and which epoch's weights it restores."""
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - min_delta:
            best = epoch
        elif epoch - best >= patience:
            return epoch + 1, best
    return len(losses), best
