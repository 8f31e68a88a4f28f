"""What recurrent cells remember, in curves and heat maps."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from courses.s05_recurrent_networks.experiments.memory import KNOWS_NOTHING, Gates
from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save

COLOURS = {"SimpleRNN": RED, "GRU": "#2f855a", "LSTM": BLUE}


def gradient_by_lag(
    norms: Mapping[str, tuple[np.ndarray, np.ndarray]], path: PathLike | None = None
) -> Figure:
    """Draws how strongly the output depends on inputs further and further back.

    Args:
        norms: for each cell the norm by lag, lag 0 first, untrained and trained.
        path: where to save the figure.
    """
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, which, title in zip(
        figure.subplots(1, 2, sharey=True), (0, 1), ("untrained", "trained to add"), strict=True
    ):
        for cell, both in norms.items():
            axes.plot(both[which], color=COLOURS[cell], label=cell)
        axes.set_yscale("log")
        axes.set_title(title)
        axes.set_xlabel("lag: steps between input and output")
        plain(axes)
    figure.axes[0].set_ylabel("norm of the output's gradient")
    figure.axes[0].legend(frameon=False)
    return save(figure, path)


def adding_errors(errors: Mapping[str, Sequence[float]], path: PathLike | None = None) -> Figure:
    """Draws the validation error of each cell on the adding problem after each epoch.

    Args:
        errors: mean squared error by epoch, for each cell.
        path: where to save the figure.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.axhline(KNOWS_NOTHING, color=GREY, linestyle="--")
    axes.annotate(
        "always 1",
        (1, KNOWS_NOTHING),
        xycoords=("axes fraction", "data"),
        xytext=(-4, -4),
        textcoords="offset points",
        ha="right",
        va="top",
        color=GREY,
    )
    for cell, by_epoch in errors.items():
        epochs = range(1, len(by_epoch) + 1)
        axes.plot(epochs, by_epoch, "o-", color=COLOURS[cell], label=cell)
    axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean squared error on unseen sequences")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    plain(axes)
    return save(figure, path)


def gate_maps(
    gates: Gates, sequence: np.ndarray, path: PathLike | None = None, units: int = 8
) -> Figure:
    """Draws what an LSTM's gates and cell do along a sequence of the adding problem.

    Args:
        gates: of one sequence, each `(steps, units)`.
        sequence: numbers and marks, `(steps, 2)`; the marked steps are drawn as lines.
        path: where to save the figure.
        units: how many are drawn: those whose input gates the marks open most.
    """
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    marked = np.flatnonzero(sequence[:, 1])
    opened = gates.input[marked].mean(axis=0) - np.delete(gates.input, marked, axis=0).mean(axis=0)
    order = np.argsort(-opened)[:units]
    # A unit's state has a size of its own, which its weights to the output make up for.
    states = gates.cell / np.abs(gates.cell).max(axis=0)
    parts = [
        ("input gate: what is written", gates.input, "Blues", (0, 1)),
        ("forget gate: what is kept", gates.forget, "Blues", (0, 1)),
        ("output gate: what is shown", gates.output, "Blues", (0, 1)),
        ("cell state, as a part of its largest", states, "RdBu_r", (-1, 1)),
    ]
    for axes, (title, values, colours, (low, high)) in zip(
        figure.subplots(len(parts), 1, sharex=True), parts, strict=True
    ):
        image = axes.imshow(
            values[:, order].T,
            cmap=colours,
            vmin=low,
            vmax=high,
            aspect="auto",
            interpolation="nearest",
        )
        figure.colorbar(image, ax=axes, pad=0.01)
        for step in marked:
            axes.axvline(step, color=RED, linewidth=1)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_yticks([])
        axes.set_ylabel("units")
    axes.set_xlabel("step (red: the two marked numbers)")
    return save(figure, path)
