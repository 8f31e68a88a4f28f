"""Session 3's own figures: leaks, polynomials, learning curves, bias and variance, the remedies.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from courses.s03_bias_and_variance.experiments import bias_variance
from courses.s03_bias_and_variance.experiments.leaks import Leak
from courses.s03_bias_and_variance.experiments.remedies import Measured
from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save

ORANGE = "#dd8b1f"
HIGHEST_LOSS = 4.0  # at which an axis is cut
SMALLEST_ERROR = 1e-3  # the same for a logarithmic one


def leaks(found: Sequence[Leak], path: PathLike | None = None) -> Figure:
    """Draws what each leak reports beside the accuracy without it.

    Args:
        found: the leaks.
        path: where to save the figure.
    """
    figure = Figure(figsize=(9, 0.75 * len(found) + 1.3), layout="constrained")
    axes = figure.add_subplot()
    for row, leak in enumerate(found):
        axes.plot([leak.honest, leak.reported], [row, row], color="0.8", linewidth=6, zorder=1)
        axes.scatter(leak.honest, row, s=110, color=BLUE, zorder=2, label="without the leak")
        axes.scatter(leak.reported, row, s=110, color=RED, zorder=2, label="with it")
        for value, side in ((leak.honest, -1), (leak.reported, 1)):
            side = side if leak.reported >= leak.honest else -side
            axes.annotate(
                f"{100 * value:.1f} %",
                (value, row),
                (10 * side, 0),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
                va="center",
            )
    axes.set_yticks(range(len(found)), [leak.name for leak in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    values = [value for leak in found for value in leak[1:]]
    axes.set_xlim(min(values) - 0.13, max(values) + 0.13)
    axes.set_xticks([tick for tick in np.arange(0, 1.01, 0.1) if tick >= min(values) - 0.1])
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %", decimals=0))
    axes.set_xlabel("accuracy")
    plain(axes)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[:2], labels[:2], loc="outside upper center", ncols=2, frameon=False)
    return save(figure, path)


def polynomials(
    degrees: Sequence[int], seed: int, path: PathLike | None = None, *, examples: int = 20
) -> Figure:
    """Draws polynomials of several degrees through the same noisy examples.

    Args:
        degrees: one panel each.
        seed: seeds the examples' noise.
        path: where to save the figure.
        examples: to fit.
    """
    random = np.random.default_rng(seed)
    x, at = np.linspace(0, 1, examples), np.linspace(0, 1, 400)
    y = bias_variance.curve(x) + random.normal(scale=bias_variance.NOISE, size=examples)
    figure = Figure(figsize=(3.2 * len(degrees), 3.2), layout="constrained")
    for axes, degree in zip(
        figure.subplots(1, len(degrees), sharey=True, squeeze=False)[0], degrees, strict=True
    ):
        axes.plot(at, bias_variance.curve(at), color=GREY, linestyle="--", label="the curve itself")
        fitted = bias_variance.polynomial(x, y, degree, at)
        axes.plot(at, fitted, color=RED, linewidth=2, label="fitted")
        axes.scatter(x, y, color=BLUE, s=22, zorder=3, label="training examples")
        axes.set_ylim(-2.1, 2.1)
        axes.set_title(f"degree {degree}", loc="left", fontweight="bold")
        axes.set_xlabel("x")
        plain(axes)
    figure.axes[0].set_ylabel("y")
    figure.axes[0].legend(frameon=False, fontsize=9, loc="lower left")
    return save(figure, path)


def polynomial_errors(
    degrees: Sequence[int], train: np.ndarray, test: np.ndarray, path: PathLike | None = None
) -> Figure:
    """Draws training and test error against the degree.

    Args:
        degrees: of the polynomials.
        train: mean squared error on the examples that were fitted, one for each degree.
        test: the same on fresh examples.
        path: where to save the figure.
    """
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(degrees, train, "o-", color=GREY, label="training examples")
    axes.plot(degrees, test, "o-", color=BLUE, label="fresh examples")
    floor = "noise: the floor for fresh examples"
    axes.axhline(bias_variance.NOISE**2, color="black", linestyle=":", label=floor)
    axes.set_yscale("log")
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("degree of the polynomial")
    axes.set_ylabel("mean squared error")
    axes.legend(frameon=False)
    plain(axes)
    return save(figure, path)


def histories(
    found: Mapping[str, Mapping[str, Sequence[float]]], path: PathLike | None = None
) -> Figure:
    """Draws the loss and the accuracy of several trainings side by side.

    Args:
        found: by name, `History.history` with validation and accuracy.
        path: where to save the figure.
    """
    figure = Figure(figsize=(3.4 * len(found), 5), layout="constrained")
    grid = figure.subplots(2, len(found), squeeze=False, sharex="col")
    for column, (name, values) in enumerate(found.items()):
        for axes, metric in zip(grid[:, column], ("loss", "accuracy"), strict=True):
            epochs = np.arange(1, len(values[metric]) + 1)
            axes.plot(epochs, values[metric], color=GREY, linewidth=2, label="training")
            axes.plot(epochs, values[f"val_{metric}"], color=BLUE, linewidth=2, label="validation")
            plain(axes)
        # A loss that explodes would press all others onto the axis.
        highest = np.nanmax([*values["loss"], *values["val_loss"]])
        grid[0, column].set_ylim(0, min(HIGHEST_LOSS, 1.1 * highest))
        if highest > HIGHEST_LOSS:
            grid[0, column].annotate(
                f"cut at {HIGHEST_LOSS:g}: the highest is {highest:.3g}",
                (0.98, 0.97),
                xycoords="axes fraction",
                ha="right",
                va="top",
                fontsize=9,
            )
        grid[0, column].set_title(name, loc="left", fontsize=10, fontweight="bold")
        grid[1, column].set_ylim(0, 1.03)
        grid[1, column].yaxis.set_major_formatter(PercentFormatter(1, symbol=" %", decimals=0))
        grid[1, column].set_xlabel("epoch")
        grid[1, column].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    grid[0, 0].set_ylabel("loss")
    grid[1, 0].set_ylabel("accuracy")
    grid[0, 0].legend(frameon=False)
    return save(figure, path)


def data_sizes(
    sizes: Sequence[int], train: np.ndarray, validation: np.ndarray, path: PathLike | None = None
) -> Figure:
    """Draws training and validation error against the number of training examples.

    Args:
        sizes: examples in the training sets.
        train: error rate, `(sizes, repetitions)`.
        validation: the same on validation data.
        path: where to save the figure.
    """
    figure = Figure(figsize=(7.5, 4), layout="constrained")
    axes = figure.add_subplot()
    for errors, colour, label in (
        (validation, BLUE, "validation examples"),
        (train, GREY, "the examples it was trained on"),
    ):
        axes.fill_between(sizes, errors.min(1), errors.max(1), color=colour, alpha=0.2)
        # Without clipping, as no mistake at all is the axis itself.
        axes.plot(
            sizes, errors.mean(1), "o-", color=colour, linewidth=2, label=label, clip_on=False
        )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %", decimals=0))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("training examples")
    axes.set_ylabel("mistakes")
    axes.legend(frameon=False)
    plain(axes)
    return save(figure, path)


def decomposition(
    capacity: Sequence[int],
    bias: np.ndarray,
    variance: np.ndarray,
    path: PathLike | None = None,
    *,
    noise: float = 0.0,
    error: np.ndarray | None = None,
    label: str,
) -> Figure:
    """Draws bias² and variance stacked, so that their upper edge is the error.

    Args:
        capacity: degree or width, one bar each.
        bias: bias², one for each.
        variance: the same.
        path: where to save the figure.
        noise: the error that nothing removes.
        error: the measured error, drawn over the sum.
        label: what the capacity is.
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes, places = figure.add_subplot(), np.arange(len(capacity))
    floor = np.full(len(places), noise)
    if noise:
        axes.bar(places, floor, color="0.8", label="noise")
    axes.bar(places, bias, bottom=floor, color=ORANGE, label="bias²")
    axes.bar(places, variance, bottom=floor + bias, color=BLUE, label="variance")
    if error is not None:
        axes.plot(places, error, "D", color="black", markersize=6, label="error, measured apart")
    axes.set_xticks(places, [f"{value:,}" for value in capacity])
    axes.set_xlabel(label)
    axes.set_ylabel("squared error")
    axes.legend(frameon=False, loc="upper center")
    plain(axes)
    return save(figure, path)


def double_descent(
    features: Sequence[int],
    train: np.ndarray,
    other: np.ndarray,
    examples: int,
    path: PathLike | None = None,
) -> Figure:
    """Draws the error against the number of features, past the point where all fit exactly.

    Args:
        features: numbers of random features.
        train: squared error on the training examples, one for each.
        other: the same on validation examples.
        examples: training examples.
        path: where to save the figure.
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(examples, color=RED, linestyle=":", linewidth=2)
    axes.plot(features, other, "o-", color=BLUE, linewidth=2, label="validation")
    # An exact fit has an error of 1e-28, which would flatten all else.
    cut = np.maximum(train, SMALLEST_ERROR)
    label = "training (cut at $10^{-3}$)"
    axes.plot(features, cut, "o-", color=GREY, linewidth=2, label=label, clip_on=False, zorder=3)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(bottom=SMALLEST_ERROR)
    axes.set_xlabel("random features (log scale)")
    axes.set_ylabel("squared error (log scale)")
    axes.annotate(
        f"as many features\nas examples: {examples:,}",
        (examples, 1.0),
        (-8, -14),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="right",
        va="top",
        color=RED,
    )
    axes.legend(frameon=False, loc="upper right")
    plain(axes)
    return save(figure, path)


def ablation(measured: Mapping[str, Measured], path: PathLike | None = None) -> Figure:
    """Draws the accuracy with each remedy: every network's, the mean, and the baseline's mean.

    Args:
        measured: by remedy, the baseline first.
        path: where to save the figure.
    """
    figure = Figure(figsize=(9, 0.48 * len(measured) + 1.3), layout="constrained")
    axes = figure.add_subplot()
    baseline = next(iter(measured.values())).validation.mean()
    axes.axvline(baseline, color=RED, linestyle=":", label="mean without a remedy")
    for row, values in enumerate(measured.values()):
        fitted, seeds = values.train, values.validation
        axes.plot(
            fitted.mean(),
            row,
            "|",
            color=GREY,
            markersize=16,
            markeredgewidth=3,
            label="training, mean",
        )
        axes.plot(
            seeds,
            np.full(len(seeds), row),
            "o",
            color=BLUE,
            alpha=0.35,
            markersize=6,
            label="validation, each network",
        )
        axes.plot(seeds.mean(), row, "D", color=BLUE, markersize=9, label="validation, mean")
    axes.set_yticks(range(len(measured)), list(measured))
    axes.set_ylim(len(measured) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %", decimals=0))
    axes.set_xlabel("accuracy")
    plain(axes)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[:4], labels[:4], loc="outside upper center", ncols=4, frameon=False)
    return save(figure, path)


def weight_sizes(found: Mapping[str, np.ndarray], path: PathLike | None = None) -> Figure:
    """Draws how large the first layer's weights are, without a penalty, with L2 and with L1.

    Args:
        found: by name, weights of any shape.
        path: where to save the figure.
    """
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    axes, bins = figure.add_subplot(), np.geomspace(1e-5, 2, 60).tolist()
    for (name, weights), colour in zip(found.items(), (GREY, BLUE, RED), strict=False):
        sizes = np.clip(np.abs(weights).ravel().astype(float), bins[0], bins[-1])
        each = np.full(len(sizes), 1 / len(sizes))
        axes.hist(sizes, bins, weights=each, histtype="step", linewidth=2, color=colour, label=name)
    axes.set_xscale("log")
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %", decimals=0))
    axes.set_xlabel("size of a weight in the first layer (log scale; the first bar: all below)")
    axes.set_ylabel("share of the weights")
    axes.legend(frameon=False, loc="upper center")
    plain(axes)
    return save(figure, path)
