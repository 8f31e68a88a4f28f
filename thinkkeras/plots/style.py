"""What all figures share: colours, axes, and how they are written."""

import os
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PathLike = str | os.PathLike[str]

BLUE, RED, GREY = "#2b6cb0", "#c53030", "#8a94a6"


def show_image(axes: Axes, image: np.ndarray) -> None:
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


def percent(fraction: float, decimals: int = 1) -> str:
    """A fraction as text: 0.125 is "12.5 %"."""
    return f"{100 * fraction:.{decimals}f} %"


def save(figure: Figure, path: PathLike | None) -> Figure:
    """Writes a figure as PNG where `path` is given, and returns it."""
    if path is not None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Renamed when complete: a reader never meets half a file.
        partial = target.with_name(target.name + ".partial")
        figure.savefig(partial, format="png", dpi=150)
        partial.replace(target)
    return figure
