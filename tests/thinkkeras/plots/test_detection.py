"""The figures of detectors: boxes and masks, precision and recall, counts."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from thinkkeras.plots import (
    count_scatter,
    detection_gallery,
    draw_detections,
    precision_recall_curves,
)

IMAGES = np.full((14, 40, 50, 3), 100, np.float32)
BOXES = np.tile(np.array([[5, 6, 25, 30], [20, 10, 45, 35], [-1] * 4], np.float32), (14, 1, 1))
CLASSES = np.tile(np.array([0, 1, -1], np.float32), (14, 1))
PREDICTED = {"boxes": BOXES, "classes": CLASSES}

NAMES = ["balloon", "kite", "bird"]
GROUND_TRUTH = [{"boxes": [[0, 0, 10, 10], [20, 0, 30, 10], [0, 20, 9, 29]], "labels": [0, 0, 1]}]
PREDICTIONS = [
    {
        "boxes": [[0, 0, 10, 10], [50, 0, 60, 10], [20, 0, 30, 10]],
        "labels": [0, 0, 0],
        "scores": [0.9, 0.8, 0.7],
    }
]


def test_one_image():
    axes = Figure().add_subplot()
    masks = np.zeros((3, 40, 50), np.uint8)
    masks[0, 6:30, 5:25] = 1
    scores = np.array([0.9, 0.45, -1])
    draw_detections(axes, IMAGES[0], BOXES[0], CLASSES[0], ["a", "b"], scores=scores, masks=masks)
    # Pixel (0, 0) is drawn from -0.5 to 0.5.
    assert [patch.get_bbox().extents.tolist() for patch in axes.patches] == [
        [4.5, 5.5, 24.5, 29.5],
        [19.5, 9.5, 44.5, 34.5],
    ]
    assert [text.get_text() for text in axes.texts] == ["a 0.90", "b 0.45"]
    drawn = np.asarray(axes.images[0].get_array())
    np.testing.assert_array_equal((drawn != 100).any(axis=-1), masks[0] > 0)


def test_a_lone_class_is_not_written():
    axes = Figure().add_subplot()
    draw_detections(axes, IMAGES[0], BOXES[0], np.zeros(3), ["a"])
    assert not axes.texts and len(axes.patches) == 3
    colours = {patch.get_edgecolor() for patch in axes.patches}
    assert len(colours) == 3


def test_gallery(tmp_path):
    figure = detection_gallery(IMAGES, PREDICTED, ["a", "b"], path=tmp_path / "gallery.png")
    assert len(figure.axes) == 12
    assert {axes.get_title(loc="left") for axes in figure.axes} == {"2 objects"}
    assert (tmp_path / "gallery.png").stat().st_size > 1000
    first = {key: value[:2, :1] for key, value in PREDICTED.items()}
    figure = detection_gallery(IMAGES[:2], first, ["balloon"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["1 balloon"] * 2
    figure = detection_gallery(IMAGES[:2], first, ["balloon"], titles=["before", "after"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["before", "after"]


@pytest.mark.parametrize(
    ("count", "arguments", "message"),
    [
        (0, {}, "at least one image"),
        (13, {}, r"received 13 images and \[14, 14\]"),
        (14, {"titles": ["one"]}, r"received 14 images and \[14, 14, 1\]"),
    ],
)
def test_wrong_arguments(count, arguments, message):
    with pytest.raises(ValueError, match=message):
        detection_gallery(IMAGES[:count], PREDICTED, ["a", "b"], **arguments)


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_curve_and_its_envelope_for_each_class(tmp_path):
    path = tmp_path / "curves.png"
    figure = precision_recall_curves(GROUND_TRUTH, PREDICTIONS, NAMES, path, score=0.8)
    (axes,) = figure.axes
    # Nothing is said of birds, of which there are none.
    ap50 = 100 * (51 + 50 * 2 / 3) / 101
    assert legend(figure) == [f"balloon, AP50 {ap50:.1f} %", "kite, AP50 0.0 %", "score 0.80"]
    curve, envelope, mark, *_ = axes.lines
    np.testing.assert_allclose(curve.get_xdata(), [0, 1 / 2, 1 / 2, 1, 1])
    np.testing.assert_allclose(curve.get_ydata(), [1, 1, 1 / 2, 2 / 3, 0])
    np.testing.assert_allclose(envelope.get_ydata(), [1, 1, 2 / 3, 2 / 3, 0])
    # Two detections reach the score; one is right.
    np.testing.assert_allclose([mark.get_xdata(), mark.get_ydata()], [[1 / 2], [1 / 2]])
    assert imread(path).std() > 0.01 and [path] == list(tmp_path.iterdir())


def test_curves_need_objects():
    nothing = {"boxes": [], "labels": []}
    with pytest.raises(ValueError, match="at least one object in the ground truth, received none"):
        precision_recall_curves([nothing], PREDICTIONS, NAMES)


def test_discs_hold_the_images(tmp_path):
    path = tmp_path / "counts.png"
    true, predicted = [2, 2, 2, 2, 3, 0], [2, 2, 2, 1, 3, 2]
    (axes,) = count_scatter(true, predicted, path).axes
    (discs,) = axes.collections
    assert discs.get_offsets().tolist() == [[0, 2], [2, 1], [2, 2], [3, 3]]
    assert [text.get_text() for text in axes.texts] == ["1", "1", "3", "1"]
    sizes = discs.get_sizes()
    np.testing.assert_allclose(sizes / sizes[2], [1 / 3, 1 / 3, 1, 1 / 3])
    colours = discs.get_facecolors()
    assert np.array_equal(colours[0], colours[1]) and np.array_equal(colours[2], colours[3])
    assert not np.array_equal(colours[1], colours[2])
    assert axes.get_title(loc="left") == "66.7 % of 6 pictures exact, 0.50 off on average"
    assert imread(path).std() > 0.01


def test_many_different_counts_carry_no_numbers():
    true = np.arange(100)
    assert not count_scatter(true, true[::-1]).axes[0].texts


def test_counts_must_agree():
    for true in ([1, 2], []):
        with pytest.raises(ValueError, match=f"at least one, received 0 and {len(true)}"):
            count_scatter(true, [])
