"""From a Keras model to a device, on the command line.

python -m deploy targets [--for MODEL] [--board B] [--calibration FILE.npz|FOLDER|DATASET]
python -m deploy export MODEL --target T… --out DIR [--calibration FILE.npz|FOLDER|DATASET]
    [--test FILE.npz|FOLDER] [--labels FILE] [--task NAME|FILE.json] [--front-end FILE.json]
python -m deploy verify DIR [--data FILE.npz|FOLDER]
python -m deploy benchmark DIR…
python -m deploy compare DIR… [--out DIR]
python -m deploy key PRIVATE.pem
python -m deploy sign DIR… --key PRIVATE.pem
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from deploy import worker
from deploy.boards import BOARDS, find_board
from deploy.environment import load_tensorflow, missing_package
from deploy.runtime.command_line import Parser, refuse
from deploy.runtime.errors import DeployError
from deploy.schemes import TOLERANCE
from deploy.targets import TARGETS, find_target

_TRUST = "run the code that the Keras model's file holds, of Lambda layers, say"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.action(options))
    except DeployError as error:
        failure = error
    except ModuleNotFoundError as error:
        failure = missing_package(error.name)
    except KeyboardInterrupt:
        return 130
    return refuse("deploy", failure)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m deploy", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(
        required=True, metavar="targets|export|verify|benchmark|compare|key|sign"
    )
    targets = commands.add_parser("targets", help="what each piece of hardware accepts")
    targets.set_defaults(action=_targets)
    targets.add_argument("--for", dest="model", metavar="MODEL", help="say which ones it fits")
    targets.add_argument("--board", metavar="B", help=f"only what it runs: {', '.join(BOARDS)}")
    targets.add_argument(
        "--target", action="append", metavar="T", help="only this one; may be given several times"
    )
    targets.add_argument(
        "--calibration",
        metavar="FILE.npz|FOLDER|DATASET",
        help="as for export; default: random inputs",
    )
    targets.add_argument("--seed", type=int, default=0)
    targets.add_argument("--trust", action="store_true", help=_TRUST)

    export = commands.add_parser("export", help="a Keras model to a verified bundle")
    export.set_defaults(action=_export)
    export.add_argument("model", metavar="MODEL", help=".keras, legacy .h5 or a SavedModel folder")
    export.add_argument(
        "--target",
        action="append",
        required=True,
        metavar="T",
        help="may be given several times: each then has a folder of its name in DIR",
    )
    export.add_argument(
        "--calibration",
        metavar="FILE.npz|FOLDER|DATASET",
        help="training examples x in the model's own units, a folder of files, or a TFDS name",
    )
    export.add_argument("--labels", metavar="FILE", help="class names, one a line")
    task = export.add_mutually_exclusive_group()
    task.add_argument(
        "--detector", metavar="FILE.json", help="how a detector's outputs become boxes"
    )
    task.add_argument(
        "--task",
        metavar="NAME|FILE.json",
        help="what the model is for, where its outputs don't tell: semantic_segmentation, say, or "
        "a file with the task and its parameters",
    )
    export.add_argument(
        "--front-end",
        metavar="FILE.json",
        help="how an example becomes the numbers of the input, its kind and parameters; by default "
        "images where the shape allows it, and arrays",
    )
    export.add_argument(
        "--test",
        metavar="FILE.npz|FOLDER",
        help="x and y, or a folder whose sub-folders are called like the classes: the "
        "metric before and after",
    )
    export.add_argument("--scheme", metavar="S", help="another one of the target's schemes")
    export.add_argument(
        "--mixed",
        action="append",
        default=[],
        type=_layer_and_scheme,
        metavar="LAYER=SCHEME",
        help="a layer with numbers of its own; may be given several times",
    )
    export.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="POINTS",
        help="how much the metric may lose before the costliest operators are named "
        "(default %(default)g)",
    )
    export.add_argument(
        "--fix", action="store_true", help="leave those operators in numbers of more bits"
    )
    export.add_argument("--out", required=True, metavar="DIR")
    export.add_argument("--seed", type=int, default=0)
    export.add_argument(
        "--accept",
        action="store_true",
        help="write a bundle whose outputs are not what they are in Keras, too",
    )
    export.add_argument("--overwrite", action="store_true", help="replace an earlier bundle")
    export.add_argument("--trust", action="store_true", help=_TRUST)

    verify = commands.add_parser("verify", help="a bundle against its recorded outputs and Keras")
    verify.set_defaults(action=_verify)
    verify.add_argument("bundle", metavar="DIR")
    verify.add_argument(
        "--data",
        metavar="FILE.npz|FOLDER",
        help="x and, for the metric, y, or a folder as for export's --test",
    )
    verify.add_argument("--model", metavar="MODEL", help="the Keras model, where it has moved")
    verify.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="POINTS",
        help="how much the metric may lose: points of accuracy, decibels of PSNR, "
        "percent of error "
        "(default %(default)g)",
    )
    verify.add_argument("--trust", action="store_true", help=_TRUST)
    verify.add_argument("--min-sqnr", type=float, metavar="DB", help="least SQNR of every output")

    benchmark = commands.add_parser("benchmark", help="latency on this computer")
    benchmark.set_defaults(action=_benchmark)
    benchmark.add_argument("bundles", nargs="+", metavar="DIR")
    benchmark.add_argument("--threads", type=int, default=1)

    compare = commands.add_parser("compare", help="several bundles on one page")
    compare.set_defaults(action=_compare)
    compare.add_argument("bundles", nargs="+", metavar="DIR")
    compare.add_argument(
        "--out", default="compare", metavar="DIR", help="folder of the report (default compare)"
    )

    key = commands.add_parser("key", help="make a pair of keys that bundles are signed with")
    key.set_defaults(action=_key)
    key.add_argument("path", metavar="PRIVATE.pem")

    sign = commands.add_parser("sign", help="sign bundles, for --require-signature on the device")
    sign.set_defaults(action=_sign)
    sign.add_argument("bundles", nargs="+", metavar="DIR")
    sign.add_argument("--key", required=True, metavar="PRIVATE.pem")
    return parser


def _layer_and_scheme(text: str) -> tuple[str, str]:
    layer, _, scheme = text.rpartition("=")
    if not layer:
        raise argparse.ArgumentTypeError(f"expected LAYER=SCHEME, received '{text}'")
    return layer, scheme


def _read_front_end(path: str) -> Any:
    try:
        given = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DeployError(
            f"expected a JSON file with a front end, received '{path}': {error}"
        ) from error
    if not all(isinstance(each, dict) for each in (given if isinstance(given, list) else [given])):
        raise DeployError(
            f"expected a front end with kind and parameters, or a list of several, in '{path}', "
            f"received {given!r:.100}"
        )
    return given


def _targets(options: argparse.Namespace) -> int:
    board = None if options.board is None else find_board(options.board)
    if options.model:
        # It loads TensorFlow at the same time as we do, and waits when the model is read.
        worker.start()
        load_tensorflow()
        from deploy.commands.targets import check_targets

        verdicts = check_targets(
            options.model,
            board=options.board,
            targets=options.target,
            calibration=options.calibration,
            seed=options.seed,
            trust=options.trust,
        )
        return 0 if any(verdict.fits for verdict in verdicts) else 1
    if options.calibration or options.trust or options.target:
        raise DeployError(
            "expected a model with --target, --calibration and --trust, received none; "
            "name it with --for"
        )
    lines = [("target", "scheme", "checked on", "hardware", "or --scheme")]
    for target in TARGETS.values():
        if board is None or board.runs(target):
            others = ", ".join(target.schemes[1:])
            lines.append((target.name, target.scheme, target.runtime, target.hardware, others))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(map(str.ljust, line, widths)).rstrip())
    return 0


def _export(options: argparse.Namespace) -> int:
    targets = list(dict.fromkeys(options.target))
    for target in targets:
        find_target(target)
    worker.start()
    load_tensorflow()
    from deploy.commands.export import export
    from deploy.schemes import Quantization

    export(
        options.model,
        targets[0] if len(targets) == 1 else targets,
        out=options.out,
        calibration=options.calibration,
        class_names=options.labels,
        task=options.detector or options.task,
        quantization=Quantization(
            options.scheme, dict(options.mixed), options.tolerance, options.fix
        ),
        test=options.test,
        front_end=options.front_end and _read_front_end(options.front_end),
        seed=options.seed,
        accept=options.accept,
        overwrite=options.overwrite,
        trust=options.trust,
    )
    return 0


def _verify(options: argparse.Namespace) -> int:
    load_tensorflow()
    from deploy.commands.verify import report_text, verify

    report = verify(
        options.bundle,
        options.data,
        model=options.model,
        tolerance=options.tolerance,
        min_sqnr=options.min_sqnr,
        trust=options.trust,
    )
    print(report_text(report))
    return 0 if report["passed"] else 1


def _benchmark(options: argparse.Namespace) -> int:
    from deploy.commands.benchmark import benchmark

    for bundle in options.bundles:
        speed = benchmark(bundle, options.threads)
        print(
            f"{bundle}: median {speed['median']:.3f} ms, p95 {speed['p95']:.3f} ms over "
            f"{speed['runs']} runs, {speed['threads']} thread(s), {speed['runtime']}, "
            f"{speed['cpu']}"
        )
    return 0


def _compare(options: argparse.Namespace) -> int:
    load_tensorflow()
    from deploy.commands.compare import compare

    print(compare(options.bundles, options.out))
    return 0


def _key(options: argparse.Namespace) -> int:
    from deploy.commands.sign import new_key

    public = new_key(options.path)
    print(f"{options.path}: keep it to yourself; {public}: for the devices")
    return 0


def _sign(options: argparse.Namespace) -> int:
    from deploy.commands.sign import sign

    for bundle in options.bundles:
        sign(bundle, options.key)
        print(f"{bundle}: signed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
