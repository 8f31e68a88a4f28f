"""Session 2's figures of what width and depth buy.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from courses.s02_deep_neural_networks.depth import EqualBudget
from courses.s02_deep_neural_networks.drawings import panels
from courses.s02_deep_neural_networks.solutions import Parameters, forward
from thinkkeras.plots import BLUE, GREY, RED, PathLike, save


def approximations(
    function: Callable[[np.ndarray], np.ndarray],
    networks: Mapping[int, Mapping[str, Parameters]],
    path: PathLike | None = None,
) -> Figure:
    """Draws a function over [0, 1] and networks of one hidden layer that are to agree with it.

    Args:
        function: takes (points, 1) and returns (points, 1).
        networks: by the number of hidden units, by how the network was made.
        path: where to save the figure.
    """
    figure = Figure(figsize=(3.6 * len(networks), 3.7), layout="constrained")
    x = np.linspace(0, 1, 1001)[:, None]
    target = function(x)
    for axes, (units, made) in zip(panels(figure, len(networks)), networks.items(), strict=True):
        axes.plot(x, target, color="0.75", lw=6, label="the function")
        for (way, parameters), color in zip(made.items(), cycle((BLUE, RED))):
            answer = forward(x, parameters, "relu", "linear")[1][-1]
            error = np.abs(answer - target).max()
            label = f"{way}: off by {error:.2g}"
            axes.plot(
                x, answer, color=color, lw=1.8, ls="-" if color == BLUE else "--", label=label
            )
        axes.set_title(f"{units} hidden units", fontweight="bold")
        axes.set_ylim(target.min() - 0.35, target.max() + 1.15)
        axes.legend(frameon=False, loc="upper left", fontsize=9)
        axes.set_xlabel("x")
    return save(figure, path)


def folding(
    deep: Sequence[Parameters],
    shallow: Sequence[Parameters],
    pieces: Sequence[Sequence[int]],
    path: PathLike | None = None,
) -> Figure:
    """Draws networks of growing depth over [0, 1], each with a shallow one of its size below.

    Args:
        deep: networks from [0, 1] to one number.
        shallow: as many, with one hidden layer.
        pieces: the straight pieces of each pair.
        path: where to save the figure.
    """
    figure = Figure(figsize=(2.2 * len(deep), 3.8), layout="constrained")
    grid = figure.subplots(2, len(deep), sharex=True, sharey=True, squeeze=False)
    x = np.linspace(0, 1, 4001)[:, None]
    for row, (networks, color) in enumerate(((deep, BLUE), (shallow, RED))):
        for axes, parameters, counted in zip(grid[row], networks, pieces, strict=True):
            axes.plot(x, forward(x, parameters, "relu", "linear")[1][-1], color=color, lw=1.6)
            size = sum(weights.size + bias.size for weights, bias in parameters)
            depth = len(parameters) - 1
            layers = f"{depth} hidden layer{'s' if depth > 1 else ''}"
            axes.set_title(f"{layers}\n{size} parameters, {counted[row]} pieces", fontsize=10)
            axes.set_xticks([0, 0.5, 1])
            axes.spines[["top", "right"]].set_visible(False)
    return save(figure, path)


def decision_regions(
    x: np.ndarray,
    y: np.ndarray,
    results: Sequence[EqualBudget],
    path: PathLike | None = None,
) -> Figure:
    """Draws how networks of equal size divide the plane: the first seed of each shape.

    Args:
        x: points of the plane, (examples, 2).
        y: their classes, one-hot (examples, 2).
        results: what `depth.at_equal_budget` found.
        path: where to save the figure.
    """
    figure = Figure(figsize=(2.4 * len(results), 3.0), layout="constrained")
    side = np.linspace(-1.1, 1.1, 221)
    plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    for axes, result in zip(panels(figure, len(results)), results, strict=True):
        probability = forward(plane, result.networks[0])[1][-1][:, 1].reshape(221, 221)
        levels = np.linspace(0, 1, 6)
        axes.contourf(side, side, probability, levels, cmap="RdBu_r", alpha=0.6)
        for index, color in enumerate((BLUE, RED)):
            points = x[y[:, index] == 1][:200]
            axes.scatter(points[:, 0], points[:, 1], s=3, color=color)
        layers = f"{result.hidden_layers} × {result.width} hidden units"
        error = f"{100 * result.errors[0]:.1f} % wrong"
        axes.set_title(f"{layers}\n{result.parameters} parameters\n{error}", fontsize=10)
        axes.set_aspect("equal", anchor="S")
        axes.set_xticks([])
        axes.set_yticks([])
    return save(figure, path)


def errors_by_depth(
    tasks: Mapping[str, Sequence[EqualBudget]], path: PathLike | None = None
) -> Figure:
    """Draws the error over the number of hidden layers at equal parameter counts.

    Args:
        tasks: what `depth.at_equal_budget` found, by the name of the data.
        path: where to save the figure.
    """
    figure = Figure(figsize=(5.5 * len(tasks), 3.7), layout="constrained")
    for axes, (name, results) in zip(panels(figure, len(tasks)), tasks.items(), strict=True):
        places = range(len(results))
        means = [np.mean(result.errors) for result in results]
        deviations = [np.std(result.errors) for result in results]
        axes.errorbar(places, means, deviations, color=BLUE, lw=2, marker="o", capsize=4)
        for place, result in zip(places, results, strict=True):
            axes.scatter([place] * len(result.errors), result.errors, s=14, color=GREY, zorder=3)
        if max(means) > 10 * min(means):
            axes.set_yscale("symlog", linthresh=1e-3)  # a logarithm that has room for 0 as well
        axes.set_ylim(0, 1.1 * max(max(result.errors) for result in results))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
        axes.set_xticks(places, [f"{r.hidden_layers} × {r.width}" for r in results])
        axes.set_xlabel("hidden layers × units")
        sizes = [result.parameters for result in results]
        title = f"{name}: {min(sizes):,} to {max(sizes):,} parameters"
        axes.set_title(title, loc="left", fontweight="bold")
    figure.axes[0].set_ylabel("wrong on examples held back")
    return save(figure, path)
