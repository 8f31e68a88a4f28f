"""The card's schema: each section has its keys, each value its type."""

import json
import types
import typing

import pytest

from deploy.runtime.card import Card


def problems(value, hint, place="card"):
    """What of `value`, as JSON has it, is not as its type says."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any:
        return []
    if origin is typing.NotRequired:
        return problems(value, arguments[0], place)
    if typing.is_typeddict(hint):
        return _problems_of_section(value, hint, place)
    if origin in (typing.Union, types.UnionType):
        tried = [problems(value, each, place) for each in arguments]
        return [] if [] in tried else min(tried, key=len)
    if origin is list and isinstance(value, list):
        return [p for k, v in enumerate(value) for p in problems(v, arguments[0], f"{place}[{k}]")]
    if origin is dict and isinstance(value, dict):
        return [p for k, v in value.items() for p in problems(v, arguments[1], f"{place}.{k}")]
    kinds = {float: (float, int), None: (type(None),)}.get(hint, (origin or hint,))
    right = isinstance(value, kinds) and (hint is bool or not isinstance(value, bool))
    return [] if right else [f"{place}: {value!r} is no {hint}"]


def _problems_of_section(value, hint, place):
    if not isinstance(value, dict):
        return [f"{place}: {value!r} is no {hint.__name__}"]
    hints = typing.get_type_hints(hint, include_extras=True)
    needed = {k for k, h in hints.items() if typing.get_origin(h) is not typing.NotRequired}
    found = [f"{place}: no {key}" for key in sorted(needed - set(value))]
    found += [f"{place}: unknown {key}" for key in sorted(set(value) - set(hints))]
    for key in set(hints) & set(value):
        found += problems(value[key], hints[key], f"{place}.{key}")
    return found


@pytest.mark.parametrize("target", ["cpu", "cortex-m", "ethos-u55-128", "cpu-float"])
def test_the_card_of_a_classifier_is_as_its_schema_says(target, exported):
    card = json.loads((exported("convnet", target) / "card.json").read_text("utf-8"))
    assert problems(card, Card) == []


@pytest.mark.parametrize("task", ["detection", "semantic_segmentation"])
def test_the_card_of_other_tasks_is_as_its_schema_says(task, squares):
    card = json.loads((squares(task, "cpu-float") / "card.json").read_text("utf-8"))
    assert problems(card, Card) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"size_bytes": "9"}, "card.size_bytes: '9' is no <class 'int'>"),
        ({"note": 1}, "card: unknown note"),
        ({"selftest": {"examples": 8}}, "card.selftest: no tolerance"),
        ({"inputs": [3]}, "card.inputs[0]: 3 is no Tensor"),
    ],
)
def test_a_card_of_another_schema_is_noticed(change, problem, dense):
    card = json.loads((dense / "card.json").read_text("utf-8"))
    assert problems(card | change, Card) == [problem]
