"""Session 8's own figures; those of `thinkkeras.plots` come beside.

`data_sheet`, `detection_figures` and `mask_figures` are those of a run. All others return a
matplotlib `Figure` and, where `path` is given, save it as PNG.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Patch, Rectangle

import deploy
from courses.s08_detection_and_segmentation.experiments import Examples
from thinkkeras import metrics
from thinkkeras.detection import anchor_points, decode_boxes, pairwise_iou, task_aligned
from thinkkeras.models.detection.yolo_tiny import CELLS as ANCHOR_CELLS
from thinkkeras.plots import (
    BLUE,
    GREY,
    OBJECT_COLOURS,
    RED,
    PathLike,
    count_scatter,
    detection_gallery,
    draw_detections,
    precision_recall_curves,
    save,
    show_image,
)

# Equal squares, moved right and down by these fractions of their side: IoUs of 1/7, 1/2, 9/10.
SHIFTS = {
    "beside it: not found": (0.5, 0.5),
    "just found at 0.5": (0.1835, 0.1835),
    "hardly to be told apart": (0.0267, 0.0267),
}
# A feature map of so many cells, and a box on it that no line of the grid meets.
CELLS, BOX = (6, 8), (1.35, 1.4, 6.15, 4.75)  # rows, columns; left, top, right, bottom
BINS, POINTS = 2, 2
SHOWN_PROTOTYPES, SHOWN_MAPS = 8, 6


def data_sheet(batches: tf.data.Dataset, class_names: Sequence[str], path: Path) -> None:
    """The first batch of a pipeline of `load_detection`, with its ground truth."""
    batch = next(iter(batches.as_numpy_iterator()))
    detection_gallery(
        batch["images"], batch["bounding_boxes"], class_names, batch.get("masks"), path=path
    )


def detection_figures(
    network: keras.Model,
    description: Mapping[str, Any],
    test: Examples,
    predictions: Sequence[Mapping[str, np.ndarray]],
    class_names: Sequence[str],
    folder: Path,
) -> None:
    """Precision and recall, counts, predictions, suppression and assignment.

    Args:
        network: The detector.
        description: How its outputs become boxes.
        test: The test images with their ground truth.
        predictions: The detector's on them, at all scores.
        class_names: By class id.
        folder: Where the PNG files go.
    """
    intersection_over_union(folder / "intersection_over_union.png")
    roi_align(folder / "roi_align.png")
    threshold = description["score_threshold"]
    precision_recall_curves(
        test.ground_truth,
        predictions,
        class_names,
        folder / "precision_recall.png",
        score=threshold,
    )
    counts = metrics.counts(test.ground_truth, predictions, threshold)
    count_scatter(*counts, folder / "counting.png")
    shown = [confident(prediction, threshold) for prediction in predictions[:12]]
    detection_gallery(
        test.images[:12],
        padded(shown),
        class_names,
        titles=[
            f"{len(prediction['boxes'])} found of {len(truth['boxes'])}"
            for prediction, truth in zip(shown, test.ground_truth, strict=False)
        ],
        path=folder / "predictions.png",
    )
    index = most_telling_image(test, predictions, threshold)
    image = test.images[index]
    everything = dict(description) | {"iou_threshold": 1.0, "max_detections": 1000}
    before = deploy.predict(network, image[None], task=everything, score_threshold=threshold)[0]
    after = confident(predictions[index], threshold)
    non_max_suppression(image, before, after, folder / "suppression.png")
    points = anchor_points(image.shape[:2], description["strides"])
    raw_boxes, scores = network(image[None].astype("float32"))[:2]
    truth = test.ground_truth[index]
    assigned = task_aligned(
        scores,
        decode_boxes(raw_boxes, points, ANCHOR_CELLS),
        points,
        truth["boxes"][None],
        truth["labels"][None].astype("float32"),
    )
    weights = keras.ops.convert_to_numpy(assigned.weights)[0]
    assignment(image, points, weights, truth["boxes"], folder / "assignment.png")


def mask_figures(
    classifier: keras.Model,
    network: keras.Model,
    description: Mapping[str, Any],
    test: Examples,
    predictions: Sequence[Mapping[str, np.ndarray]],
    label_maps: np.ndarray,
    class_names: Sequence[str],
    folder: Path,
) -> None:
    """Four predictions on one image, maps of classes, and how a mask is mixed.

    Args:
        classifier: Of quarters of images.
        network: The instance segmenter.
        description: How its outputs become boxes and masks.
        test: The test images with their ground truth.
        predictions: The instance segmenter's on them, at all scores.
        label_maps: The semantic segmenter's class ids, (images, height, width).
        class_names: By class id.
        folder: Where the PNG files go.
    """
    threshold = description["score_threshold"]
    index = most_telling_image(test, predictions, threshold)
    image, prediction = test.images[index], confident(predictions[index], threshold)
    half = keras.ops.image.resize(image[None].astype("float32"), classifier.input_shape[1:3])
    probability = float(keras.ops.convert_to_numpy(classifier(half))[0, 0])
    four_tasks(
        image,
        probability,
        label_maps[index],
        prediction,
        class_names,
        folder / "four_tasks.png",
    )
    assert test.label_maps is not None
    semantic_maps(
        test.images[:6],
        test.label_maps[:6],
        label_maps[:6],
        class_names,
        folder / "semantic_maps.png",
    )
    outputs = network(image[None].astype("float32"))
    _, scores, coefficients, maps = (keras.ops.convert_to_numpy(one)[0] for one in outputs)
    highest = deploy.predict(network, image[None], task=description, score_threshold=0.0)[0]
    prototypes(
        image,
        maps,
        coefficients[scores.max(axis=-1).argmax()],
        highest["masks"][0],
        highest["boxes"][0],
        folder / "prototypes.png",
    )


def non_max_suppression(
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
        show_image(axes, image)
        for box, colour in zip(boxes, colours, strict=True):
            _outline(
                axes,
                box,
                OBJECT_COLOURS[colour % len(OBJECT_COLOURS)],
                1.0 if axes is left else 1.8,
            )
    _write_scores(right, kept, np.asarray(after["scores"]), image)
    left.set_title(f"above the score threshold: {len(candidates)}", fontsize=10)
    right.set_title(f"after suppression: {len(kept)}", fontsize=10)
    return save(figure, path)


def assignment(
    image: np.ndarray,
    points: np.ndarray,
    weights: np.ndarray,
    boxes: np.ndarray,
    path: PathLike | None = None,
) -> Figure:
    """Draws which locations learn which object, one panel for each grid.

    Args:
        image: (height, width, 3), pixels of 0-255.
        points: of the grids, as `thinkkeras.detection.anchor_points` returns them, (N, 3).
        weights: how well each location suits each object, (M, N): one image's
            `thinkkeras.detection.Assignment.weights`. The larger the dot, the larger the weight.
        boxes: of the objects, (M, 4) in pixels; those without area are empty places.
        path: where to save the figure.
    """
    strides = np.unique(points[:, 2])
    size = (2.7 * len(strides), _tall(2.6, image) + 0.35)
    figure = Figure(figsize=size, layout="constrained")
    owners, sizes = weights.argmax(axis=0), weights.max(axis=0)
    largest = sizes.max(initial=1e-12)
    panels = figure.subplots(1, len(strides), squeeze=False)[0]
    for axes, stride in zip(panels, strides, strict=True):
        # A pale image leaves the colours to the objects.
        show_image(axes, 255 - (255 - image.astype("float32")) * 0.45)
        on_grid = points[:, 2] == stride
        axes.scatter(*points[on_grid, :2].T - 0.5, s=1.5, color="0.4", linewidths=0)
        for place, box in enumerate(boxes):
            if box[2] <= box[0] or box[3] <= box[1]:
                continue
            colour = np.array(OBJECT_COLOURS[place % len(OBJECT_COLOURS)]) * 0.85
            learns = on_grid & (owners == place) & (sizes > 0)
            _outline(axes, box, colour, 1.8 if learns.any() else 0.8)
            fraction = sizes[learns] / largest
            faces = np.column_stack([np.tile(colour, (len(fraction), 1)), 0.4 + 0.6 * fraction])
            axes.scatter(*points[learns, :2].T - 0.5, s=6 + 34 * fraction, c=faces, linewidths=0)
        count = int((on_grid & (sizes > 0)).sum())
        axes.set_title(f"stride {stride:.0f}: {count} of {on_grid.sum()} learn", fontsize=10)
    return save(figure, path)


def intersection_over_union(path: PathLike | None = None) -> Figure:
    """Draws three pairs of boxes with their IoU: what a threshold of 0.5 asks for."""
    figure = Figure(figsize=(7.2, 3.1), layout="constrained")
    for axes, (meaning, shift) in zip(figure.subplots(1, 3), SHIFTS.items(), strict=True):
        true = np.array([0, 0, 1, 1])
        predicted = true + np.tile(shift, 2)
        iou = _iou(true[None], predicted[None])[0, 0]
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


def four_tasks(
    image: np.ndarray,
    probability: float,
    label_map: np.ndarray,
    prediction: Mapping[str, np.ndarray],
    class_names: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws one image four times, with the predictions of four networks.

    Args:
        image: uint8 (height, width, 3).
        probability: that there is an object in it.
        label_map: (height, width), 0 for the background, then 1 + the class.
        prediction: as `deploy.runtime` gives it: `boxes` (N, 4) in pixels, `scores` and `labels`
            (N,), `masks` (N, height, width), the highest score first.
        class_names: by class id, without a background.
        path: where to save the figure.
    """
    class_ids = np.asarray(prediction["labels"], int)
    main = class_names[class_ids[0]] if len(class_ids) else class_names[0]
    article = "an" if main[0].lower() in "aeiou" else "a"
    counted = _counted(class_ids, class_names)
    titles = (
        f"classification:\n{article} {main}, {100 * probability:.0f} %",
        f"semantic segmentation:\n{100 * (label_map > 0).mean():.0f} % of the pixels",
        f"object detection:\n{counted}",
        "instance segmentation:\nwhose pixels they are",
    )
    tall = 2.0 * image.shape[0] / image.shape[1]
    figure = Figure(figsize=(8.3, tall + 0.45), layout="constrained")
    plain, semantic, boxes, instances = figure.subplots(1, 4)
    for axes, title in zip(figure.axes, titles, strict=True):
        axes.set_title(title, fontsize=9)
    show_image(plain, image)
    show_image(semantic, tinted(image, label_map, len(class_names)))
    draw_detections(
        boxes, image, prediction["boxes"], class_ids, class_names, scores=prediction["scores"]
    )
    owners = np.zeros(image.shape[:2], int)
    # The highest score comes last, so that its pixels stay its own.
    for place in reversed(range(len(class_ids))):
        owners[prediction["masks"][place] > 0] = place + 1
    show_image(instances, tinted(image, owners, len(class_ids)))
    return save(figure, path)


def prototypes(
    image: np.ndarray,
    prototypes: np.ndarray,
    coefficients: np.ndarray,
    mask: np.ndarray,
    box: np.ndarray,
    path: PathLike | None = None,
) -> Figure:
    """Draws how YOLACT mixes one object's mask from maps that all objects share.

    Args:
        image: (height, width, 3), pixels of 0-255.
        prototypes: (h, w, K).
        coefficients: of one detection, (K,).
        mask: what comes out, booleans (height, width).
        box: the detection's, (4,) in pixels.
        path: where to save the figure.
    """
    order = np.argsort(-np.abs(coefficients), kind="stable")[:SHOWN_PROTOTYPES]
    figure = Figure(figsize=(9.6, 2.7), layout="constrained")
    grid = figure.add_gridspec(2, 7, width_ratios=[2, 1, 1, 1, 1, 2, 2])
    whole = figure.add_subplot(grid[:, 0])
    show_image(whole, image)
    whole.set_title("one detection", fontsize=10)
    _show_terms(figure, grid, prototypes[..., order], coefficients[order])
    total = prototypes @ coefficients
    scale = np.tile(np.array(total.shape[::-1]) / image.shape[1::-1], 2)
    left, above, right, below = np.round(box * scale).astype(int).clip(0)
    # Nothing outside the box is learned: it may glare, and would leave the object pale.
    reach = np.abs(total[above:below, left:right]).max(initial=1e-6)
    summed = figure.add_subplot(grid[:, 5])
    summed.imshow(total, cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest")
    summed.set_xticks([])
    summed.set_yticks([])
    summed.set_title(f"sum of all {len(coefficients)}", fontsize=10)
    cut = figure.add_subplot(grid[:, 6])
    show_image(cut, tinted(image, mask.astype(int), 1))
    cut.set_title("above 0, inside the box", fontsize=10)
    for axes, (left, above, right, below) in (
        (whole, box),
        (summed, box * scale),
        (cut, box),
    ):
        size = (right - left, below - above)
        # White around black is seen on any image.
        for colour, line in (("white", 3.0), ("black", 1.5)):
            corner = (left - 0.5, above - 0.5)
            axes.add_patch(Rectangle(corner, *size, fill=False, ec=colour, lw=line))
    return save(figure, path)


def semantic_maps(
    images: np.ndarray,
    true: np.ndarray,
    predicted: np.ndarray,
    class_names: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws up to 6 images, what each pixel is, and what was predicted, with the IoU.

    Args:
        images: (images, height, width, 3), pixels of 0-255.
        true: (images, height, width), 0 for the background, then 1 + the class.
        predicted: of the same shape.
        class_names: by class id, without a background.
        path: where to save the figure.
    """
    count = min(SHOWN_MAPS, len(images))
    tall = 1.5 * images.shape[1] / images.shape[2]
    figure = Figure(figsize=(1.5 * count + 0.3, 3 * tall + 0.4), layout="constrained")
    grid = figure.subplots(3, count, squeeze=False)
    for column in range(count):
        image, truth, prediction = images[column], true[column], predicted[column]
        show_image(grid[0, column], image)
        show_image(grid[1, column], _coloured(truth, len(class_names)))
        show_image(grid[2, column], _coloured(prediction, len(class_names)))
        iou = _mean_iou(truth, prediction, len(class_names))
        title = "nothing there" if np.isnan(iou) else f"IoU {iou:.2f}"
        grid[0, column].set_title(title, fontsize=10)
    for axes, name in zip(grid[:, 0], ("picture", "truth", "prediction"), strict=True):
        axes.set_ylabel(name, fontsize=10)
    if len(class_names) > 1:
        patches = [
            Patch(color=_colour(index), label=name) for index, name in enumerate(class_names)
        ]
        figure.legend(handles=patches, loc="outside lower center", ncols=6, frameon=False)
    return save(figure, path)


def tinted(image: np.ndarray, label_map: np.ndarray, classes: int) -> np.ndarray:
    """The image in pale grey, and the pixels of each class, or object, in a colour of its own.

    Args:
        image: (height, width, 3), pixels of 0-255.
        label_map: (height, width), 0 for the background, then 1 + the class.
        classes: how many there are, without the background.
    """
    grey = image.astype("float32").mean(axis=-1, keepdims=True)
    result = np.repeat(110 + 0.55 * grey, 3, axis=-1)
    for index in range(classes):
        tint = 255 * _colour(index)
        result = np.where(label_map[..., None] == index + 1, 0.35 * grey + 0.65 * tint, result)
    return result.clip(0, 255)


def most_telling_image(
    test: Examples, predictions: Sequence[Mapping[str, np.ndarray]], threshold: float
) -> int:
    """An image with 7 objects, or as near to that as there is, all counted where there is one."""
    true, counted = metrics.counts(test.ground_truth, predictions, threshold)
    return int(np.argmin(np.abs(true - 7) + 3 * np.abs(true - counted)))


def confident(prediction: Mapping[str, Any], threshold: float) -> dict[str, np.ndarray]:
    """The detections of at least this score."""
    keep = prediction["scores"] >= threshold
    return {name: np.asarray(values)[keep] for name, values in prediction.items()}


def padded(predictions: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Predictions in arrays of one shape, as keras-cv has them; empty places are of class -1."""
    most = max(1, *(len(prediction["boxes"]) for prediction in predictions))
    batch = {
        "boxes": np.zeros((len(predictions), most, 4)),
        "classes": np.full((len(predictions), most), -1),
        "confidence": np.zeros((len(predictions), most)),
    }
    for place, prediction in enumerate(predictions):
        count = len(prediction["boxes"])
        for name, key in (("boxes", "boxes"), ("classes", "labels"), ("confidence", "scores")):
            batch[name][place, :count] = prediction[key]
    return batch


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
        colour, corner = OBJECT_COLOURS[1 + BINS * row + column], (left, top)
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
    return keras.ops.convert_to_numpy(pairs)


def _tall(width: float, image: np.ndarray) -> float:
    """Inches of height for an image of `width` inches."""
    return width * image.shape[0] / image.shape[1]


def _show_terms(figure: Figure, grid: GridSpec, maps: np.ndarray, factors: np.ndarray) -> None:
    """Up to eight maps in the grid's middle, their factors above them."""
    top = maps.max(initial=1e-6)
    for place, value in enumerate(factors):
        axes = figure.add_subplot(grid[place // 4, 1 + place % 4])
        axes.imshow(maps[..., place], cmap="viridis", vmin=0, vmax=top, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        sign, colour = ("−", BLUE) if value < 0 else ("+", RED)
        axes.set_title(f"{sign}{abs(value):.2f} ×", fontsize=10, color=colour)


def _colour(index: int) -> np.ndarray:
    """The detections' colours, and after the last of them the same ones darker."""
    rounds, place = divmod(index, len(OBJECT_COLOURS))
    return np.array(OBJECT_COLOURS[place]) * (1.0, 0.55)[rounds % 2]


def _counted(class_ids: np.ndarray, class_names: Sequence[str]) -> str:
    """How many objects of which class, in words that fit above an image."""
    if len(class_names) == 1:
        return f"{len(class_ids)} {class_names[0]}{'s' * (len(class_ids) != 1)}"
    counts = [(int((class_ids == index).sum()), name) for index, name in enumerate(class_names)]
    words = ", ".join(f"{count} {name}" for count, name in counts if count)
    return words if 0 < len(words) < 28 else f"{len(class_ids)} objects"


def _coloured(label_map: np.ndarray, classes: int) -> np.ndarray:
    """A map alone, in the classes' colours on pale grey, (height, width, 3)."""
    colours = [_colour(index) for index in range(classes)]
    return 255 * np.array([(0.93, 0.93, 0.93), *colours])[label_map]


def _mean_iou(true: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """Mean over the classes that occur in either map, the background left out; NaN for none."""
    ious = []
    for index in range(1, classes + 1):
        both = (true == index) & (predicted == index)
        either = (true == index) | (predicted == index)
        if either.any():
            ious.append(both.sum() / either.sum())
    return float(np.mean(ious)) if ious else float("nan")
