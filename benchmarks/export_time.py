"""What an export costs beside the converter that does its work.

    python -m benchmarks.export_time

Three measurements, each the median of its runs in turn, after a first one that fills caches and
starts the worker process: session 6's network to the targets of `make demo` in one call; the same
network to `cpu`, and a large one (DenseNet-121 at 224 × 224), each against a bare call of the
converter on the same network and calibration examples. Writes
`benchmarks/records/export_time.json` and the documents' tables.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import deploy
from benchmarks import tables
from deploy import worker
from deploy.environment import cpu_name
from thinkkeras.models import convnet

_TARGETS = ("cpu", "cpu-float", "cpu-dynamic", "gpu", "cortex-m", "ethos-u55-128")

# Of the two networks: how often each is exported, and calibration examples.
_REPEATS, _EXAMPLES = {"small": 5, "large": 1}, {"small": 256, "large": 16}


def main() -> int:
    start = time.perf_counter()
    worker.call("deploy.worker:_path")
    record: dict[str, Any] = {"start_up": time.perf_counter() - start, "targets": len(_TARGETS)}
    generator = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    models = {
        "small": convnet((8, 8, 1), 10, filters=(24, (32, 32), (56, 56), 80)),
        "large": keras.applications.DenseNet121(weights=None),
    }
    for name, model in models.items():
        shape = (_EXAMPLES[name], *model.input_shape[1:])
        # DenseNet-121 rescales nothing itself.
        high = 255 if name == "small" else 1
        images = generator.uniform(0, high, shape).astype("float32")
        steps = {"converter": _converter(model, images), "export": _export(model, images, "cpu")}
        if name == "small":
            steps["all_targets"] = _export(model, images, _TARGETS)
        record[name] = _medians(steps, _REPEATS[name]) | {
            "name": model.name,
            "parameters": model.count_params(),
            "examples": len(images),
        }
    record |= {"cpu": cpu_name(), "cores": os.cpu_count()}
    text = json.dumps(record, indent=2) + "\n"
    (tables.RECORDS / "export_time.json").write_text(text, "utf-8")
    print(text)
    return tables.main([])


def _medians(steps: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(repeats + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if repeat:
                seconds[name].append(time.perf_counter() - start)
            print(f"{repeat} {name}: {time.perf_counter() - start:.2f} s", flush=True)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def _converter(model: keras.Model, images: np.ndarray) -> Callable[[], bytes]:
    """The bare converter call: int8 within and at the ends."""

    def convert() -> bytes:
        fixed = keras.Input(batch_shape=(1, *model.input_shape[1:]))
        converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(fixed, model(fixed)))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        return converter.convert()

    return convert


def _export(
    model: keras.Model, images: np.ndarray, targets: str | Sequence[str]
) -> Callable[[], None]:
    """From the model to a verified bundle, or to several."""

    def export() -> None:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder, "bundle")
            deploy.export(model, targets, out=out, calibration=images, verbose=0)

    return export


if __name__ == "__main__":
    sys.exit(main())
