"""The targets' own toolchains, one module each; `step4_compile` lists them.

Each is a function of the flatbuffer, the card so far (its `name`, `target`, `inputs`, `outputs`,
`task`, `detector`) and the class names, and gives a `Compiled`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# Operators that a line names; the card holds all.
_NAMED = 3


class Compiled(NamedTuple):
    """`files`: what the toolchain made, by file name; a `model.tflite` among them is what the
    device loads instead of the converter's. `card`: what it found, for the card."""

    files: dict[str, bytes]
    card: dict[str, Any]


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
