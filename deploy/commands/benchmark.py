"""`deploy.benchmark`: the latency of a bundle on this computer."""

from __future__ import annotations

from pathlib import Path

from deploy.measure.latency import latency
from deploy.runtime.bundle import load_model
from deploy.runtime.card import Latency
from deploy.runtime.self_test import read_recorded
from deploy.targets import find_target


def benchmark(bundle: str | Path, threads: int = 1) -> Latency:
    """The `latency` of the bundle on its recorded inputs, on its target's runtime.

    Raises:
        DeployError: no bundle, or a damaged one.
    """
    model = load_model(bundle, threads)
    arrays = read_recorded(bundle, model)
    examples = [arrays[f"input_{index}"] for index in range(len(model.card["inputs"]))]
    content = Path(bundle, "model.tflite").read_bytes()
    return latency(content, find_target(model.card["target"]).runtime, examples, threads)
