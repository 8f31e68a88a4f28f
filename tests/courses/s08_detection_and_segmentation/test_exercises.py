"""Session 8's exercises: the examples in their docstrings, and what the grader's cases rest on."""

import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from courses.s08_detection_and_segmentation import checks, references, solutions
from tests.courses.s08_detection_and_segmentation import wrong_exercises


def test_examples_of_boxes_in_the_docstrings_are_right():
    overlaps = solutions.iou(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [5, 5, 6, 6]]))
    assert overlaps.tolist() == [[pytest.approx(1 / 3), 0]]
    boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 5], [0, 0, 4, 4]])
    kept = solutions.non_maximum_suppression(
        boxes, np.array([0.6, 0.9, 0.7]), np.array([0, 0, 1]), 0.5
    )
    assert kept.tolist() == [1, 2]
    box = np.array([[0, 0, 24, 24]])
    cells = solutions.centre_assignment(box, (16, 32), stride=8, radius=1.5)
    assert cells.tolist() == [[0, 0, 0, -1], [0, 0, 0, -1]]
    cells = solutions.centre_assignment(box, (16, 32), stride=8, radius=1)
    assert np.argwhere(cells == 0).tolist() == [[1, 1]]
    place = np.array([[2, 1]])
    numbers = solutions.encode_boxes(np.array([[8, 16, 24, 24]]), place, stride=8, cells=4)
    assert numbers.tolist() == [[0.5, 0.625, 0.25, 0.5]]
    assert solutions.decode_boxes(numbers, place, 8, 4).tolist() == [[8, 16, 24, 24]]


def test_examples_of_scores_and_maps_in_the_docstrings_are_right():
    ((_, ground_truth, predictions), *_) = references.detected_images(0)
    precision = solutions.average_precision(ground_truth, predictions, 0.5)
    assert precision == pytest.approx((51 + 50 * 2 / 3) / 101) == pytest.approx(0.835, abs=5e-4)
    values = solutions.dice(np.array([[[0, 0, 1]]]), np.array([[[0, 1, 1]]]), classes=3)
    np.testing.assert_allclose(values, [2 / 3, 2 / 3, np.nan])
    loss = solutions.dice_loss(np.array([[[0, 0]]]), np.array([[[[1, 0], [0.5, 0.5]]]], np.float32))
    assert float(loss) == pytest.approx(1 / 7)
    features = np.array([[[0.0], [4.0]]])
    read = [
        solutions.roi_align(features, np.array(box), 8, (1, 2), 1).tolist()
        for box in ([0, 0, 16, 8], [4, 0, 12, 8])
    ]
    assert read == [[[[0], [4]]], [[[1], [3]]]]
    boxes = np.array([[0, 0, 8, 4], [0, 0, 12, 4]])
    masks = solutions.assemble_masks(
        np.array([[[1.0], [-1.0], [2.0]]]), np.array([[1.0], [-1.0]]), boxes, stride=4
    )
    assert masks.tolist() == [[[True, False, False]], [[False, True, False]]]
    layers = [("a", 3, 2), ("b", 3, 1), ("c", 3, 2)]
    levels = solutions.detector_levels(layers, ["b", "c"], [(6, 4), (9, 2)], 1)
    assert levels == ({"b": (7, 2), "c": (11, 4)}, ["c", None])
    scores = [np.array([0.9, 0.3]), np.array([0.5, 0.6, 0.2])]
    assert solutions.counting_threshold(np.array([1, 2]), scores) == 0.5


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("iou", wrong_exercises.iou_with()),
        ("non_maximum_suppression", wrong_exercises.kept_with()),
        ("centre_assignment", wrong_exercises.assigned_with()),
        ("encode_boxes", wrong_exercises.encoded_with()),
        ("decode_boxes", wrong_exercises.decoded_with()),
        ("average_precision", wrong_exercises.precision_with()),
        ("dice", wrong_exercises.dice_with()),
        ("dice_loss", wrong_exercises.loss_with()),
        ("roi_align", wrong_exercises.aligned_with()),
        ("assemble_masks", wrong_exercises.masks_with()),
        ("detector_levels", wrong_exercises.levels_with()),
        ("counting_threshold", wrong_exercises.threshold_with()),
    ],
)
def test_another_right_answer_passes_in_a_second(exercise, answer):
    """What the wrong answers are made of is right but for the mistake that names them."""
    started = time.process_time()
    getattr(checks, f"check_{exercise}")(SimpleNamespace(**{exercise: answer}))
    assert time.process_time() - started < 1


def test_boxes_come_back_from_their_numbers():
    for boxes, locations, stride, cells in references.located_boxes(1):
        numbers = solutions.encode_boxes(boxes, locations, stride, cells)
        back = solutions.decode_boxes(numbers, locations, stride, cells)
        np.testing.assert_allclose(back, boxes, atol=1e-12)


def test_suppression_agrees_with_tensorflow():
    random = np.random.default_rng(2)
    boxes, scores = references.random_boxes(random, 80, (40, 30)), random.random(80)
    kept = solutions.non_maximum_suppression(boxes, scores, np.zeros(80, int), 0.4)
    expected = tf.image.non_max_suppression(boxes, scores, 80, 0.4).numpy()
    assert 3 < len(kept) < 60
    assert kept.tolist() == expected.tolist()


def test_a_stack_of_convolutions_sees_what_its_view_says():
    """The gradient of one output reaches as many inputs as the field is wide."""
    layers = [("a", 3, 2), ("b", 5, 1), ("c", 2, 2), ("d", 3, 1)]
    ones = {"kernel_initializer": "ones", "use_bias": False}
    stack = [keras.layers.Conv1D(1, kernel, step, **ones) for _, kernel, step in layers]
    model = keras.Sequential([keras.Input((96, 1)), *stack])
    inputs = tf.ones((1, 96, 1))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        outputs = model(inputs)
        first, second = outputs[0, 3, 0], outputs[0, 4, 0]
    seen = [np.flatnonzero(tape.gradient(one, inputs)[0, :, 0]) for one in (first, second)]
    field, stride = references.view(layers, "d")
    assert len(seen[0]) == field == seen[0][-1] - seen[0][0] + 1
    assert seen[1][0] - seen[0][0] == stride
    views, _ = solutions.detector_levels(layers, ["d"], [], 1)
    assert views == {"d": (field, stride)}


def test_a_network_learns_by_the_dice_loss():
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).random((8, 6, 7, 1), dtype=np.float32)
    classes = (images[..., 0] > 0.5).astype(np.int32)
    classes[0, 0] = 255
    model = keras.Sequential([keras.Input((6, 7, 1)), keras.layers.Dense(2, "softmax")])
    model.compile(keras.optimizers.Adam(0.5), solutions.dice_loss, jit_compile=False)
    before = model.evaluate(images, classes, verbose=0)
    model.fit(images, classes, epochs=15, verbose=0)
    assert model.evaluate(images, classes, verbose=0) < 0.2 < before


def test_rounding_as_roi_pool_shifts_what_is_read_by_up_to_half_a_stride():
    columns = np.arange(20.0)[None, :, None].repeat(6, axis=0)  # each cell holds its own column
    box = np.array([39.0, 16, 103, 80])
    exact = solutions.roi_align(columns, box, 16, (4, 4), 2)
    rounded = solutions.roi_align(columns, np.round(box / 16) * 16, 16, (4, 4), 2)
    assert 16 * np.abs(rounded - exact).max() == pytest.approx(7)
