"""The folder that tells all, written whole or not at all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.bundle.card_text import card_text, pipeline_text
from deploy.runtime.card import Card, PipelineCard
from deploy.runtime.errors import DeployError
from deploy.runtime.lines import read_lines


def check_output(out: Path, overwrite: bool, model: Any) -> None:
    """Fail early where the bundle could not be written in the end.

    Raises:
        DeployError: `out` exists (and is no bundle to overwrite), holds the file `model` itself, or
            can't be made where it shall be.
    """
    try:
        exists = out.is_symlink() or out.exists()
        bundle = not out.is_symlink() and (out / "card.json").is_file()
        nearest = next(folder for folder in out.absolute().parents if folder.exists())
        with tempfile.TemporaryDirectory(dir=nearest) as folder:
            Path(folder, out.name).mkdir()
    except (OSError, ValueError) as error:
        raise DeployError(
            f"expected a folder that can be written, received '{out}': {error}"
        ) from error
    if exists and overwrite and not bundle:
        raise DeployError(
            f"expected a new folder or an earlier bundle to overwrite, received '{out}', "
            "which exists and is no bundle; choose another"
        )
    if exists and not overwrite:
        raise DeployError(
            f"expected a new folder for the bundle, received '{out}', which exists; choose "
            "another, or overwrite an earlier bundle with --overwrite (overwrite=True)"
        )
    if isinstance(model, str | Path) and out.resolve() in Path(model).resolve().parents:
        raise DeployError(
            f"expected a model outside the bundle to overwrite, received '{model}'; move it first"
        )


def check_class_names(class_names: Sequence[str] | str | Path | None) -> list[str]:
    """Class names from a list, or from a text file with one a line.

    Raises:
        DeployError: no such file, no text, or a name with a line break or twice.
    """
    if isinstance(class_names, str | Path):
        path, class_names = class_names, read_lines(class_names, "class name")
        if not class_names:
            raise DeployError(f"expected one class name a line, received '{path}', which is empty")
    if class_names is not None and not isinstance(class_names, Sequence):
        raise DeployError(
            f"expected class names in the order of the classes, received "
            f"{type(class_names).__name__}; give a list"
        )
    names = [str(name).strip() for name in class_names or ()]
    doubtful = [name for name in names if not name or "\n" in name or names.count(name) > 1]
    if doubtful:
        raise DeployError(
            f"expected class names that are one line each and differ, received {doubtful[0]!r} "
            f"{names.count(doubtful[0])} times"
        )
    return names


def write_bundle(
    out: Path, card: Card, class_names: Sequence[str], files: Mapping[str, bytes]
) -> None:
    """Write `card.json`, `card.md`, `labels.txt` (where there are class names) and `files` into
    `out`.

    Raises:
        DeployError: the folder can't be written; nothing of it remains then.
    """
    write_folder(out, _contents(card, class_names, files), "the bundle")


def write_bundles(
    out: Path,
    bundles: Mapping[str, tuple[Card, Sequence[str], Mapping[str, bytes]]],
    whole: PipelineCard | None = None,
) -> None:
    """Write a bundle of several models: each as a bundle in the folder of its name.

    Args:
        out: the folder.
        bundles: by name the card, the class names and the files of each.
        whole: the card of what they do together, if they do.

    Raises:
        DeployError: the folder can't be written; nothing of it remains then.
    """
    contents = {
        f"{name}/{file}": content
        for name, bundle in bundles.items()
        for file, content in _contents(*bundle).items()
    }
    contents["card.json"] = _as_json(whole or {"models": list(bundles)}).encode()
    if whole is not None:
        cards = {name: bundle[0] for name, bundle in bundles.items()}
        contents["card.md"] = pipeline_text(whole, cards).encode()
    write_folder(out, contents, "the bundle")


def _contents(
    card: Card, class_names: Sequence[str], files: Mapping[str, bytes]
) -> dict[str, bytes]:
    texts = {
        "card.json": _as_json(card),
        "card.md": card_text(card),
    }
    if class_names:
        texts["labels.txt"] = "\n".join(class_names) + "\n"
    return {name: text.encode() for name, text in texts.items()} | dict(files)


def _as_json(card: Mapping[str, Any]) -> str:
    return json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_folder(out: Path, contents: Mapping[str, bytes], what: str) -> None:
    """Write the files `contents`, by their paths in it, as the folder `out`, in place of the one
    that is there.

    Raises:
        DeployError: the folder can't be written; nothing of it remains then.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=out.parent) as folder:
            new, old = Path(folder, "new"), Path(folder, "old")
            new.mkdir()
            for name, content in contents.items():
                (new / name).parent.mkdir(exist_ok=True)
                (new / name).write_bytes(content)
            if out.exists():
                out.rename(old)
            new.rename(out)
    except OSError as error:
        raise DeployError(f"could not write {what} '{out}': {error}") from error
