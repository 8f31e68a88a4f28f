"""What shortcuts bring, in curves."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from courses.s07_cnn_architectures.experiments.residual import DepthRun
from thinkkeras.plots import BLUE, RED, PathLike, plain, save


def depth_curves(runs: Sequence[DepthRun], path: PathLike | None = None) -> Figure:
    """Draws the error on training and validation data, a panel a depth.

    Args:
        runs: a plain and a residual one of each depth.
        path: where to save the figure.
    """

    def draw(axes: Axes, run: DepthRun, colour: str, kind: str) -> None:
        for key, style, what in (
            ("accuracy", "--", "training"),
            ("val_accuracy", "-", "validation"),
        ):
            errors = [100 * (1 - accuracy) for accuracy in run.history[key]]
            epochs = range(1, len(errors) + 1)
            # One epoch alone is a point.
            marker = "o" if len(errors) == 1 else None
            axes.plot(epochs, errors, style, color=colour, label=f"{kind}, {what}", marker=marker)

    return save(_panels(runs, draw, "epoch", "error, %"), path)


def gradient_norms(runs: Sequence[DepthRun], path: PathLike | None = None) -> Figure:
    """Draws the gradient of each layer, at the start (dashed) and the end, a panel a depth.

    Args:
        runs: a plain and a residual one of each depth.
        path: where to save the figure.
    """

    def draw(axes: Axes, run: DepthRun, colour: str, kind: str) -> None:
        layers = range(1, len(run.gradients_before) + 1)
        axes.plot(layers, run.gradients_before, "--", color=colour, label=f"{kind}, at first")
        axes.plot(layers, run.gradients_after, color=colour, label=f"{kind}, trained")
        axes.set_yscale("log")

    norm = "norm of a kernel's gradient / of the kernel"
    return save(_panels(runs, draw, "layer, from the input", norm), path)


def _panels(
    runs: Sequence[DepthRun],
    draw: Callable[[Axes, DepthRun, str, str], None],
    xlabel: str,
    ylabel: str,
) -> Figure:
    """A panel a depth, in which `draw` draws each of its runs in its colour."""
    depths = sorted({run.depth for run in runs})
    figure = Figure(figsize=(max(4.2 * len(depths), 8.4), 4), layout="constrained")
    grid = figure.subplots(1, len(depths), sharey=True, squeeze=False)[0]
    for depth, axes in zip(depths, grid, strict=True):
        for run in (run for run in runs if run.depth == depth):
            draw(axes, run, *((BLUE, "residual") if run.shortcut else (RED, "plain")))
        axes.set_title(f"{depth} layers")
        axes.set_xlabel(xlabel)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        plain(axes)
    grid[0].set_ylabel(ylabel)
    figure.legend(
        *grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False
    )
    return figure
