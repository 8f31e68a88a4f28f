"""What each piece of hardware accepts: one row a target."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from deploy.errors import DeployError

Row = TypeVar("Row")


@dataclass(frozen=True)
class Target:
    """One piece of hardware, or one way of using it.

    `scheme` is a key of `step3_convert.SCHEMES`, `compiler` one of `step4_compile.COMPILERS` (None:
    the device loads `model.tflite` itself) and `runtime` one of `interpreters.RUNTIMES`, on which
    every exported model is run and compared with the Keras model.
    """

    name: str
    hardware: str
    scheme: str
    runtime: str
    compiler: str | None = None


# The sizes that each model of the NPU comes in, as Vela names them.
_ETHOS_U = {55: (32, 64, 128, 256), 65: (256, 512), 85: (128, 256, 512, 1024, 2048)}

_ROWS = (
    Target("cpu", "any CPU through XNNPACK (Raspberry Pi, Android, x86)", "int8", "litert"),
    Target("cpu-float", "the same, unquantized", "float32", "litert"),
    Target("cpu-dynamic", "the same, int8 weights only", "dynamic", "litert"),
    Target("gpu", "mobile GPU delegate", "float16", "litert"),
    Target("cortex-m", "microcontrollers, LiteRT Micro", "int8", "tflite-micro", "c-array"),
    Target("coral", "Edge TPU", "int8", "litert", "edgetpu"),
    *(
        Target(
            f"ethos-u{model}-{size}",
            f"Arm Ethos-U{model}, {size} MACs a cycle",
            "int8",
            "litert",
            "vela",
        )
        for model, sizes in _ETHOS_U.items()
        for size in sizes
    ),
)
TARGETS = {target.name: target for target in _ROWS}


def find_target(name: str) -> Target:
    """The row called `name`.

    Raises:
        DeployError: no such target; the message suggests the nearest name.
    """
    return look_up(name, TARGETS, "a target of `python -m deploy targets`")


def look_up(name: str, table: Mapping[str, Row], what: str) -> Row:
    """`table[name]`.

    Raises:
        DeployError: no such name; the message says `what` was expected and suggests the nearest.
    """
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, n=1, cutoff=0.4)
    suggestion = f"did you mean '{near[0]}'? " if near else ""
    raise DeployError(f"expected {what}, received '{name}'; {suggestion}known: {', '.join(table)}")
