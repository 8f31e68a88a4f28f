"""`python -m courses project …`: a new project, its script, its check, the worked example."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import runpy
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from courses.mini_project import examples as data_sets
from courses.mini_project.baseline import train_baseline
from courses.mini_project.check import check_project, class_counts, fair_metric, marks
from courses.mini_project.leakage import near_duplicates
from courses.mini_project.mistakes import MISTAKES
from courses.mini_project.project import (
    DEFAULT_BUDGET,
    FILE,
    LEAST_MARGIN,
    LEAST_SEEDS,
    default_target,
    limit_of,
    read_project,
)

_HERE = Path(__file__).parent


def run(options: argparse.Namespace) -> int:
    """What the command line asked for; 1 where a check found something."""
    if options.action == "new":
        return new(options.name, options.data, options.board, options.reading)
    if options.action == "run":
        return train(options.name, options.options)
    if options.action == "check":
        return check(options.name)
    return example(options.name, options.mistake)


def new(name: str, data: str, board: str, told_reading: Sequence[str] = ()) -> int:
    """A folder with the starter, and the baseline trained with each seed."""
    target = default_target(board)
    reading = data_sets.default_reading(data) | dict(map(_read_value, told_reading))
    examples = data_sets.load_examples(data, reading)
    limit = limit_of(target)
    told = {
        "data": _seen_from(Path(name), data),
        "reading": reading,
        "board": board,
        "target": target,
        "metric": fair_metric(class_counts(examples)),
        "seeds": list(range(LEAST_SEEDS)),
        "margin": LEAST_MARGIN,
        "budget": {limit: DEFAULT_BUDGET[limit]},
    }
    with _made(Path(name)) as folder:
        _copy(_HERE / "template", folder)
        (folder / FILE).write_text(json.dumps(told, indent=2) + "\n", "utf-8")
        _train_baselines(folder, examples)
    twins = near_duplicates(examples)
    print(
        f"{examples.kind} of {examples.input_shape}: {len(examples.train.x)} training, "
        f"{len(examples.validation.x)} validation and {len(examples.test.x)} test examples; "
        f"{len(twins)} of these have a near-duplicate in training or validation"
    )
    print(f"the project is '{name}': write network.py, then python -m courses project run {name}")
    return 0


def train(name: str, options: list[str]) -> int:
    """The project's script, as `python project.py` would run it."""
    folder = read_project(name).folder
    script = folder / "project.py"
    if not script.is_file():
        raise ValueError(
            f"expected the script '{script}', received none; copy it from a new project"
        )
    sys.modules.pop("network", None)
    former, sys.argv = sys.argv, [str(script), *options]
    sys.path.insert(0, str(folder))
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.path.remove(str(folder))
        sys.argv = former
    return 0


def check(name: str) -> int:
    """The marks; 1 where a measured criterion is not met."""
    results = check_project(read_project(name))
    print(marks(results))
    return 0 if all(result.passed for result in results) else 1


def example(name: str, mistake: str | None) -> int:
    """The worked example from start to marks, or what a mistake makes of it."""
    if mistake not in (None, *MISTAKES):
        raise ValueError(f"expected the mistake {', '.join(MISTAKES)}, received '{mistake}'")
    copy_example(Path(name), mistake)
    train(name, [])
    return check(name)


def copy_example(folder: Path, mistake: str | None = None) -> None:
    """The worked example's folder, its baseline trained."""
    with _made(folder) as made:
        _copy(_HERE / "template", made)
        _copy(_HERE / "example", made)
        if mistake is not None:
            MISTAKES[mistake](made)
        project = read_project(made)
        _train_baselines(made, data_sets.load_examples(project.data, project.reading, made))


def _train_baselines(folder: Path, examples: data_sets.Examples) -> None:
    project = read_project(folder)
    (folder / "baseline").mkdir()
    for seed in project.seeds:
        model = train_baseline(examples, seed)
        model.save(project.baseline(seed))
        predicted = model.predict(examples.validation.x, verbose=0).argmax(axis=1)
        right = np.mean(predicted == examples.validation.y)
        print(f"baseline, seed {seed}: {right:.1%} of the validation examples right", flush=True)


def _read_value(told: str) -> tuple[str, Any]:
    name, _, value = told.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        raise ValueError(
            f"expected --reading NAME=VALUE, window=50 say, received '{told}'"
        ) from None


def _seen_from(folder: Path, data: str) -> str:
    """A path as the project's folder has it, so that both can move together; or a name."""
    if not Path(data).exists():
        return data
    return Path(os.path.relpath(Path(data).resolve(), folder.resolve())).as_posix()


def _copy(source: Path, folder: Path) -> None:
    for file in sorted(source.iterdir()):
        if file.is_file():
            shutil.copyfile(file, folder / file.name)


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[Path]:
    """A new folder, there under its name when all of it is written."""
    if folder.exists():
        raise ValueError(f"expected a new folder, received '{folder}', which exists")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
