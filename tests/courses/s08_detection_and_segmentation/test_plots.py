"""Session 8's figures: what they state in numbers, and that each one is drawn."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from courses.s08_detection_and_segmentation import plots
from courses.s08_detection_and_segmentation.plots import tinted
from thinkkeras.detection import anchor_points
from thinkkeras.plots import OBJECT_COLOURS

GREY = np.full((40, 60, 3), 100, np.uint8)
BOXES = np.array([[0, 0, 20, 20], [10, 0, 30, 20]], "float32")


def _prediction(boxes=BOXES, classes=(0, 0)):
    masks = np.zeros((len(boxes), 40, 60), bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes.astype(int), strict=True):
        mask[top:bottom, left:right] = True
    scores = np.linspace(0.9, 0.5, len(boxes)).astype("float32")
    return {"boxes": boxes, "scores": scores, "labels": np.array(classes, int), "masks": masks}


def _four_tasks(prediction, class_names=("balloon",), path=None):
    label_map = prediction["masks"].any(axis=0).astype(int)
    return plots.four_tasks(GREY, 0.987, label_map, prediction, class_names, path)


def _spans(axes):
    """Left, top, right, bottom of each rectangle."""
    return np.array(
        [[*p.get_xy(), p.get_x() + p.get_width(), p.get_y() + p.get_height()] for p in axes.patches]
    )


def _dots(axes):
    return [part for part in axes.collections if isinstance(part, PathCollection)]


def _pixels(axes):
    return np.asarray(axes.images[0].get_array())


def test_four_tasks_says_what_was_found():
    titles = [axes.get_title().split("\n")[1] for axes in _four_tasks(_prediction()).axes]
    # The masks cover 30 x 20 of 60 x 40 pixels.
    assert titles[:3] == ["a balloon, 99 %", "25 % of the pixels", "2 balloons"]


def test_four_tasks_gives_shared_pixels_to_the_highest_score():
    instances = _pixels(_four_tasks(_prediction()).axes[3])
    highest, shared, other = instances[5, [5, 15, 25]]
    np.testing.assert_array_equal(highest, shared)
    np.testing.assert_array_equal(
        highest, (35 + 0.65 * 255 * np.array(OBJECT_COLOURS[0])).astype(int)
    )
    np.testing.assert_array_equal(
        other, (35 + 0.65 * 255 * np.array(OBJECT_COLOURS[1])).astype(int)
    )


@pytest.mark.parametrize(
    ("class_names", "classes", "words"),
    [
        (["balloon"], [0], "1 balloon"),
        (["balloon"], [], "0 balloons"),
        (["RBC", "WBC", "Platelets"], [1, 0, 1], "1 RBC, 2 WBC"),
        (["red blood cell", "white blood cell"], [0, 1], "2 objects"),
        (["RBC", "WBC"], [], "0 objects"),
    ],
)
def test_four_tasks_counts_each_class(class_names, classes, words):
    prediction = _prediction(np.tile(BOXES[:1], (len(classes), 1)), classes)
    figure = _four_tasks(prediction, class_names)
    assert figure.axes[2].get_title() == f"object detection:\n{words}"


def test_tints_differ_beyond_the_last_colour():
    count = 2 * len(OBJECT_COLOURS)
    row = tinted(np.full((1, count, 3), 100, np.uint8), np.arange(count)[None] + 1, count)[0]
    assert len(np.unique(row, axis=0)) == count


def test_suppression_colours_candidates_as_the_box_they_gave_way_to():
    kept = np.array([[0, 0, 20, 20], [30, 5, 50, 25]], "float32")
    candidates = np.concatenate([kept[[1, 0]], kept + 1])
    before = {"boxes": candidates, "scores": np.ones(4)}
    figure = plots.non_max_suppression(
        GREY, before, {"boxes": kept, "scores": np.array([0.9, 0.8])}
    )
    left, right = figure.axes
    owners = [OBJECT_COLOURS.index(patch.get_edgecolor()[:3]) for patch in left.patches]
    assert owners == [1, 0, 0, 1]
    np.testing.assert_allclose(_spans(right), kept - 0.5)
    assert [text.get_text() for text in right.texts] == ["0.90", "0.80"]
    assert left.get_title().endswith(": 4") and right.get_title().endswith(": 2")


def test_suppression_leaves_out_scores_that_would_hide_each_other():
    kept = {"boxes": BOXES[:1] + np.array([[0], [2], [15]]), "scores": np.array([0.9, 0.8, 0.7])}
    figure = plots.non_max_suppression(GREY, kept, kept)
    assert [text.get_text() for text in figure.axes[1].texts] == ["0.90", "0.70"]


def test_assignment_shows_each_grid_and_who_learns():
    points = anchor_points((32, 32), (8, 16))  # 16 + 4 of them
    boxes = np.array([[0, 0, 16, 16], [16, 16, 32, 32], [-1, -1, -1, -1]], "float32")
    weights = np.zeros((3, 20), "float32")
    weights[0, [0, 1]], weights[1, 19] = (0.25, 0.5), 1.0
    image = np.zeros((32, 32, 3), np.uint8)
    fine, coarse = plots.assignment(image, points, weights, boxes).axes
    assert fine.get_title() == "stride 8: 2 of 16 learn"
    assert coarse.get_title() == "stride 16: 1 of 4 learn"
    grid, first, second = _dots(fine)
    assert len(grid.get_offsets()) == 16 and len(second.get_offsets()) == 0
    # A cell's centre is at 4 and 12 pixels, whose own centres are half a pixel on.
    np.testing.assert_allclose(first.get_offsets(), [[3.5, 3.5], [11.5, 3.5]])
    np.testing.assert_allclose(first.get_sizes(), [6 + 34 * 0.25, 6 + 34 * 0.5])
    np.testing.assert_allclose(_dots(coarse)[2].get_sizes(), [40])
    assert [patch.get_linewidth() for patch in fine.patches] == [1.8, 0.8]
    assert [patch.get_linewidth() for patch in coarse.patches] == [0.8, 1.8]


def test_prototypes_are_weighed_and_summed():
    random = np.random.default_rng(0)
    maps = random.random((10, 15, 3))
    coefficients = np.array([0.1, -0.9, 0.5])
    mask, box = np.ones((40, 60), bool), np.array([4, 8, 20, 24])
    figure = plots.prototypes(GREY, maps, coefficients, mask, box)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[1:4] == ["−0.90 ×", "+0.50 ×", "+0.10 ×"]
    np.testing.assert_allclose(_pixels(figure.axes[1]), maps[..., 1])
    summed = figure.axes[4]
    np.testing.assert_allclose(_pixels(summed), maps @ coefficients)
    largest = np.abs((maps @ coefficients)[2:6, 1:5]).max()
    np.testing.assert_allclose(summed.images[0].get_clim(), (-largest, largest))
    # A quarter of the image's pixels on each axis.
    np.testing.assert_allclose(_spans(summed)[0], [0.5, 1.5, 4.5, 5.5])


def test_prototypes_shows_the_eight_that_count_most():
    coefficients = np.arange(10) / 10
    figure = plots.prototypes(
        GREY, np.ones((4, 6, 10)), coefficients, np.zeros((40, 60), bool), BOXES[0]
    )
    shown = [axes.get_title() for axes in figure.axes[1:-2]]
    assert shown == [f"+0.{digit}0 ×" for digit in range(9, 1, -1)]
    assert figure.axes[-2].get_title() == "sum of all 10"


def test_intersection_over_union_shows_a_seventh_a_half_and_nine_tenths():
    titles = [axes.get_title() for axes in plots.intersection_over_union().axes]
    assert titles == ["IoU 0.14", "IoU 0.50", "IoU 0.90"]


def test_semantic_maps_rate_the_objects_pixels():
    true = np.zeros((3, 40, 60), int)
    predicted = true.copy()
    true[0, :10], predicted[0, 5:15] = 1, 1  # IoU 5 / 15
    true[1, :10], predicted[1, :10] = 1, 1
    true[1, 30:] = 2  # not found at all
    figure = plots.semantic_maps(np.stack([GREY] * 3), true, predicted, ["one", "two"])
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert titles == ["IoU 0.33", "IoU 0.50", "nothing there"]
    truth = _pixels(figure.axes[4])
    np.testing.assert_array_equal(truth[35, 0], (255 * np.array(OBJECT_COLOURS[1])).astype(int))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]


def test_semantic_maps_show_six_images_at_most():
    maps = np.zeros((9, 40, 60), int)
    figure = plots.semantic_maps(np.stack([GREY] * 9), maps, maps, ["balloon"])
    assert len(figure.axes) == 18 and not figure.legends


def test_roi_align_samples_the_box_and_pooling_rounds_it():
    align, pool = plots.roi_align().axes
    points = np.array(align.lines[-1].get_xydata())
    spans = _spans(align)
    left, top, right, bottom = spans[-1]  # the box, drawn last
    assert len(points) == 16
    # Four evenly spaced points on each axis are an eighth of the box from its edges.
    np.testing.assert_allclose(points[0], [left + (right - left) / 8, top + (bottom - top) / 8])
    np.testing.assert_allclose(
        points[-1], [right - (right - left) / 8, bottom - (bottom - top) / 8]
    )
    arrows = np.array([arrow.xyann for arrow in align.texts])
    assert len(arrows) == 4 and (np.abs(arrows - points[0]) < 1).all()
    rounded = _spans(pool)[:-1]
    np.testing.assert_array_equal(rounded, np.round(rounded))
    np.testing.assert_array_equal(rounded[:, 0].min(), np.round(left))
    assert (_spans(align)[:4] != np.round(_spans(align)[:4])).any(axis=1).all()


def test_confident_and_padded_predictions():
    prediction = {
        "boxes": np.float32([[0, 0, 1, 1], [2, 2, 3, 3]]),
        "labels": np.array([0, 1]),
        "scores": np.array([0.9, 0.4]),
        "names": ["a", "b"],
    }
    kept = plots.confident(prediction, 0.5)
    assert {name: len(array) for name, array in kept.items()} == dict.fromkeys(prediction, 1)
    batch = plots.padded([prediction, plots.confident(prediction, 0.95)])
    np.testing.assert_array_equal(batch["boxes"], [prediction["boxes"], np.zeros((2, 4))])
    np.testing.assert_array_equal(batch["classes"], [[0, 1], [-1, -1]])
    np.testing.assert_array_equal(batch["confidence"], [[0.9, 0.4], [0, 0]])


def test_a_telling_image_shows_many_objects_counted_right():
    def boxes(count):
        return {"boxes": np.tile([0, 0, 1, 1], (count, 1)), "labels": np.zeros(count, int)}

    truths = [boxes(count) for count in (2, 7, 6, 9)]
    found = [boxes(count) | {"scores": np.full(count, 0.9)} for count in (2, 5, 6, 9)]
    tested = SimpleNamespace(ground_truth=truths)
    assert plots.most_telling_image(tested, found, 0.5) == 2


@pytest.mark.parametrize(
    ("draw", "arguments"),
    [
        (plots.non_max_suppression, (GREY, _prediction(), _prediction())),
        (plots.non_max_suppression, (GREY, _prediction(BOXES[:0], ()), _prediction(BOXES[:0], ()))),
        (plots.assignment, (GREY, anchor_points((40, 60), (8,)), np.zeros((2, 40)), BOXES)),
        (plots.intersection_over_union, ()),
        (plots.roi_align, ()),
        (
            plots.four_tasks,
            (GREY, 0.5, np.zeros((40, 60), int), _prediction(BOXES[:0], ()), ["balloon"]),
        ),
        (
            plots.prototypes,
            (GREY, np.zeros((4, 6, 2)), np.zeros(2), np.zeros((40, 60), bool), BOXES[0]),
        ),
        (
            plots.semantic_maps,
            (GREY[None], np.zeros((1, 40, 60), int), np.zeros((1, 40, 60), int), ["balloon"]),
        ),
    ],
)
def test_figures_are_drawn(draw, arguments, tmp_path):
    path = tmp_path / "figures" / "figure.png"
    figure = draw(*arguments, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert figure.axes
