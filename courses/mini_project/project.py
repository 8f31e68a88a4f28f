"""A project's folder: what it holds, and what its `project.json` says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.boards import find_board
from deploy.runtime.checks import is_number, is_whole
from deploy.targets import TARGETS, find_target

FILE = "project.json"
METRICS = ("accuracy", "balanced_accuracy")
LEAST_SEEDS = 3
LEAST_MARGIN = 1.0  # points

# What one inference may cost where nobody has said another number.
DEFAULT_BUDGET = {"cycles": 1_000_000, "macs": 2_000_000}


@dataclass(frozen=True)
class Project:
    """A project, as its `project.json` has it.

    Attributes:
        folder: the project's.
        data: a name of `examples.load_examples`, or a path; a relative one begins in `folder`.
        reading: how files become examples, as `load_examples` takes it.
        board: a name of `deploy.boards.BOARDS`.
        target: one of the board's, of `deploy.TARGETS`.
        metric: "accuracy", or "balanced_accuracy" where the classes differ much in size.
        seeds: of the trainings, of the baseline and of the network.
        margin: by how many points the network shall beat the baseline.
        budget: the most `cycles` of an inference where the target is an NPU, the most `macs`
            (multiply-accumulates) where it is none.
    """

    folder: Path
    data: str
    reading: Mapping[str, Any]
    board: str
    target: str
    metric: str
    seeds: tuple[int, ...]
    margin: float
    budget: Mapping[str, int]

    @property
    def report(self) -> Path:
        return self.folder / "report.md"

    @property
    def bundle(self) -> Path:
        """The folder of what goes onto the board, made of the first seed's network."""
        return self.folder / "results" / "bundle"

    def model(self, seed: int) -> Path:
        """The file of the network that was trained with this seed."""
        return self.folder / "results" / f"seed-{seed}.keras"

    def baseline(self, seed: int) -> Path:
        """The file of the baseline that was trained with this seed."""
        return self.folder / "baseline" / f"seed-{seed}.keras"


def read_project(folder: str | Path) -> Project:
    """The project in `folder`.

    Raises:
        ValueError: no `project.json` there, or one that says something that can't be.
    """
    file = Path(folder) / FILE
    try:
        told = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(
            f"expected a project's folder, received '{folder}' without {FILE}; make one with "
            "python -m courses project new"
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f"expected JSON in '{file}', received other text: {error}") from None
    names = ("data", "reading", "board", "target", "metric", "seeds", "margin", "budget")
    if not isinstance(told, dict) or set(told) != set(names):
        shown = ", ".join(told) if isinstance(told, dict) else type(told).__name__
        raise ValueError(f"expected {', '.join(names)} in '{file}', received {shown}")
    told["budget"] = _mapping(told["budget"], "budget", file)
    told["reading"] = _mapping(told["reading"], "reading", file)
    seeds, margin = told["seeds"], told["margin"]
    if not isinstance(seeds, list) or not seeds or not all(is_whole(seed, 0) for seed in seeds):
        raise ValueError(f"expected seeds, whole numbers, in '{file}', received {seeds!r}")
    if not is_number(margin):
        raise ValueError(f"expected a margin in points in '{file}', received {margin!r}")
    if told["metric"] not in METRICS:
        raise ValueError(
            f"expected the metric {' or '.join(METRICS)} in '{file}', received {told['metric']!r}"
        )
    board, target = find_board(str(told["board"])), find_target(str(told["target"]))
    if not board.runs(target):
        raise ValueError(
            f"expected a target of the board {board.name} ({', '.join(board.targets)}) in "
            f"'{file}', received '{target.name}'"
        )
    limit = limit_of(target.name)
    if set(told["budget"]) != {limit} or not is_whole(told["budget"][limit], 1):
        raise ValueError(
            f"expected the budget {{\"{limit}\": NUMBER}} for {target.name} in '{file}', received "
            f"{told['budget']!r}"
        )
    told["data"], told["seeds"] = str(told["data"]), tuple(dict.fromkeys(seeds))
    return Project(folder=Path(folder), **told)


def limit_of(target: str) -> str:
    """What limits an inference there: "cycles" of an NPU, "macs" of anything else."""
    return "cycles" if target.startswith("ethos") else "macs"


def default_target(board: str) -> str:
    """The board's accelerator, or its processor where it has none: the name of a target.

    Raises:
        DeployError: no such board.
    """
    found = find_board(board)
    return next(
        target.name
        for name in reversed(found.targets)
        for target in TARGETS.values()
        if target.name == name or target.name.startswith(f"{name}-")
    )


def _mapping(value: Any, name: str, file: Path) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"expected a mapping {name} in '{file}', received {value!r}")
    return value
