"""Figures of a training."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from thinkkeras.plots.style import BLUE, GREY, PathLike, percent, plain, save


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
        in_percent = metric.endswith("accuracy")
        for key, colour, label in (
            (metric, GREY, "training"),
            (f"val_{metric}", BLUE, "validation"),
        ):
            if key in values:
                _curve(axes, values[key], colour, label, in_percent)
        axes.set_title(metric.replace("_", " "), loc="left", fontweight="bold")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(left=0.5)
        plain(axes, grid="y")
        if in_percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.legend(frameon=False)
    return save(figure, path)


def _curve(axes: Axes, values: Sequence[float], colour: str, label: str, in_percent: bool) -> None:
    last = percent(values[-1]) if in_percent else f"{values[-1]:.3g}"
    epochs = np.arange(1, len(values) + 1)
    axes.plot(epochs, values, color=colour, linewidth=2, marker="o", markersize=3)
    axes.lines[-1].set_label(f"{label}, {last} at the end")
