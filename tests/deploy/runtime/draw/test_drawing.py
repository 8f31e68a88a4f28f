"""Drawings by their pixels."""

import numpy as np
import pytest
from PIL import Image

from deploy.runtime.draw.drawing import colour, draw_detections, draw_label_map

GREY = (90, 90, 90)


def found(boxes, labels=None, names=None, masks=None):
    """A prediction with these boxes."""
    count = len(boxes)
    prediction = {"boxes": np.array(boxes, "float32").reshape(-1, 4)}
    prediction |= {"scores": np.linspace(0.9, 0.5, count), "names": names or ["balloon"] * count}
    prediction["labels"] = np.array(labels if labels is not None else [0] * count, "int64")
    return prediction if masks is None else prediction | {"masks": masks}


def pixels_of(sheet, image):
    """The part of the sheet beneath its title, float."""
    zoom = max(1, 640 / max(image.size))
    height = round(image.height * zoom)
    return np.asarray(sheet, "float32")[-height:]


def test_a_detection_has_its_outline_where_its_box_is():
    image = Image.new("RGB", (640, 480), GREY)
    prediction = found([[100, 200, 300, 400], [400, 250, 500, 350]])
    sheet = draw_detections(image, prediction, ["balloon"])
    assert sheet.width == 640 and sheet.height > 480
    drawn = pixels_of(sheet, image)
    for (left, top, right, bottom), shade in zip(
        prediction["boxes"].astype(int), (0, 1), strict=True
    ):
        middle = (left + right) // 2, (top + bottom) // 2
        for y, x in (
            (middle[1], left),
            (middle[1], right),
            (bottom, middle[0]),
            (bottom, right),
            (top, right),
        ):
            assert tuple(drawn[y, x]) == colour(shade)
        assert tuple(drawn[middle[::-1]]) == GREY
        assert tuple(drawn[bottom + 3, middle[0]]) == GREY
        # The name on its colour, right above the box.
        tag = drawn[top - 15 : top - 2, left + 2 : left + 60].reshape(-1, 3)
        fraction = (tag == colour(shade)).all(axis=1).mean()
        assert 0.4 < fraction < 0.95
    assert (drawn[:150] == GREY).all()


def test_colours_are_by_object_for_one_class_and_by_class_for_several():
    image = Image.new("RGB", (640, 640), GREY)
    boxes = [[50, 100, 150, 200], [250, 100, 350, 200], [450, 300, 550, 400]]
    one = pixels_of(draw_detections(image, found(boxes), ["balloon"]), image)
    names = ["wbc", "rbc", "wbc"]
    prediction = found(boxes, [1, 0, 1], names)
    several = pixels_of(draw_detections(image, prediction, ["rbc", "wbc"]), image)
    places = [(200, 100), (200, 300), (400, 500)]
    assert [tuple(one[place]) for place in places] == [colour(0), colour(1), colour(2)]
    assert [tuple(several[place]) for place in places] == [colour(1), colour(0), colour(1)]


def test_the_first_colours_are_far_apart():
    shades = np.array([colour(index) for index in range(10)], "float32")
    apart = np.linalg.norm(shades[:, None] - shades, axis=2)[np.triu_indices(10, 1)]
    assert apart.min() > 80
    assert len({colour(index) for index in range(60)}) == 60


def test_masks_are_tinted_inside_and_full_at_their_border():
    image = Image.new("RGB", (640, 640), GREY)
    masks = np.zeros((2, 640, 640), bool)
    masks[0, 200:300, 100:200] = True
    # The second lies half beneath the first, which is higher-scoring.
    masks[1, 250:350, 100:200] = True
    prediction = found([[400, 500, 450, 550], [500, 500, 550, 550]], masks=masks)
    drawn = pixels_of(draw_detections(image, prediction, ["balloon"]), image)
    halves = [(np.array(colour(index)) + GREY) / 2 for index in range(2)]
    np.testing.assert_allclose(drawn[230, 190], halves[0], atol=0.5)
    np.testing.assert_allclose(drawn[280, 190], halves[0], atol=0.5)
    np.testing.assert_allclose(drawn[330, 190], halves[1], atol=0.5)
    assert tuple(drawn[299, 150]) == colour(0) and tuple(drawn[300, 150]) == colour(1)
    assert tuple(drawn[400, 150]) == GREY


def test_small_images_are_enlarged_and_large_ones_are_not():
    small, large = Image.new("RGB", (32, 64), GREY), Image.new("RGB", (1200, 2400), GREY)
    drawn = pixels_of(draw_detections(small, found([[8, 16, 24, 48]]), ["balloon"]), small)
    assert drawn.shape == (640, 320, 3)
    assert tuple(drawn[320, 80]) == tuple(drawn[320, 240]) == colour(0)
    assert tuple(drawn[320, 160]) == GREY
    sheet = draw_detections(large, found([[300, 600, 900, 1800]]), ["balloon"])
    drawn = pixels_of(sheet, large)
    line = (drawn[1200] == colour(0)).all(axis=1)
    assert sheet.width == 1200 and line.sum() == pytest.approx(2 * 2400 / 320, abs=2)


def test_names_hide_neither_each_other_nor_the_title():
    image = Image.new("RGB", (640, 640), GREY)
    # All at the same place, the first ones at the image's edge.
    boxes = [[0, 0, 200, 100], [0, 0, 210, 110], [0, 0, 220, 120]]
    prediction = found(boxes, [0, 1, 2], ["one", "two", "three"])
    sheet = draw_detections(image, prediction, ["one", "two", "three"])
    title = np.asarray(sheet, "float32")[: sheet.height - 640]
    assert (title[0] > 240).all() and (title.min(axis=2) < 100).any()
    assert not any((title == colour(index)).all(axis=2).any() for index in range(3))
    drawn = pixels_of(sheet, image)
    # Each name's rectangle has the area of its own colour, and nothing of another in it.
    for index in range(3):
        area = (drawn == colour(index)).all(axis=2).sum()
        assert area > 500


def test_nothing_found_is_the_image_under_its_title():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (640, 500, 3), "uint8"))
    prediction = found([], masks=np.zeros((0, 640, 500), bool))
    sheet = draw_detections(image, prediction, ["balloon"])
    np.testing.assert_array_equal(pixels_of(sheet, image), np.asarray(image))


def test_a_map_tints_its_classes_and_has_a_legend():
    image = Image.new("L", (640, 320), 90)
    classes = np.zeros((320, 640), "uint8")
    classes[:, 200:400], classes[:, 400:] = 1, 2
    sheet = draw_label_map(image, classes, ["background", "road", "car"])
    drawn = np.asarray(sheet, "float32")
    assert tuple(drawn[100, 100]) == GREY
    np.testing.assert_allclose(drawn[100, 300], (np.array(colour(1)) + GREY) / 2, atol=0.5)
    np.testing.assert_allclose(drawn[100, 500], (np.array(colour(2)) + GREY) / 2, atol=0.5)
    legend = drawn[320:]
    assert len(legend) > 30
    for index, there in ((0, False), (1, True), (2, True)):
        assert (legend == colour(index)).all(axis=2).any() == there


def test_a_map_of_many_classes_tells_those_that_are_there():
    image, classes = Image.new("RGB", (64, 64), GREY), np.full((64, 64), 30, "uint8")
    sheet = draw_label_map(image, classes, [f"class {index}" for index in range(40)])
    legend = np.asarray(sheet, "float32")[640:]
    shown = [i for i in range(40) if (legend == colour(i)).all(axis=2).any()]
    assert shown == [30]
