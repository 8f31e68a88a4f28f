"""Run a bundle on pictures or arrays, or check it on this device.

python -m deploy.runtime run DIR|MODEL.tflite INPUT… [--draw PNG]
python -m deploy.runtime selftest DIR
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from deploy.errors import DeployError
from deploy.runtime import Model, load, selftest
from deploy.runtime.pictures import draw_classification, open_picture, side_by_side


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.runtime")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="the model's answer for each input")
    run.add_argument("model", metavar="DIR|MODEL.tflite")
    run.add_argument("inputs", nargs="+", metavar="INPUT", help="a picture, or .npy / .npz (x)")
    run.add_argument("--draw", metavar="PNG", help="draw the pictures with their answers")
    test = commands.add_parser("selftest", help="compare with the outputs recorded at export")
    test.add_argument("bundle", metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        if options.command == "selftest":
            return _selftest(options.bundle)
        return _run(load(options.model), options.inputs, options.draw)
    except DeployError as error:
        print(f"deploy.runtime: error: {error}", file=sys.stderr)
        return 2


def _run(model: Model, inputs: list[str], draw: str | None) -> int:
    if draw is not None:
        _check_drawing(model, inputs, Path(draw))
    drawings = []
    for path in inputs:
        if _is_array_file(path):
            answers = model.predict(_read_array(path))
            answers = answers if isinstance(answers, list) else [answers]
            names = [f"{path}[{index}]" for index in range(len(answers))]
        else:
            picture = open_picture(path)
            answers, names = [model.predict(picture)], [path]
            if draw is not None:
                drawings.append(
                    draw_classification(picture, answers[0]["probabilities"], model.label)
                )
        for name, answer in zip(names, answers, strict=True):
            print(f"{name}: {_shown(answer)}")
    if draw is not None:
        _save(drawings, Path(draw))
    return 0


def _shown(answer: dict[str, Any]) -> str:
    if "label" in answer:
        return f"{answer['label']} ({100 * float(answer['probabilities'][answer['index']]):.1f} %)"
    return "; ".join(
        f"{name} = {np.array2string(output, precision=4, threshold=12)}"
        for name, output in answer["outputs"].items()
    )


def _read_array(path: str) -> np.ndarray:
    if not Path(path).is_file():
        raise DeployError(f"expected an array file, received '{path}', which does not exist")
    try:
        loaded = np.load(path, allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else loaded["x"]
    except Exception as error:
        raise DeployError(
            f"expected an .npy array or an .npz archive with 'x', received '{path}': {error}"
        ) from error


def _check_drawing(model: Model, inputs: list[str], path: Path) -> None:
    if model.card["task"] != "classification" or all(map(_is_array_file, inputs)):
        raise DeployError("expected pictures and a classifier to draw, received others")
    if path.is_dir() or (path.exists() and not path.is_file()) or not path.parent.is_dir():
        raise DeployError(f"expected a PNG file that can be written, received '{path}'")


def _is_array_file(path: str) -> bool:
    return Path(path).suffix in (".npy", ".npz")


def _save(drawings: list[Any], path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        side_by_side(drawings).save(partial, format="PNG")
        partial.rename(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DeployError(
            f"expected a file that can be written, received '{path}': {error}"
        ) from error


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
