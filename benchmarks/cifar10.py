"""ResNet-8 on CIFAR-10, beside MLPerf Tiny's recipe in the same time and networks of less work.

    TFDS_DATA_DIR=… python -m benchmarks.cifar10                      # seeds 0, 1 and 2
    TFDS_DATA_DIR=… python -m benchmarks.cifar10 --seed 3             # one more

Trains on `train[:36000]`. Both test sets, `test` (1,000) and `train[36000:]` (4,000), are opened
once for each network, and nothing was chosen on them. Times are those of the processor, so that
what else the machine does counts for nobody. Each training's result is kept in
`benchmarks/records/cifar10.json` as soon as it is there; what is there is not trained again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import deploy
from benchmarks import tables
from courses.s07_cnn_architectures.experiments import architectures, own_architecture
from deploy import environment
from thinkkeras import datasets
from thinkkeras.models import mobilenet_v2, resnet

BATCH = 128
INPUT_SHAPE = (32, 32, 3)
TARGETS = ("cpu", "cortex-m", "ethos-u55-128")

# ResNet-8 without its dearest stage, that of full resolution; the filters go where maps are small.
OWN_STAGES = (
    own_architecture.Stage("residual", 1, 1.5),
    own_architecture.Stage("residual", 1, 5 / 3),
    own_architecture.Stage("residual", 1, 2.0),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cifar10")
    parser.add_argument("--seed", type=int, action="append", help="default: 0, 1 and 2")
    seeds = parser.parse_args().seed or [0, 1, 2]
    record = tables.begun("cifar10", {"runs": {}})
    for name in NETWORKS:
        for seed in seeds:
            runs = record["runs"].setdefault(name, {})
            if str(seed) not in runs:
                runs[str(seed)] = run(name, seed, record["runs"])
                print(f"{name}, seed {seed}: {runs[str(seed)]}", flush=True)
                tables.keep("cifar10", record)
    return tables.main([])


def run(name: str, seed: int, runs: dict[str, Any]) -> dict[str, Any]:
    """Trains a network and exports it: what its record holds."""
    keras.utils.set_random_seed(seed)
    build, epochs = NETWORKS[name]
    model = build()
    (train, more_test, test), info = datasets.load("cifar10", batch_size=BATCH, seed=seed)
    started, worked = time.perf_counter(), time.process_time()
    if epochs is None:
        epochs = fit_as_mlperf_tiny(model, seed, runs["ResNet-8"][str(seed)]["seconds"])
    else:
        architectures.train(model, train, None, epochs=epochs, learning_rate=1e-2, l1=1e-4)
    seconds, clock = time.process_time() - worked, time.perf_counter() - started
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
        "clock": clock,
        "test": accuracy(model, test),
        "more_test": accuracy(model, more_test),
        "keras": cpu["quality"]["keras"],
        "deployed": cpu["quality"]["deployed"],
        "size_bytes": cpu["size_bytes"],
        "latency_ms": cpu["latency_ms"]["median"],
        "arena_bytes": micro["memory"]["arena_bytes"],
        "cycles": npu["npu"]["cycles"],
        "cpu": environment.cpu_name(),
        "cores": os.cpu_count(),
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }


def fit_as_mlperf_tiny(model: keras.Model, seed: int, seconds: float) -> int:
    """The recipe of MLPerf Tiny's image classification for so many seconds of the processor.

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
    deadline = time.process_time() + seconds

    def stop_in_time(batch: int, logs: dict[str, float]) -> None:
        model.stop_training = time.process_time() > deadline

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


# What is trained, and for how many epochs. None: by MLPerf Tiny's recipe, for as long as ResNet-8.
NETWORKS: dict[str, tuple[Callable[[], keras.Model], int | None]] = {
    "ResNet-8": (partial(resnet, INPUT_SHAPE, 10, depth=8), 10),
    "ResNet-8, MLPerf Tiny's recipe": (partial(resnet, INPUT_SHAPE, 10, depth=8), None),
    "own": (partial(own_architecture.network, INPUT_SHAPE, 10, stem=16, stages=OWN_STAGES), 16),
    # As narrow as it takes for as much work as the network above.
    "MobileNetV2": (
        partial(mobilenet_v2, INPUT_SHAPE, 10, alpha=0.1, last=256, small_images=True),
        10,
    ),
}


if __name__ == "__main__":
    sys.exit(main())
