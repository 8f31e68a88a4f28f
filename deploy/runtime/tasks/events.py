"""What a task reports of a stream."""

from __future__ import annotations

from typing import Any, NamedTuple


class Event(NamedTuple):
    """Something worth a report: the moment up to which the stream had been read, in the front end's
    unit (seconds, rows), in words, and the prediction that it rests on."""

    time: float
    text: str
    prediction: Any
