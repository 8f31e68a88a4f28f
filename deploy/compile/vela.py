"""The model for Arm's Ethos-U NPUs, through Arm's own compiler Vela."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from math import prod
from pathlib import Path
from typing import Any

from deploy import worker
from deploy.compile.c_array import firmware_files, firmware_lines, resolver_methods
from deploy.compile.compiled import Compiled, cpu_text
from deploy.flatbuffer import Operator, operators, without
from deploy.measure.interpreters import micro_lacks
from deploy.runtime.errors import DeployError

# The clock and the memories that Vela reckons with, by family: Vela's own defaults, named here so
# that the card tells them. The Ethos-U55 (Corstone-300) keeps weights in flash and shares its SRAM
# with the Cortex-M; the Ethos-U65 and U85 (i.MX 93, Corstone-320) have DRAM for both and 384 KiB
# of SRAM to themselves. MLPerf Tiny's cycles on the Ethos-U55-128 come out of the first row.
SETTINGS = {
    "ethos-u55": ("Ethos_U55_High_End_Embedded", "Shared_Sram"),
    "ethos-u65": ("Ethos_U65_Client_Server", "Dedicated_Sram_384KB"),
    "ethos-u85": ("Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram_384KB"),
}

# The name of the one operator that stands for all those of a stretch on the NPU.
_CUSTOM = "ethos-u"

# LiteRT Micro's structures for tensors and operators lie in the arena too; a model that the NPU
# runs whole has few of them, and some kB hold them amply.
_STRUCTURES = 8192

_ARENA = f"""\
// Vela's figure for the tensors, and {_STRUCTURES} bytes as a first guess for LiteRT Micro's own
// structures; MicroInterpreter::arena_used_bytes() tells how much the firmware needs."""

# An operator's first warning and its reason, up to the blank line that ends it.
_WARNING = re.compile(r"operator: (\S+), ofm: '([^']*)'\s*\nReason: (.+(?:\n.*\S.*)*)")


def compile_model(content: bytes, card: Mapping[str, Any], class_names: Sequence[str]) -> Compiled:
    """The model compiled by Vela, as a flatbuffer and as a C array with what a firmware needs.

    Args:
        content: the flatbuffer, in int8.
        card: its `target` is one of Vela's accelerator configurations, its `name` stands in the C
            files.
        class_names: not used; a firmware prints what it likes.

    Returns:
        `model_vela.tflite`, `model_data.h` and `model_data.cc`. In the card: `npu`, by Vela's own
        estimate: the cycles of an inference at `clock_hz`, the memory that it fills, and each
        operator left on the CPU with the reason why (`layer` is its output tensor's name);
        `firmware`: the operators to register, and one `missing` from LiteRT Micro; `memory`:
        the arena, which is the larger of the two scratch tensors, in which LiteRT Micro keeps all
        others (with shared SRAM it is Vela's SRAM figure).

    Raises:
        DeployError: Vela is missing, fails on the model, or leaves all of it to the CPU.
    """
    target = card["target"]
    system, memory = SETTINGS[target[: len("ethos-u55")]]
    try:
        number = version("ethos-u-vela")
    except PackageNotFoundError:
        raise DeployError(
            f"expected the package ethos-u-vela for the target '{target}', received an "
            "installation without it; install it with `pip install ethos-u-vela`"
        ) from None
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        Path(folder, "model.tflite").write_bytes(content)
        options = {
            "config": "Arm/vela.ini",
            "accelerator-config": target,
            "system-config": system,
            "memory-mode": memory,
            "output-dir": folder,
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        try:
            _, log = worker.call(
                "ethosu.vela.vela:main", argv=[str(Path(folder, "model.tflite")), *arguments]
            )
        except worker.WorkerError as error:
            raise _explain(error, target, number) from error
        compiled = Path(folder, "model_vela.tflite").read_bytes()
        with Path(folder, f"model_summary_{system}.csv").open(newline="") as file:
            (row,) = csv.DictReader(file)
    found = operators(compiled)
    left = _left_on_cpu(found, log)
    on_npu = [operator for operator in found if operator.name == _CUSTOM]
    if not on_npu:
        raise DeployError(
            f"expected operators that the NPU of '{target}' runs, received none, and "
            f"{cpu_text(left)}; use the target cortex-m, or other layers"
        )
    # The inputs are the commands, the constants, the scratch tensors and the stretch's own.
    arena = max(prod(shape) for operator in on_npu for shape in operator.inputs[2:4])
    methods = resolver_methods(compiled)
    npu = _figures(row) | {
        "accelerator": target,
        "system_config": system,
        "memory_mode": memory,
        "model_bytes": len(compiled),
        "npu_ops": len(operators(content)) - len(left),
        "cpu_ops": left,
        "vela": number,
    }
    firmware = firmware_files(compiled, card["name"], methods, arena + _STRUCTURES, _ARENA)
    return Compiled(
        files={"model_vela.tflite": compiled} | firmware,
        card={
            "npu": npu,
            "memory": {"arena_bytes": arena},
            "firmware": {
                "operators": methods,
                "missing": micro_lacks(without(compiled, _CUSTOM)) if left else None,
            },
        },
    )


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """What a firmware needs, Vela's estimate, and the operators left on the CPU with the reason."""
    npu, missing = card["npu"], card["firmware"]["missing"]
    memories = {"SRAM": "sram_bytes", "DRAM": "dram_bytes", "flash": "flash_bytes"}
    sizes = [f"{name} {npu[key]:,} bytes" for name, key in memories.items() if npu[key]]
    left = npu["cpu_ops"]
    lines = firmware_lines(
        card, "of the tensors, by Vela; LiteRT Micro's own structures come on top"
    )
    if missing:
        lines.append(
            f"- LiteRT Micro lacks {missing}: the model runs under Linux, with LiteRT for what is "
            "left on the CPU, and in no firmware."
        )
    return [
        *lines,
        f"- NPU {npu['accelerator']}: {npu['cycles']:,} cycles an inference, "
        f"{npu['inferences_per_second']:,.0f} inferences/s at {npu['clock_hz'] / 1e6:g} MHz; "
        f"{', '.join(sizes)}: the estimate of Vela {npu['vela']} for {npu['system_config']}, "
        f"{npu['memory_mode']}, without the time of operators on the CPU.",
        f"- Operators on the NPU: {npu['npu_ops']} of {npu['npu_ops'] + len(left)}"
        + ("; on the CPU:" if left else "."),
        *(f"    - {each['operator']} `{each['layer']}`: {each['reason']}" for each in left),
    ]


def _figures(row: dict[str, str]) -> dict[str, Any]:
    """What Vela's summary says, in cycles, bytes and hertz."""

    def used(*memories: str) -> int:
        return round(1024 * sum(float(row[f"{memory}_memory_used"]) for memory in memories))

    return {
        "cycles": int(row["cycles_total"]),
        "inferences_per_second": float(row["inferences_per_second"]),
        "clock_hz": int(float(row["core_clock"])),
        "macs": int(row["nn_macs"]),
        "sram_bytes": used("sram"),
        "dram_bytes": used("dram"),
        "flash_bytes": used("on_chip_flash", "off_chip_flash"),
    }


def _left_on_cpu(found: Sequence[Operator], log: str) -> list[dict[str, str]]:
    # The compiled model says what is left; the log only says why.
    reasons = {(name, tensor): reason for name, tensor, reason in _WARNING.findall(log)}
    return [
        {
            "operator": operator.name,
            "layer": operator.layer,
            "reason": "; ".join(
                reasons.get((operator.name, operator.layer), "no reason given").splitlines()
            ),
        }
        for operator in found
        if operator.name != _CUSTOM
    ]


def _explain(error: worker.WorkerError, target: str, number: str) -> DeployError:
    said = [line for line in error.log.splitlines() if line.startswith(("Failed", "Error"))]
    return DeployError(
        f"expected a model that Vela {number} compiles for '{target}', received one on which it "
        f"fails: {' '.join([*said, str(error)])[:400]}"
    )
