"""Style transfer in pictures: results side by side, the way there, what layers hold, colour.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import NullFormatter

from courses.s07_cnn_architectures.experiments.style import Snapshot
from thinkkeras.plots import BLUE, RED, PathLike, plain, save, show_image

WIDTH = 13  # inches
TITLE = 0.36  # inches above each picture, room for its name


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
    figure = _figure(sum(heights))
    parts = figure.subfigures(len(rows), 1, squeeze=False, height_ratios=heights)
    for part, row in zip(parts.flat, rows, strict=True):
        widths = [one.shape[1] / one.shape[0] for one in row.values()]
        panels = part.subplots(1, len(row), width_ratios=widths, squeeze=False)
        for axes, (name, picture) in zip(panels.flat, row.items(), strict=True):
            _picture(axes, picture, name)
    return save(figure, path)


def progress(snapshots: Sequence[Snapshot], path: PathLike | None = None) -> Figure:
    """Draws a picture's way from the photograph to the painting, and what it lacks of both.

    Args:
        snapshots: In the order of their steps. All are in the curves; four of them are shown.
        path: Where to save the figure.
    """
    places = np.linspace(0, len(snapshots) - 1, min(4, len(snapshots))).round().astype(int)
    shown = {f"step {snapshots[at].step}": snapshots[at].picture for at in places}
    height, width = snapshots[0].picture.shape[:2]
    above = WIDTH / len(shown) * height / width + TITLE
    figure = _figure(above + 2.4)
    pictures, curves = figure.subfigures(2, 1, squeeze=False, height_ratios=[above, 2.4])[:, 0]
    for axes, (name, picture) in zip(
        pictures.subplots(1, len(shown), squeeze=False).flat, shown.items(), strict=True
    ):
        _picture(axes, picture, name)
    steps = [one.step for one in snapshots]
    styles, contents = [one.style for one in snapshots], [one.content for one in snapshots]
    left, right = curves.subplots(1, 2)
    left.semilogy(steps, styles, "o-", color=BLUE)
    left.yaxis.set(major_formatter="{x:g}", minor_formatter=NullFormatter())
    left.set(xlabel="step", ylabel="lacks of the style")
    right.plot(steps, contents, "o-", color=RED)
    right.set(xlabel="step", ylabel="lacks of the content", ylim=(0, None))
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


def _figure(height: float) -> Figure:
    """One that is all pictures: hardly any room between them."""
    layout = ConstrainedLayoutEngine(h_pad=0.06, w_pad=0.02, hspace=0, wspace=0)
    return Figure(figsize=(WIDTH, height), layout=layout)


def _picture(axes: Axes, picture: np.ndarray, name: str) -> None:
    show_image(axes, picture)
    axes.axis("off")
    axes.set_title(name, fontsize=12)
