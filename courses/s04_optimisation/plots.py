"""Session 4's own figures: how the rules walk, how rates and schedules show in a training.

Every function that draws returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from courses.s04_optimisation.references import Surface
from thinkkeras.callbacks import LearningRateFinder, TimedEvaluation
from thinkkeras.plots import PathLike, plain, save

COLOURS = {
    "SGD": "#8a94a6",
    "momentum": "#d1495b",
    "Nesterov": "#edae49",
    "RMSprop": "#3d8b5f",
    "Adam": "#30638e",
    "AdamW": "#8e5ea2",
}
PLAIN = FuncFormatter(lambda value, _: f"{value:,g}")
PALETTE = ("#8a94a6", "#d1495b", "#edae49", "#3d8b5f", "#30638e")


def trajectories(
    walks: Sequence[tuple[Surface, Mapping[str, np.ndarray]]], path: PathLike | None = None
) -> Figure:
    """Draws the rules' walks over the contours of each surface.

    Args:
        walks: each surface with the walk of each rule on it, by name.
        path: where to save the figure.
    """
    figure = Figure(figsize=(4.2 * len(walks), 5.2), layout="constrained")
    panels = figure.subplots(1, len(walks), squeeze=False)[0]
    for axes, (surface, found) in zip(panels, walks, strict=True):
        (left, right), (bottom, top) = surface.limits
        u, v = np.meshgrid(np.linspace(left, right, 240), np.linspace(bottom, top, 240))
        heights = surface.loss(u, v)
        # As many lines at the bottom of the valley as on its walls.
        levels = np.unique(np.quantile(heights, np.linspace(0.02, 0.95, 11)))
        axes.contour(u, v, heights, levels, colors="0.82", linewidths=0.9, zorder=0)
        # Plain descent on top: it goes least far, and the others would hide it.
        for order, (name, points) in enumerate(reversed(list(found.items()))):
            end = surface.loss(*points[-1])
            label = f"{name} at {surface.rates[name]:g}: loss {end:.2g} at the end"
            axes.plot(*points.T, color=COLOURS[name], label=label, linewidth=1.6, zorder=2 + order)
            axes.plot(*points.T, ".", color=COLOURS[name], markersize=4, zorder=2 + order)
        axes.plot(*surface.start, "o", color="black", markersize=7, zorder=9)
        axes.plot(*np.transpose(surface.lowest), "k*", markersize=14, zorder=9)
        axes.set(xlim=(left, right), ylim=(bottom, top))
        axes.set_title(
            f"{surface.name}, {surface.steps} steps", loc="left", fontweight="bold", fontsize=11
        )
        lines, labels = axes.get_legend_handles_labels()
        axes.legend(
            lines[::-1],
            labels[::-1],
            loc="upper center",
            bbox_to_anchor=(0.5, -0.06),
            frameon=False,
            fontsize=9,
        )
    return save(figure, path)


def batch_sizes(
    curves: Mapping[int, tuple[np.ndarray, Sequence[float], Sequence[float]]],
    path: PathLike | None = None,
) -> Figure:
    """Draws the loss against epochs and against seconds, one line a batch size.

    Args:
        curves: by batch size, the epochs, the seconds and the losses of a training.
        path: where to save the figure.
    """
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    whole = max(curves)
    for colour, (size, (epochs, seconds, losses)) in zip(PALETTE[1:], curves.items(), strict=False):
        label = {whole: f"all {size:,} at once", 1: "one by one"}.get(size, f"batches of {size}")
        for axes, times in ((left, epochs), (right, seconds)):
            axes.plot(times, losses, color=colour, label=label, linewidth=1.6)
    _tidy(left, "epochs", "loss on the training pictures")
    _tidy(right, "seconds of training", "")
    _log_of_plain_numbers(left)
    right.set_xscale("symlog", linthresh=0.1)
    right.set_xlim(left=0)
    right.xaxis.set_major_formatter(PLAIN)
    left.set_title("what an epoch brings", loc="left", fontweight="bold")
    right.set_title("what a second brings", loc="left", fontweight="bold")
    left.legend(frameon=False)
    return save(figure, path)


def range_tests(finders: Mapping[str, LearningRateFinder], path: PathLike | None = None) -> Figure:
    """Draws the loss against the growing learning rate, one panel an optimizer.

    Args:
        finders: after their fits, by the optimizer's name.
        path: where to save the figure.
    """
    columns = min(3, len(finders))
    rows = -(-len(finders) // columns)
    figure = Figure(figsize=(4 * columns, 2.7 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    lowest = min(min(finder.smoothed) for finder in finders.values())
    first = max(finder.losses[0] for finder in finders.values())
    for axes, (name, finder) in zip(panels.flat, finders.items(), strict=False):
        rates = finder.learning_rates
        axes.plot(rates, finder.losses, ".", color="0.75", markersize=4)
        axes.plot(rates, finder.smoothed, color=COLOURS[name], linewidth=2)
        axes.axvline(finder.suggestion, color="black", linestyle="--", linewidth=1)
        axes.set_title(f"{name}: begin with {finder.suggestion:.2g}", loc="left", fontweight="bold")
        axes.set_xscale("log")
        axes.set_ylim(max(0.0, lowest - 0.5), 2 * first)
        _tidy(axes, "", "")
    for axes in panels[-1]:
        axes.set_xlabel("learning rate")
    for axes in panels[:, 0]:
        axes.set_ylabel("loss of the batch")
    return save(figure, path)


def races(
    watches: Mapping[str, TimedEvaluation],
    target: float,
    steps_per_epoch: int,
    path: PathLike | None = None,
) -> Figure:
    """Draws each optimizer's accuracy against the epochs of its training.

    Args:
        watches: after their fits, by the optimizer's name.
        target: the accuracy to reach.
        steps_per_epoch: turns the watches' steps into epochs.
        path: where to save the figure.
    """
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    axes = figure.subplots()
    for name, watch in watches.items():
        epochs = np.array(watch.steps) / steps_per_epoch
        axes.plot(epochs, watch.accuracies, color=COLOURS[name], linewidth=1.5, label=name)
    axes.axhline(target, color="black", linestyle="--", linewidth=1)
    highest = max(max(watch.accuracies) for watch in watches.values())
    span = max(highest - target, 0.02)
    axes.set_ylim(min(target, highest) - 3 * span, max(target, highest) + 0.4 * span)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.set_title(f"the race to {target:.0%} (dashed)", loc="left", fontweight="bold")
    _tidy(axes, "epochs", "validation accuracy")
    axes.legend(frameon=False, loc="lower right", ncols=2)
    return save(figure, path)


def schedules(
    plans: Mapping[str, Any],
    histories: Mapping[str, Mapping[str, Sequence[float]]],
    steps: int,
    path: PathLike | None = None,
) -> Figure:
    """Draws each schedule's rate over the steps, and the loss that the training had with it.

    Args:
        plans: by name, a Keras schedule or a number.
        histories: by the same names, `loss` and `val_accuracy` of each epoch.
        steps: of the whole training.
        path: where to save the figure.
    """
    figure = Figure(figsize=(12, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    at = np.unique(np.linspace(0, steps, 200).astype(int))
    for colour, (name, plan) in zip(PALETTE, plans.items(), strict=True):
        rates = [
            plan if isinstance(plan, float) else keras.ops.convert_to_numpy(plan(step))
            for step in at
        ]
        left.plot(at, rates, color=colour, linewidth=2)
        losses = histories[name]["loss"]
        label = f"{name}: {histories[name]['val_accuracy'][-1]:.1%} in validation"
        epochs = range(1, len(losses) + 1)
        right.plot(epochs, losses, color=colour, marker="o", markersize=4, linewidth=2, label=label)
    _tidy(left, "step", "learning rate")
    _tidy(right, "epoch", "training loss")
    _log_of_plain_numbers(right)
    left.set_title("the plan", loc="left", fontweight="bold")
    right.set_title("the training", loc="left", fontweight="bold")
    right.legend(frameon=False, fontsize=9)
    return save(figure, path)


def accuracy_by_rate(
    found: Mapping[str, Mapping[float, float]], path: PathLike | None = None
) -> Figure:
    """Draws the accuracy after a short training against its learning rate.

    Args:
        found: by the network's name, the accuracy by learning rate.
        path: where to save the figure.
    """
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.subplots()
    for colour, (name, accuracies) in zip(PALETTE[3:], found.items(), strict=False):
        axes.plot(
            list(accuracies), list(accuracies.values()), "o-", color=colour, linewidth=2, label=name
        )
    axes.set_xscale("log")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    _tidy(axes, "learning rate of SGD", "validation accuracy")
    axes.legend(frameon=False, loc="lower left")
    return save(figure, path)


def clipping(watches: Mapping[str, TimedEvaluation], path: PathLike | None = None) -> Figure:
    """Draws the loss over the steps, one line a way to clip.

    Args:
        watches: after their fits, by the way to clip.
        path: where to save the figure.
    """
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.subplots()
    for colour, (name, watch) in zip(PALETTE, watches.items(), strict=False):
        label = f"{name}: {watch.accuracies[-1]:.0%} right at the end"
        if not np.isfinite(watch.losses[-1]):
            broken = watch.steps[int(np.argmin(np.isfinite(watch.losses)))]
            label = f"{name}: no finite loss from step {broken} on"
        axes.plot(watch.steps, watch.losses, color=colour, linewidth=1.8, label=label)
    # Logarithmic: the first steps of what is not clipped may leave any other scale.
    _log_of_plain_numbers(axes)
    _tidy(axes, "step", "loss on the training pictures")
    figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize=9)
    return save(figure, path)


def search(trials: Sequence[Mapping[str, float]], path: PathLike | None = None) -> Figure:
    """Draws the trials of a search: validation loss against learning rate, weight decay and width.

    Args:
        trials: `learning_rate`, `weight_decay`, `units` and `loss` of each.
        path: where to save the figure.
    """
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    best = min(trials, key=lambda trial: trial["loss"])
    names = {"learning_rate": "learning rate", "weight_decay": "weight decay", "units": "units"}
    for axes, (key, name) in zip(figure.subplots(1, 3, sharey=True), names.items(), strict=True):
        for trial in sorted(trials, key=lambda trial: -trial["loss"]):  # the best on top
            colour = COLOURS["momentum" if trial is best else "Adam"]
            axes.plot(trial[key], trial["loss"], "o", color=colour, markersize=9)
        axes.set_xscale("log", base=2 if key == "units" else 10)
        _log_of_plain_numbers(axes)
        _tidy(axes, name, "validation loss" if key == "learning_rate" else "")
        axes.xaxis.set_major_formatter(PLAIN)
        axes.xaxis.set_minor_formatter(NullFormatter())
        if key == "units":
            widths = sorted({int(trial[key]) for trial in trials})
            axes.set_xticks(widths, map(str, widths))
    figure.suptitle("each trial a dot, the chosen one red", fontsize=11)
    return save(figure, path)


def _log_of_plain_numbers(axes: Axes) -> None:
    """A logarithmic axis of y with 0.3 where matplotlib writes 3 x 10^-1."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    # Over more than two decades the numbers between the powers of ten would overlap.
    subs = (1, 2, 3, 5) if high < 100 * low else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axes.yaxis.set_major_formatter(PLAIN)
    axes.yaxis.set_minor_formatter(NullFormatter())


def _tidy(axes: Axes, x: str, y: str) -> None:
    axes.set(xlabel=x, ylabel=y)
    plain(axes, grid="y")
