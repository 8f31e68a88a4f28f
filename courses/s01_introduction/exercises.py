"""Session 1, exercises: write the functions below, in any order, then grade them with

    python -m courses check s01

A function that is not written yet counts as "to do", whatever the others do. Everything is NumPy
alone. `x` holds one example a row; the functions of an exercise may serve those that follow it.
"""

import numpy as np


def neuron(
    x: np.ndarray, weights: np.ndarray, bias: float, activation: str = "sigmoid"
) -> np.ndarray:
    """One neuron's output: an activation of the weighted sum z = x · weights + bias.

        "linear":  z
        "step":    1 where z > 0, else 0
        "relu":    max(z, 0)
        "sigmoid": 1 / (1 + exp(-z))

    The sigmoid must hold for sums of any size: 0 for z = -1000, 1 for z = 1000, and no overflow
    on the way. For z < 0 the form exp(z) / (1 + exp(z)) is the same number. (`np.where` computes
    both of its branches for every element; exp(-|z|) serves both forms and never overflows.)

    Args:
        x: (examples, features).
        weights: (features,).
        bias: added to each sum.
        activation: "linear", "step", "relu" or "sigmoid".

    Returns:
        An array of shape (examples,), of floats.

    Example:
        neuron(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([3.0, -1.0]), -1.0, "relu") is [0, 0],
        and with "sigmoid" [0.5, 0.2689414].
    """
    raise NotImplementedError


def softmax(logits: np.ndarray) -> np.ndarray:
    """Sums to probabilities: exp(z_k) / sum over j of exp(z_j), for each row on its own.

    It must hold for logits of any size. Adding one number to a whole row changes nothing, so take
    the row's largest away first.

    Args:
        logits: (examples, classes).

    Returns:
        An array of the same shape, whose rows sum to 1.

    Example:
        softmax(np.array([[0.0, np.log(3.0)], [1000.0, 1000.0]])) is [[0.25, 0.75], [0.5, 0.5]].
    """
    raise NotImplementedError


def binary_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean over the examples of -y ln p - (1 - y) ln(1 - p), with p = sigmoid(logit).

    From probabilities this fails where p rounds to 0 or 1. From the logit z it is

        max(z, 0) - y * z + ln(1 + exp(-|z|))

    which never overflows and is exact for z of any size.

    Args:
        logits: (examples,), the weighted sums before the sigmoid.
        labels: (examples,), 0 or 1.

    Returns:
        One number.

    Example:
        binary_cross_entropy(np.array([0.0]), np.array([1])) is ln 2 = 0.6931472, and
        binary_cross_entropy(np.array([-1000.0, 1000.0]), np.array([1, 1])) is 500.
    """
    raise NotImplementedError


def logistic_gradients(
    x: np.ndarray, labels: np.ndarray, weights: np.ndarray, bias: float
) -> tuple[np.ndarray, float]:
    """The slopes of the mean cross-entropy of a logistic regression.

    With p = sigmoid(x · weights + bias) and n examples,

        dL/dweights = 1/n * sum over the examples of (p - y) * x
        dL/dbias    = 1/n * sum over the examples of (p - y)

    Args:
        x: (examples, features).
        labels: (examples,), 0 or 1.
        weights: (features,).
        bias: the bias.

    Returns:
        (dL/dweights of shape (features,), dL/dbias, a number).

    Example:
        logistic_gradients(np.array([[2.0], [4.0]]), np.array([1, 0]), np.zeros(1), 0.0) is
        ([0.5], 0.0).
    """
    raise NotImplementedError


def fit_logistic_regression(
    x: np.ndarray,
    labels: np.ndarray,
    *,
    learning_rate: float,
    steps: int,
    penalty: float = 0.0,
) -> tuple[np.ndarray, float, list[float]]:
    """Trains a logistic regression by gradient descent on all examples at once.

    From weights and a bias of zero, each step goes against the gradient of

        L = mean cross-entropy + penalty * (sum of the squared weights)

    `learning_rate` times. The bias is not penalised. Weights and bias move together: both slopes
    are taken before either moves. It is what Keras does with SGD, one batch of all examples and
    `kernel_regularizer=keras.regularizers.L2(penalty)`.

    Args:
        x: (examples, features).
        labels: (examples,), 0 or 1.
        learning_rate: the length of a step in gradients.
        steps: how many steps.
        penalty: the factor on the squared weights.

    Returns:
        (weights of shape (features,), bias, losses): `losses` holds L before each step, so that
        its first entry is ln 2, and has `steps` entries.

    Example:
        One step on one example: fit_logistic_regression(np.array([[2.0]]), np.array([1]),
        learning_rate=1.0, steps=1) is ([1.0], 0.5, [0.6931472]).
    """
    raise NotImplementedError


def boundary(weights: np.ndarray, bias: float, first: np.ndarray) -> np.ndarray:
    """The line between the classes of a logistic regression with two features.

    There the weighted sum is zero, so that p = 0.5:

        weights[0] * first + weights[1] * second + bias = 0

    Args:
        weights: (2,); the second one is not zero.
        bias: the bias.
        first: (points,), values of the first feature.

    Returns:
        The second feature's values on the boundary, an array of shape (points,).

    Example:
        boundary(np.array([1.0, 2.0]), -4.0, np.array([0.0, 2.0])) is [2.0, 1.0].
    """
    raise NotImplementedError


def sensitivity_and_specificity(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = 0.5
) -> tuple[float, float]:
    """How many of the ill a test finds, and how many of the healthy it leaves alone.

    An alarm is a probability of at least `threshold`. Sensitivity is the fraction of alarms among
    the examples of class 1, specificity the fraction of no alarms among those of class 0. Where
    there are no examples of a class, its fraction is NaN.

    Args:
        labels: (examples,), 1 (ill) or 0 (healthy).
        probabilities: (examples,), of class 1.
        threshold: from this probability on there is an alarm.

    Returns:
        (sensitivity, specificity), two fractions of 0 to 1.

    Example:
        sensitivity_and_specificity(np.array([1, 1, 0, 0, 0]), np.array([0.9, 0.4, 0.5, 0.2, 0.1]))
        is (1/2, 2/3).
    """
    raise NotImplementedError


def one_hidden_layer(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    weights: np.ndarray,
    offset: float,
    activation: str = "relu",
) -> np.ndarray:
    """The logits of a network with one hidden layer and one output.

        a = activation(x · kernel + bias)
        z = a · weights + offset

    The activation is one of `neuron`'s. The output has none: z is a logit.

    Args:
        x: (examples, features).
        kernel: (features, units), a column for each hidden unit.
        bias: (units,).
        weights: (units,).
        offset: the output's bias.
        activation: of the hidden units: "linear", "step", "relu" or "sigmoid".

    Returns:
        (examples,) logits.

    Example:
        one_hidden_layer(np.array([[1.0, 2.0]]), np.array([[1.0, -1.0], [1.0, 1.0]]),
        np.array([0.0, -2.0]), np.array([1.0, 10.0]), 0.5) is [3.5].
    """
    raise NotImplementedError


def xor_network() -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Design a network of two inputs, two hidden units and one output that computes XOR.

    Its hidden units are ReLUs. For `one_hidden_layer` with these weights the logit is above zero,
    by 0.1 at least, for the inputs (0, 1) and (1, 0), and below zero, by 0.1 at least, for (0, 0)
    and (1, 1).

    Returns:
        (kernel of shape (2, 2), bias of shape (2,), weights of shape (2,), offset, a number);
        many of them qualify.
    """
    raise NotImplementedError
