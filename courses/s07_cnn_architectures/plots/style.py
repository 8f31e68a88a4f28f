"""Style transfer in pictures: results side by side, the way there, what layers hold, colour.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from courses.s07_cnn_architectures.experiments.style import Snapshot
from thinkkeras.plots import BLUE, RED, PathLike, plain, save, show_image

WIDTH = 13  # inches
TITLE = 0.3  # inches above each picture


def picture_grid(rows: Sequence[Mapping[str, np.ndarray]], path: PathLike | None = None) -> Figure:
    """Draws pictures side by side, each under its name.

    Args:
        rows: From top to bottom, pictures by name from left to right, pixels of 0-255
            `(height, width, 3)`; the name "" writes none.
        path: Where to save the figure.
    """
    heights = [
        WIDTH / sum(one.shape[1] / one.shape[0] for one in row.values()) + TITLE for row in rows
    ]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.02, w_pad=0.02, hspace=0, wspace=0)
    for part, row in zip(
        np.atleast_1d(figure.subfigures(len(rows), 1, height_ratios=heights)), rows, strict=True
    ):
        widths = [one.shape[1] / one.shape[0] for one in row.values()]
        panels = part.subplots(1, len(row), width_ratios=widths, squeeze=False)
        for axes, (name, picture) in zip(panels.flat, row.items(), strict=True):
            _picture(axes, picture, name)
    return save(figure, path)


def progress(
    snapshots: Sequence[Snapshot], history: Sequence[float], path: PathLike | None = None
) -> Figure:
    """Draws a picture's way from the photograph to the painting, and its loss.

    Args:
        snapshots: In the order of their steps; two or more.
        history: The loss after each step.
        path: Where to save the figure.
    """
    aspect = snapshots[0].picture.shape[1] / snapshots[0].picture.shape[0]
    height = WIDTH / (aspect * len(snapshots)) + TITLE
    figure = Figure(figsize=(WIDTH, height + 2.8), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[height, 2.8])
    for axes, snapshot in zip(above.subplots(1, len(snapshots)), snapshots, strict=True):
        _picture(axes, snapshot.picture, f"step {snapshot.step}")
    left, right = below.subplots(1, 2)
    left.semilogy(range(1, len(history) + 1), history, color="black")
    left.set(xlabel="step", ylabel="loss, weighed and summed")
    steps = [snapshot.step for snapshot in snapshots]
    for values, name, color in (
        ([one.style for one in snapshots], "style", BLUE),
        ([one.content for one in snapshots], "content", RED),
    ):
        right.plot(steps, values, "o-", color=color, label=name)
    right.set(xlabel="step", ylabel="relative to the painting's own", ylim=(0, None))
    right.legend(frameon=False)
    for axes in (left, right):
        plain(axes)
    return save(figure, path)


def what_layers_hold(
    layers: Sequence[str],
    styles: Sequence[np.ndarray],
    contents: Sequence[np.ndarray],
    path: PathLike | None = None,
) -> Figure:
    """Draws what can be painted from noise by the layers of a network alone.

    Args:
        layers: Their names, from fine to coarse.
        styles: For each the picture with the style of it and all before it.
        contents: For each the picture with its content.
        path: Where to save the figure.
    """
    upper = {
        name if index == 0 else f"… and {name}": picture
        for index, (name, picture) in enumerate(zip(layers, styles, strict=True))
    }
    figure = picture_grid([upper, dict(zip(layers, contents, strict=True))])
    for part, label in zip(figure.subfigs, ("style of the painting", "content"), strict=True):
        part.supylabel(label, fontsize=12)
    return save(figure, path)


def _picture(axes: Axes, picture: np.ndarray, name: str) -> None:
    show_image(axes, picture)
    axes.axis("off")
    axes.set_title(name, fontsize=12)
