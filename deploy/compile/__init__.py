"""Step 4: the files that the target's own toolchain wants, and what it says of the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from deploy.compile.c_array import c_array
from deploy.compile.compiled import Compiled
from deploy.compile.edgetpu import edgetpu
from deploy.compile.mediapipe import mediapipe_tasks
from deploy.compile.vela import vela

COMPILERS: dict[str, Callable[[bytes, dict[str, Any], Sequence[str]], Compiled]] = {
    "c-array": c_array,
    "edgetpu": edgetpu,
    "mediapipe": mediapipe_tasks,
    "vela": vela,
}
