"""The sections of a bundle's card that the converted model and its source tell."""

from __future__ import annotations

import datetime
import hashlib
import platform
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from deploy.environment import versions
from deploy.flatbuffer import compressed_size, count_operators, macs
from deploy.load.source import Source
from deploy.quantize.calibration import Calibration
from deploy.runtime import Model
from deploy.runtime.card import (
    Cost,
    DenseLayers,
    Description,
    FloatOperator,
    Latency,
    Origin,
    Provenance,
    SelfTest,
    Storage,
)
from deploy.schemes import SCHEMES
from deploy.targets import Target


def describe(
    content: bytes,
    source: Source,
    target: Target,
    task: Mapping[str, Any],
    front_ends: Sequence[Mapping[str, Any]],
) -> Description:
    """What the converted model is, and how its inputs and outputs are read.

    Args:
        content: the flatbuffer.
        source: the Keras model; its inputs and outputs have their names from it.
        target: what it is for.
        task: of `tasks.infer_task`.
        front_ends: one for each input.
    """
    tensors = _tensors(content)
    description: dict[str, Any] = {
        "name": source.name,
        "target": target.name,
        "hardware": target.hardware,
        **task,
        "inputs": [
            tensor | {"name": entry.name, "front_end": dict(front_end)}
            for tensor, entry, front_end in zip(
                tensors["inputs"], source.inputs, front_ends, strict=True
            )
        ],
        "outputs": [
            tensor | {"name": name}
            for tensor, name in zip(tensors["outputs"], source.outputs, strict=True)
        ],
        "state": {"variables": source.stateful, "tensors": [list(pair) for pair in source.state]}
        if source.stateful or source.state
        else None,
    }
    return cast(Description, description)


@lru_cache(maxsize=4)
def _tensors(content: bytes) -> dict[str, Any]:
    # An interpreter is set up to read them, which takes a while for large models.
    return Model(content, {}, []).card


def storage(
    source: Source,
    scheme: str,
    quantizer: str | None,
    mixed: Mapping[str, str],
    recurrent: Mapping[str, str],
    dense: DenseLayers | None,
    in_float: list[FloatOperator],
    examples: Calibration | None,
) -> Storage:
    """How the numbers are stored.

    Args:
        source: the Keras model, which may have been trained quantization-aware.
        scheme: a key of `SCHEMES`.
        quantizer: the package that quantized, if any.
        mixed: layers with a scheme of their own.
        recurrent: the form of each recurrent layer, as of `convert.recurrent.forms`.
        dense: what was chosen for dense layers, if anything.
        in_float: what computes in float, if the activations are integers.
        examples: what the activations' ranges come from, if any.
    """
    return {
        "scheme": scheme,
        "weights": source.trained_weights or _weights(scheme, dense),
        "activations": SCHEMES[scheme].activations,
        "quantization_aware": source.trained_weights is not None,
        "quantizer": quantizer,
        "mixed": dict(mixed),
        "recurrent": dict(recurrent),
        "dense": dense,
        "in_float": in_float,
        "calibration": None
        if examples is None
        else {"examples": examples.examples, "ranges": [list(pair) for pair in examples.ranges]},
    }


def _weights(scheme: str, dense: DenseLayers | None) -> str:
    text = SCHEMES[scheme].weights
    return text if dense is None or text.endswith("per tensor") else f"{text}, dense layers apart"


def cost(content: bytes, source: Source, latency: Latency) -> Cost:
    """What the flatbuffer `content` takes on any device."""
    return {
        "size_bytes": len(content),
        "compressed_bytes": compressed_size(content),
        "params": source.params,
        "macs": macs(content),
        "ops": count_operators(content),
        "latency_ms": latency,
    }


def provenance(source: Origin, selftest: SelfTest, content: bytes, seed: int) -> Provenance:
    """Where the flatbuffer `content` comes from, and how it is checked."""
    return {
        "source": source,
        "selftest": selftest,
        "sha256": hashlib.sha256(content).hexdigest(),
        "tools": {"python": platform.python_version()} | versions(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": seed,
    }
