"""LiteRT's quantizer against the converter's own quantization to int8, on trained models.

    python -m benchmarks.quantizers runs/record-s06-default runs/record-s06-fashion_mnist

Every folder is what a session's run left: `model.keras`, `calibration.npz` and `test.npz`. Writes
`benchmarks/records/quantizers.json` and the documents' tables.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import tables
from deploy.compilers.vela import vela
from deploy.interpreters import micro_arena
from deploy.quality import compare, find_activation
from deploy.runtime import Model
from deploy.runtime.quantization import quantize
from deploy.step1_load import Source, load
from deploy.step2_calibrate import as_inputs, calibrate, read_npz
from deploy.step3_convert import convert
from deploy.step5_verify import run_deployed
from deploy.step6_benchmark import latency

_RUNS = 200


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quantizers")
    parser.add_argument("runs", nargs="+", type=Path)
    rows = [row for run in parser.parse_args().runs for row in compared(run)]
    record = {"rows": rows}
    text = json.dumps(record, indent=2) + "\n"
    (tables.RECORDS / "quantizers.json").write_text(text, "utf-8")
    return tables.main([])


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
    card = Model(content, {}, []).card | {"name": source.name, "target": "ethos-u55-128"}
    expected = source.predict(arrays)
    received, _ = run_deployed(content, card, "litert", arrays)
    activation = find_activation(source, expected, [])
    found = compare(activation, source.outputs, expected, received, classes, [])
    shown = [quantize(a[:_RUNS], e) for a, e in zip(arrays, card["inputs"], strict=True)]
    return {
        "quality": found["quality"],
        "sqnr_db": found["parity"]["sqnr_db"],
        "size_bytes": len(content),
        "latency_ms": latency(content, "litert", shown),
        "arena_bytes": micro_arena(content),
        "cycles": vela(content, card, []).card["npu"]["cycles"],
    }


if __name__ == "__main__":
    sys.exit(main())
