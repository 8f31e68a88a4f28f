"""The grader: what it accepts, what it says, and that nothing a learner writes stops it."""

import signal
import sys
from types import SimpleNamespace
from typing import NamedTuple

import keras
import numpy as np
import pytest

from courses import grading
from courses.grading import (
    Mismatch,
    Result,
    expect,
    expect_equal,
    expect_parts,
    expect_traced,
)


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (24, 24),
        (np.int64(24), 24),
        (0.1 + 0.2, 0.3),
        (1e9 * (1 + 1e-8), 1e9),
        (float("inf"), float("inf")),
        (float("nan"), float("nan")),
        ("same", "same"),
        (None, None),
        (True, True),
        ([1, 2.5], (1, 2.5)),
        (np.array([1, 2]), (1, 2)),
        ({"a": np.ones(2)}, {"a": np.ones(2)}),
        (np.ones((2, 3), np.float32), np.ones((2, 3))),
        ([[1.0, 2.0]], np.array([[1.0, 2.0]])),
        (keras.ops.ones((2, 2)), np.ones((2, 2))),
        (np.array(["a", "b"]), np.array(["a", "b"])),
        (np.array([np.inf, -np.inf, np.nan]), np.array([np.inf, -np.inf, np.nan])),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (np.array([True, False]), np.array([True, False])),
        (np.array([1, 2], np.uint8), np.array([1, 2])),
    ],
)
def test_expect_equal_accepts(received, expected):
    expect_equal(received, expected, case="case")


def _grid(**changes):
    values = np.arange(6.0).reshape(2, 3)
    for position, value in changes.items():
        values[int(position[1]), int(position[2])] = value
    return values


@pytest.mark.parametrize(
    ("received", "expected", "message"),
    [
        (25, 24, "case: expected 24, received 25"),
        (24.0, 24, "case: expected the whole number 24, received 24 of type float"),
        (True, 1, "case: expected 1, received True of type bool"),
        ("24", 24, "case: expected 24, received 24 of type str"),
        (None, 24, "case: expected 24, received None (no return?)"),
        ("0.3", 0.3, "case: expected 0.3, received 0.3 of type str"),
        (0.31, 0.3, "case: expected 0.3, received 0.31"),
        (keras.ops.convert_to_tensor(0.5), 0.3, "case: expected 0.3, received 0.5"),
        (float("nan"), 0.5, "case: expected 0.5, received nan"),
        (float("-inf"), float("inf"), "case: expected inf, received -inf"),
        ("valid", "same", "case: expected same, received valid"),
        (1, True, "case: expected True, received 1"),
        (
            np.ones(2),
            1.0,
            "case: expected the number 1, received an array of shape (2,): array([1., 1.])",
        ),
        ((3, 4), (3, 5), "case: expected (3, 5), received (3, 4)"),
        ((3,), (3, 5), "case: expected (3, 5), received (3,)"),
        (3, (3, 5), "case: expected (3, 5), received 3"),
        ({"a": 1}, {"a": 1, "b": 2}, "case: expected the keys ['a', 'b'], received ['a']"),
        ({"a": 2}, {"a": 1}, "case, 'a': expected 1, received 2"),
        (
            np.array([True, False]),
            np.array([1.0, 0.0]),
            "case: expected an array of numbers of shape (2,), "
            "received array([ True, False]) of type ndarray",
        ),
        (
            None,
            np.array(["a", "b"]),
            "case: expected an array of shape (2,), received None (no return?)",
        ),
        (
            None,
            _grid(),
            "case: expected an array of numbers of shape (2, 3), received None (no return?)",
        ),
        (_grid().T, _grid(), "case: expected shape (2, 3), received shape (3, 2)"),
        (
            _grid(_01=9, _12=9),
            _grid(),
            "case: expected 1 at index (0, 1), received 9 (2 of 6 elements differ)",
        ),
        (
            _grid(_10=np.nan),
            _grid(),
            "case: expected 3 at index (1, 0), received nan (1 of 6 elements differ)",
        ),
        (
            [[1], [2, 3]],
            _grid(),
            "case: expected an array of numbers of shape (2, 3), "
            "received [[1], [2, 3]] of type list",
        ),
        (
            (np.ones(2), np.zeros(2)),
            (np.ones(2), np.ones(2)),
            "case: expected 1 at index (0,), received 0 (2 of 2 elements differ) "
            "(element 1 of the result)",
        ),
    ],
)
def test_expect_equal_rejects_and_says_why(received, expected, message):
    with pytest.raises(Mismatch) as caught:
        expect_equal(received, expected, case="case")
    assert str(caught.value) == message


def test_expect_parts_says_what_the_parts_are():
    for right in ((1, 2), [1, 2]):
        expect_parts(right, ("x", "y"), case="case")
    for wrong in ((1,), (1, 2, 3), 1.5, None, np.zeros(2)):
        with pytest.raises(Mismatch, match=r"case: expected a tuple \(x, y\), received "):
            expect_parts(wrong, ("x", "y"), case="case")


def test_expect_equal_rejects_a_symbolic_tensor_by_name():
    with pytest.raises(
        Mismatch, match="expected an array of numbers of shape .* of type KerasTensor"
    ):
        expect_equal(keras.Input((3,)), np.ones((2, 3)), case="case")


def test_tolerance_is_absolute_below_one_and_relative_above():
    expect_equal(0.005, 0.0, case="small", tolerance=0.01)
    expect_equal(1009.0, 1000.0, case="large", tolerance=0.01)
    with pytest.raises(Mismatch):
        expect_equal(0.02, 0.0, case="small", tolerance=0.01)
    with pytest.raises(Mismatch):
        expect_equal(1011.0, 1000.0, case="large", tolerance=0.01)


def test_dtype_is_held_where_it_is_asked_for():
    with pytest.raises(Mismatch, match="c: expected dtype int8, received dtype int64"):
        expect_equal(np.ones(2, np.int64), np.ones(2), case="c", dtype=np.int8)
    expect_equal(np.ones(2, np.int8), np.ones(2), case="c", dtype="int8")


def test_long_values_are_cut():
    with pytest.raises(Mismatch) as caught:
        expect(False, case="case", expected="x" * 500, received=list(range(500)))
    assert len(str(caught.value)) < 300 and "…" in str(caught.value)


def _recurse():
    return _recurse()


def _raise(error):
    raise error


def _divide():
    return 1 / 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: _raise(NotImplementedError()), "not written yet"),
        (_divide, "raised ZeroDivisionError: division by zero"),
        (lambda: sys.exit(3), "raised SystemExit: 3"),
        (_recurse, "raised RecursionError: maximum recursion depth exceeded"),
        (lambda: _raise(AssertionError()), "raised AssertionError"),
        (lambda: _raise(ValueError("two\nlines")), "raised ValueError: two lines"),
        (lambda: _raise(BaseException("odd")), "raised BaseException: odd"),
    ],
)
def test_whatever_the_learner_raises_becomes_the_message(function, message):
    checks = SimpleNamespace(check_answer=lambda answers: answers.answer())
    (result,) = grading.grade(SimpleNamespace(answer=function), checks)
    assert not result.passed
    assert result.message.startswith(message)


def test_control_c_stops_the_grader():
    checks = SimpleNamespace(check_answer=lambda answers: answers.answer())
    answers = SimpleNamespace(answer=lambda: _raise(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        grading.grade(answers, checks)


def test_arguments_changed_in_place_spoil_nothing():
    class Branches(NamedTuple):
        paths: list

    def spoil(image, options, branches, *, rows):
        image[:] = -1
        options["padding"].append("same")
        branches.paths.append(3)
        rows.clear()
        return image

    image, options, rows = np.ones(3), {"padding": ["valid"]}, [1, 2]
    branches = Branches([1, 2])

    def check_answer(answers):
        answers.answer(image, options, branches, rows=rows)

    assert grading.grade(
        SimpleNamespace(answer=spoil), SimpleNamespace(check_answer=check_answer)
    ) == [Result("answer", True)]
    assert image.tolist() == [1, 1, 1] and options == {"padding": ["valid"]} and rows == [1, 2]
    assert branches == Branches([1, 2])


def test_a_missing_function_is_named():
    checks = SimpleNamespace(check_conv2d=lambda answers: answers.conv2d())
    (result,) = grading.grade(SimpleNamespace(__file__="/some/exercises.py"), checks)
    assert result.message == "expected a function conv2d in exercises.py, received none"


def test_checks_run_in_order_of_definition_and_all_run():
    checks = SimpleNamespace(
        check_second=lambda answers: _raise(Mismatch("wrong")),
        helper=lambda answers: _raise(RuntimeError),
        check_first=lambda answers: None,
    )
    assert grading.grade(None, checks) == [
        Result("second", False, "wrong"),
        Result("first", True),
    ]


def test_report_lists_every_exercise_and_counts():
    results = [Result("conv2d", True), Result("pool", False, "not written yet")]
    results.append(Result("cost", False, "case: expected 1, received 2"))
    assert grading.report(results).splitlines() == [
        "passed  conv2d",
        "to do   pool    not written yet",
        "FAILED  cost    case: expected 1, received 2",
        "1 of 3 exercises passed",
    ]


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A session package of one `exercises.py` that the test writes."""
    package = tmp_path / "some_session"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield package / "exercises.py"
    for name in [name for name in sys.modules if name.startswith("some_session")]:
        del sys.modules[name]


def test_load_answers_reads_edits(session):
    session.write_text("answer = 1")
    assert grading.load_answers("some_session").answer == 1
    session.write_text("answer = 12")
    assert grading.load_answers("some_session").answer == 12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ndef conv2d(:\n", "exercises.py, line 2: not valid Python: "),
        ("  indented = 1", "exercises.py, line 1: not valid Python: unexpected indent"),
        ("import no_such_library", "exercises.py cannot be loaded: ModuleNotFoundError: No module"),
        ("x = 1\ny = 1 / 0", "ZeroDivisionError: division by zero (exercises.py, line 2)"),
        ("raise SystemExit(1)", "exercises.py cannot be loaded: SystemExit: 1"),
    ],
)
def test_load_answers_turns_a_broken_file_into_one_line(session, text, message):
    session.write_text(text)
    with pytest.raises(grading.UnreadableAnswers) as caught:
        grading.load_answers("some_session")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_load_answers_says_that_a_file_is_missing(session):
    with pytest.raises(grading.UnreadableAnswers, match="exercises.py cannot be loaded: .*No mod"):
        grading.load_answers("some_session")


def test_the_learners_own_line_is_named(session):
    session.write_text("import math\n\ndef answer():\n    return math.sqrt(-1)\n")
    answers = grading.load_answers("some_session")
    checks = SimpleNamespace(check_answer=lambda answers: answers.answer())
    (result,) = grading.grade(answers, checks)
    assert result.message.startswith("raised ValueError: ")
    assert result.message.endswith("(exercises.py, line 4)")


def test_what_numpy_makes_can_not_be_traced():
    numbers, classes = keras.KerasTensor((3, 2)), keras.KerasTensor((3,), "int32")

    def picked(values, rows):
        return keras.ops.sum(values[:, None] * keras.ops.one_hot(rows, 2)[:, None], axis=-1)

    expect_traced(picked, numbers, classes, shape=(3, 1))
    with pytest.raises(Mismatch, match=r"of shape \(3,\) made by keras.ops, received .*3, 1"):
        expect_traced(picked, numbers, classes, shape=(3,))
    with pytest.raises(Mismatch, match=r"as in `fit`: expected .*, received NotImplementedError"):
        expect_traced(lambda values, _: np.sum(np.asarray(values)), numbers, classes, shape=())
    with pytest.raises(Mismatch, match="received None"):
        expect_traced(lambda values, _: None, numbers, classes, shape=())
    mean = [numbers], [2.0]
    expect_traced(lambda parts, weights: weights[0] * keras.ops.mean(parts[0]), *mean, shape=())


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarms on this system")
def test_an_endless_loop_ends(session, monkeypatch):
    session.write_text("def answer():\n    while True:\n        pass\n")
    monkeypatch.setattr(grading, "TIME_LIMIT", 0.2)
    checks = SimpleNamespace(
        check_answer=lambda answers: answers.answer(), check_other=lambda answers: None
    )
    ended, other = grading.grade(grading.load_answers("some_session"), checks)
    assert ended.message.startswith("raised TimeoutError: not finished after 0.2 s; is there an e")
    assert ended.message.endswith("(exercises.py, line 3)") or "line 2)" in ended.message
    assert other.passed


def test_a_librarys_not_implemented_is_not_taken_for_a_stub(session):
    session.write_text("def answer(library):\n    return library()\n")
    answers = grading.load_answers("some_session")
    checks = SimpleNamespace(check_answer=lambda answers: answers.answer(_library_call))
    (result,) = grading.grade(answers, checks)
    assert result.message == "raised NotImplementedError: no such kernel (exercises.py, line 2)"


def _library_call():
    raise NotImplementedError("no such kernel")
