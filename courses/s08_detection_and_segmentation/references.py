"""What the exercises are held against, one cell, one box, one step at a time, and their cases."""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import map_coordinates

from courses.s08_detection_and_segmentation.solutions import iou

Detections = tuple[np.ndarray, np.ndarray]  # boxes (M, 4), scores (M,)


def random_boxes(
    random: np.random.Generator, count: int, image_size: tuple[float, float]
) -> np.ndarray:
    """Boxes (count, 4), many of which overlap and some stand out of (height, width) pixels."""
    height, width = image_size
    centres = random.random((count, 2)) * [width, height]
    halves = (0.05 + 0.3 * random.random((count, 2))) * [width, height]
    return np.hstack([centres - halves, centres + halves])


def corner_and_size(boxes: np.ndarray) -> np.ndarray:
    """(left, top, width, height), as pycocotools takes boxes."""
    return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])


def kept(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, iou_threshold: float
) -> np.ndarray:
    """Non-maximum suppression: each detection in turn asks those that were kept before it."""
    chosen: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda index: (-scores[index], index)):
        rivals = [better for better in chosen if labels[better] == labels[index]]
        if not len(rivals) or iou(boxes[rivals], boxes[[index]]).max() <= iou_threshold:
            chosen.append(index)
    return np.array(chosen, dtype=np.int64)


def inside(box: np.ndarray, row: int, column: int, stride: int) -> bool:
    """Whether a cell's centre lies inside a box."""
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    return bool(box[0] < x < box[2] and box[1] < y < box[3])


def assigned(
    boxes: np.ndarray, image_size: tuple[int, int], stride: int, radius: float
) -> np.ndarray:
    """The index of the box that each cell learns, -1 for none."""
    shape = tuple(int(np.ceil(side / stride)) for side in image_size)
    cells = np.full(shape, -1)
    for row, column in np.ndindex(shape):
        smallest = np.inf
        for index, box in enumerate(boxes):
            x, y = (box[:2] + box[2:]) / 2
            reach = np.array([x, y, x, y]) + np.array([-1, -1, 1, 1]) * radius * stride
            area = (box[2] - box[0]) * (box[3] - box[1])
            both = inside(box, row, column, stride) and inside(reach, row, column, stride)
            if both and area < smallest:
                cells[row, column], smallest = index, area
    return cells


def located_boxes(seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, int, int]]:
    """Boxes, the (row, column) of a cell for each, stride, cells."""
    yield np.array([[8, 16, 24, 24]]), np.array([[2, 1]]), 8, 4
    random = np.random.default_rng(seed)
    for count, stride, cells in ((5, 8, 16), (4, 16, 16), (3, 32, 5), (0, 8, 16)):
        boxes = random_boxes(random, count, (8.0 * stride, 13.0 * stride))
        yield boxes, random.integers(0, [8, 13], (count, 2)), stride, cells


def anchors(locations: np.ndarray, stride: int, cells: int) -> tuple[np.ndarray, int]:
    """Each cell's anchor, a square about its centre: its (top, left), (N, 2), and its side."""
    side = cells * stride
    return (2 * locations + 1 - cells) * stride / 2, side


def detected_images(seed: int) -> Iterator[tuple[str, list[np.ndarray], list[Detections]]]:
    """What the case is, true boxes of each image, and detections of each."""
    random = np.random.default_rng(seed)
    nothing, no_scores = np.zeros((0, 4)), np.zeros(0)
    pair = np.array([[0, 0, 10, 10], [2, 0, 12, 10]], float)
    half = np.array([[0, 0, 4, 2], [40, 0, 44, 3]], float)  # IoUs of 1/2 and 3/4 exactly
    yield "two objects, three detections", *_example()
    yield "no object at all", [nothing], [(pair, np.array([0.5, 0.4]))]
    yield "nothing found", [pair, pair], [(nothing, no_scores)] * 2
    yield (
        "IoUs of just the threshold",
        [np.array([[0, 0, 4, 4], [40, 0, 44, 4]], float)],
        [(half, np.array([0.9, 0.8]))],
    )
    near = np.array([[0, 0, 10, 10], [0.5, 0, 10.5, 10], [0.25, 0, 10.25, 10]])
    yield "neighbours, one found three times", [pair], [(near, np.array([0.9, 0.8, 0.7]))]
    # Numbers of objects whose fractions are no hundredths: no rounding decides about a recall.
    for objects, levels in (((3, 4), 1000), ((5, 0, 8), 1000), ((6, 9, 4, 0, 4), 12)):
        boxes = [random_boxes(random, count, (60, 90)) for count in objects]
        found = [_detections(random, own, levels) for own in boxes]
        yield f"{len(objects)} images of {objects} objects", boxes, found


def counted_images(seed: int) -> Iterator[tuple[str, np.ndarray, list[np.ndarray]]]:
    """What the case is, the number of objects in each image, and the detections' scores."""
    cases: list[tuple[list[int], list[list[float]]]] = [
        ([1, 2], [[0.9, 0.3], [0.5, 0.6, 0.2]]),
        ([0, 0, 1], [[0.75], [0.5, 0.25], []]),  # to count nothing is best
        ([2, 1], [[0.5, 0.5], [0.5, 0.25]]),  # three of the scores cannot be told apart
        ([3, 3], [[0.75, 0.5], [0.25]]),  # there is nothing to leave out
        ([2], [[]]),
        ([1, 1], [[0.9, 0.6], [0.6, 0.3]]),  # two thresholds are equally good
    ]
    for counts, scores in cases:
        found = [np.array(own, float) for own in scores]
        yield f"counts {counts}, scores {scores}", np.array(counts), found
    random = np.random.default_rng(seed)
    for images in (4, 15):
        found = [np.round(random.random(count), 2) for count in random.integers(0, 12, images)]
        yield f"{images} images, scores at random", random.integers(0, 6, images), found


def _example() -> tuple[list[np.ndarray], list[Detections]]:
    truth = np.array([[0, 0, 8, 8], [20, 20, 26, 28]], float)
    found = np.array([[20, 20, 26, 28], [0, 20, 8, 28], [0, 0, 8, 8]], float)
    return [truth], [(found, np.array([0.9, 0.8, 0.3]))]


def _detections(random: np.random.Generator, truth: np.ndarray, levels: int) -> Detections:
    """Some objects found, some twice, and boxes at random; the fewer levels, the more ties."""
    again = truth[random.integers(0, len(truth), 2 * len(truth))] if len(truth) else truth
    sides = np.tile(again[:, 2:] - again[:, :2], 2)
    again = again + random.uniform(-0.12, 0.12, again.shape) * sides
    boxes = np.vstack([again, random_boxes(random, 4, (60, 90))])
    chance = np.concatenate([0.3 + 0.7 * random.random(len(again)), 0.8 * random.random(4)])
    order = random.permutation(len(boxes))
    return boxes[order], np.round(chance[order] * levels) / levels


def aligned(
    features: np.ndarray, box: np.ndarray, stride: int, output_size: tuple[int, int], points: int
) -> np.ndarray:
    """RoIAlign, bin by bin and point by point, read by SciPy."""
    height, width = (box[[3, 2]] - box[[1, 0]]) / output_size  # of a bin, in pixels
    result = np.zeros((*output_size, features.shape[2]))
    for row, column, u, v in np.ndindex(*output_size, points, points):
        y = box[1] + (row + (u + 0.5) / points) * height
        x = box[0] + (column + (v + 0.5) / points) * width
        place = [[y / stride - 0.5], [x / stride - 0.5]]
        for channel in range(features.shape[2]):
            read = map_coordinates(features[..., channel], place, order=1, mode="nearest")
            result[row, column, channel] += read[0] / points**2
    return result


def view(layers: list[tuple[str, int, int]], name: str) -> tuple[int, int]:
    """A layer's receptive field and stride, from its output back to the input."""
    field, stride = 1, 1
    below = [layer[0] for layer in layers].index(name) + 1
    for _, kernel_size, strides in reversed(layers[:below]):
        field = (field - 1) * strides + kernel_size
        stride *= strides
    return field, stride
