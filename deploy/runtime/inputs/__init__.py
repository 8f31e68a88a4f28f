"""Front ends: how an example, a file or an array, becomes the numbers of a model's input.

One module a kind, in NumPy, found by `card["inputs"][i]["front_end"]["kind"]`. The same definition
prepares examples in training, in calibration and on the device. A new kind is a module with what
`FrontEndModule` asks for, and a row in `FRONT_ENDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import array, image, log_mel, one_hot_sequence, tokens
from deploy.runtime.inputs.streaming import Streaming


class FrontEndModule(Protocol):
    """What a module of this folder has."""

    @property
    def NOUN(self) -> str:
        """What an example is called: "image", "recording"."""

    @property
    def SUFFIXES(self) -> tuple[str, ...]:
        """Of the files that `open_file` reads, in lower case."""

    @property
    def open_several(self) -> Callable[[str], Sequence[tuple[str, Any]]] | None:
        """Of a kind whose files may hold several examples: these with their names; None of any
        other."""

    @property
    def warning(self) -> Callable[[Any, Mapping[str, Any], Sequence[int]], str | None] | None:
        """Of a kind that takes examples of which the model does not see all: what whoever runs such
        a one, given as to `to_array`, should know of it; None where it sees all."""

    @property
    def stream(self) -> Streaming | None:
        """Of a kind that can be streamed, how; None of any other."""

    @property
    def windows(
        self,
    ) -> Callable[[Any, Mapping[str, Any], Sequence[int], int], np.ndarray] | None:
        """Of a kind whose examples may be longer than the input: a function of the example, the
        front end, the shape and a hop that gives all windows so many rows apart, (windows, …); None
        of any other."""

    def check(self, front_end: Mapping[str, Any], shape: Sequence[int]) -> None:
        """Raises a DeployError where the parameters don't fit an input of this shape (without the
        batch axis)."""

    def open_file(self, path: str) -> Any:
        """The example in a file, as `to_array` takes it."""

    def is_raw(self, example: Any, shape: Sequence[int]) -> bool:
        """Whether `example` is one for `to_array`, and no array that is ready for the model. Where
        that is a string, files are named by a `Path`."""

    def size(self, example: Any) -> tuple[int, int]:
        """Height and width of an image, in which boxes and maps are given; (0, 0) of others."""

    def to_array(
        self, example: Any, front_end: Mapping[str, Any], shape: Sequence[int]
    ) -> np.ndarray:
        """The numbers for the model, of `shape`, in the units that it was trained on."""


FRONT_ENDS: dict[str, FrontEndModule] = {
    "array": array,
    "image": image,
    "log_mel": log_mel,
    "one_hot_sequence": one_hot_sequence,
    "tokens": tokens,
}


def find_front_end(entry: Mapping[str, Any]) -> FrontEndModule:
    """The module for an entry of the card's `inputs`.

    Raises:
        DeployError: a kind that this version does not know.
    """
    front_end = entry["front_end"]
    kind = front_end.get("kind") if isinstance(front_end, Mapping) else front_end
    if not isinstance(kind, str) or kind not in FRONT_ENDS:
        raise DeployError(
            f"expected a front end of {', '.join(FRONT_ENDS)} for the input '{entry['name']}', "
            f"received {kind!r:.80}; export the bundle again, or install a version that knows it"
        )
    return FRONT_ENDS[kind]


def default_front_end(shape: Sequence[int]) -> dict[str, Any]:
    """The front end of an input of which nothing is known but its shape (without the batch axis):
    what could be an image is one of 0–255."""
    if image.is_image_shape(shape):
        return {"kind": "image", "black": 0, "white": 255}
    return {"kind": "array"}


def prepare(example: Any, front_end: Mapping[str, Any], shape: Sequence[int]) -> np.ndarray:
    """One example, the path of a file or what the front end takes, as the model's own numbers.

    Args:
        example: an image, say, or its path; an array of `shape` stays as it is.
        front_end: its kind and parameters, as in a card.
        shape: of the model's input, without the batch axis.

    Raises:
        DeployError: an unknown kind, a file that can't be read, or an example of another kind.
    """
    module = find_front_end({"name": "example", "front_end": front_end})
    if isinstance(example, str | Path) and not module.is_raw(example, tuple(shape)):
        example = module.open_file(str(example))
    if module.is_raw(example, tuple(shape)):
        return module.to_array(example, front_end, tuple(shape))
    return np.asarray(example)
