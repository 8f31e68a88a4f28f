"""A stream: a long recording, or a sensor without an end, as the events that the task sees in it.

The front end turns chunks into examples with a time (`inputs.streaming.Streaming`), the model each
into a prediction, the task the predictions into events (`tasks.Task.events`). The card's `stream`
holds the parameters of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.card import without_state
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import find_front_end
from deploy.runtime.tasks import find_task
from deploy.runtime.tasks.events import Event

if TYPE_CHECKING:
    from deploy.runtime.model import Model


def stream(
    model: Model,
    source: str | Path | Iterable[np.ndarray] | None = None,
    threshold: float | None = None,
) -> Iterator[Event]:
    """The events in a stream, each as soon as it is known; the model's state starts anew.

    Args:
        model: whose card has a section `stream`.
        source: the path of a file; chunks as the front end takes them (samples (n,) at its rate,
            from −1 to 1; rows (n, channels)); None: the sensor, a microphone or what writes rows of
            CSV into standard input, until it ends or the program is stopped.
        threshold: another one than the card's.

    Raises:
        DeployError: a model that can't be streamed; while it is read, a source that can't be.
    """
    card = without_state(model.card)
    check_stream(card)
    entry, settings = card["inputs"][0], dict(card["stream"])
    if threshold is not None:
        settings["threshold"] = threshold
    front_end, shape = entry["front_end"], tuple(entry["shape"][1:])
    streaming, task = find_front_end(entry).stream, find_task(card["task"])
    assert streaming is not None and task.events is not None
    task.check({**card, "stream": settings})
    named = source is None or isinstance(source, str | Path)
    chunks: Any = source
    if named:
        chunks = streaming.chunks(None if source is None else str(source), front_end, shape)
    model.reset()
    examples = streaming.examples(chunks, front_end, shape, settings)
    predictions = ((time, model.predict(example)) for time, example in examples)
    return task.events(settings, predictions, model.class_names())


def moment_of(model: Model) -> Callable[[float], str]:
    """How the model's front end says the time of an event.

    Raises:
        DeployError: a model that can't be streamed.
    """
    card = without_state(model.card)
    check_stream(card)
    streaming = find_front_end(card["inputs"][0]).stream
    assert streaming is not None
    return streaming.moment


def check_stream(card: Mapping[str, Any]) -> None:
    """Whether the card's front end and task can be streamed, by the parameters of its `stream`.

    Args:
        card: its `task`, `stream` and `inputs`, those that hold no state.

    Raises:
        DeployError: they can't, or there are no parameters.
    """
    entry = card["inputs"][0]
    streaming, task = find_front_end(entry).stream, find_task(card["task"])
    if len(card["inputs"]) != 1 or streaming is None or task.events is None:
        raise DeployError(
            "expected a model to stream of one input and of a task that has events, sounds to "
            f"classify or readings to watch say, received one for {card['task']} with "
            f"{len(card['inputs'])} inputs, the first of the front end {entry['front_end']['kind']}"
        )
    if not isinstance(card.get("stream"), Mapping):
        raise DeployError(
            "expected a bundle with a section stream, received one without; export it with "
            f"task={{'task': '{card['task']}', 'stream': {{'hop': …}}}}"
        )
    task.check(card)
    streaming.check(entry["front_end"], tuple(entry["shape"][1:]), card["stream"])
