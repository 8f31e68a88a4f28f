"""What a lesson can be told: from the command line, or the defaults in a notebook."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.targets import find_target


def settings(
    session: str, *, dataset: str, targets: Sequence[str], arguments: Sequence[str] | None = None
) -> argparse.Namespace:
    """The options of `session`'s lesson.

    Args:
        session: its key, "s06" say.
        dataset: the default data set, which needs no download.
        targets: the default targets.
        arguments: the command line; by default the program's own, and none in a notebook.

    Returns:
        `dataset` (str), `epochs` (int, or None for the lesson's own choice), `targets` (list of
        names), `seed` (int) and `out` (an existing folder with a folder `figures` in it).

    Raises:
        SystemExit: with 2, for options that are wrong; the message says which.
    """
    if arguments is None:
        # A notebook's command line belongs to its kernel.
        arguments = [] if "ipykernel" in sys.modules else sys.argv[1:]
    parser = argparse.ArgumentParser(prog=f"python -m courses run {session}")
    parser.add_argument(
        "--dataset", metavar="NAME", help="a TFDS name; the default needs no download"
    )
    parser.add_argument("--epochs", type=int, metavar="N")
    parser.add_argument("--target", action="append", metavar="T", help="may be given several times")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--out", metavar="DIR", help=f"results (default runs/{session})")
    options = parser.parse_args(arguments)
    options.dataset = options.dataset or dataset
    options.targets = list(dict.fromkeys(options.target or targets))
    options.out = Path(options.out or f"runs/{session}")
    if options.epochs is not None and options.epochs < 1:
        _refuse(parser, f"expected at least 1 epoch, received {options.epochs}")
    try:
        for target in options.targets:
            find_target(target)
        (options.out / "figures").mkdir(parents=True, exist_ok=True)
        if not os.access(options.out, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except ValueError as error:
        _refuse(parser, str(error))
    except OSError as error:
        _refuse(
            parser,
            f"expected a folder that can be written, received '{options.out}': {error.strerror}",
        )
    return options


def _refuse(parser: argparse.ArgumentParser, message: str) -> None:
    parser.exit(2, f"{parser.prog}: error: {message}\n")
