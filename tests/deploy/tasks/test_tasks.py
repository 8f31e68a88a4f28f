"""Tasks: the same names on both sides, told by name, mapping or file, or by the outputs."""

import ast
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest

import deploy.runtime.tasks
import deploy.tasks
from deploy import DeployError
from deploy.load.readers import load
from deploy.tasks import infer_task, read_task
from tests.deploy.detections_by_hand import DETECTOR

FOLDER = Path(deploy.tasks.__file__).parents[1]


def test_each_task_is_known_on_both_sides():
    assert set(deploy.tasks.TASKS) == set(deploy.runtime.tasks.TASKS)
    for folder in (FOLDER / "tasks", FOLDER / "runtime" / "tasks"):
        assert {path.stem for path in folder.glob("*.py")} >= set(deploy.tasks.TASKS)


def test_descriptions_are_read_from_names_mappings_and_files(tmp_path):
    assert read_task(None) is None
    assert read_task("classification") == ("classification", {})
    told = DETECTOR | {"strides": (8, 16)}
    assert read_task(told) == ("detection", DETECTOR | {"strides": [8, 16]})
    assert read_task({"task": "detection"} | DETECTOR) == ("detection", DETECTOR)
    masks = DETECTOR | {"coefficients": "c", "prototypes": "p"}
    assert read_task(masks) == ("instance_segmentation", masks)
    (tmp_path / "d.json").write_text(json.dumps({"task": "detection", "format": "cells"}))
    assert read_task(tmp_path / "d.json") == ("detection", {"format": "cells"})
    assert read_task(str(tmp_path / "d.json")) == ("detection", {"format": "cells"})


@pytest.mark.parametrize("name", ["segmentation", "semantic_segmentation"])
def test_the_names_of_version_0_1_are_understood(name):
    assert read_task(name) == ("semantic_segmentation", {})


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"cells": float("nan")}, "plain numbers and lists"),
        ({"cells": object()}, "plain numbers and lists"),
        ("no.json", r"expected a task \(detection, .* received 'no.json'"),
        ({"task": "singing"}, "expected one of the tasks detection, .*, received 'singing'"),
        ({"task": ["detection"]}, "expected one of the tasks"),
        ([DETECTOR], "received list"),
    ],
)
def test_what_is_no_task_is_refused(task, message):
    with pytest.raises(DeployError, match=message) as caught:
        read_task(task)
    assert "\n" not in str(caught.value)


def network(units, activation):
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation=activation)])


@pytest.mark.parametrize(
    ("units", "activation", "class_names", "task", "expected"),
    [
        (3, "softmax", [], None, ("classification", "softmax")),
        (1, "sigmoid", [], None, ("classification", "sigmoid")),
        (3, "linear", ["a", "b", "c"], None, ("classification", "linear")),
        (3, "linear", [], "classification", ("classification", "linear")),
        (3, "linear", [], None, ("regression", None)),
        (3, "softmax", [], "regression", ("regression", None)),
    ],
)
def test_outputs_tell_the_task_or_the_user_does(units, activation, class_names, task, expected):
    source = load(network(units, activation))
    outputs = source.predict([np.random.default_rng(0).normal(size=(9, 4))])
    inferred = infer_task(source, outputs, class_names, read_task(task))
    assert (inferred["task"], inferred["activation"]) == expected


@pytest.mark.parametrize(
    ("units", "class_names", "task", "message"),
    [
        (3, ["a", "b"], None, "expected 3 class names, received 2"),
        (3, [], "semantic_segmentation", r"for the task semantic_segmentation, received \(1, 3\)"),
        (3, ["a", "b", "c"], "regression", "no class names for the task regression, received 3"),
        (3, [], DETECTOR, "a detector of one image"),
        (3, [], "instance_segmentation", "expected coefficients and prototypes"),
    ],
)
def test_a_model_for_another_task_is_refused(units, class_names, task, message):
    source = load(network(units, "softmax"))
    outputs = source.predict([np.random.default_rng(0).normal(size=(9, 4))])
    with pytest.raises(DeployError, match=message):
        infer_task(source, outputs, class_names, read_task(task))


def test_no_code_but_the_tasks_own_asks_for_a_tasks_name():
    """Tables may have rows by task; a comparison with a name is an `if` for that task."""
    names = set(deploy.tasks.TASKS)
    homes = (FOLDER / "tasks", FOLDER / "runtime" / "tasks")
    found = []
    for path in sorted(FOLDER.rglob("*.py")):
        if path.parent in homes:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare):
                parts = list(ast.walk(node))
                texts = {each.value for each in parts if isinstance(each, ast.Constant)}
                text = ast.unparse(node)
                asks = re.search(r"\btask\b", text) and any(isinstance(t, str) for t in texts)
                if texts & names or (asks and re.search(r"task(\b|'\])\s*(==|!=|in)", text)):
                    found.append(f"{path.relative_to(FOLDER)}:{node.lineno} {text}")
    assert found == []
