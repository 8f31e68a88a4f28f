"""Open a bundle, or a bare `.tflite` file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from deploy.runtime.card import model_names, read_card, read_pipeline
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs.vocabulary import fill_in
from deploy.runtime.lines import read_lines
from deploy.runtime.model import Model
from deploy.runtime.tasks import find_pipeline


def load(path: str | Path, threads: int = 1) -> Any:
    """What predicts by the bundle folder, or the `.tflite` file, at `path`: a `Model`, or of a
    bundle of several that do a task together what does it, a `Translator` say.

    Raises:
        DeployError: as `load_model`; of several models also a card that doesn't fit them.
    """
    card = None if Path(path).is_file() else read_pipeline(path)
    if card is None:
        return load_model(path, threads)
    pipeline = find_pipeline(card["task"])
    return pipeline.open_bundle(card, load_models(path, threads), Path(path))


def load_model(path: str | Path, threads: int = 1) -> Model:
    """The model of the bundle folder, or of the `.tflite` file, at `path`.

    Raises:
        DeployError: no such bundle or file; a bundle of several models; a model that is damaged, or
            not the one of its card.
    """
    path = Path(path)
    if path.is_file():
        return Model(path.read_bytes(), {}, [], threads)
    card = read_card(path)
    card["inputs"] = fill_in(card["inputs"], path)
    model_path = path / "model.tflite"
    if not model_path.is_file():
        raise DeployError(f"expected model.tflite in the bundle '{path}', received none")
    content = model_path.read_bytes()
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise DeployError(
            f"expected the model.tflite of {card['size_bytes']} bytes that card.json describes, "
            f"received another one of {len(content)} bytes in '{path}': damaged or replaced; "
            "copy or export the bundle again"
        )
    model = Model(content, card, read_labels(path), threads, path)
    classes = model.class_names()
    if model.labels and classes and len(model.labels) != len(classes):
        raise DeployError(
            f"expected {len(classes)} class names in '{path / 'labels.txt'}', received "
            f"{len(model.labels)}; copy or export the bundle again"
        )
    return model


def load_models(path: str | Path, threads: int = 1) -> dict[str, Model]:
    """The models of a bundle of several, `{"encoder": Model, "decoder": Model}` say; of a bundle of
    one model that one, under its card's name.

    Raises:
        DeployError: as `load_model`.
    """
    folders = bundle_folders(path)
    if list(folders.values()) == [Path(path)]:
        model = load_model(path, threads)
        return {model.card.get("name", Path(path).stem): model}
    return {name: load_model(folder, threads) for name, folder in folders.items()}


def bundle_folders(path: str | Path) -> dict[str, Path]:
    """The folders of the models in the bundle `path`, by their names; of a bundle of one model that
    folder itself.

    Raises:
        DeployError: no such folder, no card in it, or one that is damaged.
    """
    path = Path(path)
    names = [] if path.is_file() else model_names(path)
    return {name: path / name for name in names} or {path.name: path}


def read_labels(folder: Path) -> list[str]:
    """The class names of the bundle `folder`; none where it has no `labels.txt`."""
    path = folder / "labels.txt"
    return read_lines(path, "class name") if path.exists() else []
