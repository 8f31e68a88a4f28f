"""Every session's exercises: the solutions pass, the stubs and plausible wrong answers do not."""

import functools
import re
from types import SimpleNamespace

import pytest

from courses import grading
from tests.courses.conftest import WRITTEN, grade, modules

# Exercises whose networks are trained and converted.
SLOW = {("s05", "build_spotter"), ("s07", "build_network")}
EXERCISES = [(key, exercise) for key in WRITTEN for exercise in modules(key).names]
MISTAKES = [
    (key, exercise, mistake)
    for key, exercise in EXERCISES
    for mistake in modules(key).wrong[exercise]
]


def marked(cases):
    """The cases (session, exercise, …), the slow ones marked."""
    return [pytest.param(*case, marks=[pytest.mark.slow] * (case[:2] in SLOW)) for case in cases]


@pytest.mark.parametrize(("key", "exercise"), marked(EXERCISES))
def test_solutions_pass(key, exercise):
    assert grade(key, exercise, modules(key).solutions) == grading.Result(exercise, True)


@pytest.mark.parametrize("key", WRITTEN)
def test_untouched_stubs_are_to_do(key):
    results = grading.grade(modules(key).exercises, modules(key).checks)
    assert [result.exercise for result in results] == modules(key).names
    assert {result.message for result in results} == {"not written yet"}


def test_stubs_and_solutions_have_the_same_arguments():
    for key, exercise in EXERCISES:
        stub, solution = (getattr(modules(key), m) for m in ("exercises", "solutions"))
        stub, solution = getattr(stub, exercise), getattr(solution, exercise)
        assert stub.__annotations__ == solution.__annotations__, exercise
        assert stub.__defaults__ == solution.__defaults__, exercise
        assert stub.__kwdefaults__ == solution.__kwdefaults__, exercise


@functools.cache
def grade_mistake(key, exercise, mistake):
    # What else the exercise needs is the solutions'.
    answers = vars(modules(key).solutions) | {exercise: modules(key).wrong[exercise][mistake]}
    return grade(key, exercise, SimpleNamespace(**answers))


@pytest.mark.parametrize(("key", "exercise", "mistake"), marked(MISTAKES))
def test_wrong_answers_fail_with_expected_and_received(key, exercise, mistake):
    result = grade_mistake(key, exercise, mistake)
    assert not result.passed
    assert re.search(r": expected .+, received .+", result.message), result.message


def test_three_wrong_answers_or_more_are_tried():
    for key, exercise in EXERCISES:
        assert len(modules(key).wrong[exercise]) >= 3, exercise


@pytest.mark.parametrize(
    ("key", "exercise", "mistake", "message"),
    marked((key, *case) for key in WRITTEN for case in modules(key).messages),
)
def test_the_message_names_the_mistake(key, exercise, mistake, message):
    assert message in grade_mistake(key, exercise, mistake).message
