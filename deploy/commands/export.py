"""The road from a Keras model to a verified bundle: the steps, in order."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deploy.bundle.card import describe
from deploy.bundle.write import check_labels, check_output, write_bundle
from deploy.commands.accuracy import quantized
from deploy.commands.options import check_calibration, check_options, check_task
from deploy.compile import COMPILERS
from deploy.load.inputs import as_inputs, read_npz
from deploy.load.readers import load as load_source
from deploy.load.source import Source, digest
from deploy.measure.formatting import score
from deploy.measure.interpreters import Run, run_deployed
from deploy.measure.latency import latency
from deploy.quantize.calibration import Calibration, calibrate, random_examples
from deploy.runtime.errors import DeployError
from deploy.runtime.quantization import quantize
from deploy.schemes import SCHEMES
from deploy.targets import find_target
from deploy.tasks.answers import Metric, compare
from deploy.tasks.answers import score as score_answers
from deploy.tasks.infer import read_detector, understand

# Examples that a bundle carries, to be run again on the device.
_RECORDED = 8

_RANDOM = "random inputs"


def export(
    model: keras.Model | str | Path,
    target: str,
    *,
    out: str | Path,
    calibration: Any = None,
    labels: Sequence[str] | str | Path | None = None,
    detector: Mapping[str, Any] | str | Path | None = None,
    task: str | None = None,
    test: tuple[Any, Any] | str | Path | None = None,
    metric: Metric | None = None,
    scheme: str | None = None,
    mixed: Mapping[str, str] | None = None,
    tolerance: float = 0.5,
    fix: bool = False,
    seed: int = 0,
    overwrite: bool = False,
    trust: bool = False,
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
        detector: how a detector's outputs become boxes, as `runtime.detector.check_detector` has
            it, but with the outputs' names; or the path of a JSON file with it.
        task: "segmentation" for a model that gives scores (1, height, width, classes). A classifier
            is known by its outputs, a detector by `detector`.
        test: `(x, y)`, or the path of an `.npz` with both, never seen in training: on it the metric
            of both models is measured.
        metric: `metric(y, answers)`, 0 to 1 or any other number of which more is better. `answers`
            are those of the runtime, one for each example, with boxes and maps in pixels of `x`,
            of detectors all that are likelier than 0.01. Its name goes into the card. By default
            the accuracy of a classifier and the mean absolute error of any other model; a detector
            or segmenter has none.
        scheme: how numbers are stored, one of the target's `schemes`; by default its first.
        mixed: layers with a scheme of their own, `{"conv_1": "float32"}` say: one of the target's
            `schemes` or `exceptions`.
        tolerance: how much the metric may lose, in points (of a metric from 0 to 1) or percent (of
            an error or any other metric). Where integers cost more, the operators that cost the
            most are named.
        fix: leave those operators, as few as bring the metric within the tolerance, in numbers of
            more bits, where the target can compute with them.
        seed: draws the calibration examples and, without calibration, the recorded inputs.
        overwrite: replace an earlier bundle at `out`.
        trust: run the code that the model's file holds (of Lambda layers, say).
        verbose: 1 prints a line a step, 0 nothing.

    Returns:
        The card, as in `card.json`.

    Raises:
        DeployError: for whatever can't be served, with what was expected and what to do; nothing
            is written then.
    """
    row, out = find_target(target), Path(out)
    scheme = row.scheme if scheme is None else scheme
    check_output(out, overwrite, model)
    mixed = dict(mixed or {})
    check_options(row, scheme, mixed, test, tolerance, fix, seed)
    check_task(detector, task, metric, test)
    names, described = check_labels(labels), read_detector(detector)

    def say(text: str) -> None:
        if verbose:
            print(f"[{target}] {text}", flush=True)

    source = load_source(model, trust)
    check_calibration(row, [scheme, *mixed.values()], source, calibration)
    say(f"1 load       '{source.name}', {source.params:,} parameters")
    examples = None if calibration is None else calibrate(calibration, source, seed)
    say(f"2 calibrate  {_calibration_text(examples)}")
    arrays, targets, data = _reference(source, examples, test, seed)
    expected = source.predict(arrays)
    facts = understand(source, expected, names, described, task)
    if row.compiler:
        facts = COMPILERS[row.compiler].adapt(facts)
    before = None
    if targets is not None:
        # Targets that don't fit the outputs are found before the minutes of a conversion.
        before = score_answers(_ends(source) | facts, targets, expected, names, metric)

    def judge(content: bytes) -> tuple[dict[str, Any], Run]:
        card = describe(content, source, row, scheme, examples, None if data == _RANDOM else arrays)
        card |= facts
        received, run = run_deployed(content, card, row.runtime, arrays)
        card |= compare(card, source.outputs, expected, received, targets, names, metric, before)
        card["parity"]["data"] = data
        return card, run

    content, card, run = quantized(
        source, row, scheme, mixed, examples, arrays, judge, tolerance, fix, say
    )
    files = {"model.tflite": content}
    if row.compiler:
        made, told = COMPILERS[row.compiler].compile(content, card, names)
        files, card = files | made, card | told
        content = files["model.tflite"]
        say(f"4 compile    {', '.join(made) or 'nothing to make'}")
    say(f"5 verify     {_verdict(card)}")
    recorded = _record(card, arrays, run, expected)
    tolerances = _tolerances(scheme, run)
    card["selftest"] = {"examples": len(recorded["input_0"]), "tolerance": tolerances}
    inputs = [recorded[f"input_{index}"] for index in range(len(arrays))]
    card["latency_ms"] = latency(content, row.runtime, inputs)
    say(f"6 benchmark  {card['latency_ms']['median']:.3f} ms, {card['latency_ms']['runtime']}")
    card["source"], model_file = _origin(source, out)
    card |= {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    card["seed"] = seed
    write_bundle(out, card, names, files | model_file | {"selftest.npz": _packed(recorded)})
    say(f"7 bundle     {out}")
    return card


def _reference(
    source: Source, examples: Calibration | None, test: Any, seed: int
) -> tuple[list[np.ndarray], Any, str]:
    """The examples that both models are compared on, their targets (or None), and what they are."""
    if isinstance(test, str | Path):
        test = read_npz(Path(test), source)
    if test is not None:
        if not isinstance(test, tuple | list) or len(test) != 2 or test[1] is None:
            raise DeployError("expected test data with x and y, received no y; add the targets")
        return as_inputs(test[0], source, "test"), test[1], "test data"
    if examples is not None:
        return list(examples.arrays), None, "calibration data"
    return list(random_examples(source, seed).arrays), None, _RANDOM


def _ends(source: Source) -> dict[str, Any]:
    """What the card will say of the inputs and outputs, as far as answers need it."""
    return {
        "inputs": [{"shape": [1, *entry.shape]} for entry in source.inputs],
        "outputs": [{"name": name} for name in source.outputs],
    }


def _record(
    card: dict[str, Any],
    arrays: Sequence[np.ndarray],
    run: Run,
    expected: Sequence[np.ndarray],
) -> dict[str, np.ndarray]:
    """Some of the examples for `selftest.npz`; see `runtime.selftest.read_recorded`."""
    # Spread over the data, which may be sorted by class.
    chosen = np.linspace(0, len(arrays[0]) - 1, min(_RECORDED, len(arrays[0]))).astype(int)
    given = [quantize(a[chosen], entry) for a, entry in zip(arrays, card["inputs"], strict=True)]
    columns = {
        "input": given,
        "output": [output[chosen] for output in run.outputs],
        "keras": [output[chosen] for output in expected],
    }
    return {f"{kind}_{k}": array for kind, some in columns.items() for k, array in enumerate(some)}


def _tolerances(scheme: str, run: Run) -> list[float]:
    tolerance = SCHEMES[scheme].tolerance
    return [
        tolerance if output.dtype.kind in "iu" else tolerance * float(np.abs(output).max())
        for output in run.outputs
    ]


def _packed(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _origin(source: Source, out: Path) -> tuple[dict[str, str], dict[str, bytes]]:
    """Where `verify` finds the Keras model, relative to the bundle; one in memory goes into it."""
    if source.file is not None:
        origin = {"path": os.path.relpath(source.file, out), "sha256": digest(source.file)}
        return origin, {}
    name = "model.keras" if isinstance(source.model, keras.Model) else "model.h5"
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        path = Path(folder, name)
        with warnings.catch_warnings():
            # tf_keras advises against .h5, the one format in which it can read such a model again.
            warnings.simplefilter("ignore", UserWarning)
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
