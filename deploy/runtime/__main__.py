"""Run a bundle on pictures, videos or arrays, or check it on this device.

python -m deploy.runtime run DIR|MODEL.tflite INPUT… [--draw PNG|DIR|MP4] [--threshold SCORE]
python -m deploy.runtime selftest DIR
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from deploy.runtime import Model, load, selftest
from deploy.runtime.draw.drawing import draw_classification, draw_detections, draw_map
from deploy.runtime.draw.sheets import Add, open_sheets
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs.files import kind_of, read_array, read_pictures
from deploy.runtime.tasks.answers import DETECTORS, class_names
from deploy.runtime.text import in_words

if TYPE_CHECKING:
    from PIL.Image import Image

_DRAWN = ("classification", "segmentation", *DETECTORS)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.runtime")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="the model's answer for each input")
    run.add_argument("model", metavar="DIR|MODEL.tflite")
    run.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="a picture, .npy / .npz (x), a folder of pictures, or a video",
    )
    run.add_argument(
        "--draw",
        metavar="PNG|DIR|MP4",
        help="draw the pictures with their answers; a folder's into a folder, a video's into an "
        ".mp4",
    )
    run.add_argument(
        "--threshold",
        type=float,
        metavar="SCORE",
        help="of a detector: find what scores at least this, 0 to 1; default: the bundle's own",
    )
    test = commands.add_parser("selftest", help="compare with the outputs recorded at export")
    test.add_argument("bundle", metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        if options.command == "selftest":
            return _selftest(options.bundle)
        return _run(load(options.model), options.inputs, options.draw, options.threshold)
    except DeployError as error:
        print(f"deploy.runtime: error: {error}", file=sys.stderr)
        return 2


def _run(model: Model, inputs: list[str], draw: str | None, threshold: float | None) -> int:
    known = model.card["task"] in ("segmentation", *DETECTORS)
    classes = class_names(model.card, model.labels) if known else []
    kinds = [kind_of(path) for path in inputs]
    with _sheets(model, inputs, kinds, draw) as add:
        for path, kind in zip(inputs, kinds, strict=True):
            if kind == "arrays":
                answers = model.predict(read_array(path), threshold)
                answers = answers if isinstance(answers, list) else [answers]
                for index, answer in enumerate(answers):
                    print(f"{path}[{index}]: {in_words(answer, classes)}")
            else:
                _run_on_pictures(model, path, kind, classes, threshold, add)
    return 0


def _run_on_pictures(
    model: Model,
    path: str,
    kind: str,
    classes: list[str],
    threshold: float | None,
    add: Add | None,
) -> None:
    seconds, count = 0.0, 0
    pictures = read_pictures(path, kind)
    while True:
        start = time.perf_counter()
        name, picture = next(pictures, (None, None))
        if name is None or picture is None:
            break
        answer = model.predict(picture, threshold)
        seconds += time.perf_counter() - start
        count += 1
        print(f"{name}: {in_words(answer, classes)}")
        if add is not None:
            add(name, _drawn(model, picture, answer, classes))
    if kind != "picture":
        what = "frames" if kind == "video" else "pictures"
        print(
            f"{path}: {count} {what}, {count / seconds:.1f} per second (reading, resizing, model, "
            "answer)"
        )


def _sheets(
    model: Model, inputs: list[str], kinds: list[str], draw: str | None
) -> AbstractContextManager[Add | None]:
    if draw is None:
        return nullcontext(None)
    if model.card["task"] not in _DRAWN or set(kinds) == {"arrays"}:
        raise DeployError(
            "expected pictures and a classifier, detector or segmenter to draw, received others"
        )
    single = [kind for kind in kinds if kind in ("folder", "video")]
    if single and len(inputs) > 1:
        raise DeployError(
            f"expected a {single[0]} alone to draw, received {len(inputs)} inputs; run them one "
            "after the other"
        )
    return open_sheets(draw, inputs, single[0] if single else "picture")


def _drawn(model: Model, picture: Image, answer: Any, classes: list[str]) -> Image:
    if model.card["task"] == "classification":
        return draw_classification(picture, answer["probabilities"], model.label)
    if model.card["task"] == "segmentation":
        return draw_map(picture, answer, classes)
    return draw_detections(picture, answer, classes)


def _selftest(path: str) -> int:
    results = selftest(path)
    for result in results:
        print(
            f"{'passed' if result['passed'] else 'FAILED'}: output '{result['name']}', "
            f"{result['examples']} examples, largest difference {result['max_difference']:.3g}, "
            f"tolerance {result['tolerance']:.3g}"
        )
    return 0 if all(result["passed"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
