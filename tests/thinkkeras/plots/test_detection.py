"""The figures of boxes and masks: what is drawn, counted and written."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from thinkkeras.detection_plots import detection_sheet, draw_detections

IMAGES = np.full((14, 40, 50, 3), 100, np.float32)
BOXES = np.tile(np.array([[5, 6, 25, 30], [20, 10, 45, 35], [-1] * 4], np.float32), (14, 1, 1))
CLASSES = np.tile(np.array([0, 1, -1], np.float32), (14, 1))
FOUND = {"boxes": BOXES, "classes": CLASSES}


def test_one_picture():
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


def test_sheet(tmp_path):
    figure = detection_sheet(IMAGES, FOUND, ["a", "b"], path=tmp_path / "sheet.png")
    assert len(figure.axes) == 12
    assert {axes.get_title(loc="left") for axes in figure.axes} == {"2 objects"}
    assert (tmp_path / "sheet.png").stat().st_size > 1000
    first = {key: value[:2, :1] for key, value in FOUND.items()}
    figure = detection_sheet(IMAGES[:2], first, ["balloon"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["1 balloon"] * 2
    figure = detection_sheet(IMAGES[:2], first, ["balloon"], titles=["before", "after"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["before", "after"]


@pytest.mark.parametrize(
    ("count", "arguments", "message"),
    [
        (0, {}, "at least one picture"),
        (13, {}, r"received 13 pictures and \[14, 14\]"),
        (14, {"titles": ["one"]}, r"received 14 pictures and \[14, 14, 1\]"),
    ],
)
def test_wrong_arguments(count, arguments, message):
    with pytest.raises(ValueError, match=message):
        detection_sheet(IMAGES[:count], FOUND, ["a", "b"], **arguments)
