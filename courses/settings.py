"""What a lesson can be told: from the command line, or the defaults in a notebook."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.runtime.command_line import Parser
from deploy.targets import find_target


@dataclass(frozen=True)
class Settings:
    """The options of one run of a lesson."""

    dataset: str
    epochs: int | None  # None: the lesson's own choice
    targets: tuple[str, ...]
    seed: int
    out: Path  # an existing folder, with a folder `figures` in it

    @property
    def figures(self) -> Path:
        """The folder of the lesson's figures."""
        return self.out / "figures"


def settings(
    session: str, *, dataset: str, targets: Sequence[str], arguments: Sequence[str] | None = None
) -> Settings:
    """The options of `session`'s lesson.

    Args:
        session: its key, "s06" say.
        dataset: the default data set, which needs no download.
        targets: the default targets.
        arguments: the command line; by default the program's own, and none in a notebook.

    Raises:
        SystemExit: with 2, for options that are wrong; the message says which.
    """
    if arguments is None:
        # A notebook's command line belongs to its kernel.
        arguments = [] if "ipykernel" in sys.modules else sys.argv[1:]
    parser = Parser(prog=f"python -m courses run {session}")
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="a TFDS name, or a folder of images with one sub-folder a class, where the lesson "
        "takes such; the default needs no download",
    )
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="few of them shorten the experiments as well"
    )
    parser.add_argument("--target", action="append", metavar="T", help="may be given several times")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--out", metavar="DIR", help=f"results (default runs/{session})")
    options = parser.parse_args(arguments)
    chosen = Settings(
        dataset=options.dataset or dataset,
        epochs=options.epochs,
        targets=tuple(dict.fromkeys(options.target or targets)),
        seed=options.seed,
        out=Path(options.out or f"runs/{session}"),
    )
    if chosen.epochs is not None and chosen.epochs < 1:
        parser.error(f"expected at least 1 epoch, received {chosen.epochs}")
    if not 0 <= chosen.seed < 2**32:
        parser.error(f"expected a seed from 0 to {2**32 - 1}, received {chosen.seed}")
    try:
        for target in chosen.targets:
            find_target(target)
        chosen.figures.mkdir(parents=True, exist_ok=True)
        if not os.access(chosen.out, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(
            f"expected a folder that can be written, received '{chosen.out}': {error.strerror}"
        )
    return chosen
