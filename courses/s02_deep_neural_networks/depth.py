"""Session 2's experiments on depth: what folding buys, and shallow against deep networks."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from courses.s02_deep_neural_networks.experiments import train
from courses.s02_deep_neural_networks.solutions import (
    Parameters,
    equal_width,
    forward,
    initialize_parameters,
    interpolating_network,
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
    share = ((np.arange(points) + 0.5) / points)[:, None]
    z, _ = forward(start + share * (end - start), parameters, "relu", "linear")
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


def rows(tasks: Mapping[str, Sequence[EqualBudget]]) -> list[list[str]]:
    """The table of shallow against deep: the header, then a row for each shape of network.

    Args:
        tasks: what `at_equal_budget` found, by the name of the data. Where examples have two
            features, straight pieces are counted along the line from (-1, 0) to (1, 0).
    """
    table = [["data", "hidden layers × units", "parameters", "wrong, mean ± deviation", "pieces"]]
    for name, results in tasks.items():
        for result in results:
            mean, deviation = 100 * np.mean(result.errors), 100 * np.std(result.errors)
            pieces = "–"
            if len(result.networks[0][0][0]) == 2:
                ends = np.array([-1.0, 0.0]), np.array([1.0, 0.0])
                pieces = f"{np.mean([linear_pieces(one, *ends) for one in result.networks]):.0f}"
            table.append(
                [
                    name,
                    f"{result.hidden_layers} × {result.width}",
                    f"{result.parameters:,}",
                    f"{mean:.2f} ± {deviation:.2f} %",
                    pieces,
                ]
            )
    return table
