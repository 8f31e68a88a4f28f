"""Session 3's figures of polynomials, fitted to noisy examples of a curve.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from courses.s03_bias_and_variance import experiments
from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save


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
    y = experiments.curve(x) + random.normal(scale=experiments.NOISE, size=examples)
    figure = Figure(figsize=(3.2 * len(degrees), 3.2), layout="constrained")
    for axes, degree in zip(
        figure.subplots(1, len(degrees), sharey=True, squeeze=False)[0], degrees, strict=True
    ):
        axes.plot(at, experiments.curve(at), color=GREY, linestyle="--", label="the curve itself")
        fitted = experiments.polynomial(x, y, degree, at)
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
    axes.axhline(experiments.NOISE**2, color="black", linestyle=":", label=floor)
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
