"""Both networks of session 1 in NumPy alone, and the same training in Keras.

Each training returns a list of `Step`: what the network was before the first step, and after each.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
from scipy.special import expit


class Step(NamedTuple):
    """A network at one moment of its training: its parameters as Keras orders them, its loss."""

    parameters: tuple[np.ndarray, ...]
    loss: float


def sigmoid(z: np.ndarray | float) -> np.ndarray:
    return expit(z)  # without overflow for sums of any size


def cross_entropy(z: np.ndarray, y: np.ndarray) -> float:
    """The mean over the examples of ln(1 + e^z) - y z, which is -ln p or -ln(1 - p)."""
    return float(np.mean(np.logaddexp(0, z) - y * z))


def train_logistic_regression(
    x: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    bias: float,
    *,
    learning_rate: float,
    steps: int,
) -> list[Step]:
    """Trains one neuron by gradient descent on all examples at once.

    Args:
        x: (examples, features).
        y: (examples,), classes 0 and 1.
        weights: (features,), to start from.
        bias: to start from.
        learning_rate: the length of a step, in gradients.
        steps: how many.
    """
    steps_taken = []
    for _ in range(steps + 1):
        z = x @ weights + bias
        steps_taken.append(Step((weights, np.array([bias])), cross_entropy(z, y)))
        error = (sigmoid(z) - y) / len(x)  # dL/dz of each example
        weights = weights - learning_rate * x.T @ error
        bias = bias - learning_rate * error.sum()
    return steps_taken


def train_one_hidden_layer(
    x: np.ndarray,
    y: np.ndarray,
    kernel: np.ndarray,
    weights: np.ndarray,
    *,
    learning_rate: float,
    steps: int,
) -> list[Step]:
    """Trains a layer of tanh units and one output by back-propagation; biases start at zero.

    Args:
        x: (examples, features).
        y: (examples,), classes 0 and 1.
        kernel: (features, units), the hidden layer's weights to start from.
        weights: (units,), the output's weights to start from.
        learning_rate: the length of a step, in gradients.
        steps: how many.
    """
    bias, offset = np.zeros(kernel.shape[1]), 0.0
    steps_taken = []
    for _ in range(steps + 1):
        a = np.tanh(x @ kernel + bias)
        z = a @ weights + offset
        steps_taken.append(Step((kernel, bias, weights, np.array([offset])), cross_entropy(z, y)))
        error = (sigmoid(z) - y) / len(x)
        # Backwards: through the output's weights, then through tanh, whose slope is 1 - a².
        hidden_error = np.outer(error, weights) * (1 - a**2)
        weights, offset = (
            weights - learning_rate * a.T @ error,
            offset - learning_rate * error.sum(),
        )
        kernel = kernel - learning_rate * x.T @ hidden_error
        bias = bias - learning_rate * hidden_error.sum(axis=0)
    return steps_taken


def predictor(step: Step) -> Callable[[np.ndarray], np.ndarray]:
    """A network at one moment of its training, as a function from points (points, features) to
    probabilities of class 1, (points,)."""

    def predict(points: np.ndarray) -> np.ndarray:
        a, parameters = points, step.parameters
        if len(parameters) == 4:
            a, parameters = np.tanh(points @ parameters[0] + parameters[1]), parameters[2:]
        return sigmoid(a @ parameters[0] + parameters[1])

    return predict


def train_in_keras(
    x: np.ndarray, y: np.ndarray, start: Step, *, learning_rate: float, steps: int
) -> list[Step]:
    """The same training by `fit`: the same start, plain SGD, all examples in one batch.

    Args:
        x: (examples, features).
        y: (examples,), classes 0 and 1.
        start: of `train_logistic_regression` or `train_one_hidden_layer`.
        learning_rate: as there.
        steps: how many.

    Returns:
        As many `Step` as there are steps: the loss before each, the parameters after it.
    """
    units = [len(bias) for bias in start.parameters[1::2]]
    hidden = [keras.layers.Dense(width, activation="tanh") for width in units[:-1]]
    model = keras.Sequential([keras.Input(x.shape[1:]), *hidden, keras.layers.Dense(1)])
    model.set_weights(_shaped(start.parameters, [w.shape for w in model.get_weights()]))
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    steps_taken = []
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: steps_taken.append(
            Step(tuple(model.get_weights()), logs["loss"])
        )
    )
    # One batch holds all, so that an epoch is a step.
    model.fit(x, y, batch_size=len(x), epochs=steps, shuffle=False, callbacks=[keep], verbose=0)
    return steps_taken


def largest_difference(ours: Sequence[Step], keras_steps: Sequence[Step]) -> tuple[float, float]:
    """How far NumPy and Keras are apart at most: in a loss, and in a parameter.

    Args:
        ours: NumPy's steps, of one of the functions above, one `Step` more than Keras has.
        keras_steps: of `train_in_keras`.
    """
    losses = [abs(a.loss - b.loss) for a, b in zip(ours, keras_steps, strict=False)]
    parameters = [
        np.abs(np.ravel(own) - np.ravel(other)).max()
        for a, b in zip(ours[1:], keras_steps, strict=True)
        for own, other in zip(a.parameters, b.parameters, strict=True)
    ]
    return max(losses), float(max(parameters))


def _shaped(arrays: Sequence[np.ndarray], shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    return [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]
