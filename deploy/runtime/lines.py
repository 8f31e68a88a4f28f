"""Text files that hold one thing a line."""

from __future__ import annotations

from pathlib import Path

from deploy.runtime.errors import DeployError


def read_lines(path: str | Path, what: str) -> list[str]:
    """The lines of a UTF-8 text file, without the empty ones at its end.

    Args:
        path: of the file.
        what: a line is, for the error.

    Raises:
        DeployError: no such file, or none in UTF-8.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DeployError(
            f"expected a UTF-8 text file with one {what} a line, received '{path}': {error}"
        ) from error
    return [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")] if text else []
