"""Figures of a training, of its mistakes and of single predictions, readable at a glance."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

PathLike = str | os.PathLike[str]

BLUE, RED, GREY = "#2b6cb0", "#c53030", "#8a94a6"
SHEET_ROWS, SHEET_COLUMNS = 4, 6


def class_samples(
    images: np.ndarray,
    classes: np.ndarray,
    labels: Sequence[str],
    path: PathLike | None = None,
    *,
    samples: int = 5,
) -> Figure:
    """Draws some pictures of each class, one column a class.

    Args:
        images: Pixels in 0-255, shape `(examples, height, width, 1 or 3)`.
        classes: Class indices, shape `(examples,)`.
        labels: The classes' names.
        path: PNG file to write.
        samples: Pictures of each class.

    Returns:
        The figure, with an axes for each picture.
    """
    figure = Figure(figsize=(len(labels), 0.9 * samples + 0.4), layout="constrained")
    grid = figure.subplots(samples, len(labels), squeeze=False)
    for column, label in enumerate(labels):
        chosen = images[classes == column][:samples]
        for row, axes in enumerate(grid[:, column]):
            if row < len(chosen):
                show_picture(axes, chosen[row])
            axes.axis("off")
        grid[0, column].set_title(label, fontsize=9)
    return save(figure, path)


def learning_curves(
    history: keras.callbacks.History | Mapping[str, Sequence[float]],
    path: PathLike | None = None,
) -> Figure:
    """Draws the loss and every metric over the epochs, one panel each.

    Args:
        history: What `fit` returns, or its `history` dictionary. Training and validation
            (`val_…`) share a panel; the learning rate, where a callback logged it, is left out.
        path: PNG file to write.

    Returns:
        The figure, with one axes per metric.

    Raises:
        ValueError: The history holds no epoch.
    """
    values = history if isinstance(history, Mapping) else history.history
    metrics = [key for key in values if not key.startswith("val_") and key != "learning_rate"]
    if not any(len(values[metric]) for metric in metrics):
        raise ValueError(
            "expected a history with at least one epoch, received an empty one; call fit first"
        )
    # Keras orders metrics by name; the loss is what was trained, so it comes first.
    metrics.sort(key=lambda metric: metric != "loss")
    figure = Figure(figsize=(4.6 * len(metrics), 3.4), layout="constrained")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        percent = metric.endswith("accuracy")
        for key, colour, label in (
            (metric, GREY, "training"),
            (f"val_{metric}", BLUE, "validation"),
        ):
            if key in values:
                _curve(axes, values[key], colour, label, percent)
        axes.set_title(metric.replace("_", " "), loc="left", fontweight="bold")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(left=0.5)
        plain(axes, grid="y")
        if percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.legend(frameon=False)
    return save(figure, path)


def confusion_matrix(
    true: np.ndarray,
    predicted: np.ndarray,
    labels: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws which class was taken for which.

    A row is a true class. Blue is what came out right, as a share of the row; orange is what
    was mistaken, on a scale of its own, so that the few mistakes of a good model stay visible.

    Args:
        true: Class indices, shape `(examples,)`.
        predicted: Class indices, shape `(examples,)`.
        labels: The classes' names.
        path: PNG file to write.

    Returns:
        The figure, with one axes holding a number for every pair of classes that occurs.

    Raises:
        ValueError: The two index arrays differ in length or are empty.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if len(true) != len(predicted) or len(true) == 0:
        raise ValueError(
            "expected as many predicted classes as true ones, and at least one, "
            f"received {len(predicted)} and {len(true)}; pass one index per example"
        )
    counts = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(counts, (true, predicted), 1)
    side = 0.45 * len(labels)
    figure = Figure(figsize=(side + 2.0, side + 1.6), layout="constrained")
    axes = figure.add_subplot()
    _fill_matrix(axes, counts)
    slant = 45 if max(map(len, labels)) > 3 else 0
    align = "right" if slant else "center"
    axes.set_xticks(range(len(labels)), labels, rotation=slant, ha=align, rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    title = f"{_percent(np.mean(true == predicted))} of {len(true):,} right"
    axes.set_title(title, loc="left", fontweight="bold")
    return save(figure, path)


def prediction_sheet(
    images: np.ndarray,
    true: np.ndarray,
    probabilities: np.ndarray,
    labels: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws up to 24 pictures with what the model took them for, and how surely.

    The upper half of the sheet holds mistakes in red, the surest first, with the true class
    below; the rest are right ones, spread over the examples.

    Args:
        images: Pixels in 0-255, shape `(examples, height, width, 1 or 3)`.
        true: Class indices, shape `(examples,)`.
        probabilities: The model's outputs, shape `(examples, classes)`.
        labels: The classes' names.
        path: PNG file to write.

    Returns:
        The figure, with one axes per picture.

    Raises:
        ValueError: The three arrays differ in length or are empty.
    """
    true, probabilities = np.asarray(true), np.asarray(probabilities)
    if not len(images) == len(true) == len(probabilities) or len(true) == 0:
        raise ValueError(
            "expected one class and one row of probabilities for each image, received "
            f"{len(images)} images, {len(true)} classes and {len(probabilities)} rows"
        )
    predicted, surest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    chosen = _mistakes_first(predicted != true, surest)
    columns = min(SHEET_COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(1.6 * columns, 1.95 * rows + 0.5), layout="constrained")
    for cell, index in enumerate(chosen, start=1):
        axes = figure.add_subplot(rows, columns, cell)
        show_picture(axes, np.asarray(images[index]))
        wrong = predicted[index] != true[index]
        title = f"{labels[predicted[index]]} · {_percent(surest[index], 0)}"
        axes.set_title(title, fontsize=9, color=RED if wrong else "black", fontweight="bold")
        axes.set_xlabel(f"is {labels[true[index]]}" if wrong else "", fontsize=9, color=RED)
        axes.spines[:].set(color=RED if wrong else GREY, linewidth=3 if wrong else 1)
    figure.suptitle(
        f"{np.sum(predicted != true):,} mistakes in {len(true):,} pictures (red, the surest first)"
    )
    return save(figure, path)


def show_picture(axes: Axes, image: np.ndarray) -> None:
    """Shows pixels of 0-255, shape `(height, width, 1 or 3)`, without ticks."""
    image = image.astype(np.uint8)
    image = image[..., 0] if image.shape[-1] == 1 else image
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([])


def plain(axes: Axes, grid: Literal["x", "y", "both"] = "both") -> None:
    """Takes the frame's top and right away, and lays faint lines behind what is drawn.

    Args:
        axes: Which ones.
        grid: Lines at the ticks of "x", "y" or "both".
    """
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, alpha=0.25)
    axes.set_axisbelow(True)


def save(figure: Figure, path: PathLike | None) -> Figure:
    """Writes a figure as PNG where `path` is given, and returns it."""
    if path is not None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Renamed when complete: a reader never meets half a picture.
        partial = target.with_name(target.name + ".partial")
        figure.savefig(partial, format="png", dpi=150)
        partial.replace(target)
    return figure


def _fill_matrix(axes: Axes, counts: np.ndarray) -> None:
    """Colours and numbers of a confusion matrix, for counts of shape `(true, predicted)`."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    diagonal, empty = np.eye(len(counts), dtype=bool), counts == 0
    right = np.ma.masked_array(shares, ~diagonal | empty)
    wrong = np.ma.masked_array(shares, diagonal | empty)
    # The scales end above the largest value: the deepest colours would swallow the numbers.
    axes.imshow(right, cmap="Blues", vmin=0, vmax=1.4)
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=1.4 * shares[~diagonal].max(initial=1e-6))
    for row, column in np.argwhere(~empty):
        colour = "white" if row == column and shares[row, column] > 0.8 else "black"
        count = f"{counts[row, column]}"
        axes.text(column, row, count, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(np.arange(len(counts) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(counts) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color=GREY, alpha=0.3, linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set(color=GREY, alpha=0.3)


def _mistakes_first(wrong: np.ndarray, surest: np.ndarray) -> np.ndarray:
    """Indices of a sheet's pictures: up to half of them mistakes, filled with right ones."""
    cells = SHEET_ROWS * SHEET_COLUMNS
    mistakes = np.flatnonzero(wrong)
    mistakes = mistakes[np.argsort(-surest[mistakes], kind="stable")]
    right = np.flatnonzero(~wrong)
    mistakes = mistakes[: max(cells // 2, cells - len(right))]
    spread = np.linspace(0, len(right) - 1, min(cells - len(mistakes), len(right))).astype(int)
    return np.concatenate([mistakes, right[spread]])


def _curve(axes: Axes, values: Sequence[float], colour: str, label: str, percent: bool) -> None:
    last = _percent(values[-1]) if percent else f"{values[-1]:.3g}"
    epochs = np.arange(1, len(values) + 1)
    axes.plot(epochs, values, color=colour, linewidth=2, marker="o", markersize=3)
    axes.lines[-1].set_label(f"{label}, {last} at the end")


def _percent(share: float, decimals: int = 1) -> str:
    return f"{100 * share:.{decimals}f} %"
