"""Several examples in one inference: an interpreter of its own, resized to as many.

A small network is mostly the calls around it, a larger one reads its weights once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert.interpreter import Interpreter

_MOST = 64  # examples of an inference; from here on more are no faster
_BYTES = 1 << 26  # of all activations of an inference


class Batches:
    """A model that takes several examples at once.

    `content` is the flatbuffer, `threads` those of the runtime. Not every graph can be resized:
    `invoke` raises a RuntimeError or a ValueError for one that can't.
    """

    def __init__(self, content: bytes, threads: int = 1):
        self._interpreter = Interpreter(model_content=content, num_threads=threads)
        self._interpreter.allocate_tensors()
        self._inputs = [entry["index"] for entry in self._interpreter.get_input_details()]
        self._outputs = [entry["index"] for entry in self._interpreter.get_output_details()]
        # About as much: weights count as well where their first axis is 1, activations of another
        # first axis don't.
        of_one = sum(
            int(np.prod(entry["shape"])) * np.dtype(entry["dtype"]).itemsize
            for entry in self._interpreter.get_tensor_details()
            if list(entry["shape"][:1]) == [1]
        )
        self._most = max(1, min(_MOST, _BYTES // max(1, of_one)))
        self._size = 1

    @property
    def useful(self) -> bool:
        """Whether more than one example fits."""
        return self._most > 1

    def invoke(self, integers: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs, (examples, …) an output, of (examples, …) an input, all in the model's own
        numbers. No state outlives an inference.

        Raises:
            RuntimeError: the graph can't be resized, or fails when it runs.
            ValueError: it has no axis of examples.
        """
        count = len(integers[0])
        runs = -(-count // self._most)
        # Of one size all, as the interpreter would have to be resized for another.
        size = -(-count // runs)
        if size != self._size:
            self._resize(size)
        rows = [
            self._invoke([_filled(array[start : start + size], size) for array in integers])
            for start in range(0, count, size)
        ]
        return [np.concatenate(column)[:count] for column in zip(*rows, strict=True)]

    def _resize(self, size: int) -> None:
        for entry in self._interpreter.get_input_details():
            shape = [size, *entry["shape"][1:].tolist()]
            self._interpreter.resize_tensor_input(entry["index"], shape)
        self._interpreter.allocate_tensors()
        self._size = size

    def _invoke(self, integers: Sequence[np.ndarray]) -> list[np.ndarray]:
        self._interpreter.reset_all_variables()
        for index, array in zip(self._inputs, integers, strict=True):
            self._interpreter.set_tensor(index, array)
        self._interpreter.invoke()
        outputs = [self._interpreter.get_tensor(index) for index in self._outputs]
        if any(output.shape[:1] != (self._size,) for output in outputs):
            raise ValueError(f"expected outputs of {self._size} examples")
        return outputs


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    """The array with its last example repeated until there are `size`."""
    if len(array) == size:
        return array
    return np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)])


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two inferences gave the same: integers exactly, floating-point numbers but for the
    order of their sums."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    return np.allclose(one, other, rtol=1e-4, atol=1e-5 * float(np.abs(other).max(initial=0)))
