"""Session 8's figures of boxes: how far two overlap, which stay, who learns which, how one is cut.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise, product

import numpy as np
from keras import ops
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from thinkkeras.boxes import pairwise_iou
from thinkkeras.detection_plots import COLOURS
from thinkkeras.plots import BLUE, GREY, RED, PathLike, save, show_picture

# Equal squares, moved by these fractions of their side to the right and down: IoUs of 1/7, 1/2, 9/10.
SHIFTS = {
    "beside it: not found": (0.5, 0.5),
    "just found at 0.5": (0.1835, 0.1835),
    "hardly to be told apart": (0.0267, 0.0267),
}
# A feature map of so many cells, and a box on it that no line of the grid meets.
CELLS, BOX = (6, 8), (1.35, 1.4, 6.15, 4.75)  # rows, columns; left, top, right, bottom
BINS, POINTS = 2, 2


def suppression(
    image: np.ndarray,
    before: Mapping[str, np.ndarray],
    after: Mapping[str, np.ndarray],
    path: PathLike | None = None,
) -> Figure:
    """Draws what a detector says, and what non-maximum suppression leaves of it.

    Args:
        image: (height, width, 3), pixels of 0-255.
        before: all candidates, `boxes` (N, 4) as left, top, right, bottom in pixels and `scores`
            (N,), each in the colour of the box it gave way to.
        after: the boxes kept, of the same form.
        path: where to save the figure.
    """
    figure = Figure(figsize=(5.8, _tall(2.8, image) + 0.35), layout="constrained")
    left, right = figure.subplots(1, 2)
    kept = np.asarray(after["boxes"], "float32").reshape(-1, 4)
    candidates = np.asarray(before["boxes"], "float32").reshape(-1, 4)
    owners = np.zeros(len(candidates), int)
    if len(kept) and len(candidates):
        owners = _iou(candidates, kept).argmax(axis=1)
    for axes, boxes, colours in (
        (left, candidates, owners),
        (right, kept, np.arange(len(kept))),
    ):
        show_picture(axes, image)
        for box, colour in zip(boxes, colours, strict=True):
            _outline(axes, box, COLOURS[colour % len(COLOURS)], 1.0 if axes is left else 1.8)
    _write_scores(right, kept, np.asarray(after["scores"]), image)
    left.set_title(f"above the score threshold: {len(candidates)}", fontsize=10)
    right.set_title(f"after suppression: {len(kept)}", fontsize=10)
    return save(figure, path)


def assignment(
    image: np.ndarray,
    cells: np.ndarray,
    weights: np.ndarray,
    boxes: np.ndarray,
    path: PathLike | None = None,
) -> Figure:
    """Draws which locations learn which object, one panel for each grid.

    Args:
        image: (height, width, 3), pixels of 0-255.
        cells: what `thinkkeras.boxes.locations` returns, (N, 3).
        weights: how well each location suits each object, (M, N): one image's
            `thinkkeras.assignment.Assignment.weights`. The larger the dot, the larger the weight.
        boxes: of the objects, (M, 4) in pixels; those without area are empty places.
        path: where to save the figure.
    """
    strides = np.unique(cells[:, 2])
    size = (2.7 * len(strides), _tall(2.6, image) + 0.35)
    figure = Figure(figsize=size, layout="constrained")
    owners, sizes = weights.argmax(axis=0), weights.max(axis=0)
    largest = sizes.max(initial=1e-12)
    panels = figure.subplots(1, len(strides), squeeze=False)[0]
    for axes, stride in zip(panels, strides, strict=True):
        # A pale image leaves the colours to the objects.
        show_picture(axes, 255 - (255 - image.astype("float32")) * 0.45)
        here = cells[:, 2] == stride
        axes.scatter(*cells[here, :2].T - 0.5, s=1.5, color="0.4", linewidths=0)
        for place, box in enumerate(boxes):
            if box[2] <= box[0] or box[3] <= box[1]:
                continue
            colour = np.array(COLOURS[place % len(COLOURS)]) * 0.85
            learns = here & (owners == place) & (sizes > 0)
            _outline(axes, box, colour, 1.8 if learns.any() else 0.8)
            fraction = sizes[learns] / largest
            faces = np.column_stack([np.tile(colour, (len(fraction), 1)), 0.4 + 0.6 * fraction])
            axes.scatter(*cells[learns, :2].T - 0.5, s=6 + 34 * fraction, c=faces, linewidths=0)
        count = int((here & (sizes > 0)).sum())
        axes.set_title(f"stride {stride:.0f}: {count} of {here.sum()} learn", fontsize=10)
    return save(figure, path)


def intersection_over_union(path: PathLike | None = None) -> Figure:
    """Draws three pairs of boxes with their IoU: what a threshold of 0.5 asks for."""
    figure = Figure(figsize=(7.2, 3.1), layout="constrained")
    for axes, (meaning, shift) in zip(figure.subplots(1, 3), SHIFTS.items(), strict=True):
        true = np.array([0, 0, 1, 1])
        found = true + np.tile(shift, 2)
        iou = _iou(true[None], found[None])[0, 0]
        for corner in ((0, 0), shift):
            axes.add_patch(Rectangle(corner, 1, 1, color=BLUE, alpha=0.18, linewidth=0))
        axes.add_patch(Rectangle(shift, 1 - shift[0], 1 - shift[1], color=BLUE, linewidth=0))
        axes.add_patch(Rectangle((0, 0), 1, 1, fill=False, ec="black", lw=2.5))
        axes.add_patch(Rectangle(shift, 1, 1, fill=False, ec=RED, lw=2.5))
        middle = (1 + shift[0]) / 2
        axes.set(xlim=(middle - 0.8, middle + 0.8), ylim=(middle + 0.8, middle - 0.8))
        axes.set(aspect="equal", xticks=[], yticks=[], xlabel=meaning)
        axes.spines[:].set_visible(False)
        axes.set_title(f"IoU {iou:.2f}", fontsize=13, fontweight="bold")
    words = "black: the truth; red: the detection; dark: their intersection; all blue: their union"
    figure.suptitle(words, fontsize=10)
    return save(figure, path)


def roi_align(path: PathLike | None = None) -> Figure:
    """Draws how a box is cut out of a feature map, by sampling points and by rounding."""
    figure = Figure(figsize=(9.6, 4.1), layout="constrained")
    align, pool = figure.subplots(1, 2)
    for axes in (align, pool):
        _show_grid(axes)
    left, top, right, bottom = BOX
    # Each point reads the four cells around it; shown for the first.
    step = np.array([right - left, bottom - top]) / (BINS * POINTS)
    edges = (np.linspace(*ends, BINS + 1).tolist() for ends in ((left, right), (top, bottom)))
    _show_bins(align, *edges)
    points = [
        (np.array([left, top]) + (np.array([column, row]) + 0.5) * step)
        for row in range(BINS * POINTS)
        for column in range(BINS * POINTS)
    ]
    x, y = points[0]
    for corner in np.ndindex(2, 2):
        centre = np.floor([x - 0.5, y - 0.5]) + 0.5 + corner
        align.annotate("", (x, y), centre, arrowprops={"arrowstyle": "->", "color": RED, "lw": 1.6})
    align.plot(*np.array(points).T, "o", color=RED, markersize=6)
    align.set_title("RoIAlign: points in equal bins, read between the cells", fontsize=11)
    whole = np.round(BOX)
    middles = [np.floor((whole[side] + whole[side + 2]) / 2) for side in (0, 1)]
    _show_bins(pool, [whole[0], middles[0], whole[2]], [whole[1], middles[1], whole[3]])
    pool.set_title("RoIPool: box and bins rounded to whole cells", fontsize=11)
    for axes in (align, pool):
        axes.add_patch(
            Rectangle((left, top), right - left, bottom - top, fill=False, ec="black", lw=2.2)
        )
    figure.supxlabel(
        "black: the box, on the cells of a feature map; colours: the bins", fontsize=10
    )
    return save(figure, path)


def _show_grid(axes: Axes) -> None:
    rows, columns = CELLS
    axes.set(xlim=(-0.05, columns + 0.05), ylim=(rows + 0.05, -0.05), aspect="equal")
    axes.axis("off")
    for row in range(rows + 1):
        axes.plot([0, columns], [row, row], color=GREY, linewidth=0.7)
    for column in range(columns + 1):
        axes.plot([column, column], [0, rows], color=GREY, linewidth=0.7)
    y, x = np.mgrid[:rows, :columns] + 0.5
    axes.plot(x.ravel(), y.ravel(), ".", color=GREY, markersize=4)


def _show_bins(axes: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    for (row, (top, bottom)), (column, (left, right)) in product(
        enumerate(pairwise(y)), enumerate(pairwise(x))
    ):
        colour, corner = COLOURS[1 + BINS * row + column], (left, top)
        bin_ = Rectangle(corner, right - left, bottom - top, color=colour, alpha=0.35, linewidth=0)
        axes.add_patch(bin_)


def _write_scores(axes: Axes, boxes: np.ndarray, scores: np.ndarray, image: np.ndarray) -> None:
    """Writes each score into its box's corner, but for those that would hide another one."""
    wide, high = image.shape[1] / 10, image.shape[0] / 20
    written: list[np.ndarray] = []
    for box, score in zip(boxes, scores, strict=True):
        corner = np.clip(box[:2], 0, np.array(image.shape[1::-1]) - [wide, high])
        if all((np.abs(corner - other) > [wide, high]).any() for other in written):
            back = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
            x, y = corner
            axes.text(x, y, f"{score:.2f}", fontsize=6.5, va="top", bbox=back)
            written.append(corner)


def _outline(axes: Axes, box: np.ndarray, colour: np.ndarray | tuple, width: float) -> None:
    left, top, right, bottom = box
    corner, wide, high = (left - 0.5, top - 0.5), right - left, bottom - top
    axes.add_patch(Rectangle(corner, wide, high, fill=False, color=colour, linewidth=width))


def _iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    pairs = pairwise_iou(one.astype("float32"), other.astype("float32"))
    return ops.convert_to_numpy(pairs)


def _tall(width: float, image: np.ndarray) -> float:
    """Inches of height for an image of `width` inches."""
    return width * image.shape[0] / image.shape[1]
