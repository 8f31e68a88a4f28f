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
    folder = SESSIONS[key].folder
    found = {
        name: importlib.import_module(f"courses.{folder}.{name}")
        for name in ("exercises", "solutions", "checks")
    }
    names = [name[len("check_") :] for name in vars(found["checks"]) if name.startswith("check_")]
    wrong = importlib.import_module(f"tests.courses.{folder}.wrong_exercises")
    return SimpleNamespace(**found, names=names, wrong=wrong.WRONG, messages=wrong.MESSAGES)


def grade(key, exercise, answers):
    """The grader's result of one exercise."""
    check = getattr(modules(key).checks, f"check_{exercise}")
    (result,) = grading.grade(answers, SimpleNamespace(**{f"check_{exercise}": check}))
    return result


@pytest.fixture(scope="session")
def lesson_run(once):
    """`lesson_run(key)`: the folder that a run of one epoch wrote, and what it printed; with a
    `dataset`, the path of a folder of images, that of a run on these."""

    def run(key, dataset=None):
        name = f"lesson-{key}" if dataset is None else f"lesson-{key}-{dataset.name}"
        more = [] if dataset is None else ["--dataset", str(dataset)]
        out = once(name, lambda folder: _run(key, folder, more))
        return out, (out / "printed.txt").read_text("utf-8")

    return run


def _run(key, out, more):
    options = ["--epochs", "1", "--target", "cpu", "--seed", "3", "--out", str(out), *more]
    done = subprocess.run(
        [sys.executable, "-m", "courses", "run", key, *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (out / "printed.txt").write_text(done.stdout, "utf-8")
