"""The metrics, against cases computed by hand."""

import math

import numpy as np
import pytest

from thinkkeras.metrics import (
    average_precision,
    best_threshold,
    counting_error,
    counts,
    precision_recall,
)

NAMES = ["balloon", "kite"]
A, B, C = [0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]
AWAY = [60, 20, 70, 30]


def true(*boxes, labels=None, **more):
    labels = np.zeros(len(boxes), int) if labels is None else np.array(labels)
    return {"boxes": np.array(boxes, float).reshape(-1, 4), "labels": labels, **more}


def found(*boxes, scores, labels=None, **more):
    return true(*boxes, labels=labels, scores=np.array(scores, float), **more)


def with_masks(image, cut=0):
    """The boxes as masks of ten pixels a unit, `cut` pixels cut off at their top."""
    masks = np.zeros((len(image["boxes"]), 320, 720), bool)
    corners = np.rint(image["boxes"] * 10).astype(int)
    for mask, (left, top, right, bottom) in zip(masks, corners, strict=True):
        mask[top + cut : bottom, left:right] = True
    return {**image, "masks": masks}


def scores_of(ground_truth, predictions, masks=False):
    result = average_precision(ground_truth, predictions, class_names=NAMES, masks=masks)
    return [result[key] for key in ("AP", "AP50", "AP75", "AR")], result["classes"]


@pytest.mark.parametrize(
    ("ground_truth", "predictions", "expected"),
    [
        pytest.param([true(A)], [found(A, scores=[0.3])], [1, 1, 1, 1], id="perfect"),
        pytest.param([true(A)], [found(AWAY, scores=[0.9])], [0, 0, 0, 0], id="miss"),
        pytest.param([true(A)], [found(scores=[])], [0, 0, 0, 0], id="nothing predicted"),
        # IoU 0.58 counts at 0.5 and 0.55: two of ten thresholds.
        pytest.param([true(A)], [found([0, 0, 10, 5.8], scores=[1])], [0.2, 1, 0, 0.2], id="0.58"),
        pytest.param([true(A)], [found([0, 0, 10, 7.6], scores=[1])], [0.6, 1, 1, 0.6], id="0.76"),
        pytest.param([true(A)], [found([0, 0, 10, 7.2], scores=[1])], [0.5, 1, 0, 0.5], id="0.72"),
        # The duplicate comes after the only object is found: no point of recall suffers.
        pytest.param([true(A)], [found(A, A, scores=[0.9, 0.8])], [1, 1, 1, 1], id="duplicate"),
        # Recalls 0 … 0.5 at precision 1; above, 2 of 3: (51 + 50 · 2/3) / 101.
        pytest.param(
            [true(A, B)],
            [found(A, A, B, scores=[0.9, 0.8, 0.7])],
            [(51 + 50 * 2 / 3) / 101] * 3 + [1],
            id="duplicate before an object",
        ),
        # One of two found: 51 of 101 points of recall.
        pytest.param([true(A, B)], [found(A, scores=[0.9])], [51 / 101] * 3 + [0.5], id="half"),
        # A higher-scoring wrong one: precision 1/2 everywhere.
        pytest.param([true(A)], [found(AWAY, A, scores=[0.9, 0.8])], [0.5] * 3 + [1], id="after"),
        # Right, wrong, right, right of 4: points up to 1/4 at 1, up to 3/4 at 3/4, then 0.
        pytest.param(
            [true(A, B), true(B, C)],
            [found(A, AWAY, scores=[0.9, 0.8]), found(B, C, scores=[0.7, 0.6])],
            [(26 + 50 * 3 / 4) / 101] * 3 + [0.75],
            id="interpolated",
        ),
        # A mistake in an image without objects counts.
        pytest.param(
            [true(A), true()],
            [found(A, scores=[0.5]), found(A, scores=[0.6])],
            [0.5] * 3 + [1],
            id="empty image",
        ),
    ],
)
@pytest.mark.parametrize("masks", [False, True])
def test_average_precision_by_hand(ground_truth, predictions, expected, masks):
    if masks:
        ground_truth, predictions = map(with_masks, ground_truth), map(with_masks, predictions)
        ground_truth, predictions = list(ground_truth), list(predictions)
    values, by_class = scores_of(ground_truth, predictions, masks)
    np.testing.assert_allclose(values, expected, atol=1e-12)
    np.testing.assert_allclose(by_class["balloon"], expected[1], atol=1e-12)
    assert math.isnan(by_class["kite"])


def test_classes_are_averaged():
    # Of class 0 everything is found, of class 1 half; a box of the wrong class finds nothing.
    ground_truth = [true(A, B, C, labels=[0, 1, 1])]
    predictions = [found(A, B, C, labels=[0, 1, 0], scores=[0.9, 0.8, 0.7])]
    values, by_class = scores_of(ground_truth, predictions)
    np.testing.assert_allclose(values, [(1 + 51 / 101) / 2] * 3 + [0.75])
    np.testing.assert_allclose([by_class["balloon"], by_class["kite"]], [1, 51 / 101])


def test_without_any_object_there_is_no_number():
    result = average_precision([true()], [found(A, scores=[0.9])], class_names=NAMES)
    assert all(math.isnan(result[key]) for key in ("AP", "AP50", "AP75", "AR"))
    curve = precision_recall([true()], [found(A, scores=[0.9])], 0)
    assert curve.precision.tolist() == [0] and np.isnan(curve.recall).all()
    assert best_threshold([true()], [found(scores=[])]) == 0.5


def test_a_crowd_takes_any_number_of_detections():
    crowd = [20, 0, 60, 10]
    ground_truth = [true(A, crowd, crowd=np.array([False, True]))]
    # B and C lie in the crowd: their overlap is the fraction of themselves that lies in it.
    predictions = [found(B, C, A, scores=[0.9, 0.8, 0.7])]
    np.testing.assert_allclose(scores_of(ground_truth, predictions)[0], [1, 1, 1, 1])
    curve = precision_recall(ground_truth, predictions, 0)
    assert [part.tolist() for part in curve] == [[1], [1], [0.7]]
    ground_truth[0].pop("crowd")  # now an object, which B and C overlap too little: 1/3 up to 0.5
    np.testing.assert_allclose(scores_of(ground_truth, predictions)[0][1], 51 / 303)


def test_masks_and_boxes_are_told_apart():
    ground_truth, predictions = [true(A)], [found(A, scores=[0.9])]
    cut = [with_masks(predictions[0], cut=37)]  # IoU 0.63: right at 0.5, 0.55 and 0.6
    ground_truth = [with_masks(ground_truth[0])]
    np.testing.assert_allclose(scores_of(ground_truth, cut)[0], [1, 1, 1, 1])
    np.testing.assert_allclose(scores_of(ground_truth, cut, masks=True)[0], [0.3, 1, 0, 0.3])
    assert precision_recall(ground_truth, cut, 0, 0.7).precision.tolist() == [1]
    assert precision_recall(ground_truth, cut, 0, 0.7, masks=True).precision.tolist() == [0]


def test_nothing_is_printed(capsys):
    scores_of([true(A)], [found(A, scores=[0.9])])
    assert capsys.readouterr().out == ""


def test_precision_and_recall_at_every_score():
    ground_truth = [true(A, B), true(A, C)]
    predictions = [
        found(A, AWAY, B, scores=[0.9, 0.5, 0.5]),
        found(A, AWAY, C, scores=[0.7, 0.8, 0.4], labels=[0, 0, 1]),
    ]
    # By score: right; wrong; right; right and wrong together; C is of another class.
    curve = precision_recall(ground_truth, predictions, 0)
    np.testing.assert_allclose(curve.scores, [0.9, 0.8, 0.7, 0.5])
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3, 3 / 5])
    np.testing.assert_allclose(curve.recall, [1 / 4, 1 / 4, 2 / 4, 3 / 4])
    assert [len(part) for part in precision_recall(ground_truth, predictions, 5)] == [0, 0, 0]


def test_precision_recall_asks_for_its_overlap():
    ground_truth, predictions = [true(A)], [found([0, 0, 10, 5.8], scores=[0.9])]
    assert precision_recall(ground_truth, predictions, 0, 0.55).recall.tolist() == [1]
    assert precision_recall(ground_truth, predictions, 0, 0.6).recall.tolist() == [0]
    with pytest.raises(ValueError, match="above 0 and at most 1, received 50"):
        precision_recall(ground_truth, predictions, 0, 50)


def test_best_threshold_has_the_highest_f1():
    ground_truth = [true(A, B, labels=[0, 1]), true(C)]
    predictions = [
        found(A, AWAY, B, scores=[0.9, 0.6, 0.5], labels=[0, 0, 1]),
        found(C, AWAY, scores=[0.8, 0.3]),
    ]
    # F1 = 2 right / (detections + 3): 2/4, 4/5, 4/6, 6/7, 6/8.
    assert best_threshold(ground_truth, predictions) == 0.5
    # Without B, the two before it: 2/4, 4/5, 4/6.
    predictions[0] = found(A, AWAY, scores=[0.9, 0.6])
    assert best_threshold(ground_truth, predictions) == 0.8
    # More recall can cost too much precision: 2/3, 2/4, 2/5, 2/6, 4/7.
    lavish = found(A, AWAY, AWAY, AWAY, B, scores=[0.9, 0.8, 0.7, 0.6, 0.5])
    assert best_threshold([true(A, B)], [lavish]) == 0.9
    assert best_threshold([true(A)], [found(AWAY, scores=[0.9])]) == 0.5


def test_counting():
    ground_truth = [true(A, B), true(A), true(), true(A, B, C, crowd=np.array([0, 0, 1]))]
    predictions = [
        found(A, B, C, scores=[0.9, 0.5, 0.4], labels=[0, 1, 1]),
        found(scores=[]),
        found(A, B, scores=[0.7, 0.8], labels=[0, 1]),
        found(A, scores=[0.9]),
    ]
    assert [part.tolist() for part in counts(ground_truth, predictions)] == [[2, 1, 0], [2, 0, 2]]
    errors = counting_error(ground_truth, predictions)
    expected = {"mean_absolute_error": 1, "exact": 1 / 3, "bias": 1 / 3}
    assert errors == pytest.approx(expected)
    assert counting_error(ground_truth, predictions, 0.75)["bias"] == pytest.approx(-1 / 3)
    assert [part.tolist() for part in counts(ground_truth, predictions, 0.4, 1)] == [
        [0, 0, 0],
        [2, 0, 1],
    ]
    assert all(map(math.isnan, counting_error(ground_truth[3:], predictions[3:]).values()))


MASKED = with_masks(true(A))


@pytest.mark.parametrize(
    ("ground_truth", "predictions", "masks", "message"),
    [
        ([], [], False, "at least one, received 0 predictions and 0 images"),
        ([true(A)], [], False, "received 0 predictions and 1 images"),
        ([true(A)], [true(A)], False, r"prediction 0 with .*'scores'.* received \['boxes', 'la"),
        ([true(A)], [found(A, scores=[1, 2])], False, r"N entries .* 'scores': \(2,\)"),
        ([{"boxes": np.zeros((1, 5)), "labels": [0]}], [found(scores=[])], False, r"\(1, 5\)"),
        ([true(A)], [found(A, scores=[np.nan])], False, "finite scores, received NaN"),
        (
            [true([0, 0, np.inf, 1])],
            [found(scores=[])],
            False,
            "received NaN or infinity in gr",
        ),
        (
            [true(A)],
            [found([5, 5, 1, 9], scores=[1])],
            False,
            r"received prediction 0 with \[5",
        ),
        ([true([5, 5, 5, 9])], [found(scores=[])], False, "those of ground truth with an area"),
        (
            [true(A, labels=[2])],
            [found(scores=[])],
            False,
            r"0 to 1, .* ground truth 0 with \[2\]",
        ),
        ([true(A, labels=[-1])], [found(scores=[])], False, "integer labels from 0"),
        ([true(A, labels=[0.5])], [found(scores=[])], False, "integer labels from 0"),
        ([true(A)], [found(A, scores=[1])], True, r"expected ground truth 0 with .*'masks'"),
        (
            [MASKED],
            [{**MASKED, "scores": [1], "masks": MASKED["masks"][:, ::2]}],
            True,
            r"of one size .* received \(1, 320, 720\) bool in ground truth 0 and \(1, 160, 720\)",
        ),
        ([MASKED], [{**MASKED, "scores": [1], "masks": np.ones((1, 9, 9))}], True, "float64 in pr"),
        (
            [{**MASKED, "masks": MASKED["masks"] & False}],
            [found(scores=[], masks=np.zeros((0, 320, 720), bool))],
            True,
            "at least one pixel, received an empty one in ground truth 0",
        ),
    ],
)
def test_strange_input_is_refused(ground_truth, predictions, masks, message):
    with pytest.raises(ValueError, match=message):
        average_precision(ground_truth, predictions, class_names=NAMES, masks=masks)


def test_lists_serve_as_well_as_arrays():
    ground_truth = [{"boxes": [A, B], "labels": [0, 0]}, {"boxes": [], "labels": []}]
    predictions = [
        {"boxes": [A], "labels": [0], "scores": [0.9]},
        {"boxes": [], "labels": [], "scores": []},
    ]
    np.testing.assert_allclose(scores_of(ground_truth, predictions)[0], [51 / 101] * 3 + [0.5])
    assert counting_error(ground_truth, predictions)["bias"] == -0.5
