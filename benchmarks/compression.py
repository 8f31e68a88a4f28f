"""What quantization-aware training, pruning and clustering bring, on Fashion-MNIST.

    TFDS_DATA_DIR=… python -m benchmarks.compression

Trains one depthwise-separable network, then fine-tunes a copy of it for each way of making it
smaller, deploys all of them to the target `cpu` and writes `benchmarks/records/compression.json`.
The test pictures are used once, for the record: no recipe was chosen on them.
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

DATASET, SEED, EPOCHS, BATCH = "fashion_mnist", 0, 6, 128

Arrays = tuple[np.ndarray, np.ndarray]


def main() -> int:
    start = time.process_time()
    (training, _, testing), info = datasets.load(DATASET, augment=False)
    train, test = datasets.as_arrays(training), datasets.as_arrays(testing)
    model = trained_network(train, info.input_shape, info.classes)

    def tuned(small: Any, batches: int = 200, rate: float = 3e-4) -> Any:
        tf_keras.utils.set_random_seed(SEED)
        schedule = tf_keras.optimizers.schedules.CosineDecay(rate, batches)
        small.compile(tf_keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
        chosen = np.random.default_rng(SEED).permutation(len(train[0]))
        chosen = np.resize(chosen, batches * BATCH)
        small.fit(train[0][chosen], train[1][chosen], batch_size=BATCH, verbose=2)
        return small

    def untrained(scheme: str) -> Any:
        # Only the ranges are taken from training data: with a rate of zero no weight moves.
        small = deploy.quantize_aware(model, scheme=scheme)
        small.compile(tf_keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
        shown = slice(20 * BATCH)
        small.fit(train[0][shown], train[1][shown], batch_size=BATCH, verbose=0)
        return small

    def pruned(sparsity: float) -> Any:
        return tuned(deploy.prune(model, sparsity, end_step=300), 600, 1e-3)

    clustered = tuned(deploy.cluster(pruned(0.8)))
    ways: dict[str, Callable[[], Any]] = {
        "float32": lambda: model,
        "int8": lambda: model,
        "int8, one scale per layer": lambda: untrained("int8-per-tensor"),
        "int8, one scale per layer, quantization-aware": lambda: tuned(
            deploy.quantize_aware(model, scheme="int8-per-tensor")
        ),
        "int4": lambda: untrained("int4"),
        "int4, quantization-aware": lambda: tuned(deploy.quantize_aware(model, scheme="int4")),
        "75 % pruned, int8": lambda: pruned(0.75),
        "2:4 pruned, int8": lambda: tuned(deploy.prune(model, pattern="2:4")),
        "16 clusters, int8, quantization-aware": lambda: tuned(
            deploy.quantize_aware(tuned(deploy.cluster(model)))
        ),
        "80 % pruned, 16 clusters, int8, quantization-aware": lambda: tuned(
            deploy.quantize_aware(clustered)
        ),
        "80 % pruned, 16 clusters, int4, quantization-aware": lambda: tuned(
            deploy.quantize_aware(clustered, scheme="int4")
        ),
    }
    rows = {}
    for way, make in ways.items():
        rows[way] = measured(make(), "cpu-float" if way == "float32" else "cpu", train, test)
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


def measured(model: Any, target: str, train: Arrays, test: Arrays) -> dict[str, Any]:
    """What the bundle's card says of the deployed model."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "bundle")
        card = deploy.export(
            model, target, out=out, calibration=train[0][:2000], test=test, verbose=0
        )
    kept = ("weights", "size_bytes", "compressed_bytes")
    return {"accuracy": card["quality"]["deployed"], "examples": len(test[0])} | {
        name: card[name] for name in kept
    }


if __name__ == "__main__":
    sys.exit(main())
