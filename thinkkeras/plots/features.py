"""Figures of what a network sees: filters, feature maps, where it looks, what is alike to it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from thinkkeras.plots.style import RED, PathLike, percent, save, show_image

SAME = "#2f855a"


def learned_filters(kernels: np.ndarray, path: PathLike | None = None) -> Figure:
    """Draws the kernels of a first layer, sixteen a row.

    Those of a colour picture are drawn in colour, grey being zero; else blue is negative, red
    positive.

    Args:
        kernels: `(kernel height, kernel width, channels, filters)`; channels other than three are
            averaged.
        path: PNG file to write.

    Returns:
        The figure, with an axes for each kernel.
    """
    colour = kernels.shape[2] == 3
    flat = kernels if colour else kernels.mean(axis=2)
    rows = -(-flat.shape[-1] // 16)
    figure = Figure(figsize=(11, 0.7 * rows + 0.4), layout="constrained")
    reach = np.abs(flat).max()
    for index, axes in enumerate(figure.subplots(rows, 16, squeeze=False).flat):
        axes.axis("off")
        if index < flat.shape[-1]:
            kernel = flat[..., index]
            # Kernels differ in strength; in colour the weak ones would all be grey.
            shown = 0.5 + 0.5 * kernel / max(np.abs(kernel).max(), 1e-9) if colour else kernel
            axes.imshow(shown, cmap="RdBu_r", vmin=-reach, vmax=reach)
    figure.suptitle(f"the {flat.shape[-1]} kernels that the first layer learned")
    return save(figure, path)


def feature_maps(
    image: np.ndarray,
    stages: Sequence[np.ndarray],
    path: PathLike | None = None,
    *,
    maps: int = 10,
) -> Figure:
    """Draws what the stages of a network make of one image, the strongest maps first.

    Args:
        image: `(height, width, 1 or 3)`, pixels in 0-255.
        stages: An array `(height, width, channels)` for each stage, from shallow to deep.
        path: PNG file to write.
        maps: Feature maps shown of each stage.

    Returns:
        The figure, with an axes for the image and one for each map.
    """
    figure = Figure(figsize=(1.1 * (maps + 2), 1.25 * len(stages) + 0.2), layout="constrained")
    grid = figure.add_gridspec(len(stages), maps + 2)
    panel = figure.add_subplot(grid[:, :2])
    show_image(panel, image)
    panel.axis("off")
    for row, stage in enumerate(stages):
        strongest = np.argsort(-stage.max(axis=(0, 1)))[:maps]
        for column, channel in enumerate(strongest):
            axes = figure.add_subplot(grid[row, column + 2])
            axes.imshow(stage[..., channel], cmap="viridis", vmin=0, vmax=stage.max())
            axes.axis("off")
            if column == 0:
                shape = " × ".join(map(str, stage.shape))
                axes.set_title(f"stage {row + 1}:  {shape}", fontsize=10, loc="left")
    return save(figure, path)


def attention_maps(
    images: np.ndarray,
    rows: Sequence[tuple[str, np.ndarray]],
    titles: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws images, and beneath each what explains its class: Grad-CAM, occlusion, ….

    Args:
        images: Pixels in 0-255, shape `(examples, height, width, 1 or 3)`.
        rows: Of each explanation its name and maps `(examples, rows, columns)`, which are laid
            over the images; the higher, the more the class depends on the place.
        titles: What stands above each image.
        path: PNG file to write.

    Returns:
        The figure, with an axes for each image and each map.
    """
    count = len(images)
    figure = Figure(figsize=(1.6 * count + 0.4, 1.65 * (len(rows) + 1) + 0.3), layout="constrained")
    grid = figure.subplots(len(rows) + 1, count, squeeze=False)
    height, width = images.shape[1:3]
    for column, axes in enumerate(grid[0]):
        show_image(axes, images[column])
        axes.set_title(titles[column], fontsize=9)
    for line, (name, maps) in zip(grid[1:], rows, strict=True):
        for column, axes in enumerate(line):
            show_image(axes, images[column].mean(axis=-1, keepdims=True))
            heat = np.maximum(maps[column], 0)
            axes.imshow(
                heat,
                cmap="inferno",
                alpha=0.6,
                extent=(-0.5, width - 0.5, height - 0.5, -0.5),
                interpolation="bilinear",
                vmin=0,
                vmax=max(float(heat.max()), 1e-9),
            )
        line[0].set_ylabel(name)
    grid[0, 0].set_ylabel("picture")
    return save(figure, path)


def nearest_neighbours(
    queries: np.ndarray,
    neighbours: np.ndarray,
    same_class: np.ndarray,
    path: PathLike | None = None,
) -> Figure:
    """Draws pictures and beside each those that a network takes for most alike.

    Args:
        queries: Pixels in 0-255, shape `(queries, height, width, 1 or 3)`.
        neighbours: Of each query its nearest pictures, the nearest first:
            `(queries, neighbours, height, width, 1 or 3)`.
        same_class: Whether they are of the query's class, shape `(queries, neighbours)`; a green
            frame if so, a red one if not.
        path: PNG file to write.

    Returns:
        The figure, with an axes for each picture.
    """
    rows, columns = same_class.shape
    figure = Figure(figsize=(1.1 * (columns + 1.3), 1.15 * rows + 0.5), layout="constrained")
    grid = figure.subplots(
        rows, columns + 2, squeeze=False, gridspec_kw={"width_ratios": [1, 0.15, *[1] * columns]}
    )
    for row in range(rows):
        show_image(grid[row, 0], queries[row])
        grid[row, 1].axis("off")
        for column in range(columns):
            axes = grid[row, column + 2]
            show_image(axes, neighbours[row, column])
            axes.spines[:].set(color=SAME if same_class[row, column] else RED, linewidth=3)
    grid[0, 0].set_title("picture", fontsize=10)
    grid[0, 2].set_title("nearest in feature space", fontsize=10, loc="left")
    figure.supxlabel(f"{percent(same_class.mean(), 0)} are of their picture's class", fontsize=10)
    return save(figure, path)
