"""What a model is for: one module a task, found by the card's `task`.

A module knows the Keras model: what it infers from it, its metric, its agreement and its lines on
the card. Its counterpart of the same name in `deploy.runtime.tasks` turns the outputs into
predictions. A new task is a module in both folders with what `Task` asks for, and a row in both
tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from deploy.runtime.card import EARLIER_TASKS, ClassAgreement
from deploy.runtime.errors import DeployError
from deploy.tasks import (
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

if TYPE_CHECKING:
    from deploy.load.source import Source


class Task(Protocol):
    """What a module of this folder has."""

    @property
    def metric(self) -> Callable[[Mapping[str, Any], Any, Sequence[np.ndarray]], float] | None:
        """The task's own metric, a function of the card, the ground truth and the outputs, by the
        name that the card gives; None where only the user's own measures the task."""

    @property
    def further_metrics(
        self,
    ) -> Mapping[str, Callable[[Mapping[str, Any], Any, Sequence[np.ndarray]], float]] | None:
        """What else is measured beside the task's own metric, by its name on the card; None:
        nothing."""

    def infer(
        self,
        source: Source,
        outputs: Sequence[np.ndarray],
        class_names: Sequence[str],
        settings: Mapping[str, Any] | None,
    ) -> dict[str, Any] | None:
        """What the card says of the task: `activation`, whatever else its predictions need, and
        `metric`, the name of the task's own where its function's will not do; None of a model that
        is not known to be for it.

        Args:
            source: the model.
            outputs: its outputs for the reference examples.
            class_names: the class names, if any.
            settings: what the user says of the task; None where nobody has named it.

        Raises:
            DeployError: the model is not what the user says.
        """

    def agreement(
        self,
        card: Mapping[str, Any],
        class_names: Sequence[str],
        keras: Sequence[np.ndarray],
        deployed: Sequence[np.ndarray],
    ) -> dict[str, ClassAgreement] | None:
        """Class by class, how often both models predict the same, or how alike their images are;
        None of mere numbers."""

    def card_lines(self, card: Mapping[str, Any]) -> list[str]:
        """A section of `card.md` that says how the outputs are to be read."""


# Of those that know a model by its outputs the first one has it; what none knows is a regression.
TASKS: dict[str, Task] = {
    "detection": detection,
    "instance_segmentation": instance_segmentation,
    "semantic_segmentation": semantic_segmentation,
    "image_to_image": image_to_image,
    "classification": classification,
    "recognition": recognition,
    "transcription": transcription,
    "anomaly": anomaly,
    "generation": generation,
    "regression": regression,
}


class Pipeline(Protocol):
    """What a module of this folder has whose task several models do together."""

    def plan(
        self,
        sources: Mapping[str, Source],
        parameters: Mapping[str, Any],
        calibration: Any,
        seed: int,
    ) -> translation.Plan:
        """How the models fit, and what each is exported with."""

    def keras_networks(self, sources: Mapping[str, Source], settings: Mapping[str, Any]) -> Any:
        """The Keras models as `compare` takes them."""

    def compare(self, keras: Any, deployed: Any, test: Any, data: str) -> translation.Comparison:
        """Both on the same examples, `deployed` as `runtime.load` gives it."""

    def card_lines(self, settings: Mapping[str, Any]) -> list[str]:
        """A section of `card.md` that says how the models fit."""


# Tasks of several models; each has a counterpart in `runtime.tasks.PIPELINES`.
PIPELINES: dict[str, Pipeline] = {"translation": translation}


class Settings(NamedTuple):
    """What the user says of a model: the task's name, and its parameters."""

    task: str
    parameters: dict[str, Any]


def read_task(task: str | Path | Mapping[str, Any] | None) -> Settings | None:
    """The `task` of `export`: a name, a mapping with `task` and its parameters, or the path of a
    JSON file with one. A mapping without `task` is a decoding configuration of boxes.

    Raises:
        DeployError: an unknown task, no such file, no mapping, or values that JSON has not.
    """
    return None if task is None else read_settings(task)


def read_settings(task: str | Path | Mapping[str, Any]) -> Settings:
    """See `read_task`."""
    if isinstance(task, str) and _name(task) in TASKS:
        return Settings(_name(task), {})
    try:
        if isinstance(task, str | Path):
            parameters = json.loads(Path(task).read_text("utf-8"))
        else:
            parameters = json.loads(json.dumps(task, allow_nan=False))
    except (OSError, TypeError, ValueError) as error:
        shown = f"'{task}'" if isinstance(task, str | Path) else "a mapping"
        raise DeployError(
            f"expected a task ({', '.join(TASKS)}), or its description of names, plain numbers and "
            f"lists, a mapping or a JSON file with it, received {shown}: {error}"
        ) from error
    if not isinstance(parameters, dict):
        raise DeployError(
            "expected a task's description with format, boxes, scores, …, received "
            f"{type(parameters).__name__}; give a mapping, or a JSON file with one"
        )
    masks = parameters.get("coefficients") is not None
    name = parameters.pop("task", "instance_segmentation" if masks else "detection")
    if not isinstance(name, str) or _name(name) not in TASKS:
        raise DeployError(
            f"expected one of the tasks {', '.join(TASKS)}, received '{name}'; classifiers are "
            "known by their outputs"
        )
    return Settings(_name(name), parameters)


def infer_task(
    source: Source,
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    settings: Settings | None,
) -> dict[str, Any]:
    """The card's `task`, and what its module infers of the model.

    Args:
        source: the model.
        outputs: its outputs for the reference examples.
        class_names: the class names, if any.
        settings: of `read_task`; None: the model's outputs tell.

    Raises:
        DeployError: outputs that don't fit the task, or not as many class names as classes.
    """
    carried = {pair[0] for pair in source.state}
    shown = [output for index, output in enumerate(outputs) if index not in carried]
    seen = source.without_state()
    names = [name for name in TASKS if name != "regression"] + ["regression"]
    for name in names if settings is None else [settings.task]:
        parameters = None if settings is None else settings.parameters
        inferred = TASKS[name].infer(seen, shown, class_names, parameters)
        if inferred is not None:
            return {"task": name, **inferred}
    raise DeployError(
        f"expected a model for one of the tasks {', '.join(TASKS)}, received outputs of shapes "
        f"{[output.shape for output in shown]}; name its task"
    )


def _name(task: str) -> str:
    return EARLIER_TASKS.get(task, task)
