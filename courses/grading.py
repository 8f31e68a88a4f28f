"""Grades a session's exercises: one line for each, whatever the learner wrote.

A session's `checks.py` holds functions `check_<exercise>(answers)`, graded in the order they are
written. A check calls the learner's function and compares with `expect_equal` or `expect`:

    def check_output_size(answers):
        received = answers.output_size(28, kernel_size=5)
        expect_equal(received, 24, case="28 pixels, kernel of 5")

Whatever the learner's code raises becomes that exercise's message, an endless loop ends after
`TIME_LIMIT`, and it only ever sees copies of the arrays and lists that a check hands over, so
changing them in place spoils nothing.
"""

import contextlib
import importlib
import inspect
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

NOT_WRITTEN = "not written yet"
TIME_LIMIT = 180  # seconds for one exercise; no check's own work takes a tenth of it
_LONGEST = 120  # characters of a value shown in a message


class Mismatch(Exception):
    """An answer is not what its check expects; the message says case, expected and received."""


class UnreadableAnswers(ValueError):
    """The file with the answers cannot be loaded; the message is one line with file and line."""


@dataclass(frozen=True)
class Result:
    """The outcome of one exercise; `message` is empty when it passed."""

    exercise: str
    passed: bool
    message: str = ""


def load_answers(session_package: str, solutions: bool = False) -> ModuleType:
    """Loads `exercises` (or `solutions`) of a session, anew each time so that edits count.

    Args:
        session_package: the dotted name, such as `"courses.s06_convolutional_networks"`.
        solutions: whether to load the reference solutions in place of the learner's file.

    Raises:
        UnreadableAnswers: the file is missing, is not valid Python, or stops while it is loaded.
    """
    name = f"{session_package}.{'solutions' if solutions else 'exercises'}"
    importlib.invalidate_caches()
    sys.modules.pop(name, None)
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except SyntaxError as error:
        where = f"{_file_name(error.filename)}, line {error.lineno}"
        raise UnreadableAnswers(f"{where}: not valid Python: {error.msg}") from error
    except BaseException as error:  # a learner's file may also call sys.exit()
        file = name.rpartition(".")[2] + ".py"
        raise UnreadableAnswers(f"{file} cannot be loaded: {_describe(error, file)}") from error


def grade(answers: Any, checks: Any) -> list[Result]:
    """Runs every `check_<exercise>` of `checks` on `answers`, in order of definition."""
    found = [(name, check) for name, check in vars(checks).items() if name.startswith("check_")]
    return [_grade_one(name.removeprefix("check_"), check, answers) for name, check in found]


def report(results: Sequence[Result]) -> str:
    """Lays the results out for the terminal: one exercise a line, then the count."""
    width = max((len(result.exercise) for result in results), default=0)
    lines = [
        f"{_status(result)}  {result.exercise:<{width}}  {result.message}".rstrip()
        for result in results
    ]
    passed = sum(result.passed for result in results)
    return "\n".join([*lines, f"{passed} of {len(results)} exercises passed"])


def expect(condition: Any, *, case: str, expected: Any, received: Any) -> None:
    """Holds a condition that is no plain equality, such as a budget or an accuracy.

    Raises:
        Mismatch: the condition is false.
    """
    if not condition:
        raise Mismatch(f"{case}: expected {_show(expected)}, received {_show(received)}")


def expect_parts(received: Any, parts: Sequence[str], *, case: str) -> None:
    """Holds an answer of several values, that it can be taken apart and each one compared."""
    expect(
        isinstance(received, tuple | list) and len(received) == len(parts),
        case=case,
        expected=f"a tuple ({', '.join(parts)})",
        received=received,
    )


@contextlib.contextmanager
def no_warnings(case: str) -> Iterator[None]:
    """What overflows is a mistake here, not a note at the side."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    expect(
        not caught,
        case=case,
        expected="no warning",
        received=str(caught[0].message) if caught else "",
    )


def expect_equal(
    received: Any, expected: Any, *, case: str, tolerance: float = 1e-6, dtype: Any = None
) -> None:
    """Compares an answer with the expected value: numbers, arrays, strings or containers of them.

    Whole numbers and strings must agree exactly; other numbers to within
    `tolerance * max(1, |expected|)`. Tuples and lists count as the same.

    Args:
        received: the learner's value; arrays may be NumPy's or any Keras backend's.
        expected: the right value.
        case: what was computed, for the message.
        tolerance: the largest difference allowed, relative for values above 1.
        dtype: the dtype that an array must have; any numeric one where it is `None`.

    Raises:
        Mismatch: with the case, the expected and the received value.
    """
    if expected is not None and received is None:
        raise Mismatch(f"{case}: expected {_outline(expected)}, received None (no return?)")
    if isinstance(expected, Mapping):
        _expect_mapping(received, expected, case=case, tolerance=tolerance)
    elif isinstance(expected, tuple | list):
        _expect_sequence(received, expected, case=case, tolerance=tolerance)
    elif isinstance(expected, np.ndarray):
        _expect_array(received, expected, case=case, tolerance=tolerance, dtype=dtype)
    elif isinstance(expected, int | float | np.number) and not isinstance(expected, bool):
        _expect_number(received, expected, case=case, tolerance=tolerance)
    elif type(received) is not type(expected) or received != expected:
        raise Mismatch(f"{case}: expected {_show(expected)}, received {_show(received)}")


def expect_traced(function: Callable[..., Any], *arguments: Any, shape: tuple[int, ...]) -> None:
    """Calls a function on tensors without values, as `fit` does: what `keras.ops` make can be
    traced; what NumPy makes cannot, and no network learns by it.

    Args:
        function: the learner's.
        arguments: what it takes, a `keras.KerasTensor` in place of each tensor.
        shape: of the tensor that it must return.

    Raises:
        Mismatch: it raises something, or returns another shape.
    """
    import keras
    import tensorflow as tf

    def spec(value: Any) -> Any:
        symbolic = isinstance(value, keras.KerasTensor)
        return tf.TensorSpec(value.shape, value.dtype) if symbolic else value

    try:
        traced = tf.function(lambda *tensors: function(*tensors), autograph=False)
        graph = traced.get_concrete_function(*keras.tree.map_structure(spec, arguments))
        output = graph.structured_outputs
        received: Any = tuple(output.shape) if hasattr(output, "shape") else output
    except Exception as error:  # whatever NumPy makes of a tensor without values
        received = f"{type(error).__name__}: {error}"
    expect(
        received == shape,
        case="tensors without values, as in `fit`",
        expected=f"a tensor of shape {shape} made by keras.ops",
        received=received,
    )


def _expect_mapping(received: Any, expected: Mapping, *, case: str, tolerance: float) -> None:
    if not isinstance(received, Mapping) or set(received) != set(expected):
        keys = list(received) if isinstance(received, Mapping) else received
        raise Mismatch(f"{case}: expected the keys {_show(list(expected))}, received {_show(keys)}")
    for key, value in expected.items():
        expect_equal(received[key], value, case=f"{case}, {key!r}", tolerance=tolerance)


def _expect_sequence(received: Any, expected: Sequence, *, case: str, tolerance: float) -> None:
    if isinstance(received, np.ndarray):
        received = received.tolist()
    if not isinstance(received, tuple | list) or len(received) != len(expected):
        raise Mismatch(f"{case}: expected {_show(expected)}, received {_show(received)}")
    for index, value in enumerate(expected):
        try:
            expect_equal(received[index], value, case=case, tolerance=tolerance)
        except Mismatch as mismatch:
            if isinstance(value, np.ndarray | Mapping):
                raise Mismatch(f"{mismatch} (element {index} of the result)") from None
            shown = f"expected {_show(expected)}, received {_show(received)}"
            raise Mismatch(f"{case}: {shown}") from None


def _expect_number(received: Any, expected: Any, *, case: str, tolerance: float) -> None:
    value = _as_array(received, case=case, expected=expected)
    if value.shape != ():
        raise Mismatch(
            f"{case}: expected the number {_show(expected)}, "
            f"received an array of shape {value.shape}: {_show(received)}"
        )
    whole = isinstance(expected, int | np.integer)
    if whole and value.dtype.kind not in "iu":
        raise Mismatch(
            f"{case}: expected the whole number {expected}, "
            f"received {_show(received)} of type {type(received).__name__}"
        )
    if not _close(value, np.asarray(expected), tolerance).all():
        raise Mismatch(f"{case}: expected {_show(expected)}, received {_show(value[()])}")


def _expect_array(
    received: Any, expected: np.ndarray, *, case: str, tolerance: float, dtype: Any
) -> None:
    value = _as_array(received, case=case, expected=expected)
    if value.shape != expected.shape:
        raise Mismatch(f"{case}: expected shape {expected.shape}, received shape {value.shape}")
    if dtype is not None and value.dtype != np.dtype(dtype):
        raise Mismatch(f"{case}: expected dtype {np.dtype(dtype)}, received dtype {value.dtype}")
    wrong = ~_close(value, expected, tolerance)
    if wrong.any():
        index = tuple(int(position) for position in np.argwhere(wrong)[0])
        place = f" at index {index}" if index else ""
        raise Mismatch(
            f"{case}: expected {_show(expected[index])}{place}, received {_show(value[index])} "
            f"({wrong.sum()} of {wrong.size} elements differ)"
        )


def _as_array(received: Any, *, case: str, expected: Any) -> np.ndarray:
    """The received value as an array of the expected kind, or a `Mismatch` that says what it is."""
    try:
        value = np.asarray(received)
    except Exception:  # ragged lists, symbolic tensors: whatever the conversion raises
        value = np.asarray(None)
    kind = np.asarray(expected).dtype.kind
    if value.dtype.kind not in (kind if kind in "Ub" else "iufc"):
        shown = f"{_show(received)} of type {type(received).__name__}"
        raise Mismatch(f"{case}: expected {_outline(expected)}, received {shown}")
    return value


def _close(received: np.ndarray, expected: np.ndarray, tolerance: float) -> np.ndarray:
    if expected.dtype.kind in "Ub" or received.dtype.kind + expected.dtype.kind in ("ii", "uu"):
        return np.asarray(received == expected)
    tolerance = 0.0 if expected.dtype.kind in "iu" else tolerance
    allowed = tolerance * np.maximum(1.0, np.abs(expected))
    with np.errstate(invalid="ignore"):
        near = np.isfinite(expected) & (np.abs(received - expected) <= allowed)
    same = received == expected  # infinities, which have no difference
    return np.asarray(near | same | (np.isnan(received) & np.isnan(expected)))


def _grade_one(exercise: str, check: Callable[[Any], None], answers: Any) -> Result:
    try:
        with _time_limit():
            check(_Answers(answers))
    except KeyboardInterrupt:
        raise
    except Mismatch as mismatch:
        return Result(exercise, False, str(mismatch))
    except BaseException as error:  # whatever the learner raises, sys.exit() included
        return Result(exercise, False, _explain(error, getattr(answers, "__file__", None)))
    return Result(exercise, True)


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Raises `TimeoutError` after `TIME_LIMIT`, where the system has such an alarm."""
    alarms = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not alarms:
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeoutError(f"not finished after {TIME_LIMIT} s; is there an endless loop?")

    former = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


class _Answers:
    """The learner's module as a check sees it: its functions receive copies of their arguments."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        try:
            found = getattr(self._module, name)
        except AttributeError:
            file = _file_name(getattr(self._module, "__file__", None))
            raise Mismatch(f"expected a function {name} in {file}, received none") from None
        if not inspect.isfunction(found):
            return found
        return lambda *arguments, **named: found(*_copied(arguments), **_copied(named))


def _copied(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (list, tuple):
        return type(value)(_copied(item) for item in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a NamedTuple may hold lists
        return type(value)(*_copied(tuple(value)))
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    return value


def _explain(error: BaseException, file: str | None) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = file is None or (bool(frames) and frames[-1].filename == file)
    if isinstance(error, NotImplementedError) and own:
        return NOT_WRITTEN
    return f"raised {_describe(error, file)}"


def _describe(error: BaseException, file: str | None) -> str:
    """An error in one line, with the last line of the learner's own file that it came through."""
    text = " ".join(str(error).split())
    shown = type(error).__name__ + (f": {_shorten(text)}" if text else "")
    frames = traceback.extract_tb(error.__traceback__)
    name = _file_name(file)
    lines = [frame.lineno for frame in frames if _file_name(frame.filename) == name]
    return f"{shown} ({name}, line {lines[-1]})" if file and lines else shown


def _status(result: Result) -> str:
    if result.passed:
        return "passed"
    return "to do " if result.message == NOT_WRITTEN else "FAILED"


def _outline(expected: Any) -> str:
    if isinstance(expected, np.ndarray) and expected.ndim:
        what = "an array" if expected.dtype.kind in "Ub" else "an array of numbers"
        return f"{what} of shape {expected.shape}"
    return _show(expected)


def _show(value: Any) -> str:
    if isinstance(value, str):
        return _shorten(value)
    if isinstance(value, float | np.floating):
        return f"{float(value):.7g}"
    if isinstance(value, np.generic):
        return str(value.item())
    return _shorten(" ".join(repr(value).split()))


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _file_name(path: str | None) -> str:
    return (path or "the answers").replace("\\", "/").rpartition("/")[2]
