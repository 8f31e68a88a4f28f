"""Session 3's exercises: the examples in their docstrings, and other right answers."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from courses.s03_bias_and_variance import solutions
from tests.courses.conftest import grade


def test_examples_in_the_docstrings_are_right():
    classes = np.array([0, 0, 0, 0, 1, 1])
    _, held_out = solutions.stratified_split(classes, 0.5, seed=0)
    assert sorted(classes[held_out]) == [0, 0, 1]
    train, other = solutions.standardize(np.array([[1.0], [3.0]]), np.array([[4.0]]))
    assert (train.tolist(), other.tolist()) == ([[-1], [1]], [[2]])
    x, y = np.array([-1.0, 0.0, 1.0]), np.array([0.0, 1.0, 2.0])
    assert solutions.ridge_polynomial(x, y, degree=1, l2=2.0) == pytest.approx([1, 0.5])
    predictions = np.array([[1.0, 4.0], [3.0, 4.0]])
    assert solutions.bias_variance(predictions, np.array([0.0, 4.0])) == (2.0, 0.5)
    kept = solutions.dropout(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.6, 0.9]), 0.5, True)
    assert kept.tolist() == [0, 4, 6]
    value, gradients = solutions.penalty([np.array([3.0, -1.0])], l1=0.5, l2=0.25)
    assert (value, gradients[0].tolist()) == (4.5, [2, -1])
    smoothed = solutions.smooth_labels(np.array([1]), count=4, smoothing=0.2)
    assert smoothed == pytest.approx(np.array([[0.05, 0.85, 0.05, 0.05]]))
    assert solutions.early_stopping([1.0, 0.8, 0.9, 0.85, 0.7], patience=2) == (4, 1)


def test_a_constant_that_is_no_binary_fraction_is_not_scaled():
    constant = np.full((20, 1), 0.1)
    train, other = solutions.standardize(constant, np.array([[0.1], [6.1]]))
    np.testing.assert_allclose(train, np.zeros((20, 1)), atol=1e-12)
    np.testing.assert_allclose(other, [[0], [6]], atol=1e-12)


@pytest.mark.parametrize(("count", "smoothing"), [(4, 0.2), (10, 0.1), (2, 0.3), (3, 0.0)])
def test_smoothed_targets_give_keras_own_smoothed_loss(count, smoothing):
    random = np.random.default_rng(0)
    classes, guesses = random.integers(0, count, 6), random.dirichlet(np.ones(count), 6)
    keras_loss = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)
    targets = solutions.smooth_labels(classes, count, smoothing)
    loss = -np.mean(np.sum(targets * np.log(guesses), axis=1))
    assert loss == pytest.approx(float(keras_loss(np.eye(count)[classes], guesses)), rel=1e-4)


def _difference_above_min_delta(losses, patience, min_delta=0.0):
    """The same comparison, written the other way round."""
    best = 0
    for epoch, loss in enumerate(losses):
        if losses[best] - loss > min_delta:
            best = epoch
        elif epoch - best >= patience:
            return epoch + 1, best
    return len(losses), best


def _other_split(classes, fraction, seed):
    """Another way to draw, in another order, as lists."""
    random, kept, held = np.random.default_rng(seed + 17), [], []
    for label in sorted(set(classes.tolist()), reverse=True):
        members = np.flatnonzero(classes == label)
        random.shuffle(members)
        count = round(fraction * len(members))
        held += members[len(members) - count :].tolist()
        kept += members[: len(members) - count].tolist()
    return kept, held


def _ridge_by_least_squares(x, y, degree, l2):
    """The penalty as further rows of the least-squares problem."""
    design = np.vander(x, degree + 1, increasing=True)
    rows = np.sqrt(l2) * np.eye(degree + 1)[1:]
    targets = np.concatenate([y, np.zeros(degree)])
    return np.linalg.lstsq(np.concatenate([design, rows]), targets, rcond=None)[0]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("stratified_split", _other_split),
        ("ridge_polynomial", _ridge_by_least_squares),
        ("dropout", lambda x, u, rate, training: x * (u >= rate) / (1 - rate) if training else x),
        ("early_stopping", _difference_above_min_delta),
        ("early_stopping", lambda *a: np.array(solutions.early_stopping(*a))),
    ],
)
def test_other_right_answers_pass(exercise, answer):
    result = grade("s03", exercise, SimpleNamespace(**{exercise: answer}))
    assert result.passed, result.message
