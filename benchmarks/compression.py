"""What quantization-aware training, pruning and clustering bring, on Fashion-MNIST.

    TFDS_DATA_DIR=… python -m benchmarks.compression

Trains one depthwise-separable network, then fine-tunes a copy of it for each way of making it
smaller, deploys all of them to the target `cpu` and writes `benchmarks/records/compression.json`.
The test images are used once, for the record: no recipe was chosen on them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tf_keras

import deploy
from benchmarks import tables
from thinkkeras import datasets
from thinkkeras.models import ds_cnn

DATASET, SEED, EPOCHS, BATCH = "fashion_mnist", 0, 10, 128

# The first layer has few weights, and the network needs them all.
KEPT = ("stem",)

Arrays = tuple[np.ndarray, np.ndarray]


def main() -> int:
    start = time.process_time()
    (training, _, testing), info = datasets.load(DATASET, augment=False)
    train, test = datasets.as_arrays(training), datasets.as_arrays(testing)
    model = trained_network(train, info.input_shape, info.classes)
    pruned = tuned(deploy.prune(model, 0.75, end_step=600, keep=KEPT), train, 2000, 4e-3)
    clustered = tuned(deploy.cluster(model, 16), train, 600, 5e-4)
    both = tuned(deploy.cluster(pruned, 16), train, 400, 5e-4)
    # What is deployed, and the scheme: several networks are quantized in more than one way.
    ways: dict[str, tuple[Any, str]] = {
        "as trained": (model, "float32"),
        "quantized after training": (model, "int8"),
        "the same, one scale a layer": (model, "int8-per-tensor"),
        "quantization-aware, one scale a layer": (aware(model, train, "int8-per-tensor"), "int8"),
        "quantized after training, four bits": (model, "int4"),
        "quantization-aware, four bits": (aware(model, train, "int4"), "int8"),
        "75 % pruned": (pruned, "float32"),
        "75 % pruned, quantized": (pruned, "int8"),
        "2:4 pruned, quantized": (
            tuned(deploy.prune(model, pattern="2:4", keep=KEPT), train, 1000, 4e-3),
            "int8",
        ),
        "16 clusters": (clustered, "float32"),
        "16 clusters, quantization-aware": (aware(clustered, train, "int8"), "int8"),
        "75 % pruned, 16 clusters": (both, "float32"),
        "75 % pruned, 16 clusters, quantization-aware": (aware(both, train, "int8"), "int8"),
    }
    rows = {}
    for way, (small, scheme) in ways.items():
        rows[way] = measured(small, scheme, train, test)
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
        filters=(32, 64, 96, 128, 192),
        strides=(2, 1, 2, 1, 1),
        kernel_size=(3, 3),
        include_preprocessing=True,
    )
    schedule = keras.optimizers.schedules.CosineDecay(4e-3, EPOCHS * -(-len(train[0]) // BATCH))
    model.compile(
        keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", jit_compile=False
    )
    model.fit(*train, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    return model


def aware(model: Any, train: Arrays, scheme: str) -> Any:
    """The network after quantization-aware training."""
    return tuned(deploy.quantize_aware(model, scheme=scheme), train, 600, 5e-4)


def tuned(small: Any, train: Arrays, batches: int, rate: float) -> Any:
    """`small` after so many batches of further training."""
    tf_keras.utils.set_random_seed(SEED)
    schedule = tf_keras.optimizers.schedules.CosineDecay(rate, batches)
    small.compile(tf_keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
    chosen = np.random.default_rng(SEED).permutation(len(train[0]))
    chosen = np.resize(chosen, batches * BATCH)
    small.fit(train[0][chosen], train[1][chosen], batch_size=BATCH, verbose=2)
    return small


def measured(model: Any, scheme: str, train: Arrays, test: Arrays) -> dict[str, Any]:
    """What the bundle's card says of the deployed model."""
    with tempfile.TemporaryDirectory() as folder:
        card = deploy.export(
            model,
            "cpu",
            quantization=scheme,
            out=Path(folder, "bundle"),
            calibration=train[0][:2000],
            test=test,
            verbose=0,
        )
    kept = ("weights", "size_bytes", "compressed_bytes")
    return {"accuracy": card["quality"]["deployed"], "examples": len(test[0])} | {
        name: card[name] for name in kept
    }


if __name__ == "__main__":
    sys.exit(main())
