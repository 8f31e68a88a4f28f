"""Open a bundle (or a bare `.tflite` file) and run it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from deploy.runtime.errors import DeployError
from deploy.runtime.inputs.image import is_picture, open_picture, size_of, to_array
from deploy.runtime.quantization import dequantize, quantize
from deploy.runtime.tasks.answers import DETECTORS, answer, check_task, label, to_probabilities

# What of the card the runtime needs, and its type.
_CARD = {
    "target": str,
    "task": str,
    "activation": str | None,
    "inputs": list,
    "outputs": list,
    "size_bytes": int,
    "sha256": str,
    "selftest": dict,
    "source": dict,
    "detector": dict | None,
}

__all__ = ["Model", "load", "read_card", "read_labels", "read_lines", "to_probabilities"]


class Model:
    """A model on the device, with everything between the user's units and the integers inside.

    `card` is the bundle's `card.json` as a dictionary; of a bare `.tflite` file it has only
    `inputs`, `outputs` and `task`. `labels` are the class names, empty where there are none.
    """

    def __init__(self, content: bytes, card: dict[str, Any], labels: list[str], threads: int = 1):
        if not 1 <= threads <= 256:
            raise DeployError(f"expected 1 to 256 threads, received {threads}")
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise DeployError(
                f"expected a TFLite model, received {len(content)} bytes that LiteRT refuses "
                f"({reason}); the file may be truncated: copy or export it again"
            ) from error
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        self._inputs = [detail["index"] for detail in inputs]
        self._outputs = [detail["index"] for detail in outputs]
        self.labels = labels
        self.card = {"task": "other"} | card
        self.card["inputs"] = _tensors(inputs, card.get("inputs"))
        self.card["outputs"] = _tensors(outputs, card.get("outputs"))
        check_task(self.card)

    def invoke(self, integers: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One inference on the model's own integers: one (1, …) array an input."""
        # Recurrent operators keep their state from one inference to the next.
        self._interpreter.reset_all_variables()
        for index, array in zip(self._inputs, integers, strict=True):
            self._interpreter.set_tensor(index, array)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The dequantized outputs, float32 (examples, …), for one (examples, …) array an input.

        Inputs are in the units the Keras model was trained on; the outputs are its outputs.
        """
        quantized = [
            quantize(array, entry) for array, entry in zip(inputs, self.card["inputs"], strict=True)
        ]
        rows = [
            self.invoke([array[example : example + 1] for array in quantized])
            for example in range(len(quantized[0]))
        ]
        return [
            dequantize(np.concatenate(column), entry)
            for column, entry in zip(zip(*rows, strict=True), self.card["outputs"], strict=True)
        ]

    def predict(self, example: Any, score_threshold: float | None = None) -> Any:
        """The answer for one example, or a list of answers for a batch of them.

        Args:
            example: an array in the model's input units, with the batch axis or without; a picture
                (its path, a Pillow image, or a camera's (height, width, 3) uint8 array of another
                size than the model's), which is resized; for a model of several inputs a list of
                arrays, or a dictionary by input name.
            score_threshold: of a detector: what scores at least this is found; the card's
                threshold if None.

        Returns:
            By the card's `task`; "the picture" is the one given, before it was resized, or an
            array of the model's own size.

            - "classification": `{"label", "index", "probabilities"}` with the class name (the
              index as text where there are no labels) and the (classes,) float32 probabilities.
            - "detection", N objects, the likeliest first: `{"boxes", "scores", "labels", "names"}`
              with boxes, (N, 4) float32: left, top, right, bottom in pixels of the picture; scores,
              (N,) float32, 0 to 1; labels, (N,) int64, the numbers of the classes; names, a list
              of N class names.
            - "instance": the same, and `"masks"`, (N, height, width) bool, of the picture's size.
            - "segmentation": the array of each pixel's class, (height, width) of the picture;
              uint8, of more than 256 classes int32.
            - any other: `{"outputs": {name: array}}`.

        Raises:
            DeployError: no picture at that path, an array of another shape, or a threshold that is
                none or that the model has no use for.
        """
        if score_threshold is not None:
            self._check_threshold(score_threshold)
        arrays, batch, size = self._arrays(example)
        outputs = self.run(arrays)
        answers = [
            answer(self.card, list(outputs_of_one), self.labels, size, score_threshold)
            for outputs_of_one in zip(*outputs, strict=True)
        ]
        return answers if batch else answers[0]

    def _check_threshold(self, threshold: float) -> None:
        if self.card["task"] not in DETECTORS:
            raise DeployError(
                "expected a detector for a score threshold, received a model for "
                f"{self.card['task']}; leave the threshold out"
            )
        if not 0 <= threshold <= 1:
            raise DeployError(f"expected a score threshold from 0 to 1, received {threshold}")

    def _arrays(self, example: Any) -> tuple[list[np.ndarray], bool, tuple[int, int]]:
        # The arrays (examples, …), whether they are a batch, and the size of the pictures.
        entries = self.card["inputs"]
        size = tuple(entries[0]["shape"][1:3])
        if isinstance(example, dict):
            example = [example.get(entry["name"]) for entry in entries]
        if isinstance(example, str | Path):
            example = open_picture(example)
        if is_picture(example, tuple(entries[0]["shape"][1:])):
            size = size_of(example)
            example = to_array(example, tuple(entries[0]["shape"][1:]), self._pixels())
        given = example if len(entries) > 1 and isinstance(example, list | tuple) else [example]
        arrays = [_numbers(array) for array in given]
        shapes = [tuple(entry["shape"][1:]) for entry in entries]
        single = [array.shape for array in arrays] == shapes
        if single:
            arrays = [array[None] for array in arrays]
        if [array.shape[1:] for array in arrays] != shapes or any(
            a.dtype == object for a in arrays
        ):
            raise DeployError(
                f"expected an example of shape {_shown(shapes)}, received "
                f"{_shown([array.shape for array in arrays])}"
            )
        if len(arrays[0]) == 0:
            raise DeployError("expected at least one example, received none")
        return arrays, not single, size

    def _pixels(self) -> tuple[float, float]:
        # A bare file says nothing of its units; a card may say that they are not known.
        pixels = self.card["inputs"][0].get("pixels", (0, 255))
        if pixels is None:
            raise DeployError(
                "expected an array, received a picture: what the model takes for black and white "
                "is not known; give arrays in its units, or export it with calibration data"
            )
        return pixels[0], pixels[1]

    def label(self, index: int) -> str:
        """The name of class `index`, or its number where it has none."""
        return label(self.labels, index)


def _numbers(example: Any) -> np.ndarray:
    try:
        array = np.asarray(example)
        usable = array.dtype.kind in "fiub" and bool(np.isfinite(array).all())
    except ValueError:
        usable = False
    if not usable:
        raise DeployError(
            "expected an array of finite real numbers, received "
            f"{getattr(example, 'dtype', type(example).__name__)} or NaN; clean the data first"
        )
    return array


def load(path: str | Path, threads: int = 1) -> Model:
    """The model of the bundle folder, or of the `.tflite` file, at `path`.

    Raises:
        DeployError: no such bundle or file; a model that is damaged, or not the one of its card.
    """
    path = Path(path)
    if path.is_file():
        return Model(path.read_bytes(), {}, [], threads)
    card = read_card(path)
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
    return Model(content, card, read_labels(path), threads)


def read_labels(folder: Path) -> list[str]:
    """The class names of the bundle `folder`; none where it has no `labels.txt`."""
    path = folder / "labels.txt"
    return read_lines(path) if path.exists() else []


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file, without the empty ones at its end.

    Raises:
        DeployError: no such file, or none in UTF-8.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DeployError(
            f"expected a UTF-8 text file with one label a line, received '{path}': {error}"
        ) from error
    return [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")] if text else []


def read_card(folder: str | Path) -> dict[str, Any]:
    """`card.json` of the bundle `folder`.

    Raises:
        DeployError: no such folder, no card in it, or a card that is damaged.
    """
    path = Path(folder) / "card.json"
    if not path.is_file():
        raise DeployError(
            f"expected a bundle folder with card.json, or a .tflite file, received '{folder}'"
        )
    try:
        card = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DeployError(f"expected JSON in '{path}', received a damaged file: {error}") from error
    wrong = [
        key
        for key, kind in _CARD.items()
        if not isinstance(card, dict) or not isinstance(card.get(key), kind)
    ]
    if wrong:
        raise DeployError(
            f"expected a card with {', '.join(wrong)}, received '{path}' without; copy or export "
            "the bundle again"
        )
    return card


def _tensors(
    details: list[dict[str, Any]], entries: list[dict[str, Any]] | None
) -> list[dict[str, Any]]:
    """The card's entries of the inputs or outputs; what the model itself says of them counts."""
    found = [_tensor(detail) for detail in details]
    if entries is None:
        return found
    known = [entry.get("name") for entry in entries if isinstance(entry, dict)]
    if len(known) != len(found) or None in known:
        raise DeployError(
            f"expected a card with the {len(found)} inputs or outputs of its model, received "
            f"{len(known)}; copy or export the bundle again"
        )
    return [
        entry | tensor | {"name": entry["name"]}
        for entry, tensor in zip(entries, found, strict=True)
    ]


def _tensor(detail: dict[str, Any]) -> dict[str, Any]:
    scale, zero_point = detail["quantization"]
    return {
        "name": detail["name"],
        "shape": [int(size) for size in detail["shape"]],
        "dtype": np.dtype(detail["dtype"]).name,
        "scale": float(scale) or None,
        "zero_point": int(zero_point) if scale else None,
    }


def _shown(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(str(shape) for shape in shapes)
