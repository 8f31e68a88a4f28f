"""ResNet-8 on CIFAR-10, beside MLPerf Tiny's recipe in the same time.

    TFDS_DATA_DIR=… python -m benchmarks.cifar10                      # seeds 0, 1 and 2
    TFDS_DATA_DIR=… python -m benchmarks.cifar10 --seed 3             # one more

Trains on `train[:36000]`. Both test sets, `test` (1,000) and `train[36000:]` (4,000), are opened
once for each network, and nothing was chosen on them. Each training's result is kept in
`benchmarks/records/cifar10.json` as soon as it is there; what is there is not trained again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A GPU would change the figures, and the text says what a CPU takes.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tensorflow as tf

import deploy
from benchmarks import tables
from courses.s07_cnn_architectures.experiments import architectures
from deploy import environment
from thinkkeras import datasets
from thinkkeras.models import resnet

EPOCHS, BATCH = 16, 128
TARGETS = ("cpu", "cortex-m", "ethos-u55-128")
RECORD = tables.RECORDS / "cifar10.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cifar10")
    parser.add_argument("--seed", type=int, action="append", help="default: 0, 1 and 2")
    seeds = parser.parse_args().seed or [0, 1, 2]
    record = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {"runs": {}}
    for seed in seeds:
        for name, build in NETWORKS.items():
            key = f"{name}, seed {seed}"
            if key not in record["runs"]:
                record["runs"][key] = run(name, build, seed, record["runs"])
                print(f"{key}: {record['runs'][key]}", flush=True)
                tables.keep("cifar10", record | machine())
    return tables.main([])


def run(
    name: str, build: Callable[[], keras.Model], seed: int, runs: dict[str, Any]
) -> dict[str, Any]:
    """Trains a network and exports it: what its record holds."""
    keras.utils.set_random_seed(seed)
    model = build()
    (train, more_test, test), info = datasets.load("cifar10", batch_size=BATCH, seed=seed)
    started = time.perf_counter()
    if name == MLPERF:
        epochs = fit_as_mlperf_tiny(model, seed, runs[f"resnet8, seed {seed}"]["seconds"])
    else:
        epochs = EPOCHS
        architectures.train(model, train, None, epochs=EPOCHS, learning_rate=1e-2)
    seconds = time.perf_counter() - started
    calibration, _ = datasets.as_arrays(train.unbatch().take(512).batch(512))
    x, y = map(np.concatenate, zip(*map(datasets.as_arrays, (test, more_test)), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        cpu, micro, npu = deploy.export(
            model,
            TARGETS,
            out=Path(folder, "bundle"),
            calibration=calibration,
            class_names=info.class_names,
            test=(x, y),
            verbose=0,
        )
    return {
        "parameters": model.count_params(),
        "macs": cpu["macs"],
        "epochs": epochs,
        "seconds": seconds,
        "test": accuracy(model, test),
        "more_test": accuracy(model, more_test),
        "keras": cpu["quality"]["keras"],
        "deployed": cpu["quality"]["deployed"],
        "size_bytes": cpu["size_bytes"],
        "latency_ms": cpu["latency_ms"]["median"],
        "arena_bytes": micro["memory"]["arena_bytes"],
        "cycles": npu["npu"]["cycles"],
    }


def fit_as_mlperf_tiny(model: keras.Model, seed: int, seconds: float) -> int:
    """The recipe of MLPerf Tiny's image classification for so many seconds; its full epochs.

    Adam at 0.001, a hundredth less every epoch; batches of 32; rotated by up to 15 degrees, shifted
    by up to a tenth, mirrored.

    Source: mlcommons/tiny, benchmark/training/image_classification/train.py.
    """
    (train, _, _), _ = datasets.load("cifar10", batch_size=32, augment=False, seed=seed)
    augment = keras.Sequential(
        [
            keras.layers.RandomRotation(15 / 360, fill_mode="nearest", seed=seed),
            keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest", seed=seed),
            keras.layers.RandomFlip("horizontal", seed=seed),
        ]
    )
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    deadline = time.perf_counter() + seconds

    def stop_in_time(batch: int, logs: dict[str, float]) -> None:
        model.stop_training = time.perf_counter() > deadline

    history = model.fit(
        train.map(lambda x, y: (augment(x, training=True), y), num_parallel_calls=2).prefetch(2),
        epochs=1000,
        shuffle=False,
        verbose=2,
        callbacks=[
            keras.callbacks.LearningRateScheduler(lambda epoch: 1e-3 * 0.99**epoch),
            keras.callbacks.LambdaCallback(on_train_batch_end=stop_in_time),
        ],
    )
    return len(history.epoch) - 1  # The last one was broken off.


def accuracy(model: keras.Model, dataset: tf.data.Dataset) -> float:
    return model.evaluate(dataset, verbose=0, return_dict=True)["accuracy"]


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "cpu": environment.cpu_name(),
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }


MLPERF = "mlperf_tiny"
NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "resnet8": lambda: resnet((32, 32, 3), 10, depth=8),
    # Trained by MLPerf Tiny's recipe for as long as the one above.
    MLPERF: lambda: resnet((32, 32, 3), 10, depth=8),
}


if __name__ == "__main__":
    sys.exit(main())
