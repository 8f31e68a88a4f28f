"""Each written session, and one short run of its lesson."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from courses import SESSIONS, grading

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = {key: session for key, session in SESSIONS.items() if session.written}


def modules(key):
    """A session's `exercises`, `solutions` and `checks`; `names`, its exercises; `wrong`, wrong
    answers by exercise and mistake; `messages`: exercise, mistake and words of the message."""
    package = f"courses.{SESSIONS[key].folder}"
    found = {
        name: importlib.import_module(f"{package}.{name}")
        for name in ("exercises", "solutions", "checks")
    }
    names = [name[len("check_") :] for name in vars(found["checks"]) if name.startswith("check_")]
    answers = importlib.import_module(f"tests.courses.{key}_wrong_answers")
    return SimpleNamespace(**found, names=names, wrong=answers.WRONG, messages=answers.MESSAGES)


def grade(key, exercise, answers):
    """The grader's result of one exercise."""
    check = getattr(modules(key).checks, f"check_{exercise}")
    (result,) = grading.grade(answers, SimpleNamespace(**{f"check_{exercise}": check}))
    return result


@pytest.fixture(scope="session")
def lesson_run(tmp_path_factory):
    """`lesson_run(key)`: the folder that a run of one epoch wrote, and what it printed."""
    runs = {}

    def run(key):
        if key not in runs:
            out = tmp_path_factory.mktemp(key)
            options = ["--epochs", "1", "--target", "cpu", "--seed", "3", "--out", str(out)]
            done = subprocess.run(
                [sys.executable, "-m", "courses", "run", key, *options],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr[-3000:]
            runs[key] = out, done.stdout
        return runs[key]

    return run
