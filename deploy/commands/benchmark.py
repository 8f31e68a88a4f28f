"""`deploy.benchmark`: the latency of a bundle on this computer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy.measure.latency import latency
from deploy.runtime.model import load
from deploy.runtime.selftest import read_recorded
from deploy.targets import find_target


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
