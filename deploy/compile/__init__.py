"""The targets' own toolchains: the files that a device wants, and what they say of the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from deploy.compile.c_array import c_array
from deploy.compile.compiled import Compiled
from deploy.compile.edgetpu import edgetpu
from deploy.compile.mediapipe import adapt, mediapipe_tasks
from deploy.compile.vela import vela


class Compiler(NamedTuple):
    compile: Callable[[bytes, Any, Sequence[str]], Compiled]
    adapt: Callable[[dict[str, Any]], dict[str, Any]] | None = None


COMPILERS = {
    "c-array": Compiler(c_array),
    "edgetpu": Compiler(edgetpu),
    "mediapipe": Compiler(mediapipe_tasks, adapt),
    "vela": Compiler(vela),
}
