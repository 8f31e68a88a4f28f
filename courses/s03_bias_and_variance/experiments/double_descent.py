"""Double descent: a layer of random cosines that stays as it is, and behind it least squares."""

from collections.abc import Sequence

import numpy as np

SPREAD = 3.0  # how fast the random features change with the image
# Random features for each example: close together around the peak of double descent.
FEATURES_PER_EXAMPLE = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20)


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
