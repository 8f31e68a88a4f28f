"""What the command lines say when they refuse: one line."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """argparse's parser, without the lines of usage before what is wrong; `--help` has them."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong, and exits with 2."""
        self.exit(2, f"{self.prog}: error: {_in_one_line(message)}\n")


def refuse(program: str, error: object) -> int:
    """Says why in one line, whatever it quotes; 2, the exit code."""
    print(f"{program}: error: {_in_one_line(error)}", file=sys.stderr)
    return 2


def _in_one_line(message: object) -> str:
    return " ".join(str(message).split())
