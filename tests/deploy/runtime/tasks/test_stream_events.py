"""What of a stream of probabilities is reported, by hand."""

import numpy as np
import pytest

from deploy import DeployError
from deploy.runtime.tasks.classification import events

CLASSES = ["one", "two", "noise"]
SETTINGS = {
    "hop": 0.1,
    "smoothing": 1,
    "threshold": 0.8,
    "refractory": 0.3,
    "background": ["noise"],
}
ONE, TWO, NOISE, UNSURE = [0.9, 0.0, 0.1], [0.1, 0.9, 0.0], [0, 0, 1.0], [0.7, 0.2, 0.1]


def reported(rows, **changed):
    predictions = (
        (0.1 * step, {"probabilities": np.array(row)}) for step, row in enumerate(rows, start=1)
    )
    found = events(SETTINGS | changed, predictions, CLASSES)
    return [(round(event.time, 1), event.text) for event in found]


def test_a_class_is_reported_once_for_as_long_as_it_is_heard():
    assert reported([NOISE, ONE, ONE, ONE, ONE, ONE, ONE, NOISE]) == [(0.2, "one (90 %)")]


def test_it_is_reported_again_after_something_else():
    for between in (NOISE, UNSURE):
        rows = [ONE, ONE, between, between, ONE]
        assert reported(rows) == [(0.1, "one (90 %)"), (0.5, "one (90 %)")]


def test_nothing_is_reported_within_the_refractory_time():
    assert reported([ONE, NOISE, ONE, NOISE, ONE]) == [(0.1, "one (90 %)"), (0.5, "one (90 %)")]
    # Who still speaks when it is over is heard then.
    assert reported([ONE, TWO, TWO, TWO, TWO]) == [(0.1, "one (90 %)"), (0.4, "two (90 %)")]
    assert reported([ONE, TWO], refractory=0) == [(0.1, "one (90 %)"), (0.2, "two (90 %)")]


def test_background_and_what_is_below_the_threshold_are_not_reported():
    assert reported([NOISE, UNSURE, NOISE]) == []
    assert reported([NOISE, UNSURE], threshold=0.7) == [(0.2, "one (70 %)")]
    assert reported([NOISE], background=[]) == [(0.1, "noise (100 %)")]


def test_probabilities_are_averaged_over_windows():
    assert reported([NOISE, ONE, NOISE], smoothing=3) == []
    rows = [NOISE, NOISE, ONE, ONE, ONE]
    assert reported(rows, smoothing=2) == [(0.4, "one (90 %)")]
    assert reported(rows, smoothing=3, threshold=0.55) == [(0.4, "one (60 %)")]


def test_a_background_that_is_no_class_is_refused():
    with pytest.raises(DeployError, match="classes one, two, noise, received 'hum'"):
        reported([ONE], background=["hum"])
