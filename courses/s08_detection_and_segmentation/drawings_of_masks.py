"""Session 8's figures of masks: four tasks on one image, YOLACT's mixture, semantic maps.

Every function returns a matplotlib `Figure` and, where `path` is given, saves it as PNG.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Patch, Rectangle

from thinkkeras.detection_plots import COLOURS, draw_detections
from thinkkeras.plots import BLUE, RED, PathLike, save, show_picture

SHOWN_PROTOTYPES, SHOWN_MAPS = 8, 6


def four_tasks(
    image: np.ndarray,
    probability: float,
    classes_map: np.ndarray,
    answer: Mapping[str, np.ndarray],
    labels: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws one image four times, with the answers to four questions about it.

    Args:
        image: uint8 (height, width, 3).
        probability: that there is an object in it.
        classes_map: (height, width), 0 for the background, then 1 + the class.
        answer: what was found, as `deploy.runtime` answers: `boxes` (N, 4) in pixels, `scores` and
            `labels` (N,), `masks` (N, height, width), the surest first.
        labels: the classes' names, without a background.
        path: where to save the figure.
    """
    found = np.asarray(answer["labels"], int)
    main = labels[found[0]] if len(found) else labels[0]
    article = "an" if main[0].lower() in "aeiou" else "a"
    counted = _counted(found, labels)
    titles = (
        f"classification:\n{article} {main}, {100 * probability:.0f} %",
        f"semantic segmentation:\n{100 * (classes_map > 0).mean():.0f} % of the pixels",
        f"object detection:\n{counted}",
        "instance segmentation:\nwhose pixels they are",
    )
    tall = 2.0 * image.shape[0] / image.shape[1]
    figure = Figure(figsize=(8.3, tall + 0.45), layout="constrained")
    plain, semantic, boxes, instances = figure.subplots(1, 4)
    for axes, title in zip(figure.axes, titles, strict=True):
        axes.set_title(title, fontsize=9)
    show_picture(plain, image)
    show_picture(semantic, tinted(image, classes_map, len(labels)))
    draw_detections(boxes, image, answer["boxes"], found, labels, scores=answer["scores"])
    owners = np.zeros(image.shape[:2], int)
    # The surest object comes last, so that its pixels stay its own.
    for place in reversed(range(len(found))):
        owners[answer["masks"][place] > 0] = place + 1
    show_picture(instances, tinted(image, owners, len(found)))
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
    picture = figure.add_subplot(grid[:, 0])
    show_picture(picture, image)
    picture.set_title("one detection", fontsize=10)
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
    show_picture(cut, tinted(image, mask.astype(int), 1))
    cut.set_title("above 0, inside the box", fontsize=10)
    for axes, (left, above, right, below) in (
        (picture, box),
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
    labels: Sequence[str],
    path: PathLike | None = None,
) -> Figure:
    """Draws up to 6 images, what each pixel is, and what was predicted, with the IoU.

    Args:
        images: (images, height, width, 3), pixels of 0-255.
        true: (images, height, width), 0 for the background, then 1 + the class.
        predicted: of the same shape.
        labels: the classes' names, without a background.
        path: where to save the figure.
    """
    count = min(SHOWN_MAPS, len(images))
    tall = 1.5 * images.shape[1] / images.shape[2]
    figure = Figure(figsize=(1.5 * count + 0.3, 3 * tall + 0.4), layout="constrained")
    grid = figure.subplots(3, count, squeeze=False)
    for column in range(count):
        image, truth, found = images[column], true[column], predicted[column]
        show_picture(grid[0, column], image)
        show_picture(grid[1, column], _coloured(truth, len(labels)))
        show_picture(grid[2, column], _coloured(found, len(labels)))
        iou = _mean_iou(truth, found, len(labels))
        title = "nothing there" if np.isnan(iou) else f"IoU {iou:.2f}"
        grid[0, column].set_title(title, fontsize=10)
    for axes, name in zip(grid[:, 0], ("picture", "truth", "prediction"), strict=True):
        axes.set_ylabel(name, fontsize=10)
    if len(labels) > 1:
        patches = [Patch(color=_colour(index), label=name) for index, name in enumerate(labels)]
        figure.legend(handles=patches, loc="outside lower center", ncols=6, frameon=False)
    return save(figure, path)


def tinted(image: np.ndarray, classes_map: np.ndarray, classes: int) -> np.ndarray:
    """The image in pale grey, and the pixels of each class, or object, in a colour of its own.

    Args:
        image: (height, width, 3), pixels of 0-255.
        classes_map: (height, width), 0 for the background, then 1 + the class.
        classes: how many there are, without the background.
    """
    grey = image.astype("float32").mean(axis=-1, keepdims=True)
    result = np.repeat(110 + 0.55 * grey, 3, axis=-1)
    for index in range(classes):
        tint = 255 * _colour(index)
        result = np.where(classes_map[..., None] == index + 1, 0.35 * grey + 0.65 * tint, result)
    return result.clip(0, 255)


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
    rounds, place = divmod(index, len(COLOURS))
    return np.array(COLOURS[place]) * (1.0, 0.55)[rounds % 2]


def _counted(found: np.ndarray, labels: Sequence[str]) -> str:
    """What was found, in words that fit above an image."""
    if len(labels) == 1:
        return f"{len(found)} {labels[0]}{'s' * (len(found) != 1)}"
    counts = [(int((found == index).sum()), name) for index, name in enumerate(labels)]
    words = ", ".join(f"{count} {name}" for count, name in counts if count)
    return words if 0 < len(words) < 28 else f"{len(found)} objects"


def _coloured(classes_map: np.ndarray, classes: int) -> np.ndarray:
    """A map alone, in the classes' colours on pale grey, (height, width, 3)."""
    colours = [_colour(index) for index in range(classes)]
    return 255 * np.array([(0.93, 0.93, 0.93), *colours])[classes_map]


def _mean_iou(true: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """Mean over the classes that occur in either map, the background left out; NaN for none."""
    ious = []
    for index in range(1, classes + 1):
        both = (true == index) & (predicted == index)
        either = (true == index) | (predicted == index)
        if either.any():
            ious.append(both.sum() / either.sum())
    return float(np.mean(ious)) if ious else float("nan")
