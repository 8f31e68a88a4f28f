"""Counts, plurals and names."""

import pytest

from deploy.runtime.text import class_name, count_in_words, plural


@pytest.mark.parametrize(
    ("names", "classes", "expected"),
    [
        (["balloon"] * 7, ["balloon"], "7 balloons"),
        (["balloon"], ["balloon"], "1 balloon"),
        ([], ["balloon"], "no balloons"),
        (["wbc", "rbc", "rbc", "rbc"], ["rbc", "wbc", "platelet"], "3 rbc, 1 wbc"),
        ([], ["rbc", "wbc"], "nothing found"),
    ],
)
def test_counts(names, classes, expected):
    assert count_in_words(names, classes) == expected


@pytest.mark.parametrize(
    ("noun", "expected"),
    [("bus", "buses"), ("fly", "flies"), ("key", "keys"), ("bench", "benches"), ("car", "cars")],
)
def test_plurals(noun, expected):
    assert plural(noun) == expected


def test_a_class_without_a_name_has_its_number():
    assert [class_name(["a"], index) for index in (0, 1)] == ["a", "1"]
