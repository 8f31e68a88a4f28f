"""What a model's outputs predict: one module a task, found by `card["task"]`.

Each has a counterpart of the same name in `deploy.tasks`, which knows the Keras model. A new task
is a module in both folders with what `Task` asks for, and a row in both tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from deploy.runtime.errors import DeployError
from deploy.runtime.tasks import (
    anomaly,
    classification,
    detection,
    generation,
    image_to_image,
    instance_segmentation,
    recognition,
    regression,
    semantic_segmentation,
    transcription,
    translation,
)
from deploy.runtime.tasks.events import Event

# The card's `stream`, predictions with their times and the names of all classes become events.
Events = Callable[[Mapping[str, Any], Iterable[tuple[float, Any]], Sequence[str]], Iterator[Event]]

# The card, the inputs and the outputs, (examples, …) arrays, become what is read in their place.
Judge = Callable[
    [Mapping[str, Any], Sequence[np.ndarray], Sequence[np.ndarray]], Sequence[np.ndarray]
]

if TYPE_CHECKING:
    from deploy.runtime.model import Model


class Task(Protocol):
    """What a module of this folder has."""

    @property
    def HAS_SCORES(self) -> bool:
        """Whether predictions are found by a score threshold."""

    @property
    def draw(self) -> Callable[[Any, Any, Sequence[str]], Any] | None:
        """Draws a prediction on its image, a Pillow image, with the names of all classes; None
        where there is nothing to draw."""

    @property
    def events(self) -> Events | None:
        """What is to be reported of a stream of predictions, whose time is the moment up to which
        the example reached; None of a task that is not streamed. `check` has seen the settings."""

    @property
    def judge(self) -> Judge | None:
        """Of a task that holds the outputs against the inputs, what its predictions and metrics
        read in place of the outputs; None: the outputs themselves."""

    def check(self, card: Mapping[str, Any]) -> None:
        """Raises a DeployError where the card's inputs and outputs are not what the task needs."""

    def class_names(self, card: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
        """The names of all classes that the model knows."""

    def predict(
        self,
        card: Mapping[str, Any],
        outputs: Sequence[np.ndarray],
        labels: Sequence[str],
        image_size: tuple[int, int],
        score_threshold: float | None = None,
    ) -> Any:
        """What `Model.predict` gives for one example.

        Args:
            card: its `task` and what it says of the outputs, `inputs` and `outputs`; on a device
                also the bundle's `folder`, where a task may keep what it learns there.
            outputs: the dequantized outputs for the example, or what `judge` makes of them, without
                the batch axis.
            labels: the class names, if any.
            image_size: height and width of the image that became the model's input.
            score_threshold: another one than the card's, where `HAS_SCORES`.
        """

    def to_text(self, prediction: Any, classes: Sequence[str]) -> str:
        """The prediction in words; `classes` are the names of all."""


TASKS: dict[str, Task] = {
    "classification": classification,
    "regression": regression,
    "detection": detection,
    "instance_segmentation": instance_segmentation,
    "semantic_segmentation": semantic_segmentation,
    "image_to_image": image_to_image,
    "recognition": recognition,
    "transcription": transcription,
    "anomaly": anomaly,
    "generation": generation,
}


class Pipeline(Protocol):
    """What a module of this folder has whose task several models do together."""

    @property
    def draw(self) -> Callable[[Any, Any, Sequence[str]], Any] | None:
        """As of a `Task`."""

    def open_bundle(
        self, card: Mapping[str, Any], models: Mapping[str, Model], folder: Path | None
    ) -> translation.Translator:
        """What `runtime.load` gives: `card` is that of the whole, `models` those of the bundle."""

    def to_text(self, prediction: Any, classes: Sequence[str]) -> str:
        """As of a `Task`."""


# Tasks of several models, by the `task` of their bundle's card.
PIPELINES: dict[str, Pipeline] = {"translation": translation}


def find_pipeline(name: Any) -> Pipeline:
    """The module of the task called `name` that several models do.

    Raises:
        DeployError: no such task.
    """
    if not isinstance(name, str) or name not in PIPELINES:
        raise DeployError(
            f"expected one of the tasks of several models {', '.join(PIPELINES)}, received "
            f"{name!r}; correct its name, or install a version that knows it"
        )
    return PIPELINES[name]


def find_task(name: str) -> Task:
    """The module of the task called `name`.

    Raises:
        DeployError: no such task.
    """
    if name not in TASKS:
        raise DeployError(
            f"expected a card with one of the tasks {', '.join(TASKS)}, received '{name}'; export "
            "the bundle again, or install a version that knows it"
        )
    return TASKS[name]
