"""The road from a Keras model to a verified bundle: the steps, in order."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import io
import os
import platform
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deploy.errors import DeployError
from deploy.flatbuffer import count_operators, macs
from deploy.quality import find_activation
from deploy.runtime import Model
from deploy.runtime.quantization import quantize
from deploy.step1_load import Source, digest
from deploy.step1_load import load as load_source
from deploy.step2_calibrate import Calibration, as_inputs, calibrate, first_scaling, read_npz
from deploy.step3_convert import SCHEMES, convert
from deploy.step4_compile import COMPILERS
from deploy.step5_verify import compare, run_deployed
from deploy.step6_benchmark import latency
from deploy.step7_bundle import check_labels, check_output, score, write_bundle
from deploy.targets import Target, find_target

_RECORDED = 8
_TOOLS = ("tensorflow", "keras", "ai-edge-litert", "tflite-micro", "numpy")


def export(
    model: keras.Model | str | Path,
    target: str,
    *,
    out: str | Path,
    calibration: Any = None,
    labels: Sequence[str] | str | Path | None = None,
    test: tuple[Any, Any] | str | Path | None = None,
    seed: int = 0,
    overwrite: bool = False,
    verbose: int = 1,
) -> dict[str, Any]:
    """Quantize, convert, compile, verify and measure `model`, and write the bundle `out`.

    Args:
        model: a Keras model, or the path of a `.keras` file, a legacy `.h5` file or a SavedModel
            folder. Its inputs are static but for the batch.
        target: a name of `deploy.TARGETS`.
        out: the bundle's folder, which does not exist yet.
        calibration: training examples in the model's own input units (an array, a `tf.data`
            pipeline, the path of an `.npz` with `x`, or a TFDS name); needed by int8 targets.
        labels: the class names, or the path of a text file with one a line.
        test: `(x, y)`, or the path of an `.npz` with both, never seen in training: on it the metric
            of both models is measured.
        seed: draws the calibration examples and, without calibration, the recorded inputs.
        overwrite: replace an earlier bundle at `out`.
        verbose: 1 prints a line a step, 0 nothing.

    Returns:
        The card, as in `card.json`.

    Raises:
        DeployError: for whatever can't be served, with what was expected and what to do; nothing
            is written then.
    """
    row, out = find_target(target), Path(out)
    check_output(out, overwrite)
    names = check_labels(labels)
    if SCHEMES[row.scheme].calibrated and calibration is None:
        raise DeployError(
            f"expected calibration data for the target '{target}', which is quantized to "
            f"{row.scheme}, received none; give a few hundred training examples"
        )

    def say(text: str) -> None:
        if verbose:
            print(f"[{target}] {text}", flush=True)

    source = load_source(model)
    say(f"1 load       '{source.name}', {source.params:,} parameters")
    examples = None if calibration is None else calibrate(calibration, source, seed)
    say(f"2 calibrate  {_calibration_text(examples)}")
    reference, targets, data = _reference(source, examples, test, seed)
    recorded = [array[:_RECORDED] for array in (examples.arrays if examples else reference)]
    activation = find_activation(source, source.predict(recorded), names)
    content = convert(source, row.scheme, examples)
    say(f"3 convert    {row.scheme}, {len(content):,} bytes")
    card = _describe(content, source, row, examples) | {"seed": seed}
    card |= {"task": "classification" if activation else "other", "activation": activation}
    integers = [quantize(*pair) for pair in zip(recorded, card["inputs"], strict=True)]
    files = {"model.tflite": content}
    if row.compiler:
        made, facts = COMPILERS[row.compiler](content, source.name)
        files, card = files | made, card | facts
        say(f"4 compile    {', '.join(made)}")
    card |= compare(source, content, card, reference, targets, names)
    card["parity"]["data"] = data
    card["selftest"], files["selftest.npz"] = _record(source, content, card, recorded)
    say(f"5 verify     {_verdict(card)}")
    card["latency_ms"] = latency(content, row.runtime, integers)
    say(f"6 benchmark  {card['latency_ms']['median']:.3f} ms, {card['latency_ms']['runtime']}")
    card["source"], kept = _origin(source, out)
    write_bundle(out, card, names, files | kept)
    say(f"7 bundle     {out}")
    return card


def _describe(
    content: bytes, source: Source, row: Target, examples: Calibration | None
) -> dict[str, Any]:
    tensors = Model(content, {}, []).card
    for kind, names in (
        ("inputs", [entry.name for entry in source.inputs]),
        ("outputs", source.outputs),
    ):
        tensors[kind] = [
            tensor | {"name": name} for tensor, name in zip(tensors[kind], names, strict=True)
        ]
    for index, entry in enumerate(source.inputs):
        if len(entry.shape) == 3 and entry.shape[2] in (1, 3):
            tensors["inputs"][index]["pixels"] = _pixels(
                examples.ranges[index] if examples else None
            )
    scheme = SCHEMES[row.scheme]
    return {
        "name": source.name,
        "target": row.name,
        "hardware": row.hardware,
        "scheme": row.scheme,
        "weights": scheme.weights,
        "activations": scheme.activations,
        "inputs": tensors["inputs"],
        "outputs": tensors["outputs"],
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "params": source.params,
        "macs": macs(content),
        "ops": count_operators(content),
        "memory": None,
        "npu": None,
        "calibration": examples and {"examples": examples.examples, "ranges": examples.ranges},
        "tools": {"python": platform.python_version()} | _versions(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _versions() -> dict[str, str]:
    found = {}
    for tool in _TOOLS:
        # Not every tool exists for every computer.
        with contextlib.suppress(PackageNotFoundError):
            found[tool] = version(tool)
    return found


def _pixels(seen: tuple[float, float] | None) -> tuple[int, int]:
    # Black and white in the model's units, so that the runtime can feed it a picture file.
    if seen is None or seen[1] > 1:
        return 0, 255
    return (-1, 1) if seen[0] < 0 else (0, 1)


def _reference(
    source: Source, examples: Calibration | None, test: Any, seed: int
) -> tuple[list[np.ndarray], Any, str]:
    """The examples that both models are compared on, their targets (or None), and what they are."""
    if test is not None:
        x, y = read_npz(Path(test), source) if isinstance(test, str | Path) else test
        if y is None:
            raise DeployError(f"expected test data with y, received '{test}' without; add y to it")
        return as_inputs(x, source, "test"), y, "test data"
    if examples is not None:
        return list(examples.arrays), None, "calibration data"
    generator = np.random.default_rng(seed)
    high = 255 if first_scaling(source) else 1
    arrays = [
        generator.uniform(0, high, (32, *entry.shape)).astype(entry.dtype)
        for entry in source.inputs
    ]
    return arrays, None, f"random inputs from 0 to {high}"


def _record(
    source: Source, content: bytes, card: dict[str, Any], arrays: list[np.ndarray]
) -> tuple[dict[str, Any], bytes]:
    """The facts for the card, and `selftest.npz`: what goes in (`input_0`, …), what came out
    (`output_0`, …), both in the device's numbers, and what Keras gave (`keras_0`, …)."""
    row = find_target(card["target"])
    _, run = run_deployed(content, card, row.runtime, arrays)
    given = [quantize(*pair) for pair in zip(arrays, card["inputs"], strict=True)]
    archive = {
        f"{kind}_{index}": array
        for kind, column in (
            ("input", given),
            ("output", run.outputs),
            ("keras", source.predict(arrays)),
        )
        for index, array in enumerate(column)
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **archive)
    tolerance = SCHEMES[row.scheme].tolerance
    scales = [1.0 if out.dtype.kind in "iu" else float(np.abs(out).max()) for out in run.outputs]
    facts = {"examples": len(arrays[0]), "tolerance": [tolerance * scale for scale in scales]}
    return facts, buffer.getvalue()


def _origin(source: Source, out: Path) -> tuple[dict[str, str], dict[str, bytes]]:
    """Where `verify` finds the Keras model, relative to the bundle; one in memory goes into it."""
    if source.file is not None:
        origin = {"path": os.path.relpath(source.file, out), "sha256": digest(source.file)}
        return origin, {}
    name = "model.keras" if isinstance(source.model, keras.Model) else "model.h5"
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        path = Path(folder, name)
        source.model.save(path)
        return {"path": name, "sha256": digest(path)}, {name: path.read_bytes()}


def _calibration_text(examples: Calibration | None) -> str:
    if examples is None:
        return "not needed"
    ranges = ", ".join(f"{low:g} to {high:g}" for low, high in examples.ranges)
    return f"{examples.examples} examples, values {ranges}"


def _verdict(card: dict[str, Any]) -> str:
    parity, measured = card["parity"], card["quality"]
    text = f"largest error {parity['max_abs_error']:.3g} on {parity['data']}"
    if measured:
        keras_score, deployed = score(measured, "keras"), score(measured, "deployed")
        text += f", {measured['metric']} {keras_score} in Keras, {deployed} deployed"
    return text
