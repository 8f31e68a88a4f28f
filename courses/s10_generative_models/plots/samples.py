"""Sheets and strips of images, and an animation."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from courses.s10_generative_models.experiments.memorised import Copies
from thinkkeras.plots import PathLike, image_rows, save, show_image


def strip(
    epochs: Sequence[int], images: Sequence[np.ndarray], path: PathLike | None = None
) -> Figure:
    """Draws the same noise at several times of a training, a row a time; eight rows at most.

    Args:
        epochs: the times.
        images: of each time `(images, height, width, channels)`, 0-255.
        path: where to save the figure.
    """
    taken = np.unique(np.linspace(0, len(epochs) - 1, min(8, len(epochs))).round().astype(int))
    return image_rows({f"epoch {epochs[each]}": images[each] for each in taken}, path)


def animation(images: Sequence[np.ndarray], path: PathLike, *, scale: int = 6) -> None:
    """Writes a GIF of the same noise during a training, a sheet of images a time.

    Args:
        images: of each time `(images, height, width, channels)`, 0-255.
        path: of the file.
        scale: pixels for each pixel.
    """
    frames = [Image.fromarray(_sheet(each, scale)) for each in images]
    # The last one stays for two seconds.
    durations = [200] * (len(frames) - 1) + [2000]
    partial = Path(f"{path}.partial")
    frames[0].save(
        partial,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
    )
    partial.replace(path)


def _sheet(images: np.ndarray, scale: int) -> np.ndarray:
    """Images side by side, five a row, as RGB."""
    count, height, width, channels = images.shape
    columns = min(5, count)
    rows = -(-count // columns)
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, 3), 255, np.uint8)
    for number, image in enumerate(np.clip(images, 0, 255).astype(np.uint8)):
        top, left = number // columns * (height + 1), number % columns * (width + 1)
        sheet[top : top + height, left : left + width] = image
    return sheet.repeat(scale, axis=0).repeat(scale, axis=1)


def nearest(found: Mapping[str, Copies], path: PathLike | None = None) -> Figure:
    """Draws generated images, each above the training image that is nearest to it."""
    rows: dict[str, np.ndarray] = {}
    for name, each in found.items():
        rows |= {name: each.images, f"{name}: nearest": each.nearest}
    return image_rows(rows, path)


def class_sheet(
    images: np.ndarray, class_names: Sequence[str], path: PathLike | None = None
) -> Figure:
    """Draws the same noise as every class: a row a noise, a column a class.

    Args:
        images: `(noises, classes, height, width, channels)`, 0-255.
        class_names: by index.
        path: where to save the figure.
    """
    rows, columns = images.shape[:2]
    figure = Figure(figsize=(1.1 * columns, 1.1 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for line, row in zip(grid, images, strict=True):
        for axes, image in zip(line, row, strict=True):
            show_image(axes, np.clip(image, 0, 255).astype("uint8"))
    for axes, name in zip(grid[0], class_names, strict=True):
        axes.set_title(name, fontsize=9)
    return save(figure, path)
