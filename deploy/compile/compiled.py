"""What a toolchain is to the export, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

# Operators that a line names; the card holds all.
_NAMED = 3


class Compiled(NamedTuple):
    """`files`: what the toolchain made, by file name; a `model.tflite` among them is what the
    device loads instead of the converter's. `card`: what it found, for the card."""

    files: dict[str, bytes]
    card: dict[str, Any]


def _as_they_are(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return dict(metadata)


class Compiler(NamedTuple):
    """One toolchain.

    `compile` is a function of the flatbuffer, the card so far (its `name`, `target`, `inputs`,
    `outputs`, `task`, `activation`, `detector`) and the class names; it raises DeployError where
    the toolchain is missing or can't take the model. `card_lines` gives the lines in Markdown that
    tell of what it added to the card. `adapt` is handed what is known of the task (the card's
    `task`, `activation`, `detector`) before anything is converted and verified, and gives it back
    as the target will do it: the predictions of the runtime follow it.
    """

    compile: Callable[[bytes, Mapping[str, Any], Sequence[str]], Compiled]
    card_lines: Callable[[Mapping[str, Any]], list[str]]
    adapt: Callable[[Mapping[str, Any]], dict[str, Any]] = _as_they_are


def cpu_text(left: Sequence[Mapping[str, Any]]) -> str:
    """Operators left on the CPU in one line: the first by name, each with what stands in front of
    the first semicolon of its reason."""
    named = [
        f"{each['operator']} '{each['layer']}' ({each['reason'].split(';')[0]})"
        for each in left[:_NAMED]
    ]
    more = [f"and {len(left) - _NAMED} more"] if len(left) > _NAMED else []
    noun = "operator" if len(left) == 1 else "operators"
    return f"{len(left)} {noun} on the CPU: {', '.join(named + more)}"
