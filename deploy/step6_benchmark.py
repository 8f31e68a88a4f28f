"""Step 6: how long one inference takes on this computer."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from deploy.interpreters import RUNTIMES
from deploy.runtime.model import load
from deploy.runtime.selftest import read_recorded
from deploy.targets import find_target

_WARM_UP, _RUNS, _BUDGET_MS = 10, 200, 4000.0

_PACKAGES = {"litert": "ai-edge-litert", "tflite-micro": "tflite-micro"}


def latency(
    content: bytes, runtime: str, examples: Sequence[np.ndarray], threads: int = 1
) -> dict[str, Any]:
    """Milliseconds of one inference, after a warm-up, over up to 200 runs.

    Args:
        content: the flatbuffer.
        runtime: a key of `interpreters.RUNTIMES`.
        examples: one (examples, …) array an input, in the model's integers; used in turn.
        threads: threads of the runtime; LiteRT Micro has one.

    Returns:
        `median` and `p95` in milliseconds, `runs`, `threads`, `runtime` and `cpu`.
    """
    run = RUNTIMES[runtime]
    pilot = float(np.median(run(content, _repeat(examples, 3), threads).milliseconds))
    runs = int(np.clip(_BUDGET_MS / max(pilot, 1e-3), 20, _RUNS))
    milliseconds = run(content, _repeat(examples, _WARM_UP + runs), threads).milliseconds[_WARM_UP:]
    package = _PACKAGES[runtime]
    return {
        "median": float(np.median(milliseconds)),
        "p95": float(np.percentile(milliseconds, 95)),
        "runs": runs,
        "threads": threads if runtime == "litert" else 1,
        "runtime": f"{package} {version(package)}",
        "cpu": cpu_name(),
    }


def benchmark(bundle: str | Path, threads: int = 1) -> dict[str, Any]:
    """The `latency` of the bundle on its recorded inputs, on its target's runtime.

    Raises:
        DeployError: no bundle, or a damaged one.
    """
    model = load(bundle, threads)
    arrays = read_recorded(bundle, model)
    examples = [arrays[f"input_{index}"] for index in range(len(model.card["inputs"]))]
    content = Path(bundle, "model.tflite").read_bytes()
    return latency(content, find_target(model.card["target"]).runtime, examples, threads)


def cpu_name() -> str:
    """What this computer's processor calls itself."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.lower().startswith(("model name", "hardware")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _repeat(examples: Sequence[np.ndarray], count: int) -> list[np.ndarray]:
    return [np.take(array, range(count), axis=0, mode="wrap") for array in examples]
