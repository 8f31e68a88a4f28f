"""Session 6's exercises: the solutions pass, the stubs and plausible wrong answers do not."""

import functools
import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from courses import grading
from courses.s06_convolutional_networks import checks, exercises, solutions
from tests.courses.s06_wrong_answers import WRONG, network

EXERCISES = [name.removeprefix("check_") for name in vars(checks) if name.startswith("check_")]
layers = keras.layers


def _grade(exercise, answers):
    only = SimpleNamespace(**{f"check_{exercise}": getattr(checks, f"check_{exercise}")})
    (result,) = grading.grade(answers, only)
    return result


@pytest.mark.parametrize("exercise", EXERCISES)
def test_solutions_pass(exercise):
    assert _grade(exercise, solutions) == grading.Result(exercise, True)


def test_untouched_stubs_are_to_do():
    results = grading.grade(exercises, checks)
    assert [result.exercise for result in results] == EXERCISES
    assert {result.message for result in results} == {"not written yet"}


def test_stubs_and_solutions_have_the_same_functions_and_arguments():
    for exercise in EXERCISES:
        stub, solution = getattr(exercises, exercise), getattr(solutions, exercise)
        assert stub.__annotations__ == solution.__annotations__
        assert stub.__defaults__ == solution.__defaults__
        assert stub.__kwdefaults__ == solution.__kwdefaults__


def test_examples_in_the_docstrings_are_right():
    assert solutions.output_size(28, 5) == 24
    assert solutions.output_size(7, 3, strides=2, padding="same") == 4
    image, kernels = np.array([[[1.0], [2.0], [4.0]]]), np.array([[[[-1.0]], [[1.0]]]])
    assert solutions.conv2d(image, kernels, np.zeros(1)).tolist() == [[[1.0], [2.0]]]
    pooled = solutions.max_pooling(np.arange(16.0).reshape(4, 4, 1), pool_size=2, strides=2)
    assert pooled[..., 0].tolist() == [[5, 7], [13, 15]]
    cost = solutions.layer_cost("conv2d", (32, 32, 1), filters=6, kernel_size=5)
    assert cost == (156, 117_600)
    assert solutions.receptive_field([(3, 1, 1), (3, 1, 1), (2, 2, 1)]) == (6, 2)
    integers, scale, zero = solutions.quantize(np.array([0.0, 1.0, 63.75, 99.0]), 0.0, 63.75)
    assert (integers.tolist(), scale, zero) == ([-128, -124, 127, 127], 0.25, -128)
    values = solutions.dequantize(np.array([-128, 127], np.int8), 0.25, -128)
    assert values.tolist() == [0.0, 63.75]


CASES = [(exercise, mistake) for exercise, mistakes in WRONG.items() for mistake in mistakes]


@functools.cache
def _grade_mistake(exercise, mistake):
    return _grade(exercise, SimpleNamespace(**{exercise: WRONG[exercise][mistake]}))


@pytest.mark.parametrize(("exercise", "mistake"), CASES)
def test_wrong_answers_fail_with_expected_and_received(exercise, mistake):
    result = _grade_mistake(exercise, mistake)
    assert not result.passed
    assert re.search(r": expected .+, received .+", result.message), result.message


@pytest.mark.parametrize(
    ("exercise", "mistake", "message"),
    [
        ("small_network", "over the budget", "parameters: expected at most 6,000, received 21,250"),
        ("small_network", "one class short", "output shape: expected (None, 10), received"),
        ("small_network", "logits", "output: expected probabilities that sum to 1 (softmax)"),
        ("small_network", "no activation", "nonlinearity: expected activations between the layers"),
        ("small_network", "blind", "test accuracy after 25 epochs: expected at least 95.0%"),
        ("output_size", "a float", "of type float"),
        ("quantize", "floats", "expected dtype int8, received dtype float32"),
        ("max_pooling", "padding with zeros", "any values (6, 5, 2), pool_size=2, strides=1"),
        ("edge_kernel", "horizontal", "ramp brighter to the right: expected 1 at index (0, 0, 0)"),
    ],
)
def test_the_message_names_the_mistake(exercise, mistake, message):
    result = _grade_mistake(exercise, mistake)
    assert message in result.message


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
def test_any_activation_counts_as_nonlinear(activation):
    keras.utils.set_random_seed(0)
    checks.expect_network(network(activation=activation)((8, 8, 1), 10), (8, 8, 1), 10)


def test_pictures_that_are_not_rescaled_pass_the_first_look():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = layers.Flatten()(layers.Conv2D(8, 3, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    checks.expect_network(model, (8, 8, 1), 10)


def test_quantize_rounds_as_the_reference_kernel():
    """`integers` of LiteRT's own QUANTIZE operator (reference kernel), recorded for scale 0.25."""
    steps = np.array([-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5])
    integers, _, zero_point = solutions.quantize(steps * 0.25, -31.875, 31.875)
    assert zero_point == -1
    assert integers.tolist() == [-5, -4, -3, -2, 0, 1, 2, 3]
