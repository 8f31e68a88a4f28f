"""Session 2's exercises: the examples in their docstrings, and what the grader lets pass."""

from types import SimpleNamespace

import numpy as np
import pytest

from courses.s02_deep_neural_networks import references, solutions
from tests.courses.conftest import grade


def test_examples_in_the_docstrings_are_right():
    shapes = [w.shape for w, b in solutions.initialize_parameters([64, 5, 10])]
    assert shapes == [(64, 5), (5, 10)]
    value, slope = solutions.activation(np.array([-1.0, 0.0, 2.0]), "relu")
    assert (value.tolist(), slope.tolist()) == ([0, 0, 2], [0, 0, 1])
    absolute = [(np.array([[1.0, -1.0]]), np.zeros(2)), (np.ones((2, 1)), np.zeros(1))]
    _, a = solutions.forward(np.array([[-3.0]]), absolute, output="linear")
    assert a[-1].tolist() == [[3.0]]
    assert solutions.loss(np.zeros((3, 10)), np.eye(10)[:3]) == pytest.approx(2.302585, abs=1e-6)
    line = [(np.array([[2.0]]), np.zeros(1))]
    z, a = solutions.forward(np.array([[3.0]]), line, output="linear")
    ((for_weights, for_bias),) = solutions.backward(np.array([[5.0]]), line, z, a)
    assert (for_weights.tolist(), for_bias.tolist()) == ([[3.0]], [1.0])
    cube = [(np.array([[3.0]]), np.zeros(1))]
    ((slope, flat),) = solutions.numerical_gradients(lambda p: p[0][0][0, 0] ** 2, cube)
    assert slope == pytest.approx(np.array([[6.0]])) and flat.tolist() == [0.0]
    assert solutions.equal_width(2, 2, 1, 1000) == 199
    tent = solutions.interpolating_network(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0]))
    _, a = solutions.forward(np.array([[0.0], [1.0], [1.5], [3.0]]), tent, output="linear")
    assert a[-1][:, 0].tolist() == [0.0, 1.0, 0.5, -1.0]


@pytest.mark.parametrize("layers", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("output", ["softmax", "linear"])
def test_backward_propagation_agrees_with_keras_and_finite_differences(layers, output):
    random = np.random.default_rng(layers)
    n = [4, *random.integers(3, 8, layers - 1).tolist(), 3]
    parameters = [(w, random.normal(size=b.shape)) for w, b in solutions.initialize_parameters(n)]
    x, y = random.normal(size=(6, 4)), np.eye(3)[random.integers(3, size=6)]
    passes = solutions.forward(x, parameters, "tanh", output)
    gradients = solutions.backward(y, parameters, *passes, "tanh")
    by_keras = references.keras_gradients(x, y, parameters, "tanh", output)
    assert references.largest_error(gradients, by_keras) < 1e-12
    cost = references.cost(x, y, "tanh", output)
    assert (
        references.largest_error(gradients, solutions.numerical_gradients(cost, parameters)) < 1e-6
    )


def test_relative_error_sees_small_arrays():
    assert references.relative_error(np.array([1e-9]), np.array([2e-9])) == pytest.approx(1 / 3)
    assert references.relative_error(np.zeros(3), np.zeros(3)) == 0


def _with(**changed):
    return SimpleNamespace(**(vars(solutions) | changed))


def test_a_stepwise_rule_passes_where_a_formula_does():
    """Lists for tuples, and widths by search."""

    def forward(x, parameters, hidden="relu", output="softmax"):
        z, a = solutions.forward(x, parameters, hidden, output)
        return [list(z), list(a)]

    def equal_width(inputs, outputs, hidden_layers, budget):
        widths = [
            w
            for w in range(1, 2000)
            if w * (inputs + 1) + (hidden_layers - 1) * w * (w + 1) + outputs * (w + 1) <= budget
        ]
        return max(widths, default=0)

    answers = _with(forward=forward, equal_width=equal_width)
    assert grade("s02", "forward", answers).passed
    assert grade("s02", "equal_width", answers).passed


def test_units_may_stand_in_any_order():
    def interpolating_network(x, y):
        (weights, bias), (last, height) = solutions.interpolating_network(x, y)
        return [(weights[:, ::-1] * 2, bias[::-1] * 2), (last[::-1] / 2, height)]

    answers = _with(interpolating_network=interpolating_network)
    assert grade("s02", "interpolating_network", answers).passed


def test_other_random_draws_pass():
    """Any order of drawing is right, so long as the variances are."""

    def initialize_parameters(n, initializer="he_normal", seed=0):
        drawn = solutions.initialize_parameters(n, initializer, seed + 1000)
        return [(-weights, bias) for weights, bias in drawn]

    answers = _with(initialize_parameters=initialize_parameters)
    assert grade("s02", "initialize_parameters", answers).passed
