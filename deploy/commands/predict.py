"""`deploy.predict`: what a Keras model predicts, read by the code that reads it on the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deploy.load.inputs import as_inputs
from deploy.load.readers import load
from deploy.tasks import infer_task, read_settings, read_task
from deploy.tasks.detection import OUTPUTS
from deploy.tasks.predictions import LEAST_SCORE, predictions


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
    arrays = as_inputs(x, source, "input")
    outputs = source.predict(arrays)
    card = {
        "inputs": [{"shape": [1, *entry.shape]} for entry in source.inputs],
        "outputs": [
            {"name": name, "shape": [1, *output.shape[1:]]}
            for name, output in zip(source.outputs, outputs, strict=True)
        ],
        **infer_task(source, outputs, class_names, read_task(task)),
    }
    return predictions(card, outputs, class_names, score_threshold)


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
    """
    task, parameters = read_settings(detector)
    names = list(outputs)
    positions = {key: names.index(parameters[key]) for key in OUTPUTS if key in parameters}
    card = {
        "task": task,
        "activation": None,
        "detector": parameters | positions,
        "inputs": [{"shape": [1, *image_size, 3]}],
        "outputs": [{"name": name, "shape": [1, *outputs[name].shape[1:]]} for name in names],
    }
    return predictions(card, list(outputs.values()), class_names, score_threshold)
