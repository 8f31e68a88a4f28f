"""MLPerf Tiny's anomaly detector on an NPU: what its dense layers' scales and pruning make of its
cycles and of its AUC.

    python -m benchmarks.autoencoder

Trains the network on generated spectra, 5 frames of 128 bands that eight causes move, and writes
`benchmarks/records/autoencoder.json` and the documents' tables. The test spectra are used once, for
the record.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import keras
import numpy as np
import tf_keras

import deploy
from benchmarks import tables
from deploy.compile import COMPILERS
from deploy.convert.converter import convert
from deploy.load.readers import load
from deploy.measure.parity import parity
from deploy.quantize.calibration import calibrate
from deploy.runtime import Model
from deploy.runtime.tasks.anomaly import judge
from deploy.tasks.anomaly import auc, partial_auc

TARGET, SEED, EPOCHS, FURTHER_EPOCHS, BATCH = "ethos-u55-128", 0, 100, 60, 512
FRAMES, BANDS, CAUSES = 5, 128, 8
UNITS = (128, 128, 128, 128, 8, 128, 128, 128, 128)


class Spectra(NamedTuple):
    """(examples, 640): normal ones to train on, and with anomalous ones, of which `y` is 1, to test
    on."""

    train: np.ndarray
    test: np.ndarray
    y: np.ndarray


def main() -> int:
    start = time.process_time()
    data = spectra()
    model = trained(data.train)
    # Further training helps by itself, so that the pruned network has the same beside it.
    same = keras.models.clone_model(model)
    same.set_weights(model.get_weights())
    longer = tuned(same, data.train, keras)
    pruned = tuned(deploy.prune(model, 0.5, end_step=400), data.train, tf_keras)
    rows = {}
    for way, row in (
        ("a scale for each channel", lambda: plain(model, "int8", data)),
        ("one scale for each kernel", lambda: plain(model, "int8-per-tensor", data)),
        ("each layer's own", lambda: exported(model, data)),
        ("the same, trained longer", lambda: exported(longer, data)),
        ("50 % pruned, trained as long", lambda: exported(pruned, data)),
    ):
        rows[way] = row()
        print(f"{way}: {rows[way]}", flush=True)
    record = {
        "target": TARGET,
        "seed": SEED,
        "epochs": EPOCHS,
        "parameters": model.count_params(),
        "keras": scored(model.predict(data.test, verbose=0), data),
        "cpu_minutes": (time.process_time() - start) / 60,
        "versions": {"keras": keras.__version__, "tf_keras": tf_keras.__version__},
        "ways": rows,
    }
    tables.keep("autoencoder", record)
    return tables.main([])


def spectra() -> Spectra:
    """Logarithms of energies in bands: a slope, the causes' shapes over bands and frames, and
    noise; anomalous ones with a narrow line besides."""
    shapes, generator = np.random.default_rng(7), np.random.default_rng(SEED)
    bands = np.linspace(0, 1, BANDS)
    waves = [
        np.sin(2 * np.pi * (k + 1) * bands * shapes.uniform(0.5, 2) + shapes.uniform(0, 6))
        for k in range(CAUSES)
    ]
    times = 1 + 0.3 * shapes.normal(size=(CAUSES, FRAMES))
    basis = (times[:, :, None] * np.stack(waves)[:, None]).reshape(CAUSES, -1)
    slope = np.tile(-6 - 8 * bands + 1.5 * np.sin(20 * bands), FRAMES)

    def made(count: int) -> np.ndarray:
        causes = np.tanh(generator.normal(size=(count, CAUSES)))
        noise = 0.35 * generator.normal(size=(count, FRAMES * BANDS))
        return (slope + 2.5 * causes @ basis + noise).astype(np.float32)

    train, test = made(20_000), made(2_000)
    line = np.tile(np.exp(-(((bands - 0.6) / 0.03) ** 2)), FRAMES)
    test[1_000:] += (1.5 * generator.uniform(0.5, 3, (1_000, 1)) * line).astype(np.float32)
    return Spectra(train, test, (np.arange(2_000) >= 1_000).astype(int))


def network() -> keras.Model:
    """MLPerf Tiny's autoencoder, 269,992 parameters."""
    x = spectrum = keras.Input((FRAMES * BANDS,), name="spectrum")
    for index, units in enumerate(UNITS):
        x = keras.layers.Dense(units, name=f"dense_{index}")(x)
        x = keras.layers.BatchNormalization(name=f"normalization_{index}")(x)
        x = keras.layers.ReLU(name=f"relu_{index}")(x)
    x = keras.layers.Dense(FRAMES * BANDS, name="reconstruction")(x)
    return keras.Model(spectrum, x, name="autoencoder")


def trained(train: np.ndarray) -> keras.Model:
    """The network after its training."""
    keras.utils.set_random_seed(SEED)
    model = network()
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, EPOCHS * -(-len(train) // BATCH))
    model.compile(keras.optimizers.Adam(schedule), "mse", jit_compile=False)
    model.fit(train, train, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return model


def tuned(small: Any, train: np.ndarray, library: ModuleType) -> Any:
    """`small`, a model of Keras or tf_keras, after further training."""
    library.utils.set_random_seed(SEED)
    steps = FURTHER_EPOCHS * -(-len(train) // BATCH)
    schedule = library.optimizers.schedules.CosineDecay(1e-3, steps)
    small.compile(library.optimizers.Adam(schedule), "mse")
    small.fit(train, train, batch_size=BATCH, epochs=FURTHER_EPOCHS, verbose=0)
    return small


def scored(outputs: np.ndarray, data: Spectra) -> dict[str, float]:
    """AUC and partial AUC of reconstructions of the test spectra."""
    card = {"anomaly": {"score": "reconstruction"}}
    errors = judge(card, [data.test], [outputs])
    return {
        "auc": auc(card, data.y, errors),
        "partial_auc": partial_auc(card, data.y, errors),
    }


def plain(model: keras.Model, scheme: str, data: Spectra) -> dict[str, Any]:
    """The network in a scheme of LiteRT's quantizer, nothing chosen."""
    source = load(model)
    content = convert(source, scheme, calibrate(data.train, source, SEED)).content
    compiled = COMPILERS["vela"].compile(content, {"name": source.name, "target": TARGET}, [])
    outputs, expected = Model(content, {}, []).run([data.test]), source.predict([data.test])
    return {
        "cycles": compiled.card["npu"]["cycles"],
        "sqnr_db": parity(["reconstruction"], expected, outputs)["sqnr_db"],
        **scored(outputs[0], data),
    }


def exported(model: Any, data: Spectra) -> dict[str, Any]:
    """What the bundle's card says of the network, and Keras's own scores before."""
    with tempfile.TemporaryDirectory() as folder:
        card = deploy.export(
            model,
            TARGET,
            out=Path(folder, "bundle"),
            calibration=data.train,
            task="anomaly",
            test=(data.test, data.y),
            seed=SEED,
            verbose=0,
        )
    (further,) = card["quality"]["further"].values()
    return {
        "cycles": card["npu"]["cycles"],
        "sqnr_db": card["parity"]["sqnr_db"],
        "auc": card["quality"]["deployed"],
        "partial_auc": further["deployed"],
        "keras_auc": card["quality"]["keras"],
        "bits": None if card["dense"] is None else [x["bits"] for x in card["dense"]["layers"]],
    }


if __name__ == "__main__":
    sys.exit(main())
