"""Run a bundle on images, videos, recordings, sequences, texts or arrays, or check it here.

python -m deploy.runtime run DIR|MODEL.tflite INPUT… [--draw PNG|DIR|MP4] [--threshold SCORE]
python -m deploy.runtime run DIR [RECORDING|FILE.csv] --stream [--threshold SCORE]
python -m deploy.runtime selftest DIR
python -m deploy.runtime enrol DIR NAME INPUT…
python -m deploy.runtime recognise DIR INPUT… [--draw PNG|DIR|MP4] [--threshold DISTANCE]
python -m deploy.runtime forget DIR NAME
python -m deploy.runtime generate DIR --out PNG [--seed N] [--to-seed N] [--class NAME] [--count N]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any

from deploy.runtime import (
    Model,
    Translator,
    enrol,
    forget,
    generate,
    load,
    recognise,
    selftest,
    stream,
)
from deploy.runtime.bundle import load_model
from deploy.runtime.card import without_state
from deploy.runtime.command_line import Parser, refuse
from deploy.runtime.draw.drawing import sheet
from deploy.runtime.draw.output_files import Add, open_output
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import FrontEndModule, array, find_front_end
from deploy.runtime.inputs.files import kind_of, read_examples
from deploy.runtime.signature import check_signature
from deploy.runtime.streaming import moment_of
from deploy.runtime.tasks import PIPELINES, Pipeline, Task, find_task
from deploy.runtime.text import plural

# An example and a threshold become a prediction.
Predict = Callable[[Any, float | None], Any]


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(prog="python -m deploy.runtime")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="the model's prediction for each input")
    run.add_argument("model", metavar="DIR|MODEL.tflite")
    _add_inputs(run, drawn=True, needed=False)
    run.add_argument(
        "--stream",
        action="store_true",
        help="tell what is heard in a long recording, or which rows of a table of readings are "
        "anomalous, as it comes up; without an input listen to the microphone, or read standard "
        "input",
    )
    run.add_argument(
        "--threshold",
        type=float,
        metavar="SCORE",
        help="of a detector or a stream: find what scores at least this, 0 to 1; default: the "
        "bundle's own (of an anomaly detector's stream any score above 0)",
    )
    test = commands.add_parser("selftest", help="compare with the outputs recorded at export")
    test.add_argument("model", metavar="DIR")
    shown = commands.add_parser("enrol", help="show a recogniser whose examples these are")
    shown.add_argument("model", metavar="DIR")
    shown.add_argument("name", metavar="NAME")
    _add_inputs(shown, drawn=False)
    asked = commands.add_parser("recognise", help="who is enrolled and nearest to each input")
    asked.add_argument("model", metavar="DIR")
    _add_inputs(asked, drawn=True)
    asked.add_argument(
        "--threshold",
        type=float,
        metavar="DISTANCE",
        help="whoever is farther is unknown; default: the bundle's own",
    )
    gone = commands.add_parser("forget", help="take a name out of a recogniser's store")
    gone.add_argument("model", metavar="DIR")
    gone.add_argument("name", metavar="NAME")
    made = commands.add_parser("generate", help="images out of noise, on one sheet")
    made.add_argument("model", metavar="DIR")
    made.add_argument("--out", required=True, metavar="PNG")
    made.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same one, the same images"
    )
    made.add_argument(
        "--to-seed",
        type=int,
        metavar="N",
        help="images on the way from the first one of --seed to the first one of this seed",
    )
    made.add_argument(
        "--class", dest="class_name", metavar="NAME", help="default: one after the other"
    )
    made.add_argument("--count", type=int, default=16, metavar="N")
    made.add_argument(
        "--steps", type=int, metavar="N", help="of a denoiser; default: the bundle's own"
    )
    for command in (run, test, shown, asked, gone, made):
        command.add_argument(
            "--require-signature",
            metavar="PUBLIC.pem",
            help="only a bundle that the owner of this key has signed",
        )
    options = parser.parse_args(arguments)
    try:
        if options.require_signature is not None:
            check_signature(options.model, options.require_signature)
        if options.command == "selftest":
            return _selftest(options.model)
        if options.command == "run" and options.stream:
            streamed = load_model(options.model)
            return _stream(streamed, options.inputs, options.draw, options.threshold)
        if options.command == "run":
            if not options.inputs:
                raise DeployError("expected an input to run, received none; name a file, say")
            runner = load(options.model)
            return _run(runner, runner.predict, options.inputs, options.draw, options.threshold)
        model = load_model(options.model)
        if options.command == "generate":
            return _generate(model, options)
        if options.command == "enrol":
            return _enrol(model, options.name, options.inputs)
        if options.command == "forget":
            forget(model, options.name)
            print(f"{options.name}: forgotten")
            return 0
        known = partial(recognise, model)
        return _run(model, known, options.inputs, options.draw, options.threshold)
    except DeployError as error:
        return refuse("deploy.runtime", error)


def _add_inputs(parser: argparse.ArgumentParser, drawn: bool, needed: bool = True) -> None:
    parser.add_argument(
        "inputs",
        nargs="+" if needed else "*",
        metavar="INPUT",
        help="what the model takes (an image, a recording, a sequence, a text), a folder of them, "
        "a video, .npy / .npz (x) / .csv, or of texts a .txt file with one a line",
    )
    if drawn:
        parser.add_argument(
            "--draw",
            metavar="PNG|DIR|MP4",
            help="draw the images with their predictions; a folder's into a folder, a video's into "
            "an .mp4",
        )


def _enrol(model: Model, name: str, inputs: list[str]) -> int:
    front_end, examples = _front_end(model), []
    for path in inputs:
        kind = kind_of(path, front_end)
        if kind == "arrays":
            examples.append(array.open_file(path))
        else:
            examples += [example for _, example in read_examples(path, kind, front_end)]
    count = enrol(model, name, examples)
    print(f"{name}: {count} {front_end.NOUN if count == 1 else plural(front_end.NOUN)}")
    return 0


def _generate(model: Model, options: argparse.Namespace) -> int:
    with open_output(options.out, [], "file") as add:
        start = time.perf_counter()
        images = generate(
            model,
            options.count,
            seed=options.seed,
            to_seed=options.to_seed,
            class_name=options.class_name,
            steps=options.steps,
        )
        seconds = time.perf_counter() - start
        add(options.out, sheet(list(images)))
    print(f"{options.out}: {len(images)} images, {len(images) / seconds:.1f} per second")
    return 0


def _stream(model: Model, inputs: list[str], draw: str | None, threshold: float | None) -> int:
    if len(inputs) > 1 or draw is not None:
        raise DeployError(
            f"expected one input to stream or none, and nothing to draw, received {len(inputs)}"
            f"{'' if draw is None else ' and --draw'}; stream one after the other"
        )
    moment = moment_of(model)
    # Whoever listens ends it, by a key or by reading no further.
    with suppress(KeyboardInterrupt):
        try:
            for event in stream(model, inputs[0] if inputs else None, threshold):
                print(f"{moment(event.time)}: {event.text}", flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _run(
    model: Model | Translator,
    predict: Predict,
    inputs: list[str],
    draw: str | None,
    threshold: float | None,
) -> int:
    task, classes = _task(model), model.class_names()
    kinds = [kind_of(path, _front_end(model)) for path in inputs]
    with _drawings(model, inputs, kinds, draw) as add:
        for path, kind in zip(inputs, kinds, strict=True):
            if kind == "arrays":
                predictions = predict(array.open_file(path), threshold)
                predictions = predictions if isinstance(predictions, list) else [predictions]
                for index, prediction in enumerate(predictions):
                    print(f"{path}[{index}]: {task.to_text(prediction, classes)}")
            else:
                _run_on_files(model, predict, path, kind, classes, threshold, add)
    return 0


def _run_on_files(
    model: Model | Translator,
    predict: Predict,
    path: str,
    kind: str,
    classes: list[str],
    threshold: float | None,
    add: Add | None,
) -> None:
    task, seconds, count = _task(model), 0.0, 0
    front_end = _front_end(model)
    examples = read_examples(path, kind, front_end)
    while True:
        start = time.perf_counter()
        name, example = next(examples, (None, None))
        if name is None:
            break
        prediction = predict(example, threshold)
        seconds += time.perf_counter() - start
        count += 1
        print(f"{name}: {task.to_text(prediction, classes)}")
        if warning := _warning(model, front_end, example):
            print(f"deploy.runtime: warning: {name}: {warning}", file=sys.stderr)
        if add is not None and task.draw is not None:
            add(name, task.draw(example, prediction, classes))
    if kind in ("folder", "video"):
        what = plural("frame" if kind == "video" else front_end.NOUN)
        print(
            f"{path}: {count} {what}, {count / seconds:.1f} per second (reading, resizing, model, "
            "prediction)"
        )


def _warning(model: Model | Translator, front_end: FrontEndModule, example: Any) -> str | None:
    card = without_state(model.card)
    if front_end.warning is None or card.get("windows"):
        return None  # A model of windows sees all of an example.
    entry = card["inputs"][0]
    return front_end.warning(example, entry["front_end"], tuple(entry["shape"][1:]))


def _front_end(model: Model | Translator) -> FrontEndModule:
    return find_front_end(without_state(model.card)["inputs"][0])


def _task(model: Model | Translator) -> Task | Pipeline:
    name = model.card["task"]
    return PIPELINES[name] if name in PIPELINES else find_task(name)


def _drawings(
    model: Model | Translator, inputs: list[str], kinds: list[str], draw: str | None
) -> AbstractContextManager[Add | None]:
    if draw is None:
        return nullcontext(None)
    drawn = _task(model).draw is not None
    images = without_state(model.card)["inputs"][0]["front_end"]["kind"] == "image"
    if not drawn or not images or set(kinds) == {"arrays"}:
        raise DeployError(
            "expected images and a task that is drawn (a classifier, a detector, a segmenter, an "
            "anomaly detector, or image to image), received others"
        )
    single = [kind for kind in kinds if kind in ("folder", "video")]
    if single and len(inputs) > 1:
        raise DeployError(
            f"expected a {single[0]} alone to draw, received {len(inputs)} inputs; run them one "
            "after the other"
        )
    return open_output(draw, inputs, single[0] if single else "file")


def _selftest(path: str) -> int:
    results = selftest(path)
    several = len({result["model"] for result in results}) > 1
    for result in results:
        name = f"{result['model']}/{result['name']}" if several else result["name"]
        print(
            f"{'passed' if result['passed'] else 'FAILED'}: output '{name}', "
            f"{result['examples']} examples, largest difference {result['max_difference']:.3g}, "
            f"tolerance {result['tolerance']:.3g}"
        )
    return 0 if all(result["passed"] for result in results) else 1


if __name__ == "__main__":
    # A terminal may not have every letter of a text.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main())
