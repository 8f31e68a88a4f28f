"""Images side by side."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from thinkkeras.plots.style import PathLike, save, show_image


def image_rows(rows: Mapping[str, np.ndarray], path: PathLike | None = None) -> Figure:
    """Draws images side by side, a row a title.

    Args:
        rows: By title images `(images, height, width, channels)` of 0-255, as many in each row.
        path: Where to save the figure.
    """
    columns = len(next(iter(rows.values())))
    figure = Figure(figsize=(1.1 * columns + 1.4, 1.12 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for line, (title, images) in zip(grid, rows.items(), strict=True):
        for axes, image in zip(line, images, strict=True):
            show_image(axes, np.clip(image, 0, 255).astype("uint8"))
        line[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=11)
    return save(figure, path)
