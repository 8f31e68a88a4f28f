"""What an export costs beside the converter that does its work, process start aside.

    python -m benchmarks.export_time

Exports a convolutional network of about 100,000 parameters to `cpu` and calls the bare converter
on the same network and calibration examples, each five times in turn, and keeps the medians as
`benchmarks/records/export_time.json`. The process start is a child process that imports the same
modules and does nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import deploy
from benchmarks import tables
from deploy import worker
from deploy.environment import cpu_name
from deploy.quantize.calibration import EXAMPLES
from thinkkeras.models import convnet

_REPEATS = 5


def main() -> int:
    keras.utils.set_random_seed(0)
    model = convnet((28, 28, 1), 10, filters=(24, (32, 32), (56, 56), 80))
    images = np.random.default_rng(0).uniform(0, 255, (EXAMPLES, 28, 28, 1)).astype("float32")
    steps: dict[str, Callable[[], Any]] = {
        "converter": lambda: convert(model, images),
        "export": lambda: export(model, images),
        "process_start": start_process,
    }
    # The first run of each fills caches.
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(_REPEATS + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if repeat:
                seconds[name].append(time.perf_counter() - start)
            print(f"{repeat} {name}: {time.perf_counter() - start:.2f} s", flush=True)
    record = {name: float(np.median(values)) for name, values in seconds.items()}
    record["ratio"] = (record["export"] - record["process_start"]) / record["converter"]
    facts = {"parameters": model.count_params(), "examples": EXAMPLES, "cpu": cpu_name()}
    text = json.dumps(record | facts | {"cores": os.cpu_count()}, indent=2) + "\n"
    (tables.RECORDS / "export_time.json").write_text(text, "utf-8")
    print(text)
    return tables.main([])


def convert(model: keras.Model, images: np.ndarray) -> bytes:
    """The bare converter call: int8 within and at the ends."""
    fixed = keras.Input(batch_shape=(1, *model.input_shape[1:]))
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(fixed, model(fixed)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def export(model: keras.Model, images: np.ndarray) -> None:
    """The whole road to a bundle."""
    with tempfile.TemporaryDirectory() as folder:
        deploy.export(model, "cpu", out=Path(folder, "bundle"), calibration=images, verbose=0)


def start_process() -> None:
    """A child process that imports what the conversion imports, and makes an empty tuple of it."""
    worker.call("deploy.convert.converter:Converted", content="", floats="", quantizer=None)


if __name__ == "__main__":
    sys.exit(main())
