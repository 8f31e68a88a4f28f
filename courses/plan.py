"""The course's plan and the mini-project's rubric, as tables: rows of text, the header first."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from courses.sessions import SESSIONS


def read_plan() -> Mapping[str, Any]:
    """What `plan.toml` says."""
    return tomllib.loads(Path(__file__).with_name("plan.toml").read_text("utf-8"))


def read_rubric() -> Mapping[str, Any]:
    """The rubric's criteria, `measured` and `judged`: each with `name`, `points` and `what`."""
    return tomllib.loads(
        Path(__file__).with_name("mini_project").joinpath("rubric.toml").read_text("utf-8")
    )


def sessions_table() -> list[list[str]]:
    """The ten sessions with their minutes, and what to prepare."""
    plan = read_plan()
    rows = [["session", "title", "theory", "demo", "exercises", "prepare on the day before"]]
    for row in plan["sessions"]:
        session, key = SESSIONS[row["key"]], row["key"]
        rows.append(
            [
                f"[{key}]({session.folder}/README.md)" if session.written else key,
                session.title,
                str(row["demo_from"]),
                str(plan["session_minutes"] - row["demo_from"]),
                str(row["exercises"]),
                row["prepare"],
            ]
        )
    return rows


def objectives_table() -> list[list[str]]:
    """What a learner can do after each session, and the exercises that test it."""
    rows = [["session", "afterwards you can", "graded by the exercises"]]
    for row in read_plan()["sessions"]:
        tested = ", ".join(f"`{name}`" for name in row["tested_by"])
        rows.append([row["key"], row["afterwards"], tested])
    return rows


def prerequisites_list() -> str:
    """What a learner brings, as a list."""
    return "\n".join(f"- {each}" for each in read_plan()["prerequisites"])


def calendar_table(name: str) -> list[list[str]]:
    """One of the plans: what each week or day holds, in minutes.

    Args:
        name: "ten_weeks", "five_weeks" or "one_week".
    """
    plan = read_plan()
    chosen = plan["plans"][name]
    of_key = {row["key"]: row for row in plan["sessions"]}
    rows = [[chosen["unit"], "sessions", "theory", "demo", "exercises", "mini-project", "hours"]]
    for number, (keys, project) in enumerate(
        zip(chosen["sessions"], chosen["project"], strict=True), start=1
    ):
        theory = sum(of_key[key]["demo_from"] for key in keys)
        demo = len(keys) * plan["session_minutes"] - theory
        exercises = sum(of_key[key]["exercises"] for key in keys)
        hours = (theory + demo + exercises + project) / 60
        minutes = [str(each) for each in (theory, demo, exercises, project)]
        rows.append([str(number), ", ".join(keys), *minutes, f"{hours:.1f}"])
    return rows


def milestones_table() -> list[list[str]]:
    """The mini-project's milestones beside the sessions."""
    rows = [["after session", "milestone"]]
    return rows + [[row["key"], row["milestone"]] for row in read_plan()["sessions"]]


def rubric_table(half: str) -> list[list[str]]:
    """The criteria of a half of the rubric, "measured" or "judged", and their sum."""
    criteria = read_rubric()[half]
    rows = [["criterion", "points", "what is asked"]]
    rows += [[row["name"], str(row["points"]), row["what"]] for row in criteria]
    return [*rows, ["together", str(sum(row["points"] for row in criteria)), ""]]
