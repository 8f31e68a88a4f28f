"""Figures of boxes and masks on pictures: of what is true, of what is found, of augmentation."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from thinkkeras.plots import PathLike, save, show_picture

# Brightest first: they stand out from a photograph.
COLOURS = [colormaps["Set1"](number)[:3] for number in (4, 1, 2, 3, 0, 7)]
SHEET_CELLS, CELL_INCHES = 12, 1.8


def detection_sheet(
    images: np.ndarray,
    bounding_boxes: Mapping[str, np.ndarray],
    labels: Sequence[str],
    masks: np.ndarray | None = None,
    titles: Sequence[str] | None = None,
    columns: int = 4,
    path: PathLike | None = None,
) -> Figure:
    """Draws up to 12 pictures with the boxes and masks on them.

    Args:
        images: Pixels in 0-255, shape `(pictures, height, width, 1 or 3)`.
        bounding_boxes: As `load_detection` yields and keras-cv's detectors return them: `"boxes"`
            `(pictures, N, 4)` in `"xyxy"` pixels, `"classes"` `(pictures, N)` with -1 in empty
            places, and perhaps `"confidence"` `(pictures, N)`.
        labels: The classes' names.
        masks: 1 where the object of a box is seen, shape `(pictures, N, height, width)`.
        titles: What stands above each picture; the number of its boxes by default.
        columns: Pictures beside one another.
        path: PNG file to write.

    Returns:
        The figure, with one axes per picture.

    Raises:
        ValueError: There is no picture, or not one row of boxes, classes, masks for each.
    """
    boxes, classes = np.asarray(bounding_boxes["boxes"]), np.asarray(bounding_boxes["classes"])
    scores = bounding_boxes.get("confidence")
    parts = [boxes, classes, *(part for part in (scores, masks, titles) if part is not None)]
    lengths = [len(part) for part in parts]
    if len(images) == 0 or set(lengths) != {len(images)}:
        raise ValueError(
            "expected at least one picture, and boxes, classes (confidence, masks, titles) for "
            f"each, received {len(images)} pictures and {lengths}"
        )
    count = min(SHEET_CELLS, len(images))
    columns = min(columns, count)
    rows = -(-count // columns)
    ratio = images.shape[1] / images.shape[2]
    size = (CELL_INCHES * columns, (CELL_INCHES * ratio + 0.25) * rows)
    figure = Figure(figsize=size, layout="constrained")
    for cell in range(count):
        axes = figure.add_subplot(rows, columns, cell + 1)
        draw_detections(
            axes,
            np.asarray(images[cell]),
            boxes[cell],
            classes[cell],
            labels,
            scores=None if scores is None else np.asarray(scores[cell]),
            masks=None if masks is None else np.asarray(masks[cell]),
        )
        found = int((classes[cell] >= 0).sum())
        plain = f"{found} {labels[0] if len(labels) == 1 else 'object'}{'s' * (found != 1)}"
        axes.set_title(plain if titles is None else titles[cell], fontsize=9, loc="left")
    return save(figure, path)


def draw_detections(
    axes: Axes,
    image: np.ndarray,
    boxes: np.ndarray,
    classes: np.ndarray,
    labels: Sequence[str],
    *,
    scores: np.ndarray | None = None,
    masks: np.ndarray | None = None,
) -> None:
    """Draws one picture with its boxes: in a colour for each class, or each box of a lone class.

    Args:
        axes: Where to draw.
        image: Pixels in 0-255, shape `(height, width, 1 or 3)`.
        boxes: `"xyxy"` in pixels, shape `(N, 4)`.
        classes: Shape `(N,)`; boxes of class -1 are not drawn.
        labels: The classes' names; a lone class is written nowhere.
        scores: How sure each box is, 0-1, shape `(N,)`.
        masks: 1 where a box's object is seen, shape `(N, height, width)`.
    """
    tinted = image.astype(np.float32)
    present = [place for place in range(len(classes)) if classes[place] >= 0]
    for place in present:
        kind = int(classes[place])
        colour = COLOURS[(kind if len(labels) > 1 else place) % len(COLOURS)]
        left, top, right, bottom = boxes[place]
        corner, size = (left - 0.5, top - 0.5), (right - left, bottom - top)
        axes.add_patch(Rectangle(corner, *size, fill=False, color=colour, linewidth=1.3))
        words = [labels[kind]] if len(labels) > 1 else []
        words += [] if scores is None else [f"{scores[place]:.2f}"]
        if words:
            axes.text(
                *corner,
                " ".join(words),
                fontsize=5.5,
                va="bottom",
                clip_on=True,
                bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.8},
            )
        if masks is not None:
            tint = 255 * np.array(colour)
            tinted = np.where(masks[place][..., None] > 0, 0.55 * tinted + 0.45 * tint, tinted)
    show_picture(axes, tinted)
