"""The card: what of it the runtime needs, cards of version 0.1, and what a caller sees of it."""

import json

import pytest

from deploy import DeployError
from deploy.runtime.card import model_names, read_card, without_state


@pytest.fixture
def card(dense):
    return json.loads((dense / "card.json").read_text("utf-8"))


def written(card, folder):
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    return folder


@pytest.mark.parametrize(
    "key", ["target", "task", "inputs", "outputs", "size_bytes", "sha256", "selftest", "source"]
)
def test_what_is_missing_is_named(key, card, tmp_path):
    del card[key]
    with pytest.raises(DeployError, match=f"expected a card with {key}, received"):
        read_card(written(card, tmp_path))


@pytest.mark.parametrize(
    ("earlier", "task"),
    [
        ("other", "regression"),
        ("segmentation", "semantic_segmentation"),
        ("instance", "instance_segmentation"),
        ("detection", "detection"),
    ],
)
def test_the_tasks_of_version_0_1_have_their_names_of_today(earlier, task, card, tmp_path):
    assert read_card(written(card | {"task": earlier}, tmp_path))["task"] == task


@pytest.mark.parametrize(
    ("pixels", "black", "white"), [([0, 255], 0, 255), ([-1, 1], -1, 1), (None, None, None)]
)
def test_the_pixels_of_version_0_1_are_a_front_end(pixels, black, white, card, tmp_path):
    del card["inputs"][0]["front_end"]
    card["inputs"][0] |= {"pixels": pixels, "shape": [1, 8, 8, 3]}
    (entry,) = read_card(written(card, tmp_path))["inputs"]
    assert entry["front_end"] == {"kind": "image", "black": black, "white": white}
    assert "pixels" not in entry


def test_one_model_is_not_several(card, tmp_path):
    assert model_names(written(card, tmp_path)) == []
    assert model_names(written({"models": ["a", "b"]}, tmp_path)) == ["a", "b"]
    with pytest.raises(DeployError, match="which holds several"):
        read_card(tmp_path)


def test_the_state_is_not_seen():
    card = {"inputs": ["x", "h"], "outputs": ["y", "new_h"]}
    card["state"] = {"variables": False, "tensors": [[1, 1]]}
    seen = without_state(card)
    assert (seen["inputs"], seen["outputs"]) == (["x"], ["y"])
    assert card["inputs"] == ["x", "h"]
    assert without_state(card | {"state": None})["outputs"] == ["y", "new_h"]
