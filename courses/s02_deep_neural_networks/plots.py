"""Session 2's own figures: what a deep network computes, and how it starts.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from courses.s02_deep_neural_networks.experiments import STARTS, LayerStatistics
from courses.s02_deep_neural_networks.solutions import activation
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
    for axes, name in zip(panels(figure, len(names)), names, strict=True):
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
    left, right = panels(figure, 2)
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
    for axes, (name, kinds) in zip(panels(figure, len(losses)), losses.items(), strict=True):
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


def _only_rounding(measured: LayerStatistics) -> bool:
    """Whether the last layer differs between examples by no more than its numbers' last digits."""
    last = measured.activations[-1]
    return measured.deviations[-1] < 100 * np.finfo(last.dtype).eps * np.abs(last).mean()


def _unit_heights(units: int) -> np.ndarray:
    if units <= SHOWN_UNITS:
        return np.arange(units) - (units - 1) / 2
    # The first and the last ones; dots stand for those between.
    return np.array([-2.5, -1.5, 1.5, 2.5])


def panels(figure: Figure, count: int) -> list[Axes]:
    """`count` plain axes beside each other."""
    found = list(figure.subplots(1, count, squeeze=False)[0])
    for axes in found:
        plain(axes, grid="y")
    return found
