"""Session 1's references: the numbers they give."""

import numpy as np
import pytest

from courses.s01_introduction import references, solutions

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(30, 2)), RANDOM.integers(0, 2, 30)
NEURON = references.train_logistic_regression(
    X, Y, np.array([1.0, -1.0]), 0.0, learning_rate=0.5, steps=4
)
HIDDEN = references.train_one_hidden_layer(
    X, Y, RANDOM.normal(size=(2, 3)), RANDOM.normal(size=3), learning_rate=0.5, steps=4
)


def test_the_neuron_learns_as_the_exercise_does():
    trained = references.train_logistic_regression(
        X, Y, np.zeros(2), 0.0, learning_rate=0.5, steps=20
    )
    weights, bias, losses = solutions.fit_logistic_regression(X, Y, learning_rate=0.5, steps=20)
    assert trained[-1].parameters[0] == pytest.approx(weights)
    assert trained[-1].parameters[1] == pytest.approx(bias)
    assert [step.loss for step in trained[:-1]] == pytest.approx(losses)


def test_back_propagation_is_the_slope_of_the_loss():
    before, after = HIDDEN[:2]

    def loss(parameters):
        kernel, bias, weights, offset = parameters
        return references.cross_entropy(np.tanh(X @ kernel + bias) @ weights + offset, Y)

    assert loss(before.parameters) == pytest.approx(before.loss)
    for index, own in enumerate(before.parameters):
        slopes = np.zeros(own.shape)
        for place in np.ndindex(own.shape):
            sides = []
            for change in (1e-5, -1e-5):
                moved = [array.astype(float).copy() for array in before.parameters]
                moved[index][place] += change
                sides.append(loss(moved))
            slopes[place] = (sides[0] - sides[1]) / 2e-5
        step = (own - after.parameters[index]) / 0.5
        assert step == pytest.approx(slopes, abs=1e-8)


@pytest.mark.parametrize("ours", [NEURON, HIDDEN])
def test_keras_computes_the_same_numbers(ours):
    theirs = references.train_in_keras(X, Y, ours[0], learning_rate=0.5, steps=4)
    loss, parameter = references.largest_difference(ours, theirs)
    assert 0 < parameter < 1e-6 and loss < 1e-6
    other = references.train_in_keras(X, Y, ours[0], learning_rate=0.6, steps=4)
    assert min(references.largest_difference(ours, other)) > 1e-3


def test_predictions_are_probabilities_of_class_1():
    points = np.array([[0.5, -1.0], [2.0, 0.0]])
    weights, bias = NEURON[2].parameters
    expected = solutions.neuron(points, weights, bias[0])
    assert references.predictor(NEURON[2])(points) == pytest.approx(expected)
    kernel, bias, weights, offset = HIDDEN[2].parameters
    logits = np.tanh(points @ kernel + bias) @ weights + offset
    assert references.predictor(HIDDEN[2])(points) == pytest.approx(1 / (1 + np.exp(-logits)))
