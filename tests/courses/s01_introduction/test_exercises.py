"""Session 1's exercises: the examples in their docstrings, and what the grader lets pass."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from courses.s01_introduction import solutions
from tests.courses.conftest import grade

LN2 = np.log(2)


def test_examples_in_the_docstrings_are_right():
    x, weights = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([3.0, -1.0])
    assert solutions.neuron(x, weights, -1.0, "relu").tolist() == [0, 0]
    assert solutions.neuron(x, weights, -1.0) == pytest.approx([0.5, 0.2689414])
    rows = solutions.softmax(np.array([[0.0, np.log(3.0)], [1000.0, 1000.0]]))
    assert rows == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5]]))
    assert solutions.binary_cross_entropy(np.array([0.0]), np.array([1])) == pytest.approx(LN2)
    assert solutions.binary_cross_entropy(np.array([-1000.0, 1000.0]), np.ones(2)) == 500
    slopes, slope = solutions.logistic_gradients(
        np.array([[2.0], [4.0]]), np.array([1, 0]), np.zeros(1), 0.0
    )
    assert (slopes.tolist(), slope) == ([0.5], 0.0)
    weights, bias, losses = solutions.fit_logistic_regression(
        np.array([[2.0]]), np.array([1]), learning_rate=1.0, steps=1
    )
    assert (weights.tolist(), bias, losses) == ([1.0], 0.5, [pytest.approx(LN2)])
    line = solutions.boundary(np.array([1.0, 2.0]), -4.0, np.array([0.0, 2.0]))
    assert line.tolist() == [2.0, 1.0]
    fractions = solutions.sensitivity_and_specificity(
        np.array([1, 1, 0, 0, 0]), np.array([0.9, 0.4, 0.5, 0.2, 0.1])
    )
    assert fractions == pytest.approx((1 / 2, 2 / 3))
    logits = solutions.one_hidden_layer(
        np.array([[1.0, 2.0]]),
        np.array([[1.0, -1.0], [1.0, 1.0]]),
        np.array([0.0, -2.0]),
        np.array([1.0, 10.0]),
        0.5,
    )
    assert logits.tolist() == [3.5]


def test_the_forward_pass_is_that_of_keras():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1)]
    )
    kernel, bias, weights, offset = model.get_weights()
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    own = solutions.one_hidden_layer(x, kernel, bias, weights[:, 0], float(offset[0]))
    assert own == pytest.approx(model.predict(x, verbose=0)[:, 0], abs=1e-6)


@pytest.mark.parametrize(
    "weights",
    [
        (np.array([[1, -1], [-1, 1]]), np.zeros(2), np.ones(2), -0.5),  # either difference
        ([[2.0, 2.0], [2.0, 2.0]], [0.0, -2.0], [1.0, -2.0], -1.0),  # lists
        (np.ones((2, 2)), np.array([0, -1]), np.array([1, -2]), -0.5),  # whole numbers
    ],
)
def test_any_network_that_computes_xor_passes(weights):
    assert grade("s01", "xor_network", SimpleNamespace(xor_network=lambda: weights)).passed


def test_a_sigmoid_from_a_library_passes():
    from scipy.special import expit

    def neuron(x, weights, bias, activation="sigmoid"):
        z = x @ weights + bias
        return expit(z) if activation == "sigmoid" else solutions._activated(z, activation)

    assert grade("s01", "neuron", SimpleNamespace(neuron=neuron)).passed
