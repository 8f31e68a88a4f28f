"""Session 6's exercises: the examples in their docstrings, and what the grader lets pass."""

import keras
import numpy as np
import pytest

from courses.s06_convolutional_networks import checks, solutions
from tests.courses.s06_convolutional_networks.wrong_exercises import network

layers = keras.layers


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


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
def test_any_activation_counts_as_nonlinear(activation):
    keras.utils.set_random_seed(0)
    checks.expect_network(network(activation=activation)((8, 8, 1), 10), (8, 8, 1), 10)


def test_images_that_are_not_rescaled_pass_the_first_look():
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
