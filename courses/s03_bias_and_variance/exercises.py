"""Session 3, exercises: write the functions below, in any order, then grade them with

    python -m courses check s03

A function that is not written yet counts as "to do", whatever the others do. NumPy is all they
need.
"""

import numpy as np


def stratified_split(
    classes: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split examples at random into two parts, with every class in its proportion.

    Of a class with n examples, round(fraction * n) go into the held-out part. Which ones is drawn
    by `np.random.default_rng(seed)`: the same seed gives the same split, another seed another one.

    Args:
        classes: (examples,), the class of each example.
        fraction: how much of each class is held out, in 0-1.
        seed: seeds the draw.

    Returns:
        (kept, held_out): indices into `classes`, integers, in any order. Each index is in exactly
        one of the two.

    Example:
        stratified_split(np.array([0, 0, 0, 0, 1, 1]), 0.5, seed=0) holds out two examples of
        class 0 and one of class 1.
    """
    raise NotImplementedError


def standardize(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shift and scale every feature to mean 0 and standard deviation 1, without leaking.

    What is measured, mean and standard deviation of each feature (of the population: divided by n,
    NumPy's default), is measured on `train` alone and applied to both. A feature that does not
    vary in `train` is shifted but not scaled.

    Args:
        train: (examples, features).
        other: (examples, features), validation or test data.

    Returns:
        (train, other), standardized, of the same shapes.

    Example:
        standardize(np.array([[1.0], [3.0]]), np.array([[4.0]])) is ([[-1], [1]], [[2]]).
    """
    raise NotImplementedError


def ridge_polynomial(x: np.ndarray, y: np.ndarray, degree: int, l2: float) -> np.ndarray:
    """The coefficients of a polynomial fitted with an L2 penalty (ridge regression).

    They minimise

        sum over examples of (c[0] + c[1] x + ... + c[degree] x^degree - y)^2
        + l2 * (c[1]^2 + ... + c[degree]^2)

    The constant c[0] is not penalised: shifting all y shifts the curve along. With the design
    matrix V, V[i, k] = x[i]^k, and D the identity with a zero in its first place, the solution is

        c = (V^T V + l2 D)^-1 V^T y

    Args:
        x: (examples,).
        y: (examples,).
        degree: of the polynomial.
        l2: weight of the penalty, 0 or more.

    Returns:
        (degree + 1,), the constant first.

    Example:
        ridge_polynomial(np.array([-1.0, 0.0, 1.0]), np.array([0.0, 1.0, 2.0]), degree=1, l2=2.0)
        is [1, 0.5]: the penalty halves the slope.
    """
    raise NotImplementedError


def bias_variance(predictions: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Bias² and variance, from the predictions of repeated trainings.

    Each row holds the predictions of one training, on a training set of its own, at the same
    points. With the mean over the trainings at each point,

        bias²    = mean over the points of (mean prediction - truth)^2
        variance = mean over points and trainings of (prediction - mean prediction)^2

    Their sum is the mean squared error against the truth.

    Args:
        predictions: (trainings, points).
        truth: (points,), without noise.

    Returns:
        (bias², variance).

    Example:
        bias_variance(np.array([[1.0, 4.0], [3.0, 4.0]]), np.array([0.0, 4.0])) == (2.0, 0.5)
    """
    raise NotImplementedError


def dropout(x: np.ndarray, uniform: np.ndarray, rate: float, training: bool) -> np.ndarray:
    """Inverted dropout's forward pass.

    In training an activation is kept where its number in `uniform` is at least `rate`, and becomes
    0 elsewhere; the kept ones grow by 1 / (1 - rate), so that the expected sum stays what it was.
    At inference nothing happens.

    Args:
        x: activations of any shape.
        uniform: of the same shape, numbers drawn evenly from 0-1.
        rate: fraction to drop, at least 0 and below 1.
        training: whether this is a training step.

    Returns:
        An array of the same shape.

    Example:
        dropout(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.6, 0.9]), 0.5, True) is [0, 4, 6].
    """
    raise NotImplementedError


def penalty(weights: list[np.ndarray], l1: float, l2: float) -> tuple[float, list[np.ndarray]]:
    """What L1 and L2 regularisation add to the loss, and to its gradient.

        penalty = l1 * sum |w| + l2 * sum w^2,  over all weights of all arrays

    as `keras.regularizers.L1L2` computes it: without a factor of 1/2. Where a weight is 0 the
    gradient of |w| counts as 0.

    Args:
        weights: one array for each layer, of any shape.
        l1: weight of the L1 part.
        l2: weight of the L2 part.

    Returns:
        (penalty, gradients): a number, and one array for each of `weights`, of its shape.

    Example:
        penalty([np.array([3.0, -1.0])], l1=0.5, l2=0.25) is (4.5, [[2, -1]]).
    """
    raise NotImplementedError


def smooth_labels(classes: np.ndarray, count: int, smoothing: float) -> np.ndarray:
    """Targets with label smoothing: a fraction of each target is spread evenly over all classes.

    The right class gets 1 - smoothing + smoothing / count, every other one smoothing / count, as
    `keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)` does it.

    Args:
        classes: (examples,), whole numbers from 0 to count - 1.
        count: number of classes.
        smoothing: the fraction spread, in 0-1.

    Returns:
        (examples, count).

    Example:
        smooth_labels(np.array([1]), count=4, smoothing=0.2) is [[0.05, 0.85, 0.05, 0.05]].
    """
    raise NotImplementedError


def early_stopping(losses: list[float], patience: int, min_delta: float = 0.0) -> tuple[int, int]:
    """When `keras.callbacks.EarlyStopping` stops, and which epoch's weights it restores.

    An epoch is an improvement when its loss is below the best one so far by more than
    `min_delta`; the first epoch always is. Training stops at the end of the epoch that is the
    `patience`-th in a row without improvement, or when the losses end.

    Args:
        losses: validation loss of each epoch, at least one.
        patience: epochs without improvement to wait for, at least 1.
        min_delta: what counts as improvement, 0 or more.

    Returns:
        (epochs, best): how many epochs are trained, and the index, from 0, of the best one.

    Example:
        early_stopping([1.0, 0.8, 0.9, 0.85, 0.7], patience=2) == (4, 1)
    """
    raise NotImplementedError
