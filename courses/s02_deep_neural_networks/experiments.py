"""Session 2's experiments: small networks in NumPy, drawn, trained and counted.

They run on the functions of `solutions`, so that what the session explains is what is measured.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from courses.s02_deep_neural_networks.solutions import (
    Parameters,
    backward,
    equal_width,
    forward,
    initialize_parameters,
    loss,
)


class Trained(NamedTuple):
    """A trained network: its weights, and the loss of the batch at each step."""

    parameters: Parameters
    losses: list[float]


def train(
    parameters: Parameters,
    x: np.ndarray,
    y: np.ndarray,
    *,
    steps: int,
    learning_rate: float,
    batch_size: int = 256,
    hidden: str = "relu",
    output: str = "softmax",
    seed: int = 0,
) -> Trained:
    """Trains with Adam; the learning rate falls to zero along half a cosine.

    Args:
        parameters: the first (W[l], b[l]), from l = 1 on; they are left as they are.
        x: (examples, n[0]).
        y: (examples, n[L]): one-hot classes for a softmax, targets for a linear output.
        steps: how many batches are drawn.
        learning_rate: of the first step.
        batch_size: examples in a batch, drawn anew for each step.
        hidden: the hidden layers' activation.
        output: "softmax" or "linear".
        seed: of the batches.

    Returns:
        The trained weights and the loss of every batch, before its step.

    Source:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.
    """
    random = np.random.default_rng(seed)
    weights = [array.copy() for pair in parameters for array in pair]
    means = [np.zeros_like(array) for array in weights]
    squares = [np.zeros_like(array) for array in weights]
    losses = []
    for step in range(1, steps + 1):
        chosen = random.integers(len(x), size=batch_size)
        parameters = list(zip(weights[::2], weights[1::2], strict=True))
        z, a = forward(x[chosen], parameters, hidden, output)
        losses.append(loss(z[-1], y[chosen], output))
        gradients = backward(y[chosen], parameters, z, a, hidden)
        rate = learning_rate * (1 + np.cos(np.pi * step / steps)) / 2
        for index, gradient in enumerate(array for pair in gradients for array in pair):
            means[index] += 0.1 * (gradient - means[index])
            squares[index] += 0.001 * (gradient**2 - squares[index])
            mean = means[index] / (1 - 0.9**step)
            square = squares[index] / (1 - 0.999**step)
            weights[index] -= rate * mean / (np.sqrt(square) + 1e-7)
    return Trained(list(zip(weights[::2], weights[1::2], strict=True)), losses)


def starting_weights(n: Sequence[int], kind: str, seed: int = 0) -> Parameters:
    """First weights of a chosen size, to be compared: layers of n[0], n[1], ..., n[L] units.

    Args:
        n: the units of each layer, the inputs first.
        kind: "too small" (standard deviation 0.01), "Glorot", "He" or "too large" (twice He's).
        seed: the same seed draws the same directions for every kind but "Glorot"'s shapes.
    """
    drawn = initialize_parameters(n, "glorot_normal" if kind == "Glorot" else "he_normal", seed)
    if kind == "too large":
        return [(2 * weights, bias) for weights, bias in drawn]
    if kind == "too small":
        # He's standard deviation is sqrt(2 / n[l-1]); divided by it, every weight has one of 1.
        return [(0.01 * weights / np.sqrt(2 / len(weights)), bias) for weights, bias in drawn]
    return drawn


class LayerStatistics(NamedTuple):
    """What passes through a network before training: one entry for each hidden layer."""

    activations: list[np.ndarray]  # a[l], (examples, n[l])
    activation_deviations: list[float]  # standard deviation of a[l]
    gradient_sizes: list[float]  # root mean square of the gradient for W[l]


def layer_statistics(
    parameters: Parameters, x: np.ndarray, y: np.ndarray, hidden: str
) -> LayerStatistics:
    """Sends one batch forward and back, and measures it layer by layer.

    Args:
        parameters: (W[l], b[l]) from l = 1 on.
        x: (examples, n[0]).
        y: (examples, n[L]), one-hot classes.
        hidden: the hidden layers' activation.
    """
    z, a = forward(x, parameters, hidden)
    gradients = backward(y, parameters, z, a, hidden)
    return LayerStatistics(
        a[1:-1],
        [float(layer.std()) for layer in a[1:-1]],
        [float(np.sqrt((weights**2).mean())) for weights, _ in gradients[:-1]],
    )


def sawtooth_network(folds: int) -> Parameters:
    """A ReLU network of two units a layer whose graph over [0, 1] has 2 ** folds straight pieces.

    Each hidden layer folds the line in the middle, x -> 2 relu(x) - 4 relu(x - 1/2), which takes
    [0, 1] onto itself, up and down again.

    Args:
        folds: the number of hidden layers, one or more.

    Returns:
        (W[l], b[l]) from l = 1 on; the output is linear.

    Source:
        Telgarsky, "Representation Benefits of Deep Feedforward Networks", 2015, section 2.
    """
    bias = np.array([0.0, -0.5])
    fold = np.array([[2.0], [-4.0]])
    first = np.ones((1, 2)), bias
    return [first, *[(np.hstack([fold, fold]), bias)] * (folds - 1), (fold, np.zeros(1))]


def linear_pieces(
    parameters: Parameters, start: np.ndarray, end: np.ndarray, points: int = 20_011
) -> int:
    """Counts the straight pieces of a ReLU network's function along a line.

    A new piece begins wherever a unit of any hidden layer switches on or off.

    Args:
        parameters: (W[l], b[l]) from l = 1 on.
        start: (n[0],), where the line begins.
        end: (n[0],), where it ends.
        points: how densely to look; two switches between neighbouring points count as one.
    """
    # Midpoints, so that no point falls on a switch at a round number.
    share = ((np.arange(points) + 0.5) / points)[:, None]
    z, _ = forward(start + share * (end - start), parameters, "relu", "linear")
    on = np.hstack([sums > 0 for sums in z[:-1]])
    return 1 + int((on[1:] != on[:-1]).any(axis=1).sum())


def spirals(examples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two spirals of one and a half turns, wound into each other, one a class.

    Args:
        examples: how many points.
        seed: of the points.

    Returns:
        (x, y): points (examples, 2) within about [-1, 1], and their classes, one-hot (examples, 2).
    """
    random = np.random.default_rng(seed)
    classes = random.integers(2, size=examples)
    radius = np.sqrt(random.uniform(0.02, 1, examples))
    angle = 3 * 2 * np.pi * radius + np.pi * classes
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return x + random.normal(scale=0.01, size=x.shape), np.eye(2)[classes]


class EqualBudget(NamedTuple):
    """Networks of one shape, trained from several seeds."""

    hidden_layers: int
    width: int
    parameters: int
    errors: list[float]  # share of the examples held back that each one gets wrong
    networks: list[Parameters]


def at_equal_budget(
    training: tuple[np.ndarray, np.ndarray],
    held_back: tuple[np.ndarray, np.ndarray],
    *,
    budget: int,
    hidden_layers: Sequence[int],
    seeds: Sequence[int],
    steps: int,
    learning_rate: float,
) -> list[EqualBudget]:
    """Trains shallow and deep networks that all have as many parameters as the budget allows.

    Args:
        training: (x, y), x (examples, features) and y one-hot (examples, classes).
        held_back: (x, y) that the errors are counted on.
        budget: the most parameters a network may have.
        hidden_layers: how many hidden layers to try, all equally wide.
        seeds: one training for each.
        steps: batches in a training.
        learning_rate: of the first step.
    """
    x, y = training
    found = []
    for count in hidden_layers:
        width = equal_width(x.shape[1], y.shape[1], count, budget)
        n = [x.shape[1], *[width] * count, y.shape[1]]
        networks, errors = [], []
        for seed in seeds:
            first = initialize_parameters(n, "he_normal", seed)
            trained = train(first, x, y, steps=steps, learning_rate=learning_rate, seed=seed)
            _, a = forward(held_back[0], trained.parameters)
            errors.append(float((a[-1].argmax(1) != held_back[1].argmax(1)).mean()))
            networks.append(trained.parameters)
        size = sum(weights.size + bias.size for weights, bias in networks[0])
        found.append(EqualBudget(count, width, size, errors, networks))
    return found
