"""Session 8, checks: what each exercise must compute (graded by `courses.grading`).

The references are other people's code (pycocotools, SciPy, scikit-learn, Keras) or go another way
than the solutions: one cell, one box, one threshold at a time.
"""

import warnings
from typing import Any

import keras
import numpy as np
from pycocotools import mask as coco_mask
from sklearn.metrics import f1_score

from courses.grading import expect, expect_equal, expect_traced
from courses.s08_detection_and_segmentation.references import (
    aligned,
    anchors,
    assigned,
    corner_and_size,
    counted_images,
    detected_images,
    inside,
    kept,
    located_boxes,
    random_boxes,
    view,
)
from thinkkeras import losses, metrics

SEED = 8
# A pair one of which holds the other, and boxes that are points, lines, or inside out.
ODD_BOXES = np.array(
    [[0, 0, 4, 4], [1, 1, 3, 2], [2, 2, 2, 2], [1, 3, 4, 3], [3, 3, 1, 1], [4, 0, 0, 4]], float
)


def check_iou(answers: Any) -> None:
    """Against pycocotools; then boxes that overlap nothing, which no warning may announce."""
    expect_equal(
        answers.iou(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [5, 5, 6, 6]])),
        np.array([[1 / 3, 0.0]]),
        case="the example, boxes of integers",
    )
    random = np.random.default_rng(SEED)
    for count, other, side in ((5, 3, 20.0), (1, 4, 1.0), (4, 6, 300.0)):
        first, second = (
            random_boxes(random, number, (side, 2 * side)) for number in (count, other)
        )
        expected = coco_mask.iou(corner_and_size(first), corner_and_size(second), [0] * other)
        case = f"{count} and {other} boxes of about {side / 2:g} pixels"
        expect_equal(answers.iou(first, second), expected, case=case)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        received = answers.iou(ODD_BOXES, ODD_BOXES)
        empty = answers.iou(np.zeros((0, 4)), ODD_BOXES)
    expected = np.zeros((6, 6))
    expected[:2, :2] = [[1, 1 / 8], [1 / 8, 1]]
    expect_equal(received, expected, case=f"boxes {ODD_BOXES.astype(int).tolist()} with themselves")
    expect_equal(empty, np.zeros((0, 6)), case="no box against 6")
    messages = [str(warning.message) for warning in caught]
    expect(not messages, case="boxes without area", expected="no warning", received=messages)


def check_non_maximum_suppression(answers: Any) -> None:
    """A chain, a tie, two classes, an IoU of just the threshold; then crowds of boxes."""
    half = [[0, 0, 4, 2], [0, 0, 4, 4], [0, 0, 4, 4]]  # the first overlaps the others by 0.5
    chain = [[0, 0, 10, 4], [4, 0, 14, 4], [8, 0, 18, 4]]
    cases: list[tuple[str, Any, Any, Any, float]] = [
        ("an IoU of just the threshold", half[:2], [0.6, 0.9], [0, 0], 0.5),
        ("equal scores", [[0, 0, 9, 9], *half[1:]], [0.5, 0.7, 0.7], [2, 2, 2], 0.5),
        ("two classes", half, [0.6, 0.9, 0.7], [0, 0, 1], 0.25),
        ("a chain whose middle is dropped", chain, [0.9, 0.8, 0.7], [1, 1, 1], 0.25),
        ("no box", np.zeros((0, 4)), [], np.zeros(0, int), 0.5),
    ]
    random = np.random.default_rng(SEED)
    for count, threshold in ((12, 0.3), (60, 0.5), (60, 0.1)):
        boxes, labels = random_boxes(random, count, (30, 50)), random.integers(0, 3, count)
        scores = random.integers(0, 40, count) / 40  # some are equal
        cases.append((f"{count} boxes, threshold {threshold}", boxes, scores, labels, threshold))
    for case, boxes, scores, labels, threshold in cases:
        arguments = np.array(boxes, float), np.array(scores, float), np.array(labels)
        expect_equal(
            answers.non_maximum_suppression(*arguments, threshold),
            kept(*arguments, threshold),
            case=case,
        )


def check_centre_assignment(answers: Any) -> None:
    """Cell by cell and box by box: nested boxes, equal ones, thin ones, on maps not square."""
    nested = [[0, 0, 64, 40], [8, 8, 40, 32], [20, 12, 30, 26], [8, 8, 40, 32], [33, 3, 35, 39]]
    cases: list[tuple[Any, tuple[int, int], int, float]] = [
        ([[0, 0, 24, 24]], (16, 32), 8, 1.5),
        ([[0, 0, 24, 24]], (16, 32), 8, 1),
        (nested, (40, 64), 4, 1.5),
        (nested, (37, 61), 8, 2.5),
        ([[4, 4, 20, 12]], (16, 24), 8, 9),
        (np.zeros((0, 4)), (20, 9), 4, 1.5),
    ]
    random = np.random.default_rng(SEED)
    cases += [(random_boxes(random, 9, (50, 70)), (50, 70), 16 // k, 0.5 + k) for k in (1, 2, 4)]
    for boxes, image_size, stride, radius in cases:
        boxes = np.array(boxes, float)
        expect_equal(
            answers.centre_assignment(boxes, image_size, stride, radius),
            assigned(boxes, image_size, stride, radius),
            case=f"{len(boxes)} boxes, image_size={image_size}, stride={stride}, radius={radius}",
        )


def check_encode_boxes(answers: Any) -> None:
    """The anchor of `decode_boxes`, solved for the numbers."""
    for boxes, locations, stride, cells in located_boxes(SEED):
        corner, unit = anchors(locations, stride, cells)
        top_left, sides = boxes[:, [1, 0]], boxes[:, [3, 2]] - boxes[:, [1, 0]]
        expect_equal(
            answers.encode_boxes(boxes, locations, stride, cells),
            np.hstack([(top_left + sides / 2 - corner) / unit, sides / unit]),
            case=f"{len(boxes)} boxes, stride={stride}, cells={cells}",
        )


def check_decode_boxes(answers: Any) -> None:
    """A cell's anchor is a square of `cells` strides about its centre; y and x are parts of it."""
    random = np.random.default_rng(SEED)
    for boxes, locations, stride, cells in located_boxes(SEED):
        numbers = random.random((len(boxes), 4))
        corner, unit = anchors(locations, stride, cells)
        y, x = (corner + numbers[:, :2] * unit).T
        height, width = numbers[:, 2:].T * unit
        expected = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2]).T
        case = f"{len(boxes)} rows of numbers, stride={stride}, cells={cells}"
        expect_equal(answers.decode_boxes(numbers, locations, stride, cells), expected, case=case)


def check_average_precision(answers: Any) -> None:
    """Against pycocotools, through `thinkkeras.metrics`, at IoUs of 0.5 and 0.75."""
    for case, ground_truth, predictions in detected_images(SEED):
        objects = list(map(_labelled, ground_truth))
        found = [_labelled(boxes) | {"scores": scores} for boxes, scores in predictions]
        expected = metrics.average_precision(objects, found, class_names=["object"])
        for threshold, name in ((0.5, "AP50"), (0.75, "AP75")):
            received = answers.average_precision(ground_truth, predictions, threshold)
            expect_equal(received, expected[name], case=f"{case}, iou_threshold={threshold}")


def check_dice(answers: Any) -> None:
    """Against scikit-learn's F1 of the pixels, with classes that are rare or do not occur."""
    random = np.random.default_rng(SEED)
    for shape, classes, used in (((1, 4, 7), 2, 2), ((3, 5, 4), 5, 3), ((2, 3, 3), 3, 1)):
        true, predicted = random.integers(0, used, (2, *shape))
        predicted[0, 0, 0] = used - 1
        predicted[-1, -1] = min(used, classes - 1)  # one class is in the prediction alone
        ids = range(classes)
        scores = f1_score(
            true.ravel(), predicted.ravel(), labels=ids, average=None, zero_division=np.nan
        )
        case = f"maps {shape} of {classes} classes"
        expect_equal(answers.dice(true, predicted, classes), scores, case=case)


def check_dice_loss(answers: Any) -> None:
    """Against `thinkkeras.losses`: "void" pixels, absent classes; then with a symbolic tensor."""
    random = np.random.default_rng(SEED)
    sizes: tuple[tuple[tuple[int, int, int], int, list[int]], ...] = (
        ((2, 4, 5), 3, [0, 1, 2]),
        ((3, 2, 6), 4, [0, 3]),  # classes 1 and 2 do not occur
        ((2, 5, 3), 3, [0, 2, 255]),
        ((1, 2, 2), 2, [255]),
    )
    for shape, classes, ids in sizes:
        true = random.choice(ids, shape).astype(np.int32)
        predicted = random.dirichlet(np.ones(classes), shape).astype(np.float32)
        expect_equal(
            answers.dice_loss(true, predicted),
            np.asarray(losses.sparse_dice(true, predicted)),
            case=f"maps {shape} of ids {ids}, probabilities of {classes} classes",
            tolerance=1e-5,
        )
    true, predicted = keras.KerasTensor((2, 4, 5), "int32"), keras.KerasTensor((2, 4, 5, 3))
    expect_traced(answers.dice_loss, true, predicted, shape=())


def check_roi_align(answers: Any) -> None:
    """Against `scipy.ndimage.map_coordinates`, on boxes between the cells and past the border."""
    cases: tuple[tuple[tuple[int, int, int], Any, int, tuple[int, int], int], ...] = (
        ((1, 2, 1), [4, 0, 12, 8], 8, (1, 2), 1),
        ((6, 9, 2), [8, 8, 40, 24], 8, (2, 4), 1),
        ((6, 9, 3), [9.3, 5.1, 50.7, 31.9], 8, (3, 2), 2),
        ((12, 7, 2), [3.5, 10.25, 21, 40.5], 4, (7, 5), 3),
        ((5, 8, 2), [-20, -9, 140, 95], 16, (2, 3), 4),
        ((1, 4, 1), [13, 2, 17, 3], 16, (2, 2), 2),
    )
    random = np.random.default_rng(SEED)
    for shape, box, stride, output_size, points in cases:
        features, box = random.normal(size=shape), np.array(box, float)
        expect_equal(
            answers.roi_align(features, box, stride, output_size, points),
            aligned(features, box, stride, output_size, points),
            case=f"features {shape}, box {box.tolist()}, stride={stride}, "
            f"output_size={output_size}, points={points}",
        )


def check_assemble_masks(answers: Any) -> None:
    """Cell by cell, on boxes that stand out of the image or hold no cell's centre."""
    random = np.random.default_rng(SEED)
    for (height, width, maps), count, stride in (
        ((6, 9, 4), 5, 4),
        ((10, 7, 1), 3, 8),
        ((5, 5, 3), 4, 1),
        ((4, 3, 8), 0, 4),
    ):
        prototypes = random.normal(size=(height, width, maps))
        coefficients = random.normal(size=(count, maps))
        boxes = random_boxes(random, count, (1.2 * height * stride, 1.2 * width * stride))
        boxes[:1] = [0.6 * stride, 0, 1.4 * stride, height * stride]  # between two columns
        expected = np.zeros((count, height, width), bool)
        for n, i, j in np.ndindex(expected.shape):
            probability = 1 / (1 + np.exp(-(prototypes[i, j] * coefficients[n]).sum()))
            expected[n, i, j] = probability > 0.5 and inside(boxes[n], i, j, stride)
        expect_equal(
            answers.assemble_masks(prototypes, coefficients, boxes, stride),
            expected,
            case=f"prototypes {prototypes.shape}, {count} detections, stride={stride}",
        )


def check_detector_levels(answers: Any) -> None:
    """Fields from the output back to the input; sizes at, above and below what suits a level."""
    small = [("a", 3, 2), ("b", 3, 1), ("c", 3, 2)]
    pairs = [[(f"down{stage}", 3, 2), (f"mix{stage}", 3, 1)] for stage in range(1, 6)]
    stages = [layer for pair in pairs for layer in pair]
    uneven = [("stem", 7, 4), ("pool", 2, 2), ("point", 1, 1), ("wide", 5, 1), ("last", 2, 3)]
    sizes = [(6, 4), (9, 2), (12, 12), (23, 40), (16, 8), (64, 30), (48, 1), (250, 96), (11, 11)]
    for layers, levels, cells in (
        (small, ["b", "c"], 1),
        (stages, ["mix3", "mix4", "mix5"], 1.5),
        (stages, ["mix2", "down3"], 2),
        (uneven, ["stem", "point", "wide", "last"], 1),
    ):
        views = {name: view(layers, name) for name in levels}
        objects: list[tuple[float, float]] = [*sizes]
        for field, stride in views.values():
            objects += [(field, field), (field + 1, field), (cells * stride, cells * stride + 1)]
        choice: list[str | None] = [None] * len(objects)
        for index, size in enumerate(objects):
            for name, (field, stride) in views.items():
                if all(cells * stride <= side <= field for side in size):
                    choice[index] = name
        received = answers.detector_levels(layers, levels, objects, cells)
        case = f"levels {levels} of {len(layers)} layers, cells={cells}"
        expect(
            isinstance(received, tuple) and list(map(type, received)) == [dict, list],
            case=case,
            expected="a tuple (views, choice) of a dictionary and a list",
            received=received,
        )
        expect_equal(received[0], views, case=f"{case}, views")
        expect_equal(len(received[1]), len(objects), case=f"{case}, number of choices")
        for size, chosen, right in zip(objects, received[1], choice, strict=True):
            where = f"{case}, object of {size}"
            expect(chosen == right, case=where, expected=right, received=chosen)


def check_counting_threshold(answers: Any) -> None:
    """Every candidate judged by `thinkkeras.metrics.counting_error`, the highest first."""
    for case, counts, scores in counted_images(SEED):
        ground_truth = [_labelled(np.tile([0.0, 0, 1, 1], (count, 1))) for count in counts]
        predictions = [
            _labelled(np.tile([0.0, 0, 1, 1], (len(found), 1))) | {"scores": found}
            for found in scores
        ]
        candidates = np.unique(np.concatenate([*scores, [np.inf]]))[::-1]
        errors = [
            metrics.counting_error(ground_truth, predictions, score)["mean_absolute_error"]
            for score in candidates.tolist()
        ]
        best = float(candidates[int(np.argmin(errors))])
        expect_equal(answers.counting_threshold(counts, scores), best, case=case)


def _labelled(boxes: np.ndarray) -> dict[str, np.ndarray]:
    """What `thinkkeras.metrics` takes, all of one class."""
    return {"boxes": boxes, "labels": np.zeros(len(boxes), int)}
