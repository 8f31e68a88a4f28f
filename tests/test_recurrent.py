"""Words in a stream, as session 5's benchmark counts them."""

import numpy as np
import pytest

import deploy.runtime
from benchmarks.recurrent import in_a_stream, in_order
from deploy.runtime.tasks.events import Event
from thinkkeras.datasets.recordings import Recordings, word_strings


@pytest.mark.parametrize(
    ("heard", "said", "expected"),
    [
        ("", "abc", 0),
        ("abc", "", 0),
        ("abc", "abc", 3),
        ("aabbc", "abc", 3),
        ("acb", "abc", 2),
        ("xaybz", "abc", 2),
        ("cba", "abc", 1),
        ("abcbdab", "bdcaba", 4),
    ],
)
def test_words_in_order_are_the_longest_common_subsequence(heard, said, expected):
    assert in_order(heard, said) == expected == in_order(said, heard)


def test_words_of_a_stream_are_detected_once_and_others_are_false_alarms(monkeypatch):
    names = ["one", "two", "three"]
    words = [np.full(800, 0.1 * number, np.float32) for number in (1, 2, 3)]
    test = Recordings(words, np.arange(3), np.array(["a"] * 3), 8000, names)
    options = {"words": (10, 10), "gap": (0.4, 1.0), "seed": 7}
    samples, said = word_strings(test, 2, **options)
    answers = iter(said)

    def stream(bundle, chunks):
        assert bundle == "bundle" and len(np.concatenate(chunks)) in map(len, samples)
        heard = [names[label] for label in next(answers)]
        # The first of ten is missed, the last is heard twice, and once something else.
        for name in [*heard[1:], heard[-1], "four"]:
            yield Event(0.0, f"{name} (90 %)", None)

    monkeypatch.setattr(deploy.runtime, "stream", stream)
    found = in_a_stream("bundle", test, words=20)
    minutes = sum(map(len, samples)) / 8000 / 60
    assert (found["words"], found["heard"]) == (20, 22)
    assert found["detected"] == pytest.approx(18 / 20)
    assert found["minutes"] == pytest.approx(minutes)
    assert found["false_alarms_per_minute"] == pytest.approx(4 / minutes)
