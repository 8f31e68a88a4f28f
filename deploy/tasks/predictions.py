"""The predictions that outputs stand for, of a Keras model as well as a deployed one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.card import seen_inputs, seen_outputs, without_state
from deploy.runtime.tasks import find_task

if TYPE_CHECKING:
    from deploy.load.source import Source

# Average precision counts what a device would not show: a metric of detectors gets all that scores
# more than this.
LEAST_SCORE = 0.01


class _Predictions(Sequence[Any]):
    """Made as they are read: those of hundreds of images, with their masks, fill a memory."""

    def __init__(self, count: int, predict: Callable[[int], Any]):
        self._count, self._predict = count, predict

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        chosen = range(self._count)[index]
        if isinstance(index, slice):
            return list(map(self._predict, chosen))
        return self._predict(chosen)


def keras_card(
    source: Source, outputs: Sequence[np.ndarray], task: Mapping[str, Any]
) -> dict[str, Any]:
    """What a card says of a Keras model itself, as far as predictions and metrics need it.

    Args:
        source: the model.
        outputs: its outputs, of any number of examples.
        task: of `tasks.infer_task`.
    """
    return {
        **task,
        "inputs": [{"name": entry.name, "shape": [1, *entry.shape]} for entry in source.inputs],
        "outputs": [
            {"name": name, "shape": [1, *output.shape[1:]]}
            for name, output in zip(source.outputs, outputs, strict=True)
        ],
        "state": {"variables": source.stateful, "tensors": [list(pair) for pair in source.state]},
    }


def judged(
    card: Mapping[str, Any], outputs: Sequence[np.ndarray], inputs: Sequence[np.ndarray]
) -> Sequence[np.ndarray]:
    """What the task's metrics and predictions read of the outputs, without the state.

    Args:
        card: as of `predictions`.
        outputs: one (examples, …) array an output.
        inputs: one an input, in the model's units; only tasks with a `judge` need them.
    """
    judge, shown = find_task(card["task"]).judge, seen_outputs(card, outputs)
    return shown if judge is None else judge(without_state(card), seen_inputs(card, inputs), shown)


def predictions(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    score_threshold: float | None = None,
    inputs: Sequence[np.ndarray] = (),
) -> Sequence[Any]:
    """What `deploy.runtime`'s `predict` gives for each example, from one (examples, …) array an
    output; images have the size of the model's input.

    Args:
        card: its `task`, `activation`, `detector`, `inputs`, `outputs` and `state`.
        outputs: the outputs, in real numbers.
        class_names: where there are none, numbers take their place.
        score_threshold: of detectors, another one than the card's.
        inputs: see `judged`.
    """
    task, seen = find_task(card["task"]), without_state(card)
    shown = judged(card, outputs, inputs)
    shape = seen["inputs"][0]["shape"]
    size = (int(shape[1]), int(shape[2])) if len(shape) > 2 else (0, 0)

    def of_one(example: int) -> Any:
        numbers = [output[example] for output in shown]
        return task.predict(seen, numbers, class_names, size, score_threshold)

    return _Predictions(len(outputs[0]), of_one)
