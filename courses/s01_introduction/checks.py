"""Session 1, checks: what each exercise must compute (graded by `courses.grading`).

What Keras has is compared with Keras; gradients with finite differences too. Examples, features and
units differ in number, so that a transposed product does not fit.
"""

import warnings
from typing import Any

import keras
import numpy as np

from courses.grading import Mismatch, expect, expect_equal
from courses.s01_introduction import solutions

SEED = 1
ACTIVATIONS = ("linear", "step", "relu", "sigmoid")
CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def check_neuron(answers: Any) -> None:
    """Each activation on small sums, on a sum of zero, and the sigmoid on very large ones."""
    x = np.array([[1.0, 2.0, -1.0], [0.0, 0.0, 0.0], [-3.0, 0.5, 2.0], [0.5, 0.0, 0.25]])
    for weights, bias in ((np.array([1.0, -2.0, 0.5]), 0.0), (np.array([-1.0, 0.5, 2.0]), -0.75)):
        for activation in ACTIVATIONS:
            expect_equal(
                answers.neuron(x, weights, bias, activation),
                solutions.neuron(x, weights, bias, activation),
                case=f"{activation} of 4 examples, weights {weights.tolist()}, bias {bias}",
            )
    _quietly(
        lambda: answers.neuron(np.array([[1.0], [-1.0]]), np.array([1000.0]), 0.0),
        np.array([1.0, 0.0]),
        case="sigmoid of the sums 1000 and -1000",
    )


def check_softmax(answers: Any) -> None:
    """Against Keras, with more classes than examples and the reverse, and large logits."""
    random = np.random.default_rng(SEED)
    for shape in ((2, 5), (6, 3), (1, 2)):
        logits = random.normal(scale=3, size=shape)
        expect_equal(
            answers.softmax(logits),
            keras.ops.convert_to_numpy(keras.ops.softmax(logits.astype(np.float32))),
            case=f"logits of shape {shape}",
            tolerance=1e-5,
        )
    for large, expected in (
        ([[1000.0, 1000.0], [0.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]]),
        ([[-1000.0, -1000.0], [800.0, -800.0]], [[0.5, 0.5], [1.0, 0.0]]),
        ([[1000.0, 1000.0 - np.log(3.0)]], [[0.75, 0.25]]),
    ):
        _quietly(
            lambda large=large: answers.softmax(np.array(large)),
            np.array(expected),
            case=f"logits {large}",
        )


def check_binary_cross_entropy(answers: Any) -> None:
    """Both labels, uneven classes, and logits whose probability rounds to 0 or 1."""
    logits = np.array([0.3, -1.2, 2.5, 0.0, -0.7, 4.0])
    for labels in ([1, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 1, 0, 0, 0, 1]):
        expect_equal(
            answers.binary_cross_entropy(logits, np.array(labels)),
            solutions.binary_cross_entropy(logits, np.array(labels)),
            case=f"logits {logits.tolist()}, labels {labels}",
        )
    for large, right, expected in (
        ([-1000.0, 1000.0], [1, 1], 500.0),
        ([800.0], [0], 800.0),
        ([1000.0, -1000.0], [1, 0], 0.0),
    ):
        _quietly(
            lambda large=large, right=right: answers.binary_cross_entropy(
                np.array(large), np.array(right)
            ),
            expected,
            case=f"logits {large}, labels {right}",
        )


def check_logistic_gradients(answers: Any) -> None:
    """Against the slope that a small change of each parameter shows."""
    random = np.random.default_rng(SEED)
    for examples, features in ((7, 3), (4, 4), (1, 2)):
        x, weights = random.normal(size=(examples, features)), random.normal(size=features)
        labels, bias = random.integers(0, 2, examples), float(random.normal())
        received = answers.logistic_gradients(x, labels, weights, bias)
        case = f"{examples} examples of {features} features"
        expect(
            isinstance(received, tuple | list) and len(received) == 2,
            case=case,
            expected="a tuple (dL/dweights, dL/dbias)",
            received=received,
        )
        slopes = _finite_differences(x, labels, np.append(weights, bias))
        expect_equal(received[0], slopes[:-1], case=f"{case}, dL/dweights", tolerance=1e-6)
        expect_equal(received[1], float(slopes[-1]), case=f"{case}, dL/dbias", tolerance=1e-6)


def check_fit_logistic_regression(answers: Any) -> None:
    """Against Keras: SGD, all examples in one batch, the same penalty."""
    random = np.random.default_rng(SEED)
    x = random.normal(size=(20, 3)) + [0.0, 1.0, 0.0]
    labels = (x @ [1.0, -2.0, 0.5] + random.normal(size=20) > 0).astype(int)
    for learning_rate, steps, penalty in ((0.5, 1, 0.0), (0.5, 12, 0.0), (1.5, 8, 0.1)):
        received = answers.fit_logistic_regression(
            x, labels, learning_rate=learning_rate, steps=steps, penalty=penalty
        )
        case = f"learning_rate={learning_rate}, steps={steps}, penalty={penalty}"
        expect(
            isinstance(received, tuple | list) and len(received) == 3,
            case=case,
            expected="a tuple (weights, bias, losses)",
            received=received,
        )
        weights, bias, losses = _keras_fit(x, labels, learning_rate, steps, penalty)
        expect_equal(received[0], weights, case=f"{case}, weights", tolerance=1e-5)
        expect_equal(received[1], bias, case=f"{case}, bias", tolerance=1e-5)
        expect_equal(np.asarray(received[2]), losses, case=f"{case}, losses", tolerance=1e-5)


def check_boundary(answers: Any) -> None:
    """Lines of all four slopes and sides; on them the weighted sum is zero."""
    first = np.array([-2.0, 0.0, 0.5, 3.0])
    for weights, bias in (([1.0, 2.0], -4.0), ([-3.0, 1.5], 0.75), ([0.0, -2.0], 1.0)):
        expect_equal(
            answers.boundary(np.array(weights), bias, first),
            solutions.boundary(np.array(weights), bias, first),
            case=f"weights {weights}, bias {bias}, first {first.tolist()}",
        )


def check_sensitivity_and_specificity(answers: Any) -> None:
    """Uneven classes, probabilities on the threshold, and a class that is missing."""
    labels = np.array([1, 1, 0, 0, 0, 1, 0, 1, 0, 0])
    probabilities = np.array([0.9, 0.4, 0.5, 0.2, 0.1, 0.5, 0.7, 0.05, 0.3, 0.02])
    for threshold in (0.5, 0.3, 0.05, 0.75):
        expect_equal(
            answers.sensitivity_and_specificity(labels, probabilities, threshold),
            solutions.sensitivity_and_specificity(labels, probabilities, threshold),
            case=f"10 examples, 4 of them ill, threshold {threshold}",
        )
    expect_equal(
        answers.sensitivity_and_specificity(labels, probabilities),
        solutions.sensitivity_and_specificity(labels, probabilities),
        case="the default threshold",
    )
    for label, fractions in ((1, (2 / 3, np.nan)), (0, (np.nan, 1 / 3))):
        _quietly(
            lambda label=label: answers.sensitivity_and_specificity(
                np.full(3, label), np.array([0.9, 0.6, 0.1])
            ),
            fractions,
            case=f"three examples of class {label} alone",
        )


def check_one_hidden_layer(answers: Any) -> None:
    """Every activation, with numbers of examples, features and units that differ."""
    random = np.random.default_rng(SEED)
    for examples, features, units in ((5, 3, 4), (2, 2, 2), (1, 4, 3)):
        x, kernel = random.normal(size=(examples, features)), random.normal(size=(features, units))
        bias, weights, offset = random.normal(size=units), random.normal(size=units), 0.7
        for activation in ACTIVATIONS[::-1]:
            expect_equal(
                answers.one_hidden_layer(x, kernel, bias, weights, offset, activation),
                solutions.one_hidden_layer(x, kernel, bias, weights, offset, activation),
                case=f"{examples} examples, {features} features, {units} {activation} units",
            )
    expect_equal(
        answers.one_hidden_layer(CORNERS, np.ones((2, 2)), np.array([0, -1]), np.ones(2), 0.5),
        np.array([0.5, 1.5, 1.5, 3.5]),
        case="the default activation",
    )


def check_xor_network(answers: Any) -> None:
    """The four corners, through the reference's forward pass."""
    received = answers.xor_network()
    shapes = [np.shape(part) for part in received] if isinstance(received, tuple | list) else None
    expected = [(2, 2), (2,), (2,), ()]
    expect(shapes == expected, case="shapes", expected=expected, received=shapes or received)
    kernel, bias, weights, offset = (np.asarray(part, float) for part in received)
    logits = solutions.one_hidden_layer(CORNERS, kernel, bias, weights, float(offset))
    for corner, logit, one in zip(CORNERS, logits, (False, True, True, False), strict=True):
        expect(
            logit >= 0.1 if one else logit <= -0.1,
            case=f"input ({corner[0]:.0f}, {corner[1]:.0f})",
            expected="a logit of at least 0.1" if one else "a logit of at most -0.1",
            received=f"{logit:.4g}",
        )


def _quietly(answer: Any, expected: Any, *, case: str) -> None:
    """What `answer()` returns must be right, and computed without overflow or NaN on the way."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        received = answer()
    expect_equal(received, expected, case=case)
    if raised:
        text = f"{raised[0].category.__name__}: {raised[0].message}"
        raise Mismatch(f"{case}: expected no warning on the way, received {text}")


def _finite_differences(x: np.ndarray, labels: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    def loss(values: np.ndarray) -> float:
        return solutions.binary_cross_entropy(x @ values[:-1] + values[-1], labels)

    changes = 1e-5 * np.eye(len(parameters))
    return np.array([(loss(parameters + c) - loss(parameters - c)) / 2e-5 for c in changes])


def _keras_fit(
    x: np.ndarray, labels: np.ndarray, learning_rate: float, steps: int, penalty: float
) -> tuple[np.ndarray, float, np.ndarray]:
    inputs = keras.Input((x.shape[1],))
    regularizer = keras.regularizers.L2(penalty)
    dense = keras.layers.Dense(1, kernel_initializer="zeros", kernel_regularizer=regularizer)
    model = keras.Model(inputs, dense(inputs))
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,
    )
    fit = model.fit(x, labels, batch_size=len(x), epochs=steps, shuffle=False, verbose=0)
    kernel, bias = (weights.astype(np.float64) for weights in dense.get_weights())
    return kernel[:, 0], float(bias[0]), np.array(fit.history["loss"])
