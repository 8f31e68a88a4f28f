"""Each written session, and one short run of its lesson."""

import fcntl
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
def lesson_run(tmp_path_factory, worker_id):
    """`lesson_run(key)`: the folder that a run of one epoch wrote, and what it printed.

    Of all of pytest's workers the first that asks runs the lesson; the others wait for it.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = folder if worker_id == "master" else folder.parent

    def run(key):
        out, printed = folder / f"lesson-{key}", folder / f"lesson-{key}.txt"
        with (folder / f"lesson-{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not printed.exists():
                printed.write_text(_run(key, out), "utf-8")
        return out, printed.read_text("utf-8")

    return run


@pytest.fixture(scope="session")
def worker_id(request):
    """pytest-xdist's name for this process, "master" without it."""
    return getattr(request.config, "workerinput", {}).get("workerid", "master")


def _run(key, out):
    options = ["--epochs", "1", "--target", "cpu", "--seed", "3", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "courses", "run", key, *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
