"""`deploy.verify`: a bundle against its recorded outputs and its Keras model, number by number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from deploy import runtime
from deploy.load.inputs import as_inputs, read_npz, read_test
from deploy.load.readers import load
from deploy.load.source import digest
from deploy.measure.formatting import agreement_text, decibels, further, score
from deploy.measure.interpreters import run_deployed
from deploy.measure.parity import metric_drop
from deploy.runtime.bundle import load_model
from deploy.runtime.card import Accuracy, read_card, read_pipeline, without_state
from deploy.runtime.errors import DeployError
from deploy.runtime.quantization import dequantize
from deploy.runtime.self_test import read_recorded
from deploy.schemes import TOLERANCE
from deploy.targets import find_target
from deploy.tasks import PIPELINES, TASKS
from deploy.tasks.evaluation import TestData, compare, read_test_data


def verify(
    bundle: str | Path,
    data: TestData | tuple[Any, Any] | str | Path | None = None,
    *,
    model: keras.Model | str | Path | Mapping[str, keras.Model | str | Path] | None = None,
    tolerance: float = TOLERANCE,
    min_sqnr: float | None = None,
    trust: bool = False,
) -> dict[str, Any]:
    """The bundle against its recorded outputs and, with `data`, against its Keras model.

    Args:
        bundle: the folder that `export` or, with a pipeline, `export_models` wrote.
        data: the path of an `.npz` with `x` and, for the metric, `y`, or of a folder of files, of
            a classifier one sub-folder a class (as `test` of `export`); `(x, y)` (y may be None);
            or `TestData`, by which alone a detector or segmenter has a metric (without one the `y`
            of a file does not count there). Of a pipeline texts (`x`) and translations (`y`).
        model: the Keras model; by default the one that the card names. Of a pipeline those that
            have moved, by their names.
        tolerance: how much the metric may lose, in points (of a metric from 0 to 1), decibels (of
            the PSNR) or percent (of an error or any other metric).
        min_sqnr: the least signal to quantization noise ratio of every output, in decibel.
        trust: run the code that the Keras model's file holds (of Lambda layers, say).

    Returns:
        `selftest`, `quality`, `parity`, `agreement`, `loss` (None without `y`), `failures` (a line
        for each tolerance that is broken) and `passed`. Of a pipeline `parity` is that of the
        models' recorded outputs, and `same`, with data, the whole's.

    Raises:
        DeployError: a damaged bundle or one of several models, a Keras model that is missing or
            another one, or bad data.
    """
    folder, whole = Path(bundle), None if Path(bundle).is_file() else read_pipeline(bundle)
    card = read_card(bundle) if whole is None else {}
    if data is None and model is not None:
        raise DeployError("expected data to compare the Keras model on, received none; add --data")
    report: dict[str, Any] = {"selftest": runtime.selftest(folder), "loss": None}
    failures = [
        f"output '{_name(result, whole is not None)}' is {result['max_difference']:.3g} from its "
        f"recorded value, more than {result['tolerance']:.3g}"
        for result in report["selftest"]
        if not result["passed"]
    ]
    if whole is not None:
        report |= _compare_whole(folder, whole, data, model, trust)
    elif data is None:
        report |= _compare_recorded(folder)
    else:
        report |= _compare_on(folder, card, model, data, trust)
    if report["quality"]:
        report["loss"] = metric_drop(report["quality"])
        if not report["loss"] <= tolerance:
            failures.append(
                f"{report['quality']['metric']} loses {report['loss']:.2f}, more than {tolerance:g}"
            )
    ratio = report["parity"]["sqnr_db"]
    if min_sqnr is not None and ratio is not None and not ratio >= min_sqnr:
        failures.append(f"SQNR is {ratio:.1f} dB, less than {min_sqnr:g} dB")
    return report | {"failures": failures, "passed": not failures}


def report_text(report: dict[str, Any]) -> str:
    """The report of `verify` for people."""
    measured, errors = report["quality"], report["parity"]
    lines = [
        f"self-test   {_name(result, 'same' in report)}: largest difference "
        f"{result['max_difference']:.3g} from the recorded outputs (tolerance "
        f"{result['tolerance']:.3g})"
        for result in report["selftest"]
    ]
    lines += [
        f"parity      {entry['name']}: against Keras over {errors['examples']} examples, largest "
        f"error {entry['max_abs_error']:.3g}, mean {entry['mean_abs_error']:.3g}, SQNR "
        f"{decibels(entry['sqnr_db'])}"
        for entry in errors["outputs"]
    ]
    if report.get("same"):
        same = report["same"]
        lines.append(
            f"parity      {100 * same['same']:.1f} % of {same['examples']} texts the same as in "
            "Keras"
        )
    if report["agreement"]:
        lines.append(f"agreement   {agreement_text(report['agreement'])}")
    if measured:
        lines.append(
            f"quality     {measured['metric']} {score(measured, 'keras')} in Keras, "
            f"{score(measured, 'deployed')} deployed"
        )
        lines += [
            f"quality     {name} {score(other, 'keras')} in Keras, {score(other, 'deployed')} "
            "deployed"
            for name, other in further(measured).items()
        ]
    lines += [f"FAILED      {failure}" for failure in report["failures"]] or ["passed"]
    return "\n".join(lines)


def _name(result: Mapping[str, Any], several: bool) -> str:
    return f"{result['model']}/{result['name']}" if several else str(result["name"])


def _compare_whole(
    folder: Path, whole: Mapping[str, Any], data: Any, models: Any, trust: bool
) -> dict[str, Any]:
    """Of a pipeline the models' recorded outputs, and with data what they do together."""
    runner = runtime.load(folder)
    parts = {name: _compare_recorded(folder / name)["parity"] for name in whole["models"]}
    outputs: list[dict[str, Any]] = [
        {**entry, "name": f"{name}/{entry['name']}"}
        for name, part in parts.items()
        for entry in part["outputs"]
    ]
    ratios = [entry["sqnr_db"] for entry in outputs if entry["sqnr_db"] is not None]
    report: dict[str, Any] = {
        "parity": {
            "max_abs_error": max(entry["max_abs_error"] for entry in outputs),
            "mean_abs_error": max(entry["mean_abs_error"] for entry in outputs),
            "sqnr_db": min(ratios) if ratios else None,
            "examples": min(part["examples"] for part in parts.values()),
            "outputs": outputs,
        },
        "quality": None,
        "agreement": None,
        "same": None,
    }
    if data is None:
        return report
    if models is not None and not isinstance(models, Mapping):
        raise DeployError(
            f"expected the Keras models of '{folder}' by the names {', '.join(whole['models'])}, "
            f"received {type(models).__name__}"
        )
    sources, moved = {}, models or {}
    for name in whole["models"]:
        card = read_card(folder / name)
        sources[name] = load(moved.get(name) or _find_model(folder / name, card), trust)
    test = read_test_data(data)
    if isinstance(test.x, str | Path):
        x, y = read_npz(Path(test.x), sources[whole["models"][0]])
        test = replace(test, x=x, y=y)
    pipeline = PIPELINES[whole["task"]]
    networks = pipeline.keras_networks(sources, whole[whole["task"]])
    compared = pipeline.compare(networks, runner, test, "test data")
    return report | {"quality": compared.quality, "same": compared.parity}


def _compare_recorded(folder: Path) -> Accuracy:
    model = load_model(folder)
    arrays, outputs = read_recorded(folder, model), list(enumerate(model.card["outputs"]))
    expected = [arrays[f"keras_{index}"] for index, _ in outputs]
    received = [dequantize(arrays[f"output_{index}"], entry) for index, entry in outputs]
    names = [entry["name"] for entry in model.card["outputs"]]
    entries = enumerate(model.card["inputs"])
    inputs = [dequantize(arrays[f"input_{index}"], entry) for index, entry in entries]
    return compare(model.card, names, expected, received, None, model.labels, inputs=inputs)


def _compare_on(
    folder: Path,
    card: dict[str, Any],
    model: Any,
    data: TestData | tuple[Any, Any] | str | Path,
    trust: bool,
) -> Accuracy:
    data = read_test_data(data)
    source = load(model if model is not None else _find_model(folder, card), trust)
    bundled = load_model(folder)
    pairs = (bundled.card["state"] or {}).get("tensors", ())
    source = replace(source, state=tuple((output, taken) for output, taken in pairs))
    x, y = data.x, data.y
    front_ends = [entry["front_end"] for entry in without_state(bundled.card)["inputs"]]
    if isinstance(x, str | Path):
        measured = TASKS[card["task"]].metric is not None or data.metric is not None
        x, y = read_test(x, source, front_ends, bundled.labels if measured else ())
        y = y if measured else None
    arrays = as_inputs(x, source, "test", front_ends)
    content, target = (folder / "model.tflite").read_bytes(), find_target(card["target"])
    received, _ = run_deployed(content, bundled.card, target.runtime, arrays)
    expected, names = source.predict(arrays), source.outputs
    return compare(
        bundled.card,
        names,
        expected,
        received,
        y,
        bundled.labels,
        data.metric,
        inputs=arrays,
    )


def _find_model(folder: Path, card: dict[str, Any]) -> Path:
    origin = card["source"]
    path = folder / str(origin.get("path"))
    if not path.exists():
        raise DeployError(
            f"expected the Keras model of the bundle at '{path}', received nothing there; name it "
            "with --model"
        )
    if digest(path) != origin.get("sha256"):
        raise DeployError(
            f"expected the Keras model that the bundle was made from, received another one at "
            f"'{path}'; export it again, or name the right one with --model"
        )
    return path
