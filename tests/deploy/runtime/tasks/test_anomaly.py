"""Anomalies on the device: scores and errors by hand, words, drawings and alarms."""

import numpy as np
import pytest
from PIL import Image

from deploy import DeployError
from deploy.runtime.tasks.anomaly import check, draw, events, judge, predict, scores, to_text


def card(shape=(4,), score="reconstruction", threshold=2.0, **entry):
    return {
        "task": "anomaly",
        "anomaly": {"score": score, "threshold": threshold},
        "windows": 1,
        "inputs": [{"name": "x", "shape": [1, *shape], "front_end": {"kind": "array"} | entry}],
        "outputs": [{"name": "y", "shape": [1, *(shape if score == "reconstruction" else (1,))]}],
    }


def judged(told, x, y):
    (errors,) = judge(told, [np.array([x], "float32")], [np.array([y], "float32")])
    return predict(told, [errors[0]], [], (0, 0))


def test_the_score_is_the_mean_squared_error():
    found = judged(card(), [1, 2, 3, 4], [1, 2, 5, 1])
    assert found["score"] == pytest.approx((4 + 9) / 4)
    assert found["anomalous"] and found["ratio"] == pytest.approx(3.25 / 2)
    np.testing.assert_array_equal(found["errors"], [0, 0, 4, 9])
    names = [(name, round(part, 3)) for name, part in found["channels"]]
    assert names == [("3", 0.692), ("2", 0.308), ("0", 0.0)]
    assert to_text(found, []) == (
        "anomalous, score 3.25, 1.62 times the threshold; most in 3 (69.2 %), 2 (30.8 %), 0 (0.0 %)"
    )
    normal = judged(card(columns=["a", "b", "c", "d"]), [1, 2, 3, 4], [1, 1, 3, 4])
    assert to_text(normal, []).startswith(
        "normal, score 0.25, 0.12 times the threshold; most in b (100.0 %)"
    )


def test_channels_are_those_of_the_last_axis():
    x, y = np.zeros((3, 2)), np.array([[1, 0], [1, 0], [0, 1]])
    for shape in ((3, 2), (3, 2, 1)):
        found = judged(card(shape), x.reshape(shape), y.reshape(shape))
        assert found["channels"] == [("0", pytest.approx(2 / 3)), ("1", pytest.approx(1 / 3))]
    assert judged(card((3, 2, 1), kind="image"), x[..., None], y[..., None])["channels"] is None


def test_a_model_may_give_the_score_itself():
    told = card(score="output", threshold=-1.0)
    (given,) = judge(told, [np.zeros((2, 4))], [np.array([[-3.0], [0.5]], "float32")])
    np.testing.assert_array_equal(scores(given), [-3, 0.5])
    found = [predict(told, [each], [], (0, 0)) for each in given]
    assert [each["anomalous"] for each in found] == [False, True]
    assert found[0]["errors"] is found[0]["channels"] is found[0]["ratio"] is None
    assert to_text(found[1], []) == "anomalous, score 0.5, threshold -1"


def test_without_a_threshold_only_the_score_is_said():
    found = judged(card(threshold=None), [0, 0, 0, 0], [1, 1, 1, 1])
    assert found["anomalous"] is None
    assert to_text(found, []).startswith("score 1, without a threshold; most in 0 (25.0 %)")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"anomaly": None}, "the score reconstruction or output, received None"),
        ({"anomaly": {"score": "sum"}}, "the score reconstruction or output"),
        ({"anomaly": {"score": "output"}}, "one input, and one number, received"),
        ({"outputs": [{"name": "y", "shape": [1, 3]}]}, "an output of the input's shape, received"),
        ({"anomaly": {"score": "reconstruction", "threshold": -1}}, "above 0 for the threshold"),
        ({"windows": None}, "windows 1 row or more apart, a whole number, received None"),
        ({"stream": {"hop": 1}}, r"a stream with hop, .* received \['hop'\]"),
    ],
)
def test_cards_that_cannot_be_are_refused(changed, message):
    check(card())
    with pytest.raises(DeployError, match=message):
        check(card() | changed)


def test_the_heat_lies_where_the_errors_are():
    told = card((8, 8, 1), threshold=0.01, kind="image")
    x = np.full((8, 8, 1), 128.0)
    y = x.copy()
    y[1:3, 5:7] += 20
    grey = Image.new("L", (64, 64), 128)
    strong = np.asarray(draw(grey, judged(told, x, y), [])).astype(int)
    # On a sheet with a margin of 12: the spot is 2 of 8 pixels wide, 64 of 256.
    spot, far = strong[12 + 64, 12 + 192], strong[12 + 200, 12 + 40]
    assert spot[0] > spot[1] + 100 and spot[0] > spot[2] + 100
    assert np.abs(far - 128).max() <= 2
    # The nearer to the threshold, the stronger.
    weak = judged(told | {"anomaly": {"score": "reconstruction", "threshold": 250.0}}, x, y)
    assert not weak["anomalous"]
    drawn = np.asarray(draw(grey, weak, [])).astype(int)[12 + 64, 12 + 192]
    assert 5 < drawn[0] - drawn[2] < (spot[0] - spot[2]) / 2
    alone = draw(grey, predict(card(score="output"), [np.array([3.0])], [], (64, 64)), [])
    assert np.asarray(alone)[12 + 64, 12 + 192].tolist() == [128, 128, 128]


SETTINGS = {"hop": 1, "threshold": 10.0, "needed": 2, "window": 3, "release": 0.5}


def reported(values, **changed):
    rows = (
        (float(number), {"score": float(value), "channels": [("fan", 0.75)]})
        for number, value in enumerate(values, start=1)
    )
    return [(event.time, event.text) for event in events(SETTINGS | changed, rows, [])]


def test_an_alarm_begins_with_several_and_ends_well_below():
    found = reported([1, 11, 1, 12, 30, 9, 6, 4, 1])
    assert found == [
        (4, "alarm begins, score 12, 1.20 times the threshold; most in fan (75.0 %)"),
        (8, "alarm ends, largest score 30, now 4, 0.40 times the threshold"),
    ]


def test_single_scores_and_those_far_apart_are_no_alarm():
    assert reported([11, 1, 1, 11, 1, 1, 99]) == []
    assert [time for time, _ in reported([11, 1, 1, 11], needed=1, window=1)] == [1, 2, 4]
    assert [time for time, _ in reported([11, 1, 1, 11], window=4)] == [4]
    # What lies on the threshold does not exceed it.
    assert reported([10, 10, 10]) == []


def test_after_an_alarm_all_is_counted_anew():
    found = reported([11, 11, 4, 11, 1, 11])
    assert [(time, text.split(",")[0]) for time, text in found] == [
        (2, "alarm begins"), (3, "alarm ends"), (6, "alarm begins"),
    ]  # fmt: skip


def test_predictions_of_events_follow_the_streams_threshold():
    rows = [(1.0, {"score": 4.0, "channels": None, "threshold": 100.0, "anomalous": False})] * 2
    (event,) = events(SETTINGS | {"threshold": 2.0}, rows, [])
    assert event.prediction["anomalous"] and event.prediction["ratio"] == 2
    assert event.text == "alarm begins, score 4, 2.00 times the threshold"
