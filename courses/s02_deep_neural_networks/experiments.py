"""Session 2's experiments: training in NumPy, how a network starts, what width and depth buy, and
what an activation function costs on the device.

They run on the functions of `solutions`, so that what the session explains is what is measured.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

import deploy
from courses.s02_deep_neural_networks.solutions import (
    Parameters,
    backward,
    equal_width,
    forward,
    initialize_parameters,
    interpolating_network,
    loss,
)
from thinkkeras.models import mlp

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


def first_teeth_network(folds: int) -> Parameters:
    """One hidden layer with the parameters of `sawtooth_network(folds)`, and what it can do with
    them: the first teeth exactly, then straight to the end.

    Args:
        folds: of the sawtooth, one or more.

    Returns:
        (W[1], b[1]), (W[2], b[2]) with 2 * folds hidden units.
    """
    corners = np.append(np.arange(2 * folds) / 2**folds, 1.0)
    return interpolating_network(corners, np.append(np.arange(2 * folds) % 2, 0.0))


def linear_pieces(
    parameters: Parameters, start: np.ndarray, end: np.ndarray, points: int = 2**15
) -> int:
    """Counts the straight pieces of a ReLU network's function along a line.

    A new piece begins wherever a unit of any hidden layer switches on or off.

    Args:
        parameters: (W[l], b[l]) from l = 1 on.
        start: (n[0],), where the line begins.
        end: (n[0],), where it ends.
        points: how densely to look; two switches between neighbouring points count as one.
    """
    # Midpoints between powers of two, so that none of them falls on a sawtooth's corner.
    fraction = ((np.arange(points) + 0.5) / points)[:, None]
    z, _ = forward(start + fraction * (end - start), parameters, "relu", "linear")
    on = np.hstack([sums > 0 for sums in z[:-1]])
    return 1 + int((on[1:] != on[:-1]).any(axis=1).sum())


def spirals(examples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two spirals of two and a half turns, wound into each other, one a class.

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
    errors: list[float]  # fraction of the validation examples that each one gets wrong
    networks: list[Parameters]


def at_equal_budget(
    training: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
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
        validation: (x, y) that the errors are counted on.
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
            _, a = forward(validation[0], trained.parameters)
            errors.append(float((a[-1].argmax(1) != validation[1].argmax(1)).mean()))
            networks.append(trained.parameters)
        size = sum(weights.size + bias.size for weights, bias in networks[0])
        found.append(EqualBudget(count, width, size, errors, networks))
    return found


def depth_table(tasks: Mapping[str, Sequence[EqualBudget]]) -> list[list[str]]:
    """The table of shallow against deep: the header, then a row for each shape of network.

    Args:
        tasks: what `at_equal_budget` found, by the name of the data. Where examples have two
            features, straight pieces are counted along the line from (-1, 0) to (1, 0).
    """
    rows = [["data", "hidden layers × units", "parameters", "wrong, mean ± deviation", "pieces"]]
    for name, results in tasks.items():
        for result in results:
            mean, deviation = 100 * np.mean(result.errors), 100 * np.std(result.errors)
            pieces = "–"
            if len(result.networks[0][0][0]) == 2:
                ends = np.array([-1.0, 0.0]), np.array([1.0, 0.0])
                pieces = f"{np.mean([linear_pieces(one, *ends) for one in result.networks]):.0f}"
            rows.append(
                [
                    name,
                    f"{result.hidden_layers} × {result.width}",
                    f"{result.parameters:,}",
                    f"{mean:.2f} ± {deviation:.2f} %",
                    pieces,
                ]
            )
    return rows


def activation_table(
    activations: Iterable[str],
    images: np.ndarray,
    classes: int,
    target: str,
    out: Path,
    seed: int = 0,
) -> list[list[str]]:
    """Exports one small network for each activation and compares the cards.

    Args:
        activations: names of Keras activations.
        images: (examples, height, width, channels), pixels of 0-255 to calibrate with.
        classes: number of classes.
        target: where to.
        out: folder for the bundles.
        seed: of the exports.

    Returns:
        Rows of text, the header first. The networks are untrained: operators, size and time do
        not depend on the weights.
    """
    rows = [["activation", "operators", "model", "latency on this CPU"]]
    for name in activations:
        card = deploy.export(
            mlp(images.shape[1:], classes, units=(64, 64), activation=name),
            target,
            out=out / name,
            calibration=images,
            seed=seed,
            overwrite=True,
            verbose=0,
        )
        operators = ", ".join(f"{count} {operator}" for operator, count in card["ops"].items())
        latency = f"{1000 * card['latency_ms']['median']:.1f} µs"
        rows.append([name, operators, f"{card['size_bytes'] / 1000:.1f} kB", latency])
    return rows
