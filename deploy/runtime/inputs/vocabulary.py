"""The pieces of a front end's vocabulary, which travel in a file of their own: one a line, in the
order of their numbers.

A card in a file names that file in place of the pieces, with their count and the file's SHA-256;
opened, it holds the pieces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.runtime.errors import DeployError
from deploy.runtime.inputs.array import reason

FILE = "vocabulary.txt"

# What would end a line, as a piece of characters may.
_ESCAPES: dict[str, str | int | None] = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}


def split_off(inputs: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """The entries of a card's `inputs` with files in place of vocabularies, and these files.

    Inputs of the same vocabulary share a file.
    """
    files: dict[str, bytes] = {}
    named: list[dict[str, Any]] = []
    for entry in inputs:
        front_end = entry["front_end"]
        if "vocabulary" in front_end:
            pieces = front_end["vocabulary"]
            content = _to_lines(pieces)
            known = [name for name, other in files.items() if other == content]
            name = known[0] if known else FILE
            if not known and files:
                name = f"vocabulary_{len(files) + 1}.txt"
            files[name] = content
            told = {"file": name, "pieces": len(pieces), "sha256": _digest(content)}
            entry = {**entry, "front_end": {**front_end, "vocabulary": told}}
        named.append(dict(entry))
    return named, files


def fill_in(inputs: Sequence[Any], folder: Path) -> list[Any]:
    """The entries of a card's `inputs` with the vocabularies out of the files in `folder`.

    Raises:
        DeployError: a file that is missing, damaged or another one.
    """
    return [_filled(entry, folder) for entry in inputs]


def _filled(entry: Any, folder: Path) -> Any:
    front_end = entry.get("front_end") if isinstance(entry, dict) else None
    if not isinstance(front_end, dict) or not isinstance(front_end.get("vocabulary"), dict):
        return entry
    told = front_end["vocabulary"]
    return {**entry, "front_end": {**front_end, "vocabulary": _read(told, folder)}}


def _read(told: Mapping[str, Any], folder: Path) -> list[str]:
    name = told.get("file")
    if not isinstance(name, str) or Path(name).name != name:
        raise DeployError(
            f"expected the name of a file in the bundle for a vocabulary, received {name!r}; copy "
            "or export the bundle again"
        )
    path = folder / name
    try:
        content = path.read_bytes()
        pieces = [_unescaped(line) for line in content.decode("utf-8").split("\n")[:-1]]
    except (OSError, UnicodeDecodeError) as error:
        raise DeployError(
            f"expected a vocabulary in '{path}', received none: {reason(error)}; copy or export "
            "the bundle again"
        ) from error
    if _digest(content) != told.get("sha256") or len(pieces) != told.get("pieces"):
        raise DeployError(
            f"expected the vocabulary of {told.get('pieces')} pieces that card.json describes, "
            f"received another one of {len(pieces)} in '{path}': damaged or replaced; copy or "
            "export the bundle again"
        )
    return pieces


def _to_lines(pieces: Sequence[str]) -> bytes:
    return "".join(f"{piece.translate(str.maketrans(_ESCAPES))}\n" for piece in pieces).encode()


def _unescaped(line: str) -> str:
    # A backslash that stands for itself comes first, so that "\\n" stays a backslash and an n.
    parts = line.split(r"\\")
    parts = [part.replace(r"\n", "\n").replace(r"\r", "\r") for part in parts]
    return "\\".join(parts)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
