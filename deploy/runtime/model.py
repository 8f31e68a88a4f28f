"""A model on the device: examples in, predictions out, state carried from call to call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from deploy.runtime.batches import Batches, alike
from deploy.runtime.card import without_state
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import default_front_end, find_front_end
from deploy.runtime.quantization import dequantize, quantize
from deploy.runtime.streaming import check_stream
from deploy.runtime.tasks import find_task


class Model:
    """A model on the device, with everything between the user's units and the integers inside.

    `card` is the bundle's `card.json` as a dictionary; of a bare `.tflite` file it has only
    `inputs`, `outputs` and `task`. `labels` are the class names, empty where there are none;
    `folder` is the bundle's, None of a bare file.

    A model with state (the card's `state`) carries it from one example to the next, over all calls
    of `run` and `predict`; `reset` starts anew. Inputs and outputs that hold the state are neither
    given to these nor returned by them.
    """

    def __init__(
        self,
        content: bytes,
        card: dict[str, Any],
        labels: list[str],
        threads: int = 1,
        folder: Path | None = None,
    ):
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
        self._content, self._threads = content, threads
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        self._inputs = [detail["index"] for detail in inputs]
        self._outputs = [detail["index"] for detail in outputs]
        self.labels = labels
        self.folder = folder
        self.card = {"task": "regression", "state": None} | card
        self.card["inputs"] = _tensors(inputs, card.get("inputs"))
        self.card["outputs"] = _tensors(outputs, card.get("outputs"))
        for entry in self.card["inputs"]:
            shape = tuple(entry["shape"][1:])
            entry.setdefault("front_end", default_front_end(shape))
            find_front_end(entry).check(entry["front_end"], shape)
        state = self.card["state"] or {"variables": False, "tensors": []}
        _check_state(state, self.card)
        self._keeps_variables = bool(state["variables"])
        # The input that takes each output which is carried on.
        self._carried = {output: entry for output, entry in state["tensors"]}
        taken = self._carried.values()
        self._given = [index for index in range(len(inputs)) if index not in taken]
        self._seen = without_state(self.card) | {"folder": folder}
        self._shapes = [tuple(entry["shape"][1:]) for entry in self._seen["inputs"]]
        self._front_ends = [find_front_end(entry) for entry in self._seen["inputs"]]
        self._batches: Batches | None = None
        self._takes_batches = not (self._keeps_variables or self._carried)
        self._state: dict[int, np.ndarray] = {}
        self._task = find_task(self.card["task"])
        self._task.check(self._seen)
        if self.card.get("stream") is not None:
            check_stream(self._seen)
        self.reset()

    def reset(self) -> None:
        """Forget what earlier calls have left: the state becomes zero."""
        self._interpreter.reset_all_variables()
        entries = self.card["inputs"]
        self._state = {
            index: quantize(np.zeros(entries[index]["shape"], np.float32), entries[index])
            for index in self._carried.values()
        }

    def invoke(self, integers: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One inference on the model's own integers: one (1, …) array an input, those that hold the
        state among them. Only the variables of a model with state outlive it."""
        if not self._keeps_variables:
            # Recurrent operators keep their state from one inference to the next.
            self._interpreter.reset_all_variables()
        for index, array in zip(self._inputs, integers, strict=True):
            self._interpreter.set_tensor(index, array)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The dequantized outputs, float32 (examples, …), for one (examples, …) array an input.

        Inputs are in the units the Keras model was trained on; the outputs are its outputs.

        Raises:
            DeployError: no examples, or one input has more of them than another.
        """
        count = len(inputs[0])
        if any(len(array) != count for array in inputs):
            raise DeployError(
                "expected as many examples for each input, received "
                f"{' and '.join(str(len(array)) for array in inputs)}"
            )
        if count == 0:
            raise DeployError("expected at least one example, received none")
        if count == 1:
            return self._step(inputs)
        if self._takes_batches:
            entries = self.card["inputs"]
            integers = [quantize(*pair) for pair in zip(inputs, entries, strict=True)]
            outputs = self._invoke_together(integers)
            if outputs is not None:
                return [
                    dequantize(*pair) for pair in zip(outputs, self.card["outputs"], strict=True)
                ]
        rows = [self._step([array[k : k + 1] for array in inputs]) for k in range(count)]
        return [np.concatenate(column) for column in zip(*rows, strict=True)]

    def _invoke_together(self, integers: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """One inference for all examples; None where the model can't."""
        try:
            if self._batches is None:
                self._batches = Batches(self._content, self._threads)
                self._takes_batches = self._batches.useful and self._keeps_apart(integers)
            if self._takes_batches:
                return self._batches.invoke(integers)
        except (RuntimeError, ValueError):
            self._takes_batches = False
        self._batches = None
        return None

    def _keeps_apart(self, integers: Sequence[np.ndarray]) -> bool:
        """Whether examples of a batch don't change each other, tried on three that have nothing in
        common; numbers that stand for something, of words say, are those given."""
        assert self._batches is not None
        given = [np.take(array, range(3), axis=0, mode="wrap") for array in integers]
        probe = list(map(_unlike, given, self.card["inputs"]))
        together = self._batches.invoke(probe)
        for index in range(3):
            alone = self.invoke([array[index : index + 1] for array in probe])
            of_batch = [output[index : index + 1] for output in together]
            if not all(map(alike, of_batch, alone)):
                return False
        return True

    def _step(self, example: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for one (1, …) array an input that holds no state; the state goes on."""
        entries = self.card["inputs"]
        arrays = dict(self._state)
        for index, array in zip(self._given, example, strict=True):
            arrays[index] = quantize(array, entries[index])
        integers = self.invoke([arrays[index] for index in range(len(entries))])
        real = [dequantize(*pair) for pair in zip(integers, self.card["outputs"], strict=True)]
        for output, taken in self._carried.items():
            self._state[taken] = quantize(real[output], entries[taken])
        return [array for index, array in enumerate(real) if index not in self._carried]

    def predict(self, example: Any, score_threshold: float | None = None) -> Any:
        """The prediction for one example, or a list of them for a batch.

        Args:
            example: an array in the model's input units, with the batch axis or without; what the
                input's front end takes, or the path of a file with it (a `Path`, where the front
                end takes strings): an image (a Pillow image, or a camera's (height, width, 3) uint8
                array of another size than the model's), which is resized; a recording, a pair
                (samples, rate); a text or a sequence of letters, a string, or a list of texts; for
                a model of several inputs a list of these, or a dictionary by input name.
            score_threshold: of a detector: what scores at least this is found; the card's
                threshold if None.

        Returns:
            By the card's `task`; "the image" is the one given, before it was resized, or an array
            of the model's own size.

            - "classification": `{"label", "index", "probabilities"}` with the class name (the
              index as text where there are no names) and the (classes,) float32 probabilities.
            - "detection", N objects, the highest-scoring first: `{"boxes", "scores", "labels",
              "names"}` with boxes, (N, 4) float32: left, top, right, bottom in pixels of the image;
              scores, (N,) float32, 0 to 1; labels, (N,) int64, the numbers of the classes; names, a
              list of N class names.
            - "instance_segmentation": the same, and `"masks"`, (N, height, width) bool, of the
              image's size.
            - "semantic_segmentation": the array of each pixel's class, (height, width) of the
              image; uint8, of more than 256 classes int32.
            - "image_to_image": the picture, uint8 (height, width, 3) of the image's size.
            - "recognition": `{"name", "nearest", "distance", "embedding"}` with the name of whoever
              is nearest of those enrolled, None beyond the card's threshold; the same without a
              threshold; how far that is; and the (D,) float32 embedding.
            - "transcription": `{"text", "symbols", "score"}` with the symbols' names joined; their
              numbers among the outputs, (N,) int64; and the natural logarithm of the probability.
            - "anomaly": `{"anomalous", "score", "threshold", "ratio", "errors", "channels"}`, see
              `tasks.anomaly.predict`; of a recording the mean over its windows.
            - "generation": the image, uint8 (height, width, 3); see `runtime.generate`.
            - "regression", or any other model: `{"outputs": {name: array}}`.

        Raises:
            DeployError: no such file, an array of another shape, or a threshold that is none or
                that the model has no use for.
        """
        if score_threshold is not None:
            self._check_threshold(score_threshold)
        windows, card = self._windows(example), self._seen
        arrays, batch, size = (
            self._arrays(example) if windows is None else ([windows], False, (0, 0))
        )
        outputs: Sequence[np.ndarray] = self.run(arrays)
        if self._task.judge is not None:
            outputs = self._task.judge(card, arrays, outputs)
        if windows is not None:
            outputs = [output.mean(axis=0, keepdims=True) for output in outputs]
        predictions = [
            self._task.predict(card, list(of_one), self.labels, size, score_threshold)
            for of_one in zip(*outputs, strict=True)
        ]
        return predictions if batch else predictions[0]

    def outputs(self, example: Any) -> list[np.ndarray]:
        """The dequantized outputs, float32 (examples, …), for what `predict` takes.

        Raises:
            DeployError: as `predict`.
        """
        return self.run(self._arrays(example)[0])

    def _check_threshold(self, threshold: float) -> None:
        if not self._task.HAS_SCORES:
            raise DeployError(
                "expected a detector for a score threshold, received a model for "
                f"{self.card['task']}; leave the threshold out"
            )
        if not 0 <= threshold <= 1:
            raise DeployError(f"expected a score threshold from 0 to 1, received {threshold}")

    def _windows(self, example: Any) -> np.ndarray | None:
        """All windows of an example longer than the input, of a model that is to see it whole: the
        card's `windows` says how many rows they are apart."""
        hop = self._seen.get("windows")
        if hop is None or len(self._shapes) > 1:
            return None
        entry, shape, front_end = self._seen["inputs"][0], self._shapes[0], self._front_ends[0]
        if front_end.windows is None:
            return None
        if isinstance(example, str | Path) and not front_end.is_raw(example, shape):
            example = front_end.open_file(str(example))
        if not front_end.is_raw(example, shape):
            return None
        return front_end.windows(example, entry["front_end"], shape, hop)

    def _arrays(self, example: Any) -> tuple[list[np.ndarray], bool, tuple[int, int]]:
        # The arrays (examples, …), whether they are a batch, and the size of the images.
        entries, shapes = self._seen["inputs"], self._shapes
        size = shapes[0][:2] if len(shapes[0]) > 1 else (0, 0)
        if isinstance(example, dict):
            given: Sequence[Any] = [example.get(entry["name"]) for entry in entries]
        else:
            given = example if len(entries) > 1 and isinstance(example, list | tuple) else [example]
        arrays = []
        for index, (part, entry) in enumerate(zip(given, entries, strict=False)):
            front_end = self._front_ends[index]
            if isinstance(part, str | Path) and not front_end.is_raw(part, shapes[index]):
                part = front_end.open_file(str(part))
            if _are_texts(part) and all(front_end.is_raw(text, shapes[index]) for text in part):
                rows = [
                    front_end.to_array(text, entry["front_end"], shapes[index]) for text in part
                ]
                part = np.stack(rows)
            if front_end.is_raw(part, shapes[index]):
                size = front_end.size(part) if index == 0 else size
                part = front_end.to_array(part, entry["front_end"], shapes[index])
            arrays.append(_numbers(part))
        arrays += [_numbers(part) for part in given[len(entries) :]]
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

    def class_names(self) -> list[str]:
        """The names of all classes that the model knows, their numbers where they have none."""
        return self._task.class_names(self._seen, self.labels)


def _are_texts(part: Any) -> bool:
    """Whether it is a batch of texts; one alone, out of an array, is none."""
    if isinstance(part, np.ndarray):
        return part.ndim == 1 and len(part) > 0 and part.dtype.kind in "SUO"
    return isinstance(part, list | tuple) and len(part) > 0 and isinstance(part[0], str | bytes)


def _unlike(examples: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    """Three random examples of different sizes in the place of three; as they are where they are no
    measures."""
    generator, scales = np.random.default_rng(0), np.array([0.25, 1.0, 4.0])
    scales = scales.reshape(3, *[1] * (examples.ndim - 1))
    if examples.dtype.kind == "f":
        return (generator.normal(size=examples.shape) * scales).astype(examples.dtype)
    if not tensor["scale"]:
        return examples
    limits = np.iinfo(examples.dtype)
    random = generator.uniform(limits.min / 4, limits.max / 4, examples.shape) * scales
    return random.astype(examples.dtype)


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


def _check_state(state: dict[str, Any], card: dict[str, Any]) -> None:
    pairs = state.get("tensors")
    whole = isinstance(pairs, list) and isinstance(state.get("variables"), bool)
    for pair in pairs if whole and pairs else []:
        try:
            output, taken = card["outputs"][pair[0]], card["inputs"][pair[1]]
            whole &= len(pair) == 2 and output["shape"] == taken["shape"]
        except (IndexError, TypeError):
            whole = False
    if not whole:
        raise DeployError(
            "expected a state of variables (true or false) and tensors, pairs of an output and an "
            f"input of one shape, received {state}; copy or export the bundle again"
        )


def _tensors(
    details: list[dict[str, Any]], entries: list[dict[str, Any]] | None
) -> list[dict[str, Any]]:
    """The card's entries of the inputs or outputs; what the model itself says of them counts."""
    found = [_tensor(detail) for detail in details]
    if entries is None:
        return found
    known = [entry.get("name") for entry in entries if isinstance(entry, dict)]
    if len(known) != len(found) or not all(isinstance(name, str) for name in known):
        raise DeployError(
            f"expected a card with the names of the {len(found)} inputs or outputs of its model, "
            f"received {known!r:.200}; copy or export the bundle again"
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
