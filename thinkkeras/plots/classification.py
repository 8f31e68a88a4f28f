"""Figures of classification: samples of the classes, confusions, single predictions."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinkkeras.plots.style import GREY, RED, PathLike, percent, save, show_image

GALLERY_ROWS, GALLERY_COLUMNS = 4, 6


def class_samples(
    images: np.ndarray,
    classes: np.ndarray,
    class_names: Sequence[str],
    path: PathLike | None = None,
    *,
    samples: int = 5,
) -> Figure:
    """Draws some images of each class, one column a class.

    Args:
        images: Pixels in 0-255, shape `(examples, height, width, 1 or 3)`.
        classes: Class indices, shape `(examples,)`.
        class_names: The classes' names, by index.
        path: PNG file to write.
        samples: Images of each class.

    Returns:
        The figure, with an axes for each image.
    """
    figure = Figure(figsize=(len(class_names), 0.9 * samples + 0.4), layout="constrained")
    grid = figure.subplots(samples, len(class_names), squeeze=False)
    for column, class_name in enumerate(class_names):
        chosen = images[classes == column][:samples]
        for row, axes in enumerate(grid[:, column]):
            if row < len(chosen):
                show_image(axes, chosen[row])
            axes.axis("off")
        grid[0, column].set_title(class_name, fontsize=9)
    return save(figure, path)


def confusion_matrix(
    true: np.ndarray,
    predicted: np.ndarray,
    class_names: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws which class was taken for which.

    A row is a true class. Blue is what came out right, as a fraction of the row; orange is what
    was mistaken, on a scale of its own, so that the few mistakes of a good model stay visible.

    Args:
        true: Class indices, shape `(examples,)`.
        predicted: Class indices, shape `(examples,)`.
        class_names: The classes' names, by index.
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
    counts = np.zeros((len(class_names), len(class_names)), np.int64)
    np.add.at(counts, (true, predicted), 1)
    side = 0.45 * len(class_names)
    figure = Figure(figsize=(side + 2.0, side + 1.6), layout="constrained")
    axes = figure.add_subplot()
    _fill_matrix(axes, counts)
    slant = 45 if max(map(len, class_names)) > 3 else 0
    align = "right" if slant else "center"
    axes.set_xticks(
        range(len(class_names)), class_names, rotation=slant, ha=align, rotation_mode="anchor"
    )
    axes.set_yticks(range(len(class_names)), class_names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    title = f"{percent(np.mean(true == predicted))} of {len(true):,} right"
    axes.set_title(title, loc="left", fontweight="bold")
    return save(figure, path)


def prediction_gallery(
    images: np.ndarray,
    true: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws up to 24 images with the predicted classes and their probabilities.

    The upper half of the gallery holds mistakes in red, the highest-scoring first, with the true
    class below; the rest are right ones, spread over the examples.

    Args:
        images: Pixels in 0-255, shape `(examples, height, width, 1 or 3)`.
        true: Class indices, shape `(examples,)`.
        probabilities: The model's outputs, shape `(examples, classes)`.
        class_names: The classes' names, by index.
        path: PNG file to write.

    Returns:
        The figure, with one axes per image.

    Raises:
        ValueError: The three arrays differ in length or are empty.
    """
    true, probabilities = np.asarray(true), np.asarray(probabilities)
    if not len(images) == len(true) == len(probabilities) or len(true) == 0:
        raise ValueError(
            "expected one class and one row of probabilities for each image, received "
            f"{len(images)} images, {len(true)} classes and {len(probabilities)} rows"
        )
    predicted, scores = probabilities.argmax(axis=1), probabilities.max(axis=1)
    chosen = _mistakes_first(predicted != true, scores)
    columns = min(GALLERY_COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(1.6 * columns, 1.95 * rows + 0.5), layout="constrained")
    for cell, index in enumerate(chosen, start=1):
        axes = figure.add_subplot(rows, columns, cell)
        show_image(axes, np.asarray(images[index]))
        wrong = predicted[index] != true[index]
        title = f"{class_names[predicted[index]]} · {percent(scores[index], 0)}"
        axes.set_title(title, fontsize=9, color=RED if wrong else "black", fontweight="bold")
        axes.set_xlabel(f"is {class_names[true[index]]}" if wrong else "", fontsize=9, color=RED)
        axes.spines[:].set(color=RED if wrong else GREY, linewidth=3 if wrong else 1)
    figure.suptitle(
        f"{np.sum(predicted != true):,} mistakes in {len(true):,} pictures (red, the surest first)"
    )
    return save(figure, path)


def _fill_matrix(axes: Axes, counts: np.ndarray) -> None:
    """Colours and numbers of a confusion matrix, for counts of shape `(true, predicted)`."""
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    diagonal, empty = np.eye(len(counts), dtype=bool), counts == 0
    right = np.ma.masked_array(fractions, ~diagonal | empty)
    wrong = np.ma.masked_array(fractions, diagonal | empty)
    # The scales end above the largest value: the deepest colours would swallow the numbers.
    axes.imshow(right, cmap="Blues", vmin=0, vmax=1.4)
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=1.4 * fractions[~diagonal].max(initial=1e-6))
    for row, column in np.argwhere(~empty):
        colour = "white" if row == column and fractions[row, column] > 0.8 else "black"
        count = f"{counts[row, column]}"
        axes.text(column, row, count, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(np.arange(len(counts) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(counts) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color=GREY, alpha=0.3, linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set(color=GREY, alpha=0.3)


def _mistakes_first(wrong: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Indices of a gallery's images: up to half of them mistakes, filled with right ones."""
    cells = GALLERY_ROWS * GALLERY_COLUMNS
    mistakes = np.flatnonzero(wrong)
    mistakes = mistakes[np.argsort(-scores[mistakes], kind="stable")]
    right = np.flatnonzero(~wrong)
    mistakes = mistakes[: max(cells // 2, cells - len(right))]
    spread = np.linspace(0, len(right) - 1, min(cells - len(mistakes), len(right))).astype(int)
    return np.concatenate([mistakes, right[spread]])
