"""What a front end has of which a long recording, or one without an end, can be streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Streaming(NamedTuple):
    """How a front end serves `run --stream`; `settings` are the card's `stream`, of which it reads
    `hop`, how far one example lies behind the other, in its own unit (seconds, rows).

    Attributes:
        check: `check(front_end, shape, settings)` raises a DeployError where they don't fit.
        chunks: `chunks(source, front_end, shape)`: the raw numbers of a file one after the other,
            of None those of a sensor, a microphone say.
        examples: `examples(chunks, front_end, shape, settings)`: what the model takes, arrays of
            `shape` as `to_array` makes them, each with the moment up to which it reaches.
        moment: such a moment in words, "1.24 s".
    """

    check: Callable[[Mapping[str, Any], Sequence[int], Mapping[str, Any]], None]
    chunks: Callable[[str | None, Mapping[str, Any], Sequence[int]], Iterator[np.ndarray]]
    examples: Callable[
        [Iterable[np.ndarray], Mapping[str, Any], Sequence[int], Mapping[str, Any]],
        Iterator[tuple[float, np.ndarray]],
    ]
    moment: Callable[[float], str]
