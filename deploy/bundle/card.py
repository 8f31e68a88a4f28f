"""The card of a bundle: what is known of the converted model before it runs."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np

from deploy.environment import _versions
from deploy.flatbuffer import compressed_size, count_operators, macs
from deploy.load.inputs import first_scaling
from deploy.load.source import Source
from deploy.quantize.calibration import Calibration
from deploy.runtime import Model
from deploy.schemes import SCHEMES
from deploy.targets import Target


def describe(
    content: bytes,
    source: Source,
    row: Target,
    scheme: str,
    examples: Calibration | None,
    shown: Sequence[np.ndarray] | None,
) -> dict[str, Any]:
    """What is known of the converted model before it runs; `shown` are examples of the user's own
    for each input, None where there are none."""
    tensors = Model(content, {}, []).card
    for kind, names in (
        ("inputs", [entry.name for entry in source.inputs]),
        ("outputs", source.outputs),
    ):
        tensors[kind] = [
            tensor | {"name": name} for tensor, name in zip(tensors[kind], names, strict=True)
        ]
    for index, entry in enumerate(source.inputs):
        if len(entry.shape) == 3 and entry.shape[2] in (1, 3):
            tensors["inputs"][index]["pixels"] = _pixels(
                source, None if shown is None else shown[index]
            )
    return {
        "name": source.name,
        "target": row.name,
        "hardware": row.hardware,
        "scheme": scheme,
        "weights": source.trained_weights or SCHEMES[scheme].weights,
        "activations": SCHEMES[scheme].activations,
        "quantization_aware": source.trained_weights is not None,
        "inputs": tensors["inputs"],
        "outputs": tensors["outputs"],
        "params": source.params,
        "macs": macs(content),
        "ops": count_operators(content),
        "compressed_bytes": compressed_size(content),
        "memory": None,
        "npu": None,
        "calibration": examples and {"examples": examples.examples, "ranges": examples.ranges},
        "tools": {"python": platform.python_version()} | _versions(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _pixels(source: Source, shown: np.ndarray | None) -> tuple[int, int] | None:
    # Black and white in the model's units, so that the runtime can feed it a picture file; None
    # where the examples are no pixels, or there are none.
    if first_scaling(source):
        return 0, 255
    if shown is None:
        return None
    low, high = float(shown.min()), float(shown.max())
    for black, white in ((0, 1), (-1, 1), (0, 255)):
        if black <= low and high <= white:
            return black, white
    return None
