"""What a bundle keeps to be checked by: recorded inputs and outputs, and its Keras model."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deploy.load.source import Source, digest
from deploy.measure.interpreters import Run
from deploy.runtime.card import Origin
from deploy.runtime.quantization import quantize
from deploy.schemes import SCHEMES

# Examples that a bundle carries, to be run again on the device.
_RECORDED = 8


def record(
    card: Mapping[str, Any],
    arrays: Sequence[np.ndarray],
    run: Run,
    expected: Sequence[np.ndarray],
) -> dict[str, np.ndarray]:
    """Some of the examples for `selftest.npz`; see `runtime.self_test.read_recorded`.

    Args:
        card: its `inputs` and `state`.
        arrays: one (examples, …) array an input.
        run: of the deployed model on them.
        expected: the Keras model's outputs.
    """
    count = min(_RECORDED, len(arrays[0]))
    # Spread over the data, which may be sorted by class; a sequence begins at its beginning.
    chosen = np.linspace(0, len(arrays[0]) - 1, count).astype(int)
    if card["state"]:
        chosen = np.arange(count)
    given = [quantize(a[chosen], entry) for a, entry in zip(arrays, card["inputs"], strict=True)]
    columns = {
        "input": given,
        "output": [output[chosen] for output in run.outputs],
        "keras": [output[chosen] for output in expected],
    }
    return {f"{kind}_{k}": array for kind, some in columns.items() for k, array in enumerate(some)}


def tolerances(scheme: str, run: Run) -> list[float]:
    """How far each output may be from its recorded value on another processor."""
    tolerance = SCHEMES[scheme].tolerance
    return [
        tolerance if output.dtype.kind in "iu" else tolerance * float(np.abs(output).max())
        for output in run.outputs
    ]


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The arrays as the content of an `.npz` file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def save_model(source: Source) -> dict[str, bytes]:
    """The file that goes into the bundle of a Keras model in memory; none of one with a file."""
    if source.file is not None:
        return {}
    model = source.model if source.given is None else source.given
    name = "model.keras" if isinstance(model, keras.Model) else "model.h5"
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        file = Path(folder, name)
        with warnings.catch_warnings():
            # tf_keras advises against .h5, the one format in which it can read such a model again.
            warnings.simplefilter("ignore", UserWarning)
            model.save(file)
        return {name: file.read_bytes()}


def origin(source: Source, saved: Mapping[str, bytes], out: Path) -> Origin:
    """Where `verify` finds the Keras model, relative to the bundle.

    Args:
        source: the model.
        saved: of `save_model`.
        out: the bundle's folder.
    """
    for name, content in saved.items():
        return {"path": name, "sha256": hashlib.sha256(content).hexdigest()}
    assert source.file is not None
    return {"path": os.path.relpath(source.file, out), "sha256": digest(source.file)}
