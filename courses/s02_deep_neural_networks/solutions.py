"""Session 2, solutions: one way to write each exercise (the tasks are in exercises.py)."""

from collections.abc import Callable, Sequence

import numpy as np

Parameters = list[tuple[np.ndarray, np.ndarray]]
ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "silu")


def initialize_parameters(
    n: Sequence[int], initializer: str = "he_normal", seed: int = 0
) -> Parameters:
    """The first weights and biases of a network with layers of n[0], n[1], ..., n[L] units."""
    random = np.random.default_rng(seed)
    parameters = []
    for fan_in, fan_out in zip(n[:-1], n[1:], strict=True):
        variance = 2 / fan_in if initializer == "he_normal" else 2 / (fan_in + fan_out)
        weights = random.normal(scale=np.sqrt(variance), size=(fan_in, fan_out))
        parameters.append((weights, np.zeros(fan_out)))
    return parameters


def activation(z: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """An activation function and its derivative, g(z) and g'(z)."""
    if name == "relu":
        return np.maximum(z, 0), np.where(z > 0, 1.0, 0.0)
    if name == "leaky_relu":
        slope = np.where(z > 0, 1.0, 0.2)
        return slope * z, slope
    if name == "tanh":
        a = np.tanh(z)
        return a, 1 - a**2
    gate = 1 / (1 + np.exp(-z))
    if name == "sigmoid":
        return gate, gate * (1 - gate)
    return z * gate, gate * (1 + z * (1 - gate))  # silu


def forward(
    x: np.ndarray, parameters: Parameters, hidden: str = "relu", output: str = "softmax"
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Forward propagation through any number of layers."""
    z, a = [], [x]
    for layer, (weights, bias) in enumerate(parameters, start=1):
        z.append(a[-1] @ weights + bias)
        if layer < len(parameters):
            a.append(activation(z[-1], hidden)[0])
        elif output == "softmax":
            # The largest score as the zero: exp then overflows nowhere, and nothing else changes.
            powers = np.exp(z[-1] - z[-1].max(axis=1, keepdims=True))
            a.append(powers / powers.sum(axis=1, keepdims=True))
        else:
            a.append(z[-1])
    return z, a


def loss(z: np.ndarray, y: np.ndarray, output: str = "softmax") -> float:
    """The mean loss over the examples, from the last layer's sums z[L]."""
    if output == "linear":
        return float(((z - y) ** 2).sum() / (2 * len(z)))
    shifted = z - z.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-(y * log_probabilities).sum() / len(z))


def backward(
    y: np.ndarray,
    parameters: Parameters,
    z: list[np.ndarray],
    a: list[np.ndarray],
    hidden: str = "relu",
) -> Parameters:
    """Backward propagation: the gradient of the mean loss for every W[l] and b[l]."""
    delta = (a[-1] - y) / len(y)
    gradients = []
    for index in reversed(range(len(parameters))):
        gradients.append((a[index].T @ delta, delta.sum(axis=0)))
        if index > 0:
            delta = delta @ parameters[index][0].T * activation(z[index - 1], hidden)[1]
    return gradients[::-1]


def numerical_gradients(
    function: Callable[[Parameters], float], parameters: Parameters, step: float = 1e-6
) -> Parameters:
    """The gradient of any function of the parameters, by centred finite differences."""
    parameters = [(weights.copy(), bias.copy()) for weights, bias in parameters]
    gradients = []
    for pair in parameters:
        found = []
        for array in pair:
            gradient = np.empty_like(array)
            for index, value in np.ndenumerate(array):
                array[index] = value + step
                above = function(parameters)
                array[index] = value - step
                gradient[index] = (above - function(parameters)) / (2 * step)
                array[index] = value
            found.append(gradient)
        gradients.append((found[0], found[1]))
    return gradients


def equal_width(inputs: int, outputs: int, hidden_layers: int, budget: int) -> int:
    """The width of the widest network with equally wide hidden layers that keeps the budget."""
    width = 0
    while True:
        n = [inputs, *[width + 1] * hidden_layers, outputs]
        if sum((before + 1) * after for before, after in zip(n[:-1], n[1:], strict=True)) > budget:
            return width
        width += 1


def interpolating_network(x: np.ndarray, y: np.ndarray) -> Parameters:
    """A network of one hidden ReLU layer whose graph is the polygon through given points."""
    slopes = np.diff(y) / np.diff(x)
    bends = np.diff(slopes, prepend=0.0)  # what each unit adds to the slope from its point on
    hidden = np.ones((1, len(bends))), -x[:-1]
    return [hidden, (bends[:, None], y[:1].copy())]
