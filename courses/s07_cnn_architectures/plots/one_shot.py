"""The figures of one-shot learning: an episode, accuracies, the space of embeddings, distances.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from thinkkeras.metrics import FewShotAccuracy
from thinkkeras.plots import BLUE, GREY, RED, PathLike, plain, save, show_image

GREEN = "#2f855a"


def episode(
    support: np.ndarray,
    queries: np.ndarray,
    predicted: np.ndarray,
    path: PathLike | None = None,
) -> Figure:
    """Draws an episode: what was shown once, and below each its queries as they were answered.

    Args:
        support: (ways, height, width, 1), one image of each class.
        queries: (ways, queries, height, width, 1), other drawings of the same classes.
        predicted: (ways, queries), the class that each query is nearest to.
        path: where to save the figure.
    """
    ways, count = predicted.shape
    figure = Figure(figsize=(1.05 * ways + 1.2, 1.12 * (count + 1) + 0.9), layout="constrained")
    grid = figure.subplots(count + 1, ways, squeeze=False)
    for way in range(ways):
        show_image(grid[0, way], support[way])
        grid[0, way].set_title(str(way + 1), fontsize=12, color=BLUE, fontweight="bold")
        _frame(grid[0, way], BLUE)
        for row in range(count):
            axes, answer = grid[row + 1, way], predicted[way, row]
            show_image(axes, queries[way, row])
            _frame(axes, GREEN if answer == way else RED)
            if answer != way:
                axes.set_xlabel(f"taken for {answer + 1}", fontsize=9, color=RED, labelpad=2)
    grid[0, 0].set_ylabel("shown once", fontsize=11, color=BLUE)
    grid[1, 0].set_ylabel("asked", fontsize=11)
    right = np.mean(predicted == np.arange(ways)[:, None])
    figure.suptitle(
        f"{ways}-way 1-shot: {round(right * predicted.size)} of {predicted.size} queries right",
        fontsize=13,
    )
    return save(figure, path)


def accuracy_by_ways(
    ways: Sequence[int],
    curves: dict[str, Sequence[FewShotAccuracy]],
    path: PathLike | None = None,
) -> Figure:
    """Draws accuracy against the number of classes to choose from, with chance below.

    Args:
        ways: classes of an episode.
        curves: by name, the accuracy at each of `ways`.
        path: where to save the figure.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for name, measured in curves.items():
        means = [100 * each.mean for each in measured]
        errors = [100 * each.interval for each in measured]
        axes.errorbar(ways, means, errors, marker="o", capsize=3, label=name)
    axes.plot(ways, [100 / each for each in ways], "--", color=GREY, label="chance")
    axes.set_xscale("log")
    axes.set_xticks(ways, [str(each) for each in ways])
    axes.minorticks_off()
    axes.set_ylim(0, 102)
    axes.set_xlabel("ways: classes to choose from")
    axes.set_ylabel("accuracy on unseen alphabets, %")
    plain(axes)
    axes.legend(frameon=False, loc="lower left")
    return save(figure, path)


def embedding_map(points: np.ndarray, images: np.ndarray, path: PathLike | None = None) -> Figure:
    """Draws each image where its embedding lies on a map, its ink in the colour of its class.

    Args:
        points: (classes, drawings, 2), embeddings brought down to the plane.
        images: (classes, drawings, height, width, 1).
        path: where to save the figure.
    """
    colours = mpl.color_sequences["tab10"]
    figure = Figure(figsize=(10, 8), layout="constrained")
    axes = figure.add_subplot()
    for number, (places, drawings) in enumerate(zip(points, images, strict=True)):
        for place, drawing in zip(places, drawings, strict=True):
            ink = 1 - drawing.astype(float) / 255
            colour = np.broadcast_to(colours[number % 10], (*ink.shape[:2], 3))
            tinted = np.concatenate([colour, ink], axis=-1)
            axes.add_artist(AnnotationBbox(OffsetImage(tinted, zoom=0.75), place, frameon=False))
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    margin = 0.04 * (high - low)
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(
        f"{points.shape[0]} characters of alphabets that training never saw, "
        f"{points.shape[1]} drawings of each (t-SNE)"
    )
    return save(figure, path)


def distances(
    same: np.ndarray, different: np.ndarray, threshold: float, path: PathLike | None = None
) -> Figure:
    """Draws how far apart drawings of the same and of different characters are.

    Args:
        same: (pairs,), distances between drawings of the same class.
        different: (pairs,), distances between drawings of different classes.
        threshold: beyond it a device says "unknown".
        path: where to save the figure.
    """
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    edges = np.linspace(0, np.quantile(different, 0.98), 61).tolist()
    for values, colour, name in ((same, BLUE, "same"), (different, RED, "different")):
        share = np.full(len(values), 100 / len(values))
        axes.hist(values, edges, weights=share, color=colour, alpha=0.6, label=f"{name} character")
    axes.axvline(threshold, color="black", linestyle="--")
    axes.set_title(
        f'"unknown" beyond {threshold:.1f}: {100 * np.mean(different <= threshold):.1f} % of pairs '
        f"of different characters are nearer, {100 * np.mean(same > threshold):.1f} % of the same "
        "are farther",
        fontsize=11,
    )
    axes.set_xlabel("distance of two embeddings")
    axes.set_ylabel("pairs, %")
    plain(axes, "y")
    axes.legend(frameon=False, loc="upper right")
    return save(figure, path)


def _frame(axes: Axes, colour: str) -> None:
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=2)
