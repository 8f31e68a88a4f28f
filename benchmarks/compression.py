"""What quantization-aware training, pruning and clustering bring, on Fashion-MNIST.

    TFDS_DATA_DIR=… python -m benchmarks.compression

Trains one depthwise-separable network, then fine-tunes a copy of it for each way of making it
smaller, deploys all of them to the target `cpu` and writes `benchmarks/records/compression.json`.
The recipes were fixed on validation data; the test pictures are used once, for the record.
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

# A GPU would change the figures, and the text says what a CPU takes.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tf_keras

import deploy
from benchmarks import tables
from thinkkeras import datasets
from thinkkeras.models import ds_cnn

DATASET, SEED, EPOCHS, BATCH = "fashion_mnist", 0, 8, 128

Arrays = tuple[np.ndarray, np.ndarray]


def main() -> int:
    start = time.process_time()
    (train, validation, test), info = datasets.load(DATASET, augment=False)
    data = {
        "train": datasets.as_arrays(train),
        "validation": datasets.as_arrays(validation),
        "test": datasets.as_arrays(test),
    }
    model = trained_network(data["train"], info.input_shape, info.classes)

    def tuned(small: Any, epochs: int, rate: float) -> Any:
        tf_keras.utils.set_random_seed(SEED)
        x, y = data["train"]
        steps = epochs * -(-len(x) // BATCH)
        schedule = tf_keras.optimizers.schedules.CosineDecay(rate, steps)
        small.compile(tf_keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
        small.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=2)
        return small

    def untrained(scheme: str) -> Any:
        # Only the ranges are taken from training data; with a learning rate of zero no weight moves.
        small = deploy.quantize_aware(model, scheme=scheme)
        small.compile(tf_keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
        x, y = data["train"]
        small.fit(x[: 20 * BATCH], y[: 20 * BATCH], batch_size=BATCH, verbose=0)
        return small

    pruned = tuned(deploy.prune(model, 0.75, end_step=400), 3, 1e-3)
    clustered = tuned(deploy.cluster(pruned), 1, 3e-4)
    ways: dict[str, tuple[str, Callable[[], Any]]] = {
        "float32": ("cpu-float", lambda: model),
        "int8 per channel, after training": ("cpu", lambda: model),
        "int8 per tensor, after training": ("cpu", lambda: untrained("int8-per-tensor")),
        "int4, after training": ("cpu", lambda: untrained("int4")),
        "int8 per tensor, quantization-aware": (
            "cpu",
            lambda: tuned(deploy.quantize_aware(model, scheme="int8-per-tensor"), 1, 3e-4),
        ),
        "int4, quantization-aware": (
            "cpu",
            lambda: tuned(deploy.quantize_aware(model, scheme="int4"), 1, 3e-4),
        ),
        "75 % pruned, int8": ("cpu", lambda: pruned),
        "2:4 pruned, int8": ("cpu", lambda: tuned(deploy.prune(model, pattern="2:4"), 1, 5e-4)),
        "16 clusters, int8": ("cpu", lambda: tuned(deploy.cluster(model), 1, 3e-4)),
        "75 % pruned, 16 clusters, int8 quantization-aware": (
            "cpu",
            lambda: tuned(deploy.quantize_aware(clustered), 1, 3e-4),
        ),
        "75 % pruned, 16 clusters, int4 quantization-aware": (
            "cpu",
            lambda: tuned(deploy.quantize_aware(clustered, scheme="int4"), 1, 3e-4),
        ),
    }
    rows = {}
    for way, (target, make) in ways.items():
        rows[way] = measured(make(), target, data)
        print(f"{way}: {rows[way]}", flush=True)
    record = {
        "dataset": DATASET,
        "seed": SEED,
        "parameters": model.count_params(),
        "epochs": EPOCHS,
        "cpu_minutes": (time.process_time() - start) / 60,
        "versions": {"keras": keras.__version__, "tf_keras": tf_keras.__version__},
        "ways": rows,
    }
    (tables.RECORDS / "compression.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    return tables.main([])


def trained_network(train: Arrays, input_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """The network that all the others start from."""
    keras.utils.set_random_seed(SEED)
    model = ds_cnn(
        input_shape,
        classes,
        filters=(32, 48, 96, 160, 256),
        strides=(2, 2, 1, 1, 2),
        kernel_size=(3, 3),
        rescale=1 / 255,
    )
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * -(-len(train[0]) // BATCH))
    model.compile(
        keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", jit_compile=False
    )
    model.fit(*train, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    return model


def measured(model: Any, target: str, data: dict[str, Arrays]) -> dict[str, Any]:
    """Accuracy of the deployed model on validation and test data, and its sizes."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for split in ("validation", "test"):
            out = Path(folder, split)
            card = deploy.export(
                model,
                target,
                out=out,
                calibration=data["train"][0][:256],
                test=data[split],
                verbose=0,
            )
            found[split] = card["quality"]["deployed"]
    return found | {name: card[name] for name in ("weights", "size_bytes", "compressed_bytes")}


if __name__ == "__main__":
    sys.exit(main())
