"""The figures of the theory: a neuron, its loss, its boundary, a hidden layer.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from courses.s01_introduction.references import Step, cross_entropy, predictor, sigmoid
from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save

# Class 0 and class 1, as points and as background.
COLOURS = (RED, BLUE)
_BACKGROUND = ListedColormap(["#f6d5d5", "#d3e3f5"])

# (points, 2) to (points,) probabilities of class 1
Predict = Callable[[np.ndarray], np.ndarray]


def neuron(
    x: np.ndarray,
    weights: np.ndarray,
    bias: float,
    names: Sequence[str],
    outcome: str,
    path: PathLike | None = None,
) -> Figure:
    """Draws one neuron at work: inputs, weights, sum, sigmoid.

    Args:
        x: (features,), one example.
        weights: (features,).
        bias: the neuron's own.
        names: what each feature is.
        outcome: what the neuron gives the probability of.
        path: where to save the figure.
    """
    total = float(x @ weights + bias)
    probability = float(sigmoid(total))
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.6, 1])
    rows = np.linspace(1, -1, len(x) + 1)
    labels = [*names, "always 1"]
    values, strengths = [*x, 1.0], [*weights, bias]
    for row, label, value, strength in zip(rows, labels, values, strengths, strict=True):
        colour = COLOURS[int(strength > 0)]
        left.annotate(
            "",
            (1.72, row * 0.13),
            (0.2, row),
            arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1 + abs(strength)},
        )
        _circle(left, 0, row, _signed(f"{value:.2f}"))
        left.text(-0.25, row, label, ha="right", va="center")
        symbol = "b" if label == "always 1" else "w"
        left.text(0.8, row * 0.66, _signed(f"{symbol} = {strength:.2f}"), ha="center", va="center",
                  color=colour, bbox={"color": "white", "pad": 2})  # fmt: skip
    _circle(left, 2, 0, _signed(f"z = {total:.2f}"), 3200)
    left.annotate("", (2.95, 0), (2.3, 0), arrowprops={"arrowstyle": "-|>", "color": "0.3"})
    left.text(3, 0, f"σ(z) = {probability:.2f}", va="center", fontweight="bold")
    left.set_xlim(-1.5, 3.8)
    left.set_ylim(-1.35, 1.35)
    left.axis("off")
    z = np.linspace(-6, 6, 200)
    right.plot(z, sigmoid(z), color="0.3", linewidth=2)
    right.plot([total, total, -6], [0, probability, probability], ":", color=GREY)
    right.plot(total, probability, "o", color=COLOURS[int(probability > 0.5)], markersize=10)
    right.set(xlim=(-6, 6), ylim=(-0.03, 1.03), xlabel="z, the weighted sum")
    right.set_ylabel(f"σ(z), taken as the\nprobability of “{outcome}”")
    right.spines[["top", "right"]].set_visible(False)
    return save(figure, path)


def losses(path: PathLike | None = None) -> Figure:
    """Draws cross-entropy beside the squared error, and their slopes, for an example of class 1."""
    z = np.linspace(-8, 8, 300)
    p = sigmoid(z)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(z, np.logaddexp(0, -z), color=BLUE, linewidth=2, label="cross-entropy, −ln p")
    left.plot(z, (1 - p) ** 2, color=RED, linewidth=2, label="squared error, (1 − p)²")
    left.set_title("loss", loc="left", fontweight="bold")
    right.plot(z, p - 1, color=BLUE, linewidth=2, label="p − 1")
    right.plot(z, -2 * (1 - p) ** 2 * p, color=RED, linewidth=2, label="−2 (1 − p)² p")
    right.set_title("its slope, dL/dz", loc="left", fontweight="bold")
    right.annotate("no slope where the\nmistake is worst", (-7, -0.02), (-7.6, -0.6), color=RED,
                   arrowprops={"arrowstyle": "->", "color": RED})  # fmt: skip
    for axes in (left, right):
        axes.set_xlabel("z, the weighted sum of an example of class 1")
        plain(axes)
        axes.legend(frameon=False)
    return save(figure, path)


def descent(
    x: np.ndarray,
    y: np.ndarray,
    runs: Mapping[float, Sequence[Step]],
    lowest: Step,
    names: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws the loss over two weights, its least place, and the ways of gradient descent to it.

    Args:
        x: (examples, 2).
        y: (examples,), classes 0 and 1.
        runs: of `references.train_logistic_regression`, by learning rate.
        lowest: at the end of a long training; its bias is that of the slice that is drawn.
        names: of the two features.
        path: where to save the figure.
    """
    figure = Figure(figsize=(11, 4), layout="constrained")
    panels = figure.subplots(1, len(runs), sharex=True, sharey=True, squeeze=False)[0]
    paths = {rate: np.array([step.parameters[0] for step in run]) for rate, run in runs.items()}
    everywhere = np.concatenate([*paths.values(), [lowest.parameters[0]]])
    low, high = everywhere.min(axis=0), everywhere.max(axis=0)
    low, high = low - 0.15 * (high - low), high + 0.15 * (high - low)
    grid, first, second = _grid(low, high, 80)
    bias = lowest.parameters[1]
    heights = np.array([cross_entropy(x @ weights + bias, y) for weights in grid])
    heights = heights.reshape(first.shape)
    for axes, (rate, way) in zip(panels, paths.items(), strict=True):
        # Levels by rank, so that the flat valley has its lines too.
        levels = np.quantile(heights, np.linspace(0, 1, 16))
        ranks = BoundaryNorm(levels, 256)
        axes.contourf(first, second, heights, levels, cmap="Greys", norm=ranks, alpha=0.5)
        axes.plot(*lowest.parameters[0], "+", color="black", markersize=14)
        axes.plot(*way.T, color=RED, marker="o", markersize=3, linewidth=1)
        axes.plot(*way[0], "o", color="black", markersize=8)
        axes.set_title(f"learning rate {rate:g}", loc="left", fontweight="bold")
        axes.set_xlabel(f"weight of {names[0]}")
    panels[0].set_ylabel(f"weight of {names[1]}")
    return save(figure, path)


def boundaries(
    x: np.ndarray,
    y: np.ndarray,
    frames: Mapping[str, Step],
    names: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws what a network predicts everywhere in the plane, frame by frame.

    Args:
        x: (examples, 2).
        y: (examples,), classes 0 and 1.
        frames: by title, the network at that moment; a sixth frame begins a second row, and the
            last one shows the hidden units' lines too.
        names: of the two axes.
        path: where to save the figure.
    """
    columns = len(frames) if len(frames) < 6 else 3
    rows = -(-len(frames) // columns)
    figure = Figure(figsize=(2.5 * columns, 2.6 * rows + 0.3), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    low, high = x.min(axis=0), x.max(axis=0)
    low, high = low - 0.08 * (high - low), high + 0.08 * (high - low)
    for axes, (title, step) in zip(panels.flat, frames.items(), strict=False):
        predict = predictor(step)
        show_predictions(axes, predict, low, high)
        for label, colour in enumerate(COLOURS):
            axes.plot(*x[y == label].T, ".", color=colour, markersize=3, alpha=0.7)
        accuracy = np.mean((predict(x) > 0.5) == y)
        axes.set_title(f"{title}\n{100 * accuracy:.1f} % right", fontsize=10)
    if len(step.parameters) == 4:
        _show_lines(axes, *step.parameters[:2], low, high)
    for axes in panels[-1]:
        axes.set_xlabel(names[0])
    for axes in panels[:, 0]:
        axes.set_ylabel(names[1])
    return save(figure, path)


def xor(
    predict: Predict,
    kernel: np.ndarray,
    bias: np.ndarray,
    output: tuple[np.ndarray, float],
    path: PathLike | None = None,
) -> Figure:
    """Draws why a line cannot compute XOR and how two hidden units with a step make it simple.

    Args:
        predict: the best that logistic regression finds.
        kernel: (2, 2), the hidden units' weights.
        bias: (2,).
        output: the output unit's (2,) weights and its bias.
        path: where to save the figure.
    """
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    classes = np.array([0, 1, 1, 0])
    hidden = (corners @ kernel + bias > 0).astype(float)
    low, high = np.array([-0.4, -0.4]), np.array([1.4, 1.4])
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for index, (corner, label) in enumerate(zip(corners, classes, strict=True)):
        left.plot(*corner, "o", color=COLOURS[label], markersize=16)
        left.text(corner[0], corner[1] - 0.2, f"{predict(corners)[index]:.2f}", ha="center")
        middle.plot(*corner, "o", color=COLOURS[label], markersize=16)
    left.set_title("logistic regression: no better than a coin", fontsize=11)
    _show_lines(middle, kernel, bias, low, high)
    middle.set_title("two hidden units, two lines", fontsize=11)
    for place in np.unique(hidden, axis=0):
        here = (hidden == place).all(axis=1)
        right.plot(*place, "o", color=COLOURS[classes[here][0]], markersize=16)
        names = " and ".join("({}, {})".format(*corner) for corner in corners[here])
        right.text(place[0], place[1] - 0.22, names, ha="center", fontsize=9)
    _show_lines(right, output[0][:, None], np.array([output[1]]), low, high)
    right.set_title("what they make of the corners: one line", fontsize=11)
    for axes, names in ((left, "x"), (middle, "x"), (right, "a")):
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        axes.set_xlabel(f"${names}_1$")
        axes.set_ylabel(f"${names}_2$")
        axes.set_xticks([0, 1])
        axes.set_yticks([0, 1])
    return save(figure, path)


def keras_agreement(
    counterparts: Mapping[str, tuple[Sequence[Step], Sequence[Step]]], path: PathLike | None = None
) -> Figure:
    """Draws the same training twice, in NumPy and in Keras, and how far the two are apart.

    Args:
        counterparts: by network, NumPy's steps (one more) and Keras's.
        path: where to save the figure.
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, both), colour in zip(counterparts.items(), (BLUE, RED), strict=False):
        count = len(both[1])
        ours, theirs = (np.array([step.loss for step in run[:count]]) for run in both)
        steps = np.arange(1, count + 1)
        left.plot(steps, ours, color=colour, alpha=0.35, linewidth=6, label=f"{name}, NumPy")
        left.plot(steps, theirs, "--", color=colour, label=f"{name}, Keras")
        # What is exactly equal has no place on a logarithmic axis.
        apart = np.maximum(np.abs(ours - theirs), 1e-10)
        right.plot(steps, apart, ".", color=colour, label=name)
    left.set_title("loss", loc="left", fontweight="bold")
    right.set_title("difference of the losses", loc="left", fontweight="bold")
    epsilon = np.finfo(np.float32).eps
    right.axhline(epsilon, color=GREY, linestyle=":")
    right.text(1, 1.2 * epsilon, "a step of float32 at 1", color=GREY, va="bottom")
    right.set_yscale("log")
    right.set_ylim(1e-10, 1e-4)
    for axes in (left, right):
        axes.set_xlabel("step of gradient descent")
        plain(axes)
        axes.legend(frameon=False, fontsize=9)
    return save(figure, path)


def show_predictions(axes: Axes, predict: Predict, low: np.ndarray, high: np.ndarray) -> None:
    """Fills the plane with the predicted class, and draws the boundary."""
    grid, first, second = _grid(low, high, 150)
    shown = predict(grid).reshape(first.shape)
    axes.contourf(first, second, shown, [-1, 0.5, 2], cmap=_BACKGROUND)
    if shown.min() < 0.5 < shown.max():
        axes.contour(first, second, shown, [0.5], colors="black", linewidths=1.5)


def _grid(low: np.ndarray, high: np.ndarray, side: int) -> tuple[np.ndarray, ...]:
    first, second = np.meshgrid(*(np.linspace(a, b, side) for a, b in zip(low, high, strict=True)))
    return np.stack([first.ravel(), second.ravel()], axis=1), first, second


def _show_lines(
    axes: Axes, kernel: np.ndarray, bias: np.ndarray, low: np.ndarray, high: np.ndarray
) -> None:
    """Draws where each unit's weighted sum is zero, with a tick towards where it is positive."""
    grid, first, second = _grid(low, high, 50)
    for weights, offset in zip(kernel.T, bias, strict=True):
        sums = (grid @ weights + offset).reshape(first.shape)
        axes.contour(first, second, sums, [0], colors="black", linestyles="--", linewidths=1.2)
        foot = -offset * weights / (weights @ weights)
        tip = foot + 0.09 * (high - low).max() * weights / np.sqrt(weights @ weights)
        axes.annotate("", tip, foot, arrowprops={"arrowstyle": "-|>", "color": "black"})


def _circle(axes: Axes, x: float, y: float, text: str, size: float = 1500) -> None:
    axes.scatter(x, y, s=size, facecolor="white", edgecolor="0.3", linewidth=1.5, zorder=2)
    axes.text(x, y, text, ha="center", va="center", fontsize=10)


def _signed(text: str) -> str:
    return text.replace("-", "−")
