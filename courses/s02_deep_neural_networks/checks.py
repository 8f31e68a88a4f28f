"""Session 2, checks: what each exercise must compute (graded by `courses.grading`).

Gradients are held against finite differences and against Keras, both in float64, to 1e-6.
"""

from itertools import pairwise
from typing import Any

import keras
import numpy as np

from courses.grading import expect, expect_equal
from courses.s02_deep_neural_networks import solutions
from courses.s02_deep_neural_networks.references import (
    cost,
    keras_gradients,
    keras_model,
    relative_error,
)

SEED = 2
TOLERANCE = 1e-6
# One batch of two rows: exp overflows in the first, and in the second unless each row is shifted
# by its own largest sum, it is 0 throughout.
LARGE_SUMS = np.array([[1000.0, 999.0, 0.0], [-1000.0, -1000.0, -1001.0]])
# Units of each layer, hidden activation, output: L is 1, 2, 3 and 5, no two layers equally wide.
NETWORKS = (
    ((3, 4), "relu", "softmax"),
    ((2, 3), "tanh", "linear"),
    ((4, 5, 3), "tanh", "softmax"),
    ((3, 6, 2), "relu", "linear"),
    ((4, 6, 5, 3), "sigmoid", "softmax"),
    ((3, 8, 6, 4), "leaky_relu", "softmax"),
    ((4, 7, 6, 5, 8, 3), "relu", "softmax"),
    ((3, 5, 4, 6, 3, 2), "silu", "linear"),
)


def check_initialize_parameters(answers: Any) -> None:
    """Shapes and zero biases; then means and deviations of many weights, and the seed."""
    for n in ([3, 2], [64, 5, 10], [4, 6, 5, 3, 2, 7]):
        received = answers.initialize_parameters(n)
        _expect_pairs(received, len(n) - 1, case=f"n={n}")
        for layer, (before, after) in enumerate(pairwise(n), start=1):
            shape = np.shape(received[layer - 1][0])
            expect_equal(shape, (before, after), case=f"n={n}, shape of W[{layer}]")
            expect_equal(received[layer - 1][1], np.zeros(after), case=f"n={n}, b[{layer}]")
    n = [400, 100, 900]
    for initializer in ("he_normal", "glorot_normal"):
        drawn = answers.initialize_parameters(n, initializer, 1)
        _expect_pairs(drawn, len(n) - 1, case=f"n={n}, {initializer!r}")
        for layer, (weights, _) in enumerate(drawn, start=1):
            case = f"n={n}, {initializer!r}, W[{layer}]"
            expected = np.sqrt(2 / n[layer - 1])
            if initializer == "glorot_normal":
                expected = np.sqrt(2 / (n[layer - 1] + n[layer]))
            _expect_near(np.mean(weights) / expected, 0, 0.03, f"{case}, mean / deviation")
            _expect_near(np.std(weights), expected, 0.02 * expected, f"{case}, standard deviation")
            beyond = np.mean(np.abs(weights) > 2 * expected)
            _expect_near(beyond, 0.0455, 0.01, f"{case}, fraction beyond two standard deviations")
    _expect_seeded(answers)


def check_activation(answers: Any) -> None:
    """Values against Keras's own functions; derivatives at 0 and against finite differences."""
    z = np.array([[-30.0, -3.0, -0.5, 0.0], [1e-3, 0.7, 2.5, 30.0]])
    for name in solutions.ACTIVATIONS:
        received = answers.activation(z, name)
        expect(
            isinstance(received, tuple | list) and len(received) == 2,
            case=name,
            expected="a tuple (g(z), g'(z))",
            received=received,
        )
        expected = keras.ops.convert_to_numpy(getattr(keras.activations, name)(z))
        expect_equal(received[0], expected.astype(np.float64), case=f"{name}, g(z)")
        smooth = z + 1e-4  # off the corner
        above, _ = solutions.activation(smooth + 1e-6, name)
        below, _ = solutions.activation(smooth - 1e-6, name)
        slope = answers.activation(smooth, name)[1]
        expect_equal(slope, (above - below) / 2e-6, case=f"{name}, g'(z) at {smooth.tolist()}")
        at_zero = solutions.activation(np.zeros(1), name)[1]
        expect_equal(answers.activation(np.zeros(1), name)[1], at_zero, case=f"{name}, g'(0)")


def check_forward(answers: Any) -> None:
    """Every sum and activation of networks of 1, 2, 3 and 5 layers; the outputs by Keras."""
    for n, hidden, output in NETWORKS:
        x, _, parameters = _network(n, output)
        case = f"n={list(n)}, hidden={hidden!r}, output={output!r}"
        z, a = _passes(answers, x, parameters, hidden, output, case=case)
        model = keras_model(n, parameters, hidden)
        sums = keras.ops.convert_to_numpy(model(x))
        right_z, right_a = solutions.forward(x, parameters, hidden, output)
        for layer in range(1, len(n)):
            expect_equal(z[layer - 1], right_z[layer - 1], case=f"{case}, z[{layer}]")
            expect_equal(a[layer - 1], right_a[layer - 1], case=f"{case}, a[{layer - 1}]")
        expect_equal(z[-1], sums, case=f"{case}, z[{len(n) - 1}] against Keras")
        expect_equal(a[-1], right_a[-1], case=f"{case}, a[{len(n) - 1}]")
    x, large = np.eye(2), [(LARGE_SUMS, np.zeros(3))]
    _, a = _passes(answers, x, large, "relu", "softmax", case="sums of 1,000")
    _, right_a = solutions.forward(x, large)
    expect_equal(a[-1], right_a[-1], case=f"softmax of the rows {LARGE_SUMS.astype(int).tolist()}")
    _, a = answers.forward(np.ones((2, 3)), _network((3, 4), "softmax")[2])
    expect_equal(np.sum(a[-1], axis=1), np.ones(2), case="the defaults, sums of a[L]")


def check_loss(answers: Any) -> None:
    """Small and huge sums, one example and many."""
    random = np.random.default_rng(SEED)
    for examples, classes in ((1, 3), (6, 4), (5, 10)):
        z = 2 * random.normal(size=(examples, classes))
        y = np.eye(classes)[random.integers(classes, size=examples)]
        for output in ("softmax", "linear"):
            expected = solutions.loss(z, y, output)
            case = f"{examples} examples, {classes} outputs, {output!r}"
            expect_equal(answers.loss(z, y, output), expected, case=case)
    zeros = answers.loss(np.zeros((3, 10)), np.eye(10)[:3])
    expect_equal(zeros, float(np.log(10)), case="zeros, the defaults")
    z = np.array([[1000.0, 0.0, -1000.0]])
    for index, expected in enumerate((0.0, 1000.0, 2000.0)):
        case = f"z=(1000, 0, -1000), class {index}"
        expect_equal(answers.loss(z, np.eye(3)[index : index + 1]), expected, case=case)
    y = np.eye(3)[[1, 2]]
    case = f"z={LARGE_SUMS.astype(int).tolist()}, classes 1 and 2"
    expect_equal(answers.loss(LARGE_SUMS, y), solutions.loss(LARGE_SUMS, y), case=case)


def check_backward(answers: Any) -> None:
    """Gradient checking: finite differences and Keras, each to 1e-6, for L = 1, 2, 3 and 5."""
    for n, hidden, output in NETWORKS:
        x, y, parameters = _network(n, output)
        z, a = solutions.forward(x, parameters, hidden, output)
        case = f"n={list(n)}, hidden={hidden!r}, output={output!r}"
        received = answers.backward(y, parameters, z, a, hidden)
        _expect_pairs(received, len(n) - 1, case=case)
        _expect_gradients(
            received, keras_gradients(x, y, parameters, hidden, output), f"{case}, Keras"
        )
        numerical = solutions.numerical_gradients(cost(x, y, hidden, output), parameters)
        _expect_gradients(received, numerical, f"{case}, finite differences")


def check_numerical_gradients(answers: Any) -> None:
    """Functions whose gradient is known; one on which a one-sided difference shows."""
    random = np.random.default_rng(SEED)
    parameters = [(random.normal(size=(3, 2)), random.normal(size=2))]
    parameters += [(random.normal(size=(2, 4)), random.normal(size=4))]

    def squares(trial: solutions.Parameters) -> float:
        return float(sum((array**2).sum() for pair in trial for array in pair))

    def mixed(trial: solutions.Parameters) -> float:
        (weights, bias), (other, last) = trial
        return float(np.sin(weights @ other).sum() + (bias**3).sum() * last.sum())

    (weights, bias), (other, last) = parameters
    slope = np.cos(weights @ other)
    exact = [
        (slope @ other.T, 3 * bias**2 * last.sum()),
        (weights.T @ slope, np.full(4, (bias**3).sum())),
    ]
    doubled = [(2 * weights, 2 * bias), (2 * other, 2 * last)]
    # (p + h)^3 - (p - h)^3 = 6 p^2 h + 2 h^3: on a cube a large step shows which quotient it is.
    one = [(np.array([[2.0]]), np.array([1.0]))]
    wide = answers.numerical_gradients(lambda trial: float(trial[0][0][0, 0] ** 3), one, 0.5)
    expect_equal(wide[0][0], np.array([[12.25]]), case="p^3 at p=2, step=0.5")
    for name, function, expected in (
        ("the sum of all squares", squares, doubled),
        ("sines and cubes", mixed, exact),
    ):
        received = answers.numerical_gradients(function, parameters)
        _expect_pairs(received, 2, case=name)
        _expect_gradients(received, expected, name)


def check_equal_width(answers: Any) -> None:
    """Budgets on the edge, and too small for any width."""
    for inputs, outputs, hidden_layers, budget in (
        (2, 2, 1, 1000),
        (2, 2, 1, 1002),
        (2, 2, 1, 1001),
        (2, 2, 3, 1000),
        (64, 10, 5, 5000),
        (784, 10, 2, 25_450),
        (784, 10, 8, 535_818),
        (784, 10, 1, 804),
        (784, 10, 2, 300),
    ):
        expect_equal(
            answers.equal_width(inputs, outputs, hidden_layers, budget),
            solutions.equal_width(inputs, outputs, hidden_layers, budget),
            case=f"inputs={inputs}, outputs={outputs}, hidden_layers={hidden_layers}, "
            f"budget={budget}",
        )


def check_interpolating_network(answers: Any) -> None:
    """The network's outputs at the points, between them and beyond them."""
    for x, y in (
        ([0.0, 1.0, 2.0], [0.0, 1.0, 0.0]),
        ([-1.0, 0.5], [2.0, -1.0]),
        ([-2.0, -1.5, 0.0, 0.25, 3.0], [1.0, -1.0, 0.5, 4.0, 2.0]),
    ):
        case = f"x={x}, y={y}"
        received = answers.interpolating_network(np.array(x), np.array(y))
        _expect_pairs(received, 2, case=case)
        units = len(x) - 1
        shapes = [tuple(np.shape(array) for array in pair) for pair in received]
        expect_equal(shapes, [((1, units), (units,)), ((units, 1), (1,))], case=f"{case}, shapes")
        inside = np.linspace(x[0], x[-1], 13)
        for where, places, heights in (
            ("at the points", np.array(x), np.array(y)),
            ("between them", inside, np.interp(inside, x, y)),
            ("left of them", np.array([x[0] - 1.0]), np.array([y[0]])),
            (
                "right of them",
                np.array([x[-1] + 1.0]),
                np.array([y[-1] + (y[-1] - y[-2]) / (x[-1] - x[-2])]),
            ),
        ):
            _, a = solutions.forward(places[:, None], received, "relu", "linear")
            expect_equal(a[-1][:, 0], heights, case=f"{case}, {where}")


def _network(
    n: tuple[int, ...], output: str
) -> tuple[np.ndarray, np.ndarray, solutions.Parameters]:
    """Seven examples, and weights and biases large enough for every gradient to count."""
    random = np.random.default_rng(SEED + len(n))
    x = random.normal(size=(7, n[0]))
    y = random.normal(size=(7, n[-1]))
    if output == "softmax":
        y = np.eye(n[-1])[random.integers(n[-1], size=7)]
    parameters = [
        (1.5 * random.normal(size=(i, o)) / np.sqrt(i), 0.3 * random.normal(size=o))
        for i, o in pairwise(n)
    ]
    return x, y, parameters


def _passes(answers: Any, x: Any, parameters: Any, *names: str, case: str) -> tuple[Any, Any]:
    received = answers.forward(x, parameters, *names)
    lengths = None
    if isinstance(received, tuple | list) and all(isinstance(r, tuple | list) for r in received):
        lengths = tuple(len(part) for part in received)
    count = len(parameters)
    expect(
        lengths == (count, count + 1),
        case=case,
        expected=f"two lists, of {count} sums z and {count + 1} activations a",
        received=received if lengths is None else f"lists of {lengths}",
    )
    return received


def _expect_pairs(received: Any, count: int, *, case: str) -> None:
    right = isinstance(received, tuple | list) and all(
        isinstance(pair, tuple | list) and len(pair) == 2 for pair in received
    )
    expect(
        right and len(received) == count,
        case=case,
        expected=f"a list of {count} pair{'s' if count > 1 else ''} (W, b)",
        received=f"{len(received)} pair{'' if len(received) == 1 else 's'}" if right else received,
    )


def _expect_gradients(received: Any, expected: solutions.Parameters, case: str) -> None:
    for layer, (pair, right) in enumerate(zip(received, expected, strict=True), start=1):
        for name, array, reference in zip("Wb", pair, right, strict=True):
            place = f"{case}, gradient for {name}[{layer}]"
            expect_equal(array, reference, case=place, tolerance=TOLERANCE)
            error = relative_error(np.asarray(array), reference)
            expect(
                error <= TOLERANCE,
                case=f"{place}, relative error",
                expected=f"at most {TOLERANCE:g}",
                received=f"{error:.2g}",
            )


def _expect_near(received: float, expected: float, allowed: float, case: str) -> None:
    expect(
        abs(received - expected) <= allowed,
        case=case,
        expected=f"about {expected:.3g}",
        received=f"{received:.3g}",
    )


def _expect_seeded(answers: Any) -> None:
    """Equal for equal seeds, different for different seeds, different from layer to layer."""
    (first, _), (second, _) = answers.initialize_parameters([4, 4, 4], "he_normal", 1)
    again = answers.initialize_parameters([4, 4, 4], "he_normal", 1)[0][0]
    other = answers.initialize_parameters([4, 4, 4], "he_normal", 2)[0][0]
    expect_equal(again, np.asarray(first), case="seed=1, drawn a second time, W[1]")
    for case, weights in (("W[1] for seed=1 and seed=2", other), ("W[1] and W[2]", second)):
        equal = np.allclose(first, weights)
        expect(not equal, case=case, expected="different weights", received="the same ones")
