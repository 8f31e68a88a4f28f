"""How long one inference takes on this computer."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from deploy.environment import cpu_name
from deploy.measure.interpreters import RUNTIMES
from deploy.runtime.card import Latency

_WARM_UP, _RUNS, _BUDGET_MS = 10, 200, 4000.0


_PACKAGES = {"litert": "ai-edge-litert", "tflite-micro": "tflite-micro"}


def latency(
    content: bytes, runtime: str, examples: Sequence[np.ndarray], threads: int = 1
) -> Latency:
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


def _repeat(examples: Sequence[np.ndarray], count: int) -> list[np.ndarray]:
    return [np.take(array, range(count), axis=0, mode="wrap") for array in examples]
