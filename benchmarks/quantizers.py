"""LiteRT's quantizer against the converter's own quantization to int8, on trained models.

    python -m benchmarks.quantizers runs/record-s06-default runs/record-s06-fashion_mnist

Every folder is what a session's run left: `model.keras`, `calibration.npz` and `test.npz`. The
builders that no session trains yet are trained here, on the digits. Writes
`benchmarks/records/quantizers.json` and the documents' tables.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks import tables
from deploy.bundle.card import describe
from deploy.compile import COMPILERS
from deploy.convert.converter import convert
from deploy.load.inputs import as_inputs, find_front_ends, read_npz
from deploy.load.readers import load
from deploy.load.source import Source
from deploy.measure.interpreters import micro_arena, run_deployed
from deploy.measure.latency import latency
from deploy.quantize.calibration import calibrate
from deploy.runtime.quantization import quantize
from deploy.targets import find_target
from deploy.tasks import infer_task
from deploy.tasks.evaluation import compare
from thinkkeras import datasets
from thinkkeras.models import ds_cnn

_RUNS = 200

# Builders that no session trains yet.
_BUILDERS = {
    "ds_cnn": partial(
        ds_cnn,
        filters=(32, 64, 96),
        strides=(1, 2, 1),
        kernel_size=(3, 3),
        include_preprocessing=True,
    )
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quantizers")
    parser.add_argument("runs", nargs="+", type=Path)
    runs = [*parser.parse_args().runs, *map(trained, _BUILDERS)]
    rows = [row for run in runs for row in compared(run)]
    record = {"rows": rows}
    text = json.dumps(record, indent=2) + "\n"
    (tables.RECORDS / "quantizers.json").write_text(text, "utf-8")
    return tables.main([])


def trained(builder: str) -> Path:
    """A run's folder with the builder's network, trained on the digits."""
    (training, _, testing), info = datasets.load("digits", augment=False)
    images, classes = datasets.as_arrays(training)
    test_images, test_classes = datasets.as_arrays(testing)
    keras.utils.set_random_seed(0)
    model = _BUILDERS[builder](info.input_shape, info.classes)
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(images, classes, epochs=30, batch_size=64, verbose=2)
    run = tables.ROOT / "runs" / f"record-{builder}-default"
    run.mkdir(parents=True, exist_ok=True)
    model.save(run / "model.keras")
    np.savez(run / "calibration.npz", x=images)
    np.savez(run / "test.npz", x=test_images, y=test_classes)
    return run


def compared(run: Path) -> list[dict[str, Any]]:
    """What both quantizers made of the model of a session's run, a row each."""
    source = load(run / "model.keras")
    calibration = calibrate(run / "calibration.npz", source)
    images, classes = read_npz(run / "test.npz", source)
    arrays, rows = as_inputs(images, source, "test"), []
    for by_converter in (False, True):
        made = convert(source, "int8", calibration, by_converter=by_converter)
        print(f"{source.name}, {run.name}: {made.quantizer}", flush=True)
        row = {"model": source.name, "run": run.name, "quantizer": made.quantizer}
        rows.append(row | measured(made.content, source, arrays, classes))
    return rows


def measured(
    content: bytes, source: Source, arrays: list[np.ndarray], classes: Any
) -> dict[str, Any]:
    """The figures of one flatbuffer."""
    expected = source.predict(arrays)
    task = infer_task(source, expected, [], None)
    front_ends = find_front_ends(source, None, arrays)
    card = describe(content, source, find_target("ethos-u55-128"), task, front_ends)
    received, _ = run_deployed(content, card, "litert", arrays)
    found = compare(card, source.outputs, expected, received, classes, [])
    shown = [quantize(a[:_RUNS], e) for a, e in zip(arrays, card["inputs"], strict=True)]
    return {
        "quality": found["quality"],
        "sqnr_db": found["parity"]["sqnr_db"],
        "size_bytes": len(content),
        "latency_ms": latency(content, "litert", shown),
        "arena_bytes": micro_arena(content),
        "cycles": COMPILERS["vela"].compile(content, card, []).card["npu"]["cycles"],
    }


if __name__ == "__main__":
    sys.exit(main())
