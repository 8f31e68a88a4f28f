"""The course from the command line.

python -m courses list
python -m courses run s06 [--dataset NAME] [--epochs N] [--target T]… [--seed N] [--out DIR]
python -m courses check s06 [--solutions]
python -m courses project new NAME --data DATA --board BOARD [--reading NAME=VALUE]…
python -m courses project run NAME [--epochs N]
python -m courses project check NAME
python -m courses project example NAME [--mistake leak|metric|budget]
"""

from __future__ import annotations

import argparse
import importlib
import runpy
import sys
import traceback
from pathlib import Path

from courses.grading import UnreadableAnswers, grade, load_answers, report
from courses.sessions import SESSIONS, Session, find_session
from courses.settings import settings
from deploy.boards import BOARDS
from deploy.environment import load_tensorflow
from deploy.runtime.command_line import Parser, refuse


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        if options.command == "list":
            return _list()
        if options.command == "project":
            return _project(options)
        session = find_session(options.session)
        if options.command == "run":
            return _run(session, options.options)
        return _check(session, options.solutions)
    except (ValueError, FileNotFoundError) as error:
        if not _raised_here(error):
            raise
        return refuse("courses", error)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m courses", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="list|run|check|project"
    )
    commands.add_parser("list", help="the ten sessions")
    run = commands.add_parser("run", help="train the session's network and deploy it")
    run.add_argument("session", metavar="SESSION", help="s06, say")
    run.add_argument("options", nargs=argparse.REMAINDER, help="see `run SESSION --help`")
    check = commands.add_parser("check", help="grade the session's exercises")
    check.add_argument("session", metavar="SESSION", help="s06, say")
    check.add_argument("--solutions", action="store_true", help="grade the solutions instead")
    _add_project(commands.add_parser("project", help="the mini-project: start, run, check one"))
    return parser


def _add_project(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="new|run|check|example")
    new = actions.add_parser("new", help="a folder with the starter, and the baseline trained")
    new.add_argument("name", metavar="NAME", help="the folder, which does not exist yet")
    new.add_argument(
        "--data",
        required=True,
        metavar="DATA",
        help="a folder of images or sounds, one sub-folder a class; a CSV file of sensor rows with "
        "a column class; digits, breast_cancer, tones, spoken_digit, or a TFDS name",
    )
    new.add_argument("--board", required=True, metavar="BOARD", help=", ".join(BOARDS))
    new.add_argument(
        "--reading",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="how files become examples: image_size=[96,96] of images; rate=16000 and seconds=0.5 "
        "of sounds; window=50 rows of a CSV file",
    )
    run = actions.add_parser("run", help="the project's script: training, bundle, tables")
    run.add_argument("name", metavar="NAME")
    run.add_argument("options", nargs=argparse.REMAINDER, help="--epochs N")
    check = actions.add_parser("check", help="the measurable half of the rubric")
    check.add_argument("name", metavar="NAME")
    example = actions.add_parser("example", help="the worked example, from start to marks")
    example.add_argument("name", metavar="NAME", help="the folder, which does not exist yet")
    example.add_argument("--mistake", metavar="M", help="leak, metric or budget: one to be found")


def _project(options: argparse.Namespace) -> int:
    load_tensorflow()
    from courses.mini_project import commands

    return commands.run(options)


def _list() -> int:
    for session in SESSIONS.values():
        state = f"courses/{session.folder}" if session.written else "not written yet"
        print(f"{session.key}  {session.title:50}  {state}")
    return 0


def _run(session: Session, options: list[str]) -> int:
    # Wrong options are told at once, not after the libraries have loaded.
    settings(session.key, dataset="", targets=(), arguments=options)
    load_tensorflow()
    lesson = session.path / "lesson.py"
    sys.argv = [str(lesson), *options]
    runpy.run_path(str(lesson), run_name="__main__")
    return 0


def _check(session: Session, solutions: bool) -> int:
    load_tensorflow()
    package = f"courses.{session.folder}"
    try:
        answers = load_answers(package, solutions)
    except UnreadableAnswers as error:
        return refuse("courses", error)
    results = grade(answers, importlib.import_module(f"{package}.checks"))
    print(report(results))
    return 0 if all(result.passed for result in results) else 1


def _raised_here(error: BaseException) -> bool:
    # Our own packages raise what the user can mend; what Keras raises needs its traceback.
    innermost = Path(traceback.extract_tb(error.__traceback__)[-1].filename).resolve()
    root = Path(__file__).resolve().parent.parent
    return any(root / name in innermost.parents for name in ("courses", "deploy", "thinkkeras"))


if __name__ == "__main__":
    sys.exit(main())
