"""What flows between the operators of a flatbuffer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


class Tensors:
    """An interpreter that keeps what flows between the operators."""

    def __init__(self, content: bytes):
        with warnings.catch_warnings(action="ignore"):  # that all tensors are kept
            self._interpreter = Interpreter(
                model_content=content,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
        self._interpreter.allocate_tensors()
        self._details = {entry["name"]: entry for entry in self._interpreter.get_tensor_details()}

    def has(self, name: str) -> bool:
        """Whether there is a tensor of this name."""
        return name in self._details

    def run(self, arrays: Sequence[np.ndarray]) -> None:
        """One inference on one (1, …) array an input, in the input's dtype."""
        self._interpreter.reset_all_variables()
        for entry, array in zip(self._interpreter.get_input_details(), arrays, strict=True):
            self._interpreter.set_tensor(entry["index"], array)
        self._interpreter.invoke()

    def values(self, name: str) -> np.ndarray:
        """The real numbers, float64, that the last inference left in the tensor."""
        entry = self._details[name]
        values = self._interpreter.get_tensor(entry["index"]).astype(np.float64)
        scale, zero_point = entry["quantization"]
        return (values - zero_point) * scale if scale else values
