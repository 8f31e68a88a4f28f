"""Session 2's experiments in NumPy: training, and how a network starts.

They run on the functions of `solutions`, so that what the session explains is what is measured.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from courses.s02_deep_neural_networks.solutions import (
    Parameters,
    backward,
    forward,
    initialize_parameters,
    interpolating_network,
    loss,
)

STARTS = ("too small", "Glorot", "He", "too large")


def as_rows(
    images: np.ndarray, classes: np.ndarray, count: int, limit: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Images and classes as the NumPy networks take them.

    Args:
        images: (examples, height, width, channels), pixels of 0-255.
        classes: (examples,), the class of each.
        count: how many classes there are.
        limit: how many examples to keep, from the first on; None keeps all.

    Returns:
        (x, y): pixels of 0-1, (examples, features), and one-hot classes, (examples, count).
    """
    images = images[:limit]
    return images.reshape(len(images), -1) / 255, np.eye(count)[classes[:limit]]


class Trained(NamedTuple):
    """A trained network: its weights, and the loss of the batch at each step."""

    parameters: Parameters
    losses: list[float]


# On matrices this small several threads wait for each other longer than they work.
@threadpool_limits.wrap(limits=1, user_api="blas")
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
        seed: the same seed draws the same directions for every kind.
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
    deviations: list[float]  # of a[l] over the examples, root mean square of the units
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
        [float(np.sqrt(layer.var(axis=0).mean())) for layer in a[1:-1]],
        [float(np.sqrt((weights**2).mean())) for weights, _ in gradients[:-1]],
    )


def statistics_by_start(
    n: Sequence[int], x: np.ndarray, y: np.ndarray, hidden: Iterable[str], seed: int = 0
) -> dict[str, dict[str, LayerStatistics]]:
    """`layer_statistics` by activation, by way to start.

    Args:
        n: the units of each layer.
        x: (examples, n[0]).
        y: (examples, n[L]), one-hot classes.
        hidden: the activations to try.
        seed: of the weights.
    """
    return {
        name: {
            kind: layer_statistics(starting_weights(n, kind, seed), x, y, name) for kind in STARTS
        }
        for name in hidden
    }


def losses_by_start(
    n: Sequence[int],
    x: np.ndarray,
    y: np.ndarray,
    hidden: Iterable[str],
    steps: int,
    seed: int = 0,
) -> dict[str, dict[str, list[float]]]:
    """The loss of every step after each way to start: by activation, by way to start.

    Args:
        n: the units of each layer.
        x: (examples, n[0]).
        y: (examples, n[L]), one-hot classes.
        hidden: the activations to try.
        steps: batches in a training, of 64 examples each.
        seed: of weights and batches.
    """
    return {
        name: {
            kind: train(
                starting_weights(n, kind, seed),
                x,
                y,
                steps=steps,
                learning_rate=1e-3,
                batch_size=64,
                hidden=name,
                seed=seed,
            ).losses
            for kind in STARTS
        }
        for name in hidden
    }


def approximations(
    function: Callable[[np.ndarray], np.ndarray],
    units: Iterable[int],
    steps: int,
    seed: int = 0,
) -> dict[int, dict[str, Parameters]]:
    """Networks of one hidden ReLU layer for a function over [0, 1]: written down, and trained.

    Args:
        function: element by element.
        units: the numbers of hidden units to try.
        steps: batches in a training.
        seed: of weights and batches.

    Returns:
        By the number of units: "polygon", through equally spaced points, and "trained".
    """
    x = np.linspace(0, 1, 400)[:, None]
    found = {}
    for count in units:
        knots = np.linspace(0, 1, count + 1)
        # Zero biases would let all units bend at x = 0: they start spread over the line, and steep.
        slopes = np.random.default_rng(seed).choice([-16.0, 16.0], (1, count))
        last = initialize_parameters([1, count, 1], seed=seed)[1]
        trained = train(
            [(slopes, -slopes[0] * knots[:-1]), last],
            x,
            function(x),
            steps=steps,
            learning_rate=0.03,
            output="linear",
            seed=seed,
        )
        polygon = interpolating_network(knots, function(knots))
        found[count] = {"polygon": polygon, "trained": trained.parameters}
    return found
