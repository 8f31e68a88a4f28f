"""The figures of the run: the data, the weights, the threshold, the int8 step.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from courses.s01_introduction.experiments import MEASURES
from courses.s01_introduction.plots.theory import COLOURS
from thinkkeras.datasets import DatasetInfo
from thinkkeras.plots import BLUE, GREY, RED, PathLike, class_samples, save, show_image

# Radius, texture, smoothness and concave points, of the mean cell and of the worst ones.
SHOWN_MEASURES = [0, 1, 4, 7, 20, 21, 24, 27]


def show_data(x: np.ndarray, y: np.ndarray, info: DatasetInfo, path: PathLike) -> None:
    """Draws eight measures of a table, or some images of each class."""
    if len(info.input_shape) == 1:
        names = [MEASURES[index] for index in SHOWN_MEASURES]
        measures(x[:, SHOWN_MEASURES], y, names, info.class_names, path)
    else:
        class_samples(x, y, info.class_names, path)


def show_weights(
    kernel: np.ndarray, x: np.ndarray, y: np.ndarray, info: DatasetInfo, path: PathLike
) -> None:
    """Draws the weights of a table's measures, or those of pixels as images.

    Args:
        kernel: (features, classes).
        x: the training examples.
        y: their classes.
        info: the data set's.
        path: where to save the figure.
    """
    if len(info.input_shape) == 1:
        weight_bars(kernel[:, 1], MEASURES, info.class_names, path)
    else:
        weight_images(kernel, x, y, info.class_names, path)


def measures(
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    class_names: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws how each measure is spread in the two classes, eight measures at most.

    Args:
        x: (examples, features), in the table's own units.
        y: (examples,), classes 0 and 1.
        names: of the features.
        class_names: of the classes.
        path: where to save the figure.
    """
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    panels = figure.subplots(2, 4)
    for axes, name, column in zip(panels.flat, names, x.T, strict=False):
        edges = np.linspace(column.min(), column.max(), 30)
        for label, colour in enumerate(COLOURS):
            axes.hist(column[y == label], edges, color=colour, alpha=0.55, label=class_names[label])
        axes.set_title(name, fontsize=10)
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
    handles, texts = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper center", ncols=2, frameon=False)
    return save(figure, path)


def weight_bars(
    weights: np.ndarray,
    names: Sequence[str],
    class_names: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws a logistic regression's weights on standardised measures, the strongest first.

    Args:
        weights: (features,).
        names: of the features.
        class_names: of class 0, for which negative weights speak, and class 1.
        path: where to save the figure.
    """
    order = np.argsort(-np.abs(weights))
    figure = Figure(figsize=(8, 0.2 * len(weights) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    colours = [COLOURS[int(weights[index] > 0)] for index in order]
    axes.barh(range(len(order)), weights[order], color=colours, height=0.7)
    axes.set_yticks(range(len(order)), [names[index] for index in order], fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="0.3", linewidth=1)
    axes.set_xlabel(f"← speaks for {class_names[0]}      weight      speaks for {class_names[1]} →")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return save(figure, path)


def weight_images(
    kernel: np.ndarray,
    images: np.ndarray,
    classes: np.ndarray,
    class_names: Sequence[str],
    path: PathLike | None = None,
    *,
    most: int = 10,
) -> Figure:
    """Draws each class's mean image above its weights, blue for "speaks against".

    Args:
        kernel: (pixels x channels, classes) of a softmax regression; channels are averaged.
        images: (examples, height, width, channels), pixels of 0-255.
        classes: (examples,), the class of each image.
        class_names: of the classes.
        path: where to save the figure.
        most: classes that are shown.
    """
    shape, shown = images.shape[1:], min(most, len(class_names))
    figure = Figure(figsize=(1.15 * shown, 2.7), layout="constrained")
    panels = figure.subplots(2, shown, squeeze=False)
    reach = np.percentile(np.abs(kernel), 99)
    for label in range(shown):
        upper, lower = panels[:, label]
        if (classes == label).any():
            show_image(upper, images[classes == label].mean(axis=0))
        upper.set_title(class_names[label], fontsize=9)
        weights = kernel[:, label].reshape(shape).mean(axis=-1)
        lower.imshow(weights, cmap="RdBu_r", vmin=-reach, vmax=reach)
        for axes in (upper, lower):
            axes.axis("off")
    return save(figure, path)


def thresholds(
    positive: np.ndarray,
    probabilities: np.ndarray,
    chosen: float,
    class_name: str,
    path: PathLike | None = None,
) -> Figure:
    """Draws which fraction of a class is found, and which fraction of the rest is left alone, over
    the threshold.

    Args:
        positive: (examples,), whether an example is of the class.
        probabilities: (examples,), of the class.
        chosen: the threshold that was picked.
        class_name: its name.
        path: where to save the figure.
    """
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    edges = np.linspace(0, 1, 26)
    for kind, colour, name in ((~positive, BLUE, f"not {class_name}"), (positive, RED, class_name)):
        left.hist(probabilities[kind], edges, color=colour, alpha=0.55, label=name)
    left.set_yscale("log")
    left.set_ylim(bottom=0.5)
    left.set_xlabel(f"probability of “{class_name}”")
    left.set_ylabel("examples")
    steps = np.linspace(0, 1, 501)
    taken = probabilities[:, None] >= steps
    right.plot(steps, taken[positive].mean(axis=0), color=RED, linewidth=2, label="sensitivity")
    right.plot(
        steps, (~taken[~positive]).mean(axis=0), color=BLUE, linewidth=2, label="specificity"
    )
    right.set_xlabel("threshold")
    right.set_ylim(0.5, 1.01)
    for axes in (left, right):
        axes.axvline(0.5, color=GREY, linestyle=":", label="0.50")
        axes.axvline(chosen, color="black", linestyle="--", label=f"chosen: {chosen:.2f}")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(framealpha=1, edgecolor="none", fontsize=9, loc="lower center")
    left.legend(framealpha=1, edgecolor="none", fontsize=9, loc="upper center")
    return save(figure, path)


def one_scale(spreads: np.ndarray, step: float, path: PathLike | None = None) -> Figure:
    """Draws how far each feature is spread against one step of an int8 that holds them all.

    Args:
        spreads: (features,), the standard deviation of each measure of the tumours, or pixel.
        step: the int8 scale.
        path: where to save the figure.
    """
    order = np.argsort(spreads)
    spreads = np.maximum(spreads[order], step / 1e5)
    few = len(spreads) == len(MEASURES)
    figure = Figure(figsize=(8, 0.2 * len(spreads) + 0.9 if few else 4), layout="constrained")
    axes = figure.add_subplot()
    colours = [RED if spread < step else BLUE for spread in spreads]
    axes.hlines(range(len(order)), step / 1e5, spreads, colors=colours, linewidth=4 if few else 1)
    axes.axvline(step, color="black", linestyle="--")
    lost = int(np.sum(spreads < step))
    note = f"one int8 step, {step:.3g}: {lost} of {len(spreads)} spread less than that"
    axes.set_title(note, loc="left", fontsize=10)
    axes.set_xscale("log")
    axes.set_xlim(max(spreads.min() / 2, step / 1e5), 2 * max(spreads.max(), step))
    axes.set_xlabel("standard deviation over the training examples")
    if few:
        axes.set_yticks(range(len(order)), [MEASURES[index] for index in order], fontsize=8)
    else:
        axes.set_ylabel("pixels, by their spread")
    axes.spines[["top", "right"]].set_visible(False)
    return save(figure, path)
