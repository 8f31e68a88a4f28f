"""`deploy.export`: from a Keras model to a verified bundle, in seven steps."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import keras
import numpy as np

from deploy.bundle.card import cost, describe, provenance, storage
from deploy.bundle.record import origin, pack, record, save_model, tolerances
from deploy.bundle.write import check_class_names, check_output, write_bundle, write_bundles
from deploy.compile import COMPILERS
from deploy.convert.converter import Conversions
from deploy.convert.float_form import float_form
from deploy.load.folder import check_disjoint, class_names_in, find_folder
from deploy.load.inputs import as_inputs, find_front_ends, read_test, told_front_ends
from deploy.load.layer_names import float_operators
from deploy.load.readers import load
from deploy.load.source import Source, with_state
from deploy.measure.formatting import decibels, dense_text, kept_list, operator_list, score
from deploy.measure.interpreters import Run, run_deployed
from deploy.measure.latency import latency
from deploy.measure.parity import FLOOR, below_floor, metric_drop
from deploy.quantize.calibration import Calibration, calibrate, check_calibration, random_examples
from deploy.quantize.dense_layers import choose_scales, largest_integers
from deploy.quantize.layer_errors import layer_errors, worst
from deploy.quantize.mixed_precision import keep_accuracy, layers_in_the_way, mix, sensitivity
from deploy.quantize.recipes import PACKAGE
from deploy.runtime.card import (
    Accuracy,
    Card,
    DenseLayers,
    Description,
    FloatOperator,
    Kept,
    LayerError,
    PipelineCard,
    Quality,
    SelfTest,
    Tensor,
    Toolchain,
    is_folder_name,
    without_state,
)
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs.vocabulary import split_off
from deploy.runtime.model import Model
from deploy.runtime.streaming import check_stream
from deploy.runtime.tasks import find_pipeline
from deploy.schemes import SCHEMES, Quantization, read_quantization, schemes_for
from deploy.targets import TARGETS, Target, find_target
from deploy.tasks import PIPELINES, infer_task, read_task
from deploy.tasks.evaluation import Metric, TestData, compare, measure, read_test_data
from deploy.tasks.predictions import keras_card
from deploy.tasks.translation import Plan

_RANDOM = "random inputs"

# As many of the most sensitive operators are named, and may be kept out of the scheme.
_NAMED = 8


def export(
    model: keras.Model | str | Path,
    targets: str | Sequence[str],
    *,
    out: str | Path,
    calibration: Any = None,
    class_names: Sequence[str] | str | Path | None = None,
    task: str | Path | Mapping[str, Any] | None = None,
    quantization: Quantization | str | None = None,
    test: TestData | tuple[Any, Any] | str | Path | None = None,
    front_end: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    state: Mapping[str, str] | None = None,
    seed: int = 0,
    accept: bool = False,
    overwrite: bool = False,
    trust: bool = False,
    verbose: int = 1,
) -> Any:
    """Quantize, convert, compile, verify and measure `model`, and write its bundle.

    Args:
        model: a Keras model, or the path of a `.keras` file, a legacy `.h5` file or a SavedModel
            folder. Its inputs are static but for the batch.
        targets: a name of `deploy.TARGETS`, or several, for which the model is loaded and converted
            to float once.
        out: the bundle's folder, which does not exist yet; of several targets the folder in which
            each has a bundle of its name, or a path with "{target}" in place of that name.
        calibration: training examples in the model's own input units (an array, a `tf.data`
            pipeline, the path of an `.npz` with `x`, a folder of what the front end opens, one
            sub-folder a class, or a TFDS name); needed by int8 targets.
        class_names: the class names, or the path of a text file with one a line; by default those
            of the sub-folders of `test`, sorted.
        task: what the model is for, where its outputs don't tell: a name of `deploy.tasks.TASKS`;
            a mapping with `task` and its parameters, or the path of a JSON file with one. That of a
            detector or instance segmenter says how its outputs become boxes, as
            `runtime.boxes.decoding_config.check_decoding_config` has it, but with the outputs'
            names. A classifier of sounds may have a `stream`, as
            `runtime.tasks.classification.STREAM` has it; what it leaves out is as there. An
            anomaly detector has the parameters of `tasks.anomaly`, a `stream` among them.
        quantization: how numbers are stored, and how much accuracy may be lost; a scheme's name
            stands for `Quantization(scheme)`. By default the target's first scheme.
        test: labelled examples, never seen in training, on which the metric of both models is
            measured: `TestData`, `(x, y)`, the path of an `.npz` with both, or a folder of what the
            front end opens, whose sub-folders are called like the classes. Of a folder with the
            sub-folders `train` and `test` each takes its own; `"FOLDER:test"` is a fixed tenth of
            each class where there is none.
        front_end: how an example becomes the numbers of the input (of several inputs: one each),
            `{"kind": "image", "black": 0, "white": 255}` say; see `runtime.inputs`. By default
            images where the shape and the values allow it.
        state: of a model that takes its state as inputs and gives it back, the name of the input
            that takes each such output at the next call, `{"new_state": "state"}`; `calibration`
            and `test` are then one sequence, without the state.
        seed: draws the calibration examples and, without calibration, the recorded inputs.
        accept: write a bundle whose outputs are not what they are in Keras, too: with more
            quantization noise than `measure.parity.FLOOR` allows. A metric that `test` shows to
            lose no more than the tolerance outweighs that; on random inputs it is only said.
        overwrite: replace an earlier bundle at `out`.
        trust: run the code that the model's file holds (of Lambda layers, say).
        verbose: 1 prints a line a step, 0 nothing.

    Returns:
        The card, a `runtime.card.Card`, as in `card.json`; of several targets a list of them.

    Raises:
        DeployError: for whatever can't be served, with what was expected and what to do; nothing
            is written of that target then.
    """
    rows = _find_targets(targets)
    pattern = str(out)
    if not isinstance(targets, str) and "{target}" not in pattern:
        pattern = str(Path(out, "{target}"))
    folders = [Path(pattern.replace("{target}", row.name)) for row in rows]
    for folder in folders:
        check_output(folder, overwrite, model)
    options = _Options(calibration, class_names, task, quantization, test, front_end, state)
    say = _printer(rows[0].name if len(rows) == 1 else f"{len(rows)} targets", verbose)
    prepared = _prepare(model, rows, options, seed, trust, say)
    cards = []
    for row, folder in zip(rows, folders, strict=True):
        bundle = _make_bundle(prepared, row, folder, seed, accept, _printer(row.name, verbose))
        write_bundle(folder, bundle.card, prepared.class_names, bundle.files)
        _printer(row.name, verbose)(f"7 bundle     {folder}")
        cards.append(bundle.card)
    return cards[0] if isinstance(targets, str) else cards


def export_models(
    models: Mapping[str, keras.Model | str | Path],
    target: str,
    *,
    out: str | Path,
    pipeline: Mapping[str, Any] | None = None,
    seed: int = 0,
    accept: bool = False,
    overwrite: bool = False,
    trust: bool = False,
    verbose: int = 1,
    **options: Any,
) -> dict[str, Any]:
    """One bundle of several models, each a bundle in a folder of its name.

    Args:
        models: the models by name, `{"encoder": …, "decoder": …}`, each as `export` takes it.
        target: as for `export`.
        out: the bundle's folder, which does not exist yet.
        pipeline: what the models do together, `task` and its parameters: "translation", by an
            `encoder` and a `decoder` (see `tasks.translation.plan`). `runtime.load` then gives what
            does it. None: they are a bundle of models, each for itself.
        seed: as for `export`, as are `accept`, `overwrite`, `trust` and `verbose`.
        options: of `export`'s `calibration`, `class_names`, `task`, `quantization`, `test`,
            `front_end` and `state` each a mapping with that of the models that have one. Of a
            pipeline `calibration` and `test` are those of the whole, pairs of texts and
            `TestData(texts, translations, metric)` say, and `quantization` alone is of the models.

    Returns:
        The cards by the models' names; of a pipeline also that of the whole, a
        `runtime.card.PipelineCard`, by its task's.

    Raises:
        DeployError: as for `export`; nothing is written then.
    """
    row, folder = find_target(target), Path(out)
    if not isinstance(models, Mapping) or not models or not all(map(is_folder_name, models)):
        raise DeployError(
            f"expected models by names that folders can have, received {models!r:.200}; give a "
            "mapping with plain names"
        )
    for model in models.values():
        check_output(folder, overwrite, model)
    task, planned, test = "", None, None
    if pipeline is not None:
        task, planned, test = _plan(models, row, pipeline, options, seed, trust)
        options = planned.options | {"quantization": options.get("quantization", {})}
    _check_model_options(models, options)
    bundles, names, deployed, sources = {}, {}, {}, {}
    for name, model in models.items():
        given = {key: of_models.get(name) for key, of_models in options.items()}
        say = _printer(f"{target}, {name}", verbose)
        prepared = _prepare(model, [row], _Options(**given), seed, trust, say)
        bundles[name] = bundle = _make_bundle(prepared, row, folder / name, seed, accept, say)
        names[name], sources[name] = prepared.class_names, prepared.source
        content = bundle.files["model.tflite"]
        deployed[name] = Model(content, dict(_describe(prepared, row, content)), [])
    cards: dict[str, Any] = {name: bundle.card for name, bundle in bundles.items()}
    whole = None
    if planned is not None:
        whole = _whole(task, planned, test, row, sources, deployed, cards)
        _printer(target, verbose)(f"  together   {_whole_verdict(whole)}")
    write_bundles(
        folder,
        {name: (each.card, names[name], each.files) for name, each in bundles.items()},
        whole,
    )
    _printer(target, verbose)(f"7 bundle     {folder}")
    return cards if whole is None else cards | {task: whole}


def _plan(
    models: Mapping[str, Any],
    target: Target,
    pipeline: Mapping[str, Any],
    options: Mapping[str, Any],
    seed: int,
    trust: bool,
) -> tuple[str, Plan, TestData | None]:
    """The pipeline's task, how its models are exported, and the test data of the whole."""
    if not isinstance(pipeline, Mapping):
        raise DeployError(
            f"expected a pipeline as a mapping with its task, received {type(pipeline).__name__}"
        )
    parameters = dict(pipeline)
    task = parameters.pop("task", None)
    find_pipeline(task)
    if target.runtime != "litert" or target.compiler:
        fits = [each.name for each in TARGETS.values() if each.runtime == "litert"]
        fits = [name for name in fits if not TARGETS[name].compiler]
        raise DeployError(
            f"expected one of the targets {', '.join(fits)} for {task}, received '{target.name}': "
            "what runs the models in turn is Python beside LiteRT"
        )
    known = ("calibration", "test", "quantization")
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise DeployError(
            f"expected options of {', '.join(known)} for a pipeline, received '{unknown[0]}', "
            "which it tells itself; leave it out"
        )
    sources = {name: load(model, trust) for name, model in models.items()}
    test = None if options.get("test") is None else read_test_data(options["test"])
    planned = PIPELINES[task].plan(sources, parameters, options.get("calibration"), seed)
    return task, planned, test


def _whole(
    task: str,
    planned: Plan,
    test: TestData | None,
    target: Target,
    sources: Mapping[str, Source],
    deployed: Mapping[str, Model],
    cards: Mapping[str, Card],
) -> PipelineCard:
    """The card of the whole."""
    settings = {task: planned.settings}
    runner = find_pipeline(task).open_bundle({"task": task, **settings}, deployed, None)
    networks = PIPELINES[task].keras_networks(sources, planned.settings)
    data = "test data" if test else "calibration data"
    compared = PIPELINES[task].compare(networks, runner, test or TestData(planned.pairs[0]), data)
    created = next(iter(cards.values()))
    return cast(
        PipelineCard,
        {
            "models": list(cards),
            "task": task,
            "target": target.name,
            **settings,
            "quality": compared.quality,
            "parity": compared.parity,
            "size_bytes": sum(card["size_bytes"] for card in cards.values()),
            "params": sum(card["params"] for card in cards.values()),
            "latency_ms": compared.milliseconds,
            "created": created["created"],
            "seed": created["seed"],
        },
    )


def _whole_verdict(whole: PipelineCard) -> str:
    parity, quality = whole["parity"], whole["quality"]
    text = f"{100 * parity['same']:.1f} % of {parity['examples']} as Keras on {parity['data']}"
    if quality:
        keras_score, deployed = score(quality, "keras"), score(quality, "deployed")
        text += f", {quality['metric']} {keras_score} in Keras, {deployed} deployed"
    return text


class _Options(NamedTuple):
    """What `export` is told of one model."""

    calibration: Any = None
    class_names: Any = None
    task: Any = None
    quantization: Any = None
    test: Any = None
    front_end: Any = None
    state: Any = None


@dataclass(frozen=True)
class _Prepared:
    """What every target starts from: the model, its examples, and what Keras makes of them."""

    source: Source
    # The file of a model in memory.
    saved: dict[str, bytes]
    calibration: Calibration | None
    conversions: Conversions
    class_names: list[str]
    quantization: Quantization
    task: dict[str, Any]
    front_ends: list[dict[str, Any]]
    # The examples that both models are compared on: their inputs, Keras's outputs, and what they
    # are; with the ground truth what Keras scores.
    arrays: list[np.ndarray]
    expected: list[np.ndarray]
    data: str
    ground_truth: Any
    metric: Metric | None
    keras_score: float | None
    # Several targets may run the same flatbuffer on the same runtime: what came of it there.
    evaluated: dict[tuple[str, ...], _Evaluated] = field(default_factory=dict)

    @cached_property
    def unrounded(self) -> bytes:
        """The float form of a quantization-aware model, which its layers are held against."""
        return float_form(self.source)


class _Converted(NamedTuple):
    """The quantized flatbuffer, and what was done for its accuracy."""

    content: bytes
    scheme: str
    mixed: dict[str, str]
    recurrent: dict[str, str]
    quantizer: str | None
    dense: DenseLayers | None
    in_float: list[FloatOperator]
    layers: list[LayerError]
    costly: list[LayerError]
    kept: Kept | None


class _Evaluated(NamedTuple):
    accuracy: Accuracy
    run: Run


class _Bundle(NamedTuple):
    card: Card
    files: dict[str, bytes]


def _prepare(
    model: keras.Model | str | Path,
    targets: Sequence[Target],
    options: _Options,
    seed: int,
    trust: bool,
    say: Callable[[str], None],
) -> _Prepared:
    """Steps 1 and 2, the same for every target."""
    if not isinstance(seed, int) or seed < 0:
        raise DeployError(f"expected a seed of 0 or more, a whole number, received {seed!r}")
    quantization, test = read_quantization(options.quantization), _test_data(options.test)
    schemes = {
        target.name: schemes_for(quantization, target, measured=test is not None)
        for target in targets
    }
    class_names, settings = check_class_names(options.class_names), read_task(options.task)
    if test is not None:
        check_disjoint(options.calibration, test.x)
        folder = find_folder(test.x)
        class_names = class_names or (class_names_in(folder) if folder else [])

    # 1 load
    source = with_state(load(model, trust), options.state)
    _check_state(source)
    for target in targets:
        check_calibration(target, schemes[target.name], source, options.calibration)
    say(f"1 load       '{source.name}', {source.params:,} parameters")

    # 2 calibrate
    told = told_front_ends(source, options.front_end)
    examples = None
    if options.calibration is not None:
        examples = calibrate(options.calibration, source, seed, told)
    say(f"2 calibrate  {_calibration_text(examples)}")

    arrays, ground_truth, data = _reference(source, examples, test, told, class_names, seed)
    expected = source.predict(arrays)
    task = infer_task(source, expected, class_names, settings)
    front_ends = find_front_ends(source, options.front_end, None if data == _RANDOM else arrays)
    if task.get("stream") is not None:
        card = keras_card(source, expected, task)
        for entry, front_end in zip(card["inputs"], front_ends, strict=True):
            entry["front_end"] = front_end
        check_stream(without_state(card))
    metric = test.metric if test else None
    # Ground truth that doesn't fit the outputs is found before the minutes of a conversion.
    keras_score = _keras_score(source, task, ground_truth, arrays, expected, class_names, metric)
    return _Prepared(
        source=source,
        saved=save_model(source),
        calibration=examples,
        conversions=Conversions(source, examples),
        class_names=class_names,
        quantization=quantization,
        task=task,
        front_ends=front_ends,
        arrays=arrays,
        expected=expected,
        data=data,
        ground_truth=ground_truth,
        metric=metric,
        keras_score=keras_score,
    )


def _make_bundle(
    prepared: _Prepared,
    target: Target,
    out: Path,
    seed: int,
    accept: bool,
    say: Callable[[str], None],
) -> _Bundle:
    """Steps 3 to 7 for one target; the bundle is still to be written to `out`."""
    compiler = COMPILERS[target.compiler] if target.compiler else None
    if compiler:
        prepared = _with_task(prepared, compiler.adapt(prepared.task))

    # 3 convert
    converted = _convert(prepared, target, say)

    # 4 compile
    files: dict[str, bytes] = {"model.tflite": converted.content}
    toolchain: Toolchain = {"memory": None, "npu": None}
    if compiler:
        description = _describe(prepared, target, converted.content)
        compiled = compiler.compile(converted.content, description, prepared.class_names)
        files |= compiled.files
        toolchain |= cast(Toolchain, compiled.card)
        say(f"4 compile    {', '.join(compiled.files) or 'nothing to make'}")

    # 5 verify: the file that is shipped, which may be the compiler's
    content = files["model.tflite"]
    description = _describe(prepared, target, content)
    measured, run = _evaluate(prepared, target, content)
    accuracy: Accuracy = {
        **measured,
        "layers": converted.layers,
        "costly": converted.costly,
        "kept": converted.kept,
    }
    say(f"5 verify     {_verdict(accuracy)}")
    _check_parity(prepared, target, converted, accuracy, accept, say)

    # 6 benchmark
    recorded = record(description, prepared.arrays, run, prepared.expected)
    inputs = [recorded[f"input_{index}"] for index in range(len(prepared.arrays))]
    speed = latency(content, target.runtime, inputs)
    say(f"6 benchmark  {speed['median']:.3f} ms, {speed['runtime']}")

    # 7 bundle
    named, vocabularies = split_off(description["inputs"])
    keras_model = origin(prepared.source, prepared.saved, out)
    tested: SelfTest = {
        "examples": len(inputs[0]),
        "tolerance": tolerances(converted.scheme, run),
    }
    card: Card = {
        **description,
        "inputs": cast(list[Tensor], named),
        **storage(
            prepared.source,
            converted.scheme,
            converted.quantizer,
            converted.mixed,
            converted.recurrent,
            converted.dense,
            converted.in_float,
            prepared.calibration,
        ),
        **cost(content, prepared.source, speed),
        **accuracy,
        **toolchain,
        **provenance(keras_model, tested, content, seed),
    }
    files |= prepared.saved | vocabularies | {"selftest.npz": pack(recorded)}
    return _Bundle(card, files)


def _convert(prepared: _Prepared, target: Target, say: Callable[[str], None]) -> _Converted:
    """Step 3: the quantized model; the most sensitive operators named where it loses more than the
    tolerance, and with `fix` kept out of the scheme.

    Raises:
        DeployError: the model can't be converted, or `mixed` not be had.
    """
    source, examples, wanted = prepared.source, prepared.calibration, prepared.quantization
    scheme, mixed = wanted.scheme or target.scheme, dict(wanted.mixed)
    content, floats, package, recurrent = prepared.conversions.to(scheme)
    unknown = layers_in_the_way(floats, mixed, source)
    if mixed and package not in (None, PACKAGE) and unknown:
        raise DeployError(
            f"expected a model that LiteRT's quantizer knows for mixed, received '{source.name}', "
            f"which only the converter can quantize; leave mixed out, or name {', '.join(unknown)} "
            "in it, too, in float32"
        )
    if mixed:
        ranges = prepared.conversions.ranges(scheme)
        content, package = mix(floats, scheme, mixed, ranges, source), PACKAGE
    dense = None
    largest = () if mixed or package != PACKAGE else largest_integers(scheme, target.dense)
    if largest and examples:
        ranges = prepared.conversions.ranges(scheme)
        # The test data have the last word on what the outputs may lose.
        for chosen in choose_scales(floats, scheme, largest, ranges, examples, source):
            if (
                prepared.ground_truth is None
                or metric_drop(_quality(prepared, target, chosen.content)) <= wanted.tolerance
            ):
                content, floats, dense = chosen
                break
    exceptions = [
        f"{other} in {count} {'layer' if count == 1 else 'layers'}"
        for other, count in Counter(mixed.values()).items()
    ]
    say(f"3 convert    {', '.join([scheme, *exceptions])}, {len(content):,} bytes")
    if dense:
        say(f"             {dense_text(dense)}")

    quality = partial(_quality, prepared, target)

    def loss(content: bytes) -> float:
        return 0.0 if prepared.ground_truth is None else metric_drop(quality(content))

    kept: Kept | None = None
    costly: list[LayerError] = []
    if package and not loss(content) <= wanted.tolerance:
        # The converter can't quantize a single operator.
        shown = examples if package == PACKAGE else None
        ranges = prepared.conversions.ranges(scheme) if shown else None
        if shown:
            costly = sensitivity(floats, scheme, ranges, shown, source)[:_NAMED]
        else:
            costly = worst(_layer_errors(prepared, target, floats, content, package))[:_NAMED]
        say(_costly_text(loss(content), costly, source, target if shown else None))
        if wanted.fix and shown:
            found = keep_accuracy(
                floats,
                scheme,
                target.exceptions,
                costly,
                ranges,
                source,
                lambda content: loss(content) <= wanted.tolerance,
            )
            if found:
                before = {"deployed": quality(content)["deployed"], "size_bytes": len(content)}
                content, kept = found.content, {"operators": found.operators, "before": before}
                say(_kept_text(kept, quality(content), len(content)))
            else:
                say("             no exceptions for the costliest operators keep the tolerance")
        elif wanted.fix:
            say("             fix can't help: only the converter can quantize this model")
    in_float: list[FloatOperator] = []
    if package and SCHEMES[scheme].activations.startswith("int"):
        in_float = float_operators(content, source)
    if in_float:
        say(f"             in float: {kept_list(in_float)}")
    layers = _layer_errors(prepared, target, floats, content, package)
    return _Converted(
        content, scheme, mixed, recurrent, package, dense, in_float, layers, costly, kept
    )


def _check_parity(
    prepared: _Prepared,
    target: Target,
    converted: _Converted,
    accuracy: Accuracy,
    accept: bool,
    say: Callable[[str], None],
) -> None:
    """Whether the outputs are what they are in Keras.

    Raises:
        DeployError: they are not, and neither `accept` nor the metric says that it does not matter.
    """
    low = below_floor(accuracy["parity"])
    if not low:
        return
    costly = converted.costly or _find_costly(prepared, converted)
    outputs = ", ".join(f"{decibels(entry['sqnr_db'])} of '{entry['name']}'" for entry in low)
    received = "; ".join(
        [
            f"received {outputs}",
            *([f"the operators that cost it: {operator_list(costly)}"] if costly else []),
        ]
    )
    quality = accuracy["quality"]
    if (
        accept
        or prepared.data == _RANDOM
        or (quality and metric_drop(quality) <= prepared.quantization.tolerance)
    ):
        say(f"             below the floor of {FLOOR:g} dB: {received}")
        return
    remedies = []
    if target.exceptions and costly and converted.quantizer == PACKAGE:
        other = target.exceptions[0]
        how = f"--mixed LAYER={other}" if prepared.ground_truth is None else "--fix"
        remedies.append(f"keep them in {other} ({how})")
    wider = [each for each in ("int16", "dynamic", "float16") if each in target.schemes[1:]]
    remedies += [f"take more bits (--scheme {wider[0]})"] if wider else ["take another target"]
    raise DeployError(
        f"expected outputs of at least {FLOOR:g} dB above their quantization noise on "
        f"{prepared.data}, {received}; {', '.join(remedies)}, calibrate with examples like those "
        "of the training, or write the bundle as it is with --accept (accept=True)"
    )


def _find_costly(prepared: _Prepared, converted: _Converted) -> list[LayerError]:
    """The operators that cost the most, each alone; the noisiest where only the converter can
    quantize the model."""
    scheme, examples = converted.scheme, prepared.calibration
    if converted.quantizer != PACKAGE or examples is None:
        return worst(converted.layers)[:_NAMED]
    floats, ranges = prepared.conversions.to(scheme).floats, prepared.conversions.ranges(scheme)
    return sensitivity(floats, scheme, ranges, examples, prepared.source)[:_NAMED]


def _quality(prepared: _Prepared, target: Target, content: bytes) -> Quality:
    return cast(Quality, _evaluate(prepared, target, content).accuracy["quality"])


def _with_task(prepared: _Prepared, task: dict[str, Any]) -> _Prepared:
    """The same for a target that does the task in a way of its own, as Keras is then read, too."""
    if task == prepared.task:
        return prepared
    keras_score = _keras_score(
        prepared.source,
        task,
        prepared.ground_truth,
        prepared.arrays,
        prepared.expected,
        prepared.class_names,
        prepared.metric,
    )
    return replace(prepared, task=task, keras_score=keras_score)


def _keras_score(
    source: Source,
    task: dict[str, Any],
    ground_truth: Any,
    arrays: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
    class_names: Sequence[str],
    metric: Metric | None,
) -> float | None:
    if ground_truth is None:
        return None
    card = keras_card(source, expected, task)
    return measure(card, ground_truth, expected, class_names, metric, arrays)


def _describe(prepared: _Prepared, target: Target, content: bytes) -> Description:
    return describe(content, prepared.source, target, prepared.task, prepared.front_ends)


def _evaluate(prepared: _Prepared, target: Target, content: bytes) -> _Evaluated:
    """The flatbuffer on the target's runtime, held against Keras."""
    key = hashlib.sha256(content).hexdigest(), target.runtime, json.dumps(prepared.task)
    if key not in prepared.evaluated:
        description = _describe(prepared, target, content)
        received, run = run_deployed(content, description, target.runtime, prepared.arrays)
        accuracy = compare(
            description,
            prepared.source.outputs,
            prepared.expected,
            received,
            prepared.ground_truth,
            prepared.class_names,
            prepared.metric,
            prepared.keras_score,
            prepared.arrays,
        )
        accuracy["parity"]["data"] = prepared.data
        prepared.evaluated[key] = _Evaluated(accuracy, run)
    return prepared.evaluated[key]


def _layer_errors(
    prepared: _Prepared, target: Target, floats: bytes, content: bytes, package: str | None
) -> list[LayerError]:
    if package is None:
        return []
    source, inputs = prepared.source, _describe(prepared, target, content)["inputs"]
    if source.trained_weights:
        floats = prepared.unrounded
    return layer_errors(floats, content, inputs, prepared.arrays, source)


def _find_targets(targets: str | Sequence[str]) -> list[Target]:
    if not isinstance(targets, str | list | tuple):
        raise DeployError(
            f"expected a target's name, or a list of several, received {targets!r}; see "
            "deploy.TARGETS"
        )
    names = [targets] if isinstance(targets, str) else list(dict.fromkeys(targets))
    if not names:
        raise DeployError("expected at least one target, received none; see deploy.TARGETS")
    return [find_target(name) for name in names]


def _check_model_options(models: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    unknown = sorted(set(options) - set(_Options._fields))
    if unknown:
        raise DeployError(
            f"expected options of {', '.join(_Options._fields)}, received '{unknown[0]}'"
        )
    for key, of_models in options.items():
        if not isinstance(of_models, Mapping) or not set(of_models) <= set(models):
            given = (
                sorted(of_models) if isinstance(of_models, Mapping) else type(of_models).__name__
            )
            raise DeployError(
                f"expected {key} by the models' names {', '.join(models)}, received {given}"
            )


def _test_data(test: Any) -> TestData | None:
    if test is None:
        return None
    read = read_test_data(test)
    if read.y is None and not isinstance(read.x, str | Path):
        raise DeployError("expected test data with x and y, received no y; add the targets")
    return read


def _check_state(source: Source) -> None:
    """Whether each output of the state has the shape of the input that takes it.

    Raises:
        DeployError: it has not.
    """
    if not source.state:
        return
    zeros = [np.zeros((1, *entry.shape), entry.dtype) for entry in source.inputs]
    outputs = source.predict(zeros)
    for position, taken in source.state:
        given, entry = outputs[position].shape[1:], source.inputs[taken]
        if given != entry.shape:
            raise DeployError(
                f"expected an output of shape {entry.shape} for the state '{entry.name}', received "
                f"'{source.outputs[position]}' of shape {given}"
            )


def _reference(
    source: Source,
    examples: Calibration | None,
    test: TestData | None,
    front_ends: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
    seed: int,
) -> tuple[list[np.ndarray], Any, str]:
    """The examples that both models are compared on, their ground truth (or None), and what they
    are."""
    if test is not None:
        x, y = test.x, test.y
        if isinstance(x, str | Path):
            # A folder's images become what the calibration data are.
            known = front_ends or (
                find_front_ends(source, None, examples.arrays) if examples is not None else ()
            )
            x, y = read_test(x, source, known, class_names)
            if y is None:
                raise DeployError(
                    "expected test data with x and y, received no y; add the targets (in a folder: "
                    "one sub-folder a class)"
                )
        return as_inputs(x, source, "test", front_ends), y, "test data"
    if examples is not None:
        return list(examples.arrays), None, "calibration data"
    return list(random_examples(source, seed, front_ends).arrays), None, _RANDOM


def _printer(prefix: str, verbose: int) -> Callable[[str], None]:
    def say(text: str) -> None:
        if verbose:
            print(f"[{prefix}] {text}", flush=True)

    return say


def _calibration_text(examples: Calibration | None) -> str:
    if examples is None:
        return "not needed"
    ranges = ", ".join(f"{low:g} to {high:g}" for low, high in examples.ranges)
    return f"{examples.examples} examples, values {ranges}"


def _verdict(accuracy: Accuracy) -> str:
    parity, quality = accuracy["parity"], accuracy["quality"]
    text = f"largest error {parity['max_abs_error']:.3g} on {parity['data']}"
    if quality:
        keras_score, deployed = score(quality, "keras"), score(quality, "deployed")
        text += f", {quality['metric']} {keras_score} in Keras, {deployed} deployed"
    return text


def _costly_text(
    loss: float, costly: Sequence[LayerError], source: Source, target: Target | None
) -> str:
    """`target`: where its exceptions can mend the loss."""
    named = operator_list(costly)
    which = "the operators that cost the most, each alone" if target else "the noisiest operators"
    remedies = []
    if target and target.exceptions:
        remedies.append(f"fix keeps them in {' or '.join(target.exceptions)}")
    if not source.trained_weights:
        remedies.append("deploy.quantize_aware trains it again")
    return "; ".join(
        [
            f"             loses {loss:.2f} points",
            *([f"{which}: {named}"] if named else []),
            *remedies,
        ]
    )


def _kept_text(kept: Kept, quality: Quality, size: int) -> str:
    operators, before = kept["operators"], kept["before"]
    earlier = {**quality, "deployed": before["deployed"]}
    return (
        f"             in {operators[0]['scheme']} now: "
        f"{kept_list(operators)}; {quality['metric']} "
        f"{score(earlier, 'deployed')} to {score(quality, 'deployed')}, "
        f"{before['size_bytes']:,} to {size:,} bytes"
    )
