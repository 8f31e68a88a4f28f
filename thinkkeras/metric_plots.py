"""Figures of how well a detector finds and counts."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from thinkkeras._coco import Pictures
from thinkkeras.metrics import average_precision, precision_recall
from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save

# Distinct in print and for the colour-blind (Okabe and Ito, "Color Universal Design", 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
# Above this many different pairs of counts, the numbers in the discs would collide.
NUMBERED = 60


def precision_recall_curves(
    truths: Pictures,
    predictions: Pictures,
    classes: Sequence[str],
    path: PathLike | None = None,
    *,
    score: float | None = None,
    masks: bool = False,
) -> Figure:
    """Draws precision over recall for each class, at an IoU of 0.5.

    The strong line is the best precision at this recall or a higher one, and AP50 the area under
    it; the thin line is the precision itself. A class that the truths lack is left out.

    Args:
        truths: One dictionary for each picture (see `thinkkeras.metrics`).
        predictions: As many, in the same order, at all scores.
        classes: The classes' names; labels are their indices.
        path: PNG file to write.
        score: A threshold to mark on each curve, as `metrics.best_threshold` chose it.
        masks: Whether to compare masks rather than boxes.

    Returns:
        The figure, with one axes; two lines for each class.

    Raises:
        ValueError: As `metrics.average_precision`; or the truths hold no object.
    """
    ap = average_precision(truths, predictions, classes=classes, masks=masks)["classes"]
    known = [index for index, name in enumerate(classes) if not np.isnan(ap[name])]
    if not known:
        raise ValueError("expected at least one object in the truths, received none")
    figure = Figure(figsize=(5.4, 4.4 + 0.12 * len(known)), layout="constrained")
    axes = figure.add_subplot()
    for place, index in enumerate(known):
        curve = precision_recall(truths, predictions, index, masks=masks)
        colour, name = COLOURS[place % len(COLOURS)], classes[index]
        # From a recall of 0 to the last detection, after which nothing more is found.
        recall = np.concatenate([[0], curve.recall, curve.recall.max(initial=0, keepdims=True)])
        precision = np.concatenate([[0], curve.precision, [0]])
        precision[0] = precision[1]
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        axes.plot(recall, precision, color=colour, linewidth=0.8, alpha=0.5)
        label = f"{name}, AP50 {100 * ap[name]:.1f} %"
        dash = "-" if place < len(COLOURS) else "--"
        axes.step(recall, envelope, dash, color=colour, linewidth=2, where="pre", label=label)
        kept = 0 if score is None else int(np.sum(curve.scores >= score))
        if kept:
            _mark(axes, curve.recall[kept - 1], curve.precision[kept - 1], colour)
    if score is not None:
        axes.plot([], [], "o", color="white", markeredgecolor="black", label=f"score {score:.2f}")
    _percent_axes(axes)
    # Inside, it would hide the classes that are seldom found.
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return save(figure, path)


def count_scatter(true: np.ndarray, predicted: np.ndarray, path: PathLike | None = None) -> Figure:
    """Draws how many objects were counted where there are how many, as discs of pictures.

    Args:
        true: Objects in each picture, shape `(pictures,)`, as `metrics.counts` returns them.
        predicted: Detections in each picture, of the same shape.
        path: PNG file to write.

    Returns:
        The figure, with one axes: blue discs for what was counted exactly, red ones for the rest,
        each as large as its number of pictures, which it holds.

    Raises:
        ValueError: The arrays differ in length or are empty.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if len(true) != len(predicted) or not len(true):
        raise ValueError(
            "expected as many predicted counts as true ones, and at least one, "
            f"received {len(predicted)} and {len(true)}"
        )
    pairs, pictures = np.unique(np.stack([true, predicted], axis=1), axis=0, return_counts=True)
    exact = pairs[:, 0] == pairs[:, 1]
    top = pairs.max() + 0.7
    figure = Figure(figsize=(5.0, 5.2), layout="constrained")
    axes = figure.add_subplot(aspect="equal", xlim=(-0.7, top), ylim=(-0.7, top))
    axes.axline((0, 0), slope=1, color=GREY, linewidth=1, zorder=0)
    # The fullest disc just fills a square of one object by one.
    widest = np.clip(250 / (top + 0.7), 10, 60)
    sizes = widest**2 * np.maximum(pictures / pictures.max(), 0.06)
    axes.scatter(
        pairs[:, 0], pairs[:, 1], s=sizes, c=np.where(exact, BLUE, RED), alpha=0.85, linewidths=0
    )
    if len(pairs) <= NUMBERED:
        for (x, y), count, size in zip(pairs, pictures, sizes, strict=True):
            inside = size > 180
            axes.annotate(
                str(count),
                (x, y),
                (0, 0 if inside else 0.5 * size**0.5 + 5),
                textcoords="offset points",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if inside else "black",
            )
    axes.set_xlabel("objects in the picture")
    axes.set_ylabel("objects counted")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    error = np.abs(predicted - true).mean()
    share = 100 * np.mean(true == predicted)
    title = f"{share:.1f} % of {len(true):,} pictures exact, {error:.2f} off on average"
    axes.set_title(title, loc="left", fontweight="bold", fontsize=10)
    return save(figure, path)


def _mark(axes: Axes, recall: float, precision: float, colour: str) -> None:
    axes.plot(recall, precision, "o", color="white", markeredgecolor=colour, markeredgewidth=2)


def _percent_axes(axes: Axes) -> None:
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel="recall: found, of all objects")
    axes.set_ylabel("precision: right, of all detections")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    plain(axes)
