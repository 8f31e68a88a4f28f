"""Session 2's own figures: what a deep network computes, how it starts, what width and depth buy.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from courses.s02_deep_neural_networks.experiments import STARTS, EqualBudget, LayerStatistics
from courses.s02_deep_neural_networks.solutions import Parameters, activation, forward
from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save

GOLD, GREEN = "#d69e2e", "#2f855a"
KINDS = dict(zip(STARTS, (GREY, BLUE, GREEN, RED), strict=True))
SHOWN_UNITS = 6


def notation(n: Sequence[int], path: PathLike | None = None) -> Figure:
    """Draws a network as columns of units, with the name and shape of all that it holds.

    Args:
        n: the units of each layer, n[0] the inputs and n[L] the outputs.
        path: where to save the figure.
    """
    figure = Figure(figsize=(2.1 * len(n), 3.2), layout="constrained")
    axes = figure.add_subplot()
    heights = [_unit_heights(units) for units in n]
    for layer, (before, after) in enumerate(zip(heights[:-1], heights[1:], strict=True), start=1):
        for low in before:
            for high in after:
                axes.plot([layer - 1, layer], [low, high], color=GREY, lw=0.4, zorder=1)
        shape = f"W[{layer}]: ({n[layer - 1]}, {n[layer]})\nb[{layer}]: ({n[layer]},)"
        axes.text(layer - 0.5, -3.6, shape, ha="center", va="top", fontsize=11, color=BLUE)
    last = len(n) - 1
    for layer, (units, column) in enumerate(zip(n, heights, strict=True)):
        color = GOLD if layer in (0, last) else GREEN
        axes.scatter([layer] * len(column), column, s=190, color=color, ec="white", zorder=2)
        if units > SHOWN_UNITS:
            axes.text(layer, 0, "⋮", ha="center", va="center", fontsize=17, zorder=3)
        name = "a[0] = x" if layer == 0 else f"a[{layer}] = g(z[{layer}])"
        if layer == last:
            name = f"a[{layer}] = softmax(z[{layer}])"
        axes.text(layer, 4.4, name, ha="center", fontsize=11, fontweight="bold")
        axes.text(layer, 3.6, f"n[{layer}] = {units}", ha="center", fontsize=11)
    axes.set_xlim(-0.6, last + 0.6)
    axes.set_ylim(-5.2, 5.2)
    axes.axis("off")
    figure.suptitle(f"L = {last} layers: {last - 1} hidden ones and the output", fontsize=14)
    return save(figure, path)


def activation_functions(names: Sequence[str], path: PathLike | None = None) -> Figure:
    """Draws activation functions and their derivatives, one panel each.

    Args:
        names: activations that `solutions.activation` knows.
        path: where to save the figure.
    """
    figure = Figure(figsize=(3.1 * len(names), 3.3), layout="constrained")
    z = np.linspace(-4, 4, 801)
    for axes, name in zip(_panels(figure, len(names)), names, strict=True):
        value, derivative = activation(z, name)
        axes.plot(z, value, color=BLUE, lw=2.5, label="g(z)")
        axes.plot(z, derivative, color=RED, lw=1.8, ls="--", label="g′(z)")
        axes.axhline(0, color="0.8", lw=0.8, zorder=0)
        axes.set_ylim(-1.25, 2.25)
        axes.set_title(f"{name}\nlargest slope {derivative.max():.3g}", fontsize=11)
        axes.set_xlabel("z")
    figure.axes[0].legend(frameon=False, loc="upper left")
    return save(figure, path)


def gradient_check(
    steps: np.ndarray,
    errors: Mapping[str, Sequence[float]],
    layers: Sequence[int],
    differences: Mapping[str, Sequence[float]],
    path: PathLike | None = None,
) -> Figure:
    """Draws how the step decides a finite difference's error, and what NumPy's gradients get.

    Args:
        steps: step widths, (steps,).
        errors: relative errors at each step, by the way of differencing.
        layers: the numbers of layers that were tried, L.
        differences: relative difference of the backward pass for each L, by what it is held
            against.
        path: where to save the figure.
    """
    figure = Figure(figsize=(11, 3.9), layout="constrained")
    left, right = _panels(figure, 2)
    for (name, values), color in zip(errors.items(), cycle((GREY, BLUE, GOLD))):
        left.loglog(steps, values, color=color, lw=2, marker="o", ms=4, label=name)
    left.set_xlabel("step h")
    left.set_ylabel("relative error of the gradient")
    left.set_title("the step of the finite difference", loc="left", fontweight="bold")
    for index, (name, values) in enumerate(differences.items()):
        places = np.arange(len(layers)) + 0.24 * (index - (len(differences) - 1) / 2)
        right.scatter(places, values, s=60, color=(BLUE, GREEN)[index % 2], label=name)
    right.set_yscale("log")
    right.set_ylim(1e-18, 1e-3)
    right.axhline(1e-6, color=RED, ls="--", lw=1.5)
    right.text(len(layers) - 0.5, 2e-6, "what the grader allows", color=RED, ha="right")
    right.set_xticks(range(len(layers)), [f"L = {count}" for count in layers])
    right.set_xlim(-0.5, len(layers) - 0.5)
    right.set_title("backward propagation against", loc="left", fontweight="bold")
    left.legend(frameon=False)
    right.legend(frameon=False, loc="upper left", ncols=2)
    return save(figure, path)


def histograms_by_layer(
    statistics: Mapping[str, LayerStatistics],
    layers: Sequence[int],
    path: PathLike | None = None,
) -> Figure:
    """Draws the activations' histograms, one row for each way to start, one column a layer.

    Args:
        statistics: of one batch, by the way to start; the activation lies within [-1, 1].
        layers: the hidden layers shown, from 1 on.
        path: where to save the figure.
    """
    figure = Figure(figsize=(2.1 * len(layers) + 1, 1.5 * len(statistics)), layout="constrained")
    grid = figure.subplots(len(statistics), len(layers), sharex=True, squeeze=False)
    bins = np.linspace(-1, 1, 51)
    for row, (kind, measured) in zip(grid, statistics.items(), strict=True):
        for axes, layer in zip(row, layers, strict=True):
            values = measured.activations[layer - 1]
            axes.hist(values.ravel(), bins, color=KINDS[kind])
            axes.set_yticks([])
            axes.set_ylim(top=1.45 * axes.get_ylim()[1])  # room for the number
            axes.spines[["top", "right", "left"]].set_visible(False)
            axes.text(0.03, 0.84, f"σ = {values.std():.1g}", transform=axes.transAxes, fontsize=9)
        row[0].set_ylabel(kind, fontweight="bold", fontsize=11)
    for axes, layer in zip(grid[0], layers, strict=True):
        axes.set_title(f"a[{layer}]")
    return save(figure, path)


def sizes_by_layer(
    statistics: Mapping[str, Mapping[str, LayerStatistics]], path: PathLike | None = None
) -> Figure:
    """Draws activations going forward and gradients going back, layer by layer.

    Args:
        statistics: by activation function, by the way to start.
        path: where to save the figure.
    """
    figure = Figure(figsize=(3.4 * len(statistics), 5.4), layout="constrained")
    grid = figure.subplots(2, len(statistics), sharey="row", sharex=True, squeeze=False)
    for column, (name, kinds) in enumerate(statistics.items()):
        for kind, measured in kinds.items():
            layers = range(1, len(measured.deviations) + 1)
            for axes, values in (
                (grid[0, column], measured.deviations),
                (grid[1, column], measured.gradient_sizes),
            ):
                axes.semilogy(layers, values, color=KINDS[kind], lw=2, marker="o", ms=4, label=kind)
                plain(axes, grid="y")
            if _only_rounding(measured):
                place = len(layers), measured.deviations[-1]
                grid[0, column].annotate(
                    "(rounding)", place, (0, -8), textcoords="offset points", ha="right", va="top"
                )
        grid[0, column].set_title(name, fontweight="bold")
        grid[1, column].set_xlabel("hidden layer l")
        grid[1, column].xaxis.set_major_locator(MaxNLocator(integer=True))
    grid[0, 0].set_ylabel("activations a[l]\ndeviation over the examples")
    grid[1, 0].set_ylabel("gradients for W[l]\nroot mean square")
    lines, kinds_shown = grid[0, 0].get_legend_handles_labels()
    figure.legend(lines, kinds_shown, loc="outside upper center", ncols=4, frameon=False)
    return save(figure, path)


def training_by_start(
    losses: Mapping[str, Mapping[str, Sequence[float]]], chance: float, path: PathLike | None = None
) -> Figure:
    """Draws the training loss after each way to start.

    Args:
        losses: the loss of each step, by activation function, by the way to start.
        chance: the loss of a network that gives every class the same probability.
        path: where to save the figure.
    """
    figure = Figure(figsize=(3.8 * len(losses), 3.7), layout="constrained")
    top, lowest = 3 * chance, chance
    for axes, (name, kinds) in zip(_panels(figure, len(losses)), losses.items(), strict=True):
        # The later the line, the thinner: of lines on top of each other all are seen.
        for width, (kind, values) in zip(cycle((5.5, 4, 2.7, 1.5)), kinds.items()):
            window = min(15, len(values))
            smooth = np.convolve(values, np.full(window, 1 / window), "valid")
            lowest = min(lowest, smooth.min())
            axes.semilogy(smooth, color=KINDS[kind], lw=width, label=kind)
            if smooth.min() > top:
                note = f"{kind}: {smooth[-1]:,.0f} in the end ↑"
                axes.text(0.98, 0.97, note, color=KINDS[kind], ha="right", transform=axes.transAxes)
        axes.axhline(chance, color="black", ls=":", lw=1.2)
        axes.set_title(name, loc="left", fontweight="bold")
        axes.set_xlabel("step")
    for axes in figure.axes:
        axes.set_ylim(lowest / 1.5, top)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    figure.axes[0].set_ylabel("training loss (dotted: chance)")
    lines, kinds_shown = figure.axes[0].get_legend_handles_labels()
    figure.legend(lines, kinds_shown, loc="outside upper center", ncols=4, frameon=False)
    return save(figure, path)


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
    for axes, (units, made) in zip(_panels(figure, len(networks)), networks.items(), strict=True):
        axes.plot(x, target, color="0.75", lw=6, label="the function")
        for (way, parameters), color in zip(made.items(), cycle((BLUE, RED))):
            output = forward(x, parameters, "relu", "linear")[1][-1]
            error = np.abs(output - target).max()
            label = f"{way}: off by {error:.2g}"
            axes.plot(
                x, output, color=color, lw=1.8, ls="-" if color == BLUE else "--", label=label
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
        results: what `experiments.at_equal_budget` found.
        path: where to save the figure.
    """
    figure = Figure(figsize=(2.4 * len(results), 3.0), layout="constrained")
    side = np.linspace(-1.1, 1.1, 221)
    plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    for axes, result in zip(_panels(figure, len(results)), results, strict=True):
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
        tasks: what `experiments.at_equal_budget` found, by the name of the data.
        path: where to save the figure.
    """
    figure = Figure(figsize=(5.5 * len(tasks), 3.7), layout="constrained")
    for axes, (name, results) in zip(_panels(figure, len(tasks)), tasks.items(), strict=True):
        places = range(len(results))
        means = [np.mean(result.errors) for result in results]
        deviations = [np.std(result.errors) for result in results]
        axes.errorbar(places, means, deviations, color=BLUE, lw=2, marker="o", capsize=4)
        for place, result in zip(places, results, strict=True):
            axes.scatter([place] * len(result.errors), result.errors, s=14, color=GREY, zorder=3)
        if max(means) > 10 * min(means):
            axes.set_yscale("symlog", linthresh=1e-3)  # a logarithm that has room for 0 as well
        axes.set_ylim(0, 1.1 * max(max(result.errors) for result in results))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 * error:g} %"))
        axes.set_xticks(places, [f"{r.hidden_layers} × {r.width}" for r in results])
        axes.set_xlabel("hidden layers × units")
        sizes = [result.parameters for result in results]
        title = f"{name}: {min(sizes):,} to {max(sizes):,} parameters"
        axes.set_title(title, loc="left", fontweight="bold")
    figure.axes[0].set_ylabel("wrong on examples held back")
    return save(figure, path)


def _only_rounding(measured: LayerStatistics) -> bool:
    """Whether the last layer differs between examples by no more than its numbers' last digits."""
    last = measured.activations[-1]
    return measured.deviations[-1] < 100 * np.finfo(last.dtype).eps * np.abs(last).mean()


def _unit_heights(units: int) -> np.ndarray:
    if units <= SHOWN_UNITS:
        return np.arange(units) - (units - 1) / 2
    # The first and the last ones; dots stand for those between.
    return np.array([-2.5, -1.5, 1.5, 2.5])


def _panels(figure: Figure, count: int) -> list[Axes]:
    """`count` plain axes beside each other."""
    found = list(figure.subplots(1, count, squeeze=False)[0])
    for axes in found:
        plain(axes, grid="y")
    return found
