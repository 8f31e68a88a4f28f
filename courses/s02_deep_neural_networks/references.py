"""What backward propagation is held against: finite differences, and Keras's own gradients."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from courses.s02_deep_neural_networks.solutions import (
    Parameters,
    backward,
    forward,
    initialize_parameters,
    loss,
    numerical_gradients,
)


def keras_model(n: Sequence[int], parameters: Parameters, hidden: str) -> keras.Model:
    """The same network in Keras, in float64 and up to its sums z[L].

    Args:
        n: the units of each layer, the inputs first.
        parameters: (W[l], b[l]) from l = 1 on.
        hidden: the hidden layers' activation.
    """
    x = inputs = keras.Input((n[0],), dtype="float64")
    for layer, units in enumerate(n[1:], start=1):
        activation = hidden if layer < len(n) - 1 else None
        x = keras.layers.Dense(units, activation, dtype="float64")(x)
    model = keras.Model(inputs, x)
    model.set_weights([array for pair in parameters for array in pair])
    return model


def keras_gradients(
    x: np.ndarray,
    y: np.ndarray,
    parameters: Parameters,
    hidden: str = "relu",
    output: str = "softmax",
) -> Parameters:
    """The gradient of the mean loss by Keras's layers and TensorFlow's tape, in float64.

    Args:
        x: (examples, n[0]).
        y: (examples, n[L]): one-hot classes for a softmax, targets for a linear output.
        parameters: (W[l], b[l]) from l = 1 on.
        hidden: the hidden layers' activation.
        output: "softmax" with cross-entropy, or "linear" with half the squared distance.

    Returns:
        (gradient for W[l], gradient for b[l]) from l = 1 on.
    """
    n = [x.shape[1], *(len(bias) for _, bias in parameters)]
    model = keras_model(n, parameters, hidden)
    with tf.GradientTape() as tape:
        z = model(tf.constant(x, tf.float64))
        if output == "softmax":
            losses = keras.losses.categorical_crossentropy(y, z, from_logits=True)
        else:
            losses = keras.ops.sum((z - y) ** 2, axis=1) / 2
        mean = keras.ops.mean(losses)
    found = tape.gradient(mean, [weight.value for weight in model.trainable_weights])
    arrays = [keras.ops.convert_to_numpy(gradient) for gradient in found]
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def cost(
    x: np.ndarray, y: np.ndarray, hidden: str = "relu", output: str = "softmax"
) -> Callable[[Parameters], float]:
    """The mean loss as a function of the parameters alone, for `numerical_gradients`.

    Args:
        x: (examples, n[0]).
        y: (examples, n[L]): one-hot classes for a softmax, targets for a linear output.
        hidden: the hidden layers' activation.
        output: "softmax" or "linear".
    """
    return lambda parameters: loss(forward(x, parameters, hidden, output)[0][-1], y, output)


def relative_error(received: np.ndarray, expected: np.ndarray) -> float:
    """||received - expected|| / (||received|| + ||expected||); 0 where both are zero."""
    size = np.linalg.norm(received) + np.linalg.norm(expected)
    return float(np.linalg.norm(received - expected) / size) if size else 0.0


def largest_error(received: Parameters, expected: Parameters) -> float:
    """The largest `relative_error` of any W[l] or b[l]."""
    pairs = zip(received, expected, strict=True)
    return max(relative_error(a, b) for pair in pairs for a, b in zip(*pair, strict=True))


def step_errors(
    x: np.ndarray, y: np.ndarray, n: Sequence[int], steps: np.ndarray, seed: int = 0
) -> dict[str, list[float]]:
    """How far centred finite differences are from the gradient, for each step and precision.

    Args:
        x: (examples, n[0]).
        y: (examples, n[L]), one-hot classes.
        n: the units of each layer of a network of tanh, the inputs first.
        steps: step widths, (steps,).
        seed: of the weights.

    Returns:
        The largest relative error of any W[l] or b[l], for each step, by the name of the dtype.
    """
    parameters = initialize_parameters(n, "glorot_normal", seed)
    exact = backward(y, parameters, *forward(x, parameters, "tanh"), "tanh")
    errors = {}
    for dtype in ("float64", "float32"):
        rounded = [(weights.astype(dtype), bias.astype(dtype)) for weights, bias in parameters]
        function = cost(x.astype(dtype), y, "tanh")
        errors[dtype] = [
            largest_error(numerical_gradients(function, rounded, step), exact) for step in steps
        ]
    return errors


def backward_differences(
    x: np.ndarray, y: np.ndarray, layers: Sequence[int], seed: int = 0
) -> dict[str, list[float]]:
    """How far backward propagation is from finite differences and from Keras.

    Args:
        x: (examples, n[0]).
        y: (examples, n[L]), one-hot classes.
        layers: the numbers of layers to try, L; hidden layers have 5 units of tanh.
        seed: of the weights.

    Returns:
        The largest relative error of any W[l] or b[l], for each L, by what it is held against.
    """
    found: dict[str, list[float]] = {"finite differences": [], "Keras": []}
    for count in layers:
        n = [x.shape[1], *[5] * (count - 1), y.shape[1]]
        parameters = initialize_parameters(n, "glorot_normal", seed)
        gradients = backward(y, parameters, *forward(x, parameters, "tanh"), "tanh")
        numerical = numerical_gradients(cost(x, y, "tanh"), parameters)
        found["finite differences"].append(largest_error(gradients, numerical))
        found["Keras"].append(largest_error(gradients, keras_gradients(x, y, parameters, "tanh")))
    return found
