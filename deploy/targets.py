"""What each piece of hardware accepts: one entry a target."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from deploy.runtime.errors import DeployError

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Target:
    """One piece of hardware, or one way of using it.

    `schemes` are keys of `schemes.SCHEMES`, the one that is used unless another is asked for
    first; `runtime` is one of `interpreters.RUNTIMES`, on which every exported model is run and
    compared with the Keras model; `compiler` one of `compile.COMPILERS` (None: the device loads
    `model.tflite` itself). `exceptions` are the schemes that single operators may have which lose
    too much accuracy in the model's own, the preferred first. `dense`: where a dense layer takes as
    long as its compressed weights are, what the largest integer of one with one scale for its
    kernel may be, the finest first.
    """

    name: str
    hardware: str
    schemes: tuple[str, ...]
    runtime: str
    compiler: str | None = None
    exceptions: tuple[str, ...] = ()
    dense: tuple[int, ...] = ()

    @property
    def scheme(self) -> str:
        """The scheme that is used unless another is asked for."""
        return self.schemes[0]


# The sizes that each model of the NPU comes in, as Vela names them.
_ETHOS_U = {55: (32, 64, 128, 256), 65: (256, 512), 85: (128, 256, 512, 1024, 2048)}

_INT8 = ("int8", "int8-per-tensor", "int8-dense-per-tensor")

# A bit from one to the next, and half a bit where it counts.
_COARSER = (127, 63, 31, 22, 15, 11, 7)

_TARGETS = (
    Target(
        "cpu",
        "any CPU through XNNPACK (Raspberry Pi, Android, x86)",
        (*_INT8, "int16", "int4", "dynamic", "float16", "float32"),
        "litert",
        exceptions=("float32", "int16"),
    ),
    Target("cpu-float", "the same, unquantized", ("float32",), "litert"),
    Target("cpu-dynamic", "the same, int8 weights only", ("dynamic", "int4"), "litert"),
    Target("gpu", "mobile GPU delegate", ("float16", "float32"), "litert"),
    Target(
        "mobile",
        "Android, iOS and web, MediaPipe Tasks",
        ("int8-float-ends", "float16", "float32"),
        "litert",
        "mediapipe",
        ("float32", "int16"),
    ),
    Target("coral", "Edge TPU", _INT8, "litert", "edgetpu"),
    Target(
        "cortex-m",
        "microcontrollers, LiteRT Micro",
        (*_INT8, "float32"),
        "tflite-micro",
        "c-array",
        ("int16", "float32"),
    ),
    Target(
        "cortex-m-int16",
        "the same, int16 activations",
        ("int16",),
        "tflite-micro",
        "c-array",
        ("float32",),
    ),
    *(
        Target(
            f"ethos-u{model}-{size}",
            f"Arm Ethos-U{model}, {size} MACs a cycle",
            (*_INT8, "int16"),
            "litert",
            "vela",
            ("int16",),
            _COARSER,
        )
        for model, sizes in _ETHOS_U.items()
        for size in sizes
    ),
)
TARGETS = {target.name: target for target in _TARGETS}


def find_target(name: str) -> Target:
    """The target called `name`.

    Raises:
        DeployError: no such target; the message suggests the nearest name.
    """
    return look_up(name, TARGETS, "a target of `python -m deploy targets`")


def look_up(name: str, table: Mapping[str, Entry], what: str) -> Entry:
    """`table[name]`.

    Raises:
        DeployError: no such name; the message says `what` was expected and suggests the nearest.
    """
    if not isinstance(name, str):
        raise DeployError(f"expected {what}, received {name!r}; known: {', '.join(table)}")
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, n=1, cutoff=0.4)
    suggestion = f"did you mean '{near[0]}'? " if near else ""
    raise DeployError(f"expected {what}, received '{name}'; {suggestion}known: {', '.join(table)}")
