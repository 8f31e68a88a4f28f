"""The plan agrees with the sessions: their minutes, their exercises, and all of them once."""

import re

import pytest

from courses import SESSIONS, plan
from tests.courses.conftest import WRITTEN, modules

OF_KEY = {row["key"]: row for row in plan.read_plan()["sessions"]}


def test_every_session_has_its_row_in_order():
    assert list(OF_KEY) == list(SESSIONS)


@pytest.mark.parametrize("key", WRITTEN)
def test_the_demo_begins_where_a_line_of_the_readme_does(key):
    text = (WRITTEN[key].path / "README.md").read_text("utf-8")
    lines = [(int(a), int(b)) for a, b in re.findall(r"^\| (\d+)–(\d+) \|", text, re.MULTILINE)]
    begins, ends = zip(*lines, strict=True)
    assert (begins[0], ends[-1]) == (0, plan.read_plan()["session_minutes"])
    assert begins[1:] == ends[:-1]
    assert OF_KEY[key]["demo_from"] in begins[1:]


@pytest.mark.parametrize("key", SESSIONS)
def test_what_a_learner_can_do_afterwards_is_graded(key):
    assert OF_KEY[key]["tested_by"]
    assert set(OF_KEY[key]["tested_by"]) <= set(modules(key).names)


@pytest.mark.parametrize("name", plan.read_plan()["plans"])
def test_a_calendar_holds_every_session_once(name):
    chosen = plan.read_plan()["plans"][name]
    assert [key for keys in chosen["sessions"] for key in keys] == list(SESSIONS)
    assert len(chosen["project"]) == len(chosen["sessions"])


def test_a_calendar_adds_up():
    first = plan.calendar_table("five_weeks")[1]
    rows = [OF_KEY["s01"], OF_KEY["s02"]]
    theory = sum(row["demo_from"] for row in rows)
    exercises = sum(row["exercises"] for row in rows)
    project = plan.read_plan()["plans"]["five_weeks"]["project"][0]
    minutes = [str(each) for each in (theory, 180 - theory, exercises, project)]
    hours = f"{(180 + exercises + project) / 60:.1f}"
    assert first == ["1", "s01, s02", *minutes, hours]


def test_the_rubric_has_a_hundred_points_half_of_them_measured():
    points = {half: sum(row["points"] for row in rows) for half, rows in plan.read_rubric().items()}
    assert points == {"measured": 50, "judged": 50}
