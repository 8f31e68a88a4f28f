"""`deploy.predict`: what a Keras model predicts, read by the code that reads it on the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deploy.load.inputs import as_inputs, told_front_ends
from deploy.load.readers import load
from deploy.runtime.boxes.decoding_config import check_decoding_config
from deploy.runtime.errors import DeployError
from deploy.runtime.tasks import find_task
from deploy.tasks import infer_task, read_settings, read_task
from deploy.tasks.detection import with_positions
from deploy.tasks.predictions import LEAST_SCORE, keras_card, predictions


def predict(
    model: keras.Model | str | Path,
    x: Any,
    *,
    task: str | Path | Mapping[str, Any] | None = None,
    class_names: Sequence[str] = (),
    score_threshold: float | None = None,
    trust: bool = False,
) -> Sequence[Any]:
    """What `deploy.runtime` would predict with the outputs of a Keras model, example by example.

    Args:
        model: as for `export`.
        x: one (examples, …) array (several inputs: a list, or a dictionary by input name), in the
            model's own units.
        task: as for `export`.
        class_names: the class names; where there are none, numbers take their place.
        score_threshold: of detectors, another one than the task's.
        trust: run the code that the model's file holds (of Lambda layers, say).

    Raises:
        DeployError: a model that can't be loaded, examples that don't fit it, or a task that it is
            not for.
    """
    source = load(model, trust)
    arrays = as_inputs(x, source, "input", told_front_ends(source, None))
    outputs = source.predict(arrays)
    task_facts = infer_task(source, outputs, class_names, read_task(task))
    card = keras_card(source, outputs, task_facts)
    return predictions(card, outputs, class_names, score_threshold, arrays)


def decode(
    outputs: Mapping[str, np.ndarray],
    detector: Mapping[str, Any],
    image_size: tuple[int, int],
    class_names: Sequence[str] = (),
    score_threshold: float = LEAST_SCORE,
) -> Sequence[Any]:
    """The predictions that a detector's outputs stand for, where these are computed already.

    Args:
        outputs: (images, …) arrays by the outputs' names, as `model.predict` gives them.
        detector: how they become boxes, as the `task` of `export`.
        image_size: height and width of the images that the model took.
        class_names: the class names; where there are none, numbers take their place.
        score_threshold: the lowest score of a prediction.

    Raises:
        DeployError: a description of another task, or one that does not fit the outputs.
    """
    task, parameters = read_settings(detector)
    if not find_task(task).HAS_SCORES:
        raise DeployError(
            f"expected how a detector's outputs become boxes, received the task {task}; give a "
            "mapping with format, boxes, scores, …"
        )
    entries = [{"name": name, "shape": [1, *array.shape[1:]]} for name, array in outputs.items()]
    found = with_positions(parameters, list(outputs))
    check_decoding_config(found, entries, image_size)
    card = {
        "task": task,
        "activation": None,
        "detector": found,
        "inputs": [{"shape": [1, *image_size, 3]}],
        "outputs": entries,
    }
    return predictions(card, list(outputs.values()), class_names, score_threshold)
