"""The targets' own toolchains, one module each; `step4_compile` lists them.

Each is a function of the flatbuffer, the card so far (its `name`, `target`, `inputs`, `outputs`,
`task`) and the class names, and gives a `Compiled`.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Compiled(NamedTuple):
    """`files`: what the toolchain made, by file name; a `model.tflite` among them is what the
    device loads instead of the converter's. `card`: what it found, for the card."""

    files: dict[str, bytes]
    card: dict[str, Any]
