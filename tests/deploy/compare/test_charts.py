"""The charts: where values lie, and that texts keep out of one another's way."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from deploy.compare.charts import (
    COLOURS,
    STYLE,
    Axis,
    Level,
    Point,
    Series,
    marker,
    profile,
    scatter,
)

LETTER, HEIGHT = 6.1, 10


def spots(svg):
    """Where the markers lie, by title."""
    found = {}
    for group in ElementTree.fromstring(svg).iter("g"):
        title = group.find("title")
        if title is not None and group.find("g") is not None:
            place = re.fullmatch(r"translate\((\S+) (\S+)\)", group.find("g").get("transform"))
            found[title.text] = tuple(map(float, place.groups()))
    return found


def texts(svg):
    """The boxes (left, top, right, bottom) of the texts, by text."""
    fractions = {"start": 0, "middle": 0.5, "end": 1, None: 0}
    boxes = {}
    for text in ElementTree.fromstring(svg).iter("text"):
        x, y, width = float(text.get("x")), float(text.get("y")), LETTER * len(text.text)
        left = x - fractions[text.get("text-anchor")] * width
        boxes[text.text] = (left, y - HEIGHT, left + width, y)
    return boxes


def leaders(svg):
    """Points along the lines that lead labels to their points."""
    paths = re.findall(r'class="leader" d="M(\S+) (\S+)L(\S+) (\S+)"', svg)
    for path in paths:
        ends = np.array(path, float).reshape(2, 2)
        yield from ends[0] + np.linspace(0, 1, 50)[:, None] * (ends[1] - ends[0])


def point(x, y, label, colour=0):
    return Point(x, y, colour, 0, label, label)


def test_decades_are_equally_far_apart():
    points = [point(x, y, f"point {x}") for x, y in ((1, 10), (10, 20), (100, 40))]
    found = spots(scatter(points, [], Axis("size, kB", log=True), Axis("score")))
    (x1, y1), (x2, y2), (x3, y3) = (found[f"point {x}"] for x in (1, 10, 100))
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.11)
    assert 2 * (y1 - y2) == pytest.approx(y2 - y3, abs=0.21) and y1 > y2 > y3


def test_ticks_stand_where_their_values_lie():
    points = [point(20, 0.5, "low"), point(500, 1.5, "high")]
    svg = scatter(points, [], Axis("size", log=True), Axis("score"))
    boxes, found = texts(svg), spots(svg)
    middle = (boxes["20"][0] + boxes["20"][2]) / 2
    assert middle == pytest.approx(found["low"][0], abs=0.2)
    assert (boxes["500"][0] + boxes["500"][2]) / 2 == pytest.approx(found["high"][0], abs=0.2)
    assert boxes["0.5"][3] - 4 == pytest.approx(found["low"][1], abs=0.2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1e4, 2e5), ["10 k", "20 k", "50 k", "100 k", "200 k"]),
        ((3e5, 4e6), ["500 k", "1 M", "2 M"]),
        ((0.01, 0.3), ["0.01", "0.02", "0.05", "0.1", "0.2"]),
        ((1, 1e5), ["1", "10", "100", "1000", "10 k", "100 k"]),
    ],
)
def test_the_numbers_of_a_logarithmic_axis(values, expected):
    points = [point(x, 1, f"at {x}") for x in values]
    found = texts(scatter(points, [], Axis("cycles", log=True), Axis("score")))
    assert set(expected) <= set(found)
    ticks = [box for name, box in found.items() if name[0].isdigit() and box[1] > 230]
    assert all(left >= 30 and right <= 360 for left, _, right, _ in ticks)


@pytest.mark.parametrize(
    ("places", "left"),
    [([10, 20], 44), ([1, 5], 250), ([1, 20], 140)],
    ids=["right", "left", "both"],
)
def test_a_levels_label_makes_room_for_points(places, left):
    points = [point(x, 1, f"at {x}") for x in places] + [point(0, 2, "low"), point(21, 2, "high")]
    label = texts(scatter(points, [Level(1, 0, "the Keras model")], Axis("x"), Axis("y")))
    assert left <= label["the Keras model"][0] <= left + 10


def test_nothing_stands_above_the_most():
    points = [point(1, 99.9, "good"), point(2, 99.0, "bad")]
    svg = scatter(points, [], Axis("size"), Axis("accuracy, %", most=100))
    assert spots(svg)["good"][1] >= 30
    ticks = [float(text) for text in texts(svg) if re.fullmatch(r"[\d.]+", text)]
    assert ticks and max(ticks) <= 100


@pytest.mark.parametrize("seed", range(20))
def test_labels_do_not_overlap(seed):
    generator = np.random.default_rng(seed)
    # Some in a crowd, some on a line, two on one spot.
    places = [*generator.normal((3, 3), 0.4, (8, 2)), *((x, 5) for x in generator.uniform(1, 9, 6))]
    places += [(8, 2), (8, 2)]
    points = [point(x, y, f"bundle-{k}") for k, (x, y) in enumerate(places)]
    svg = scatter(points, [Level(5, 0, "Keras")], Axis("x"), Axis("y"))
    boxes = {name: box for name, box in texts(svg).items() if re.match(r"bundle|Keras", name)}
    assert len(boxes) >= 8 and {"bundle-14", "bundle-15"} <= set(boxes)
    found = list(boxes.items())
    for k, (name, box) in enumerate(found):
        assert min(box) >= 0 and box[2] <= 360 and box[3] <= 270
        for other, (left, top, right, bottom) in found[k + 1 :]:
            apart = box[2] <= left or right <= box[0] or box[3] <= top or bottom <= box[1]
            assert apart, f"{name} lies on {other}"
        for x, y in [*spots(svg).values(), *leaders(svg)]:
            inside = box[0] < x < box[2] and box[1] < y < box[3]
            assert not inside, f"{name} lies on a point or a line to one"
        level = float(re.search(r'class="level c0" d="M\S+ ([\d.]+)L', svg)[1])
        assert not box[1] < level < box[3], f"{name} is crossed out"


def test_many_points_on_one_spot_share_a_short_label():
    points = [point(1, 1, f"bundle-{k}") for k in range(7)] + [point(2, 2, "other")]
    found = texts(scatter(points, [], Axis("x"), Axis("y")))
    assert {"bundle-0", "bundle-1", "bundle-2", "and 4 more", "other"} <= set(found)
    assert "bundle-3" not in found


def test_one_point_alone_has_axes_too():
    svg = scatter([point(5, 0, "alone")], [], Axis("x", log=True), Axis("y"))
    assert {"alone", "x", "y"} < set(texts(svg))


def test_a_profile_goes_down_row_by_row():
    rows = [("conv_1", "conv_1 (CONV_2D)"), ("a_very_long_layer_name_indeed", "long"), ("end", "")]
    series = [Series([10, 20, 40], 0, 0, "int8"), Series([None, 30, 95], 1, 1, "int16")]
    svg = profile(rows, series, Axis("SQNR, dB", most=90))
    found = spots(svg)
    assert set(found) == {
        "int8, conv_1: 10.0",
        "int8, a_very_long_layer_name_indeed: 20.0",
        "int8, end: 40.0",
        "int16, a_very_long_layer_name_indeed: 30.0",
        "int16, end: 95.0",
    }
    (x1, y1), (x2, y2), (x4, y3) = (xy for title, xy in found.items() if "int8" in title)
    assert y2 - y1 == pytest.approx(y3 - y2) and y2 > y1
    assert 2 * (x2 - x1) == pytest.approx(x4 - x2, abs=0.21)
    assert found["int16, end: 95.0"][0] <= 346
    curves = re.findall(r'class="curve c\d" d="([^"]*)"', svg)
    assert [re.sub(r"[\d. ]", "", curve) for curve in curves] == ["MLL", "ML"]
    assert "a_very_lo…me_indeed" in texts(svg)


def test_names_are_escaped():
    svg = scatter([point(1, 1, "<b>&")], [Level(1, 0, "<i>")], Axis("<x>"), Axis("<y>"))
    svg += profile([("<row>", "<title>")], [Series([1.0], 0, 0, "<s>")], Axis("<z>"))
    assert not re.search(r"<(b|i|x|y|row|s|z)>", svg)
    assert "&lt;b&gt;&amp;" in svg


def test_every_colour_has_its_style():
    used = {re.search(r'class="(c\d)', marker(0, colour))[1] for colour in range(20)}
    assert used == {f"c{colour}" for colour in range(COLOURS)}
    assert all(f".{name} {{" in STYLE for name in used)
    assert "hollow" in marker(8) and "hollow" not in marker(7) + marker(16)
