"""Figures of detectors: boxes and masks on images, precision and recall, counts."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

from thinkkeras.metrics import Annotations, average_precision, precision_recall
from thinkkeras.plots.style import BLUE, GREY, RED, PathLike, plain, save, show_image

# Brightest first: they stand out from a photograph.
OBJECT_COLOURS = [colormaps["Set1"](number)[:3] for number in (4, 1, 2, 3, 0, 7)]
# Distinct in print and for the colour-blind (Okabe and Ito, "Color Universal Design", 2008).
CURVE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
GALLERY_CELLS, CELL_INCHES = 12, 1.8
# Above this many different pairs of counts, the numbers in the discs would collide.
NUMBERED = 60


def detection_gallery(
    images: np.ndarray,
    bounding_boxes: Mapping[str, np.ndarray],
    class_names: Sequence[str],
    masks: np.ndarray | None = None,
    titles: Sequence[str] | None = None,
    columns: int = 4,
    path: PathLike | None = None,
) -> Figure:
    """Draws up to 12 images with the boxes and masks on them.

    Args:
        images: Pixels in 0-255, shape `(images, height, width, 1 or 3)`.
        bounding_boxes: As `load_detection` yields and keras-cv's detectors return them: `"boxes"`
            `(images, N, 4)` in `"xyxy"` pixels, `"classes"` `(images, N)` with -1 in empty
            places, and perhaps `"confidence"` `(images, N)`.
        class_names: The classes' names, by index.
        masks: 1 where the object of a box is seen, shape `(images, N, height, width)`.
        titles: What stands above each image; the number of its boxes by default.
        columns: Images beside one another.
        path: PNG file to write.

    Returns:
        The figure, with one axes per image.

    Raises:
        ValueError: There is no image, or not one row of boxes, classes, masks for each.
    """
    boxes, classes = np.asarray(bounding_boxes["boxes"]), np.asarray(bounding_boxes["classes"])
    scores = bounding_boxes.get("confidence")
    parts = [boxes, classes, *(part for part in (scores, masks, titles) if part is not None)]
    lengths = [len(part) for part in parts]
    if len(images) == 0 or set(lengths) != {len(images)}:
        raise ValueError(
            "expected at least one image, and boxes, classes (confidence, masks, titles) for "
            f"each, received {len(images)} images and {lengths}"
        )
    count = min(GALLERY_CELLS, len(images))
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
            class_names,
            scores=None if scores is None else np.asarray(scores[cell]),
            masks=None if masks is None else np.asarray(masks[cell]),
        )
        found = int((classes[cell] >= 0).sum())
        noun = class_names[0] if len(class_names) == 1 else "object"
        count_title = f"{found} {noun}{'s' if found != 1 else ''}"
        axes.set_title(count_title if titles is None else titles[cell], fontsize=9, loc="left")
    return save(figure, path)


def draw_detections(
    axes: Axes,
    image: np.ndarray,
    boxes: np.ndarray,
    classes: np.ndarray,
    class_names: Sequence[str],
    *,
    scores: np.ndarray | None = None,
    masks: np.ndarray | None = None,
) -> None:
    """Draws one image with its boxes: in a colour for each class, or each box of a lone class.

    Args:
        axes: Where to draw.
        image: Pixels in 0-255, shape `(height, width, 1 or 3)`.
        boxes: `"xyxy"` in pixels, shape `(N, 4)`.
        classes: Shape `(N,)`; boxes of class -1 are not drawn.
        class_names: The classes' names, by index; a lone class is written nowhere.
        scores: Each box's score, 0-1, shape `(N,)`.
        masks: 1 where a box's object is seen, shape `(N, height, width)`.
    """
    tinted = image.astype(np.float32)
    present = [place for place in range(len(classes)) if classes[place] >= 0]
    for place in present:
        class_id = int(classes[place])
        colour = OBJECT_COLOURS[(class_id if len(class_names) > 1 else place) % len(OBJECT_COLOURS)]
        left, top, right, bottom = boxes[place]
        corner, size = (left - 0.5, top - 0.5), (right - left, bottom - top)
        axes.add_patch(Rectangle(corner, *size, fill=False, color=colour, linewidth=1.3))
        words = [class_names[class_id]] if len(class_names) > 1 else []
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
    show_image(axes, tinted)


def precision_recall_curves(
    ground_truth: Annotations,
    predictions: Annotations,
    class_names: Sequence[str],
    path: PathLike | None = None,
    *,
    score: float | None = None,
    masks: bool = False,
) -> Figure:
    """Draws precision over recall for each class, at an IoU of 0.5.

    The strong line is the best precision at this recall or a higher one, and AP50 the area under
    it; the thin line is the precision itself. A class without an object is left out.

    Args:
        ground_truth: One dictionary for each image (see `thinkkeras.metrics`).
        predictions: As many, in the same order, at all scores.
        class_names: The classes' names; labels are their indices.
        path: PNG file to write.
        score: A threshold to mark on each curve, as `metrics.best_threshold` chose it.
        masks: Whether to compare masks rather than boxes.

    Returns:
        The figure, with one axes; two lines for each class.

    Raises:
        ValueError: As `metrics.average_precision`; or there is no object in the ground truth.
    """
    ap = average_precision(ground_truth, predictions, class_names=class_names, masks=masks)[
        "classes"
    ]
    known = [index for index, name in enumerate(class_names) if not np.isnan(ap[name])]
    if not known:
        raise ValueError("expected at least one object in the ground truth, received none")
    figure = Figure(figsize=(5.4, 4.4 + 0.12 * len(known)), layout="constrained")
    axes = figure.add_subplot()
    for place, index in enumerate(known):
        curve = precision_recall(ground_truth, predictions, index, masks=masks)
        colour, name = CURVE_COLOURS[place % len(CURVE_COLOURS)], class_names[index]
        # From a recall of 0 to the last detection, after which nothing more is found.
        recall = np.concatenate([[0], curve.recall, curve.recall.max(initial=0, keepdims=True)])
        precision = np.concatenate([[0], curve.precision, [0]])
        precision[0] = precision[1]
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        axes.plot(recall, precision, color=colour, linewidth=0.8, alpha=0.5)
        label = f"{name}, AP50 {100 * ap[name]:.1f} %"
        dash = "-" if place < len(CURVE_COLOURS) else "--"
        axes.step(recall, envelope, dash, color=colour, linewidth=2, where="pre", label=label)
        kept = 0 if score is None else int(np.sum(curve.scores >= score))
        if kept:
            _mark(axes, curve.recall[kept - 1], curve.precision[kept - 1], colour)
    if score is not None:
        axes.plot([], [], "o", color="white", markeredgecolor="black", label=f"score {score:.2f}")
    _percent_axes(axes)
    # Inside, it would hide the classes that are seldom found.
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return save(figure, path)


def count_scatter(true: np.ndarray, predicted: np.ndarray, path: PathLike | None = None) -> Figure:
    """Draws how many objects were counted where there are how many, as discs of images.

    Args:
        true: Objects in each image, shape `(images,)`, as `metrics.counts` returns them.
        predicted: Detections in each image, of the same shape.
        path: PNG file to write.

    Returns:
        The figure, with one axes: blue discs for what was counted exactly, red ones for the rest,
        each as large as its number of images, which it holds.

    Raises:
        ValueError: The arrays differ in length or are empty.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if len(true) != len(predicted) or not len(true):
        raise ValueError(
            "expected as many predicted counts as true ones, and at least one, "
            f"received {len(predicted)} and {len(true)}"
        )
    pairs, images = np.unique(np.stack([true, predicted], axis=1), axis=0, return_counts=True)
    exact = pairs[:, 0] == pairs[:, 1]
    top = pairs.max() + 0.7
    figure = Figure(figsize=(5.0, 5.2), layout="constrained")
    axes = figure.add_subplot(aspect="equal", xlim=(-0.7, top), ylim=(-0.7, top))
    axes.axline((0, 0), slope=1, color=GREY, linewidth=1, zorder=0)
    # The fullest disc just fills a square of one object by one.
    widest = np.clip(250 / (top + 0.7), 10, 60)
    sizes = widest**2 * np.maximum(images / images.max(), 0.06)
    axes.scatter(
        pairs[:, 0], pairs[:, 1], s=sizes, c=np.where(exact, BLUE, RED), alpha=0.85, linewidths=0
    )
    if len(pairs) <= NUMBERED:
        for (x, y), count, size in zip(pairs, images, sizes, strict=True):
            inside = size > 180
            axes.annotate(
                str(count),
                (x, y),
                (0, 0 if inside else 0.5 * size**0.5 + 5),
                textcoords="offset points",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if inside else "black",
            )
    axes.set_xlabel("objects in the picture")
    axes.set_ylabel("objects counted")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    error = np.abs(predicted - true).mean()
    fraction = 100 * np.mean(true == predicted)
    title = f"{fraction:.1f} % of {len(true):,} pictures exact, {error:.2f} off on average"
    axes.set_title(title, loc="left", fontweight="bold", fontsize=10)
    return save(figure, path)


def _mark(axes: Axes, recall: float, precision: float, colour: str) -> None:
    axes.plot(recall, precision, "o", color="white", markeredgecolor=colour, markeredgewidth=2)


def _percent_axes(axes: Axes) -> None:
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel="recall: found, of all objects")
    axes.set_ylabel("precision: right, of all detections")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    plain(axes)
