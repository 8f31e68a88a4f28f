"""The bundle is written whole or not at all."""

import json
import os

import keras
import pytest

import deploy
from deploy.step7_bundle import check_labels, check_output, table, write_bundle


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])


def export(model, out, **options):
    return deploy.export(model, "cpu-float", out=out, verbose=0, **options)


def test_an_existing_folder_is_kept_unless_it_is_a_bundle_to_overwrite(model, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for overwrite in (False, True):
        with pytest.raises(deploy.DeployError, match="which exists"):
            export(model, tmp_path / "mine", overwrite=overwrite)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    export(model, tmp_path / "bundle")
    with pytest.raises(deploy.DeployError, match="which exists"):
        export(model, tmp_path / "bundle")
    (tmp_path / "bundle" / "old.txt").write_text("old")
    export(model, tmp_path / "bundle", overwrite=True)
    assert not (tmp_path / "bundle" / "old.txt").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "mine"]


@pytest.mark.parametrize("parent", ["file", "file/deeper"])
def test_a_folder_that_cannot_be_written_is_refused_first(parent, model, tmp_path):
    (tmp_path / "file").write_text("a file, no folder")
    with pytest.raises(deploy.DeployError, match="that can be written"):
        export(model, tmp_path / parent / "bundle")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(deploy.DeployError, match="that can be written"):
        check_output(tmp_path / "locked" / "bundle", overwrite=False)


def test_a_failure_leaves_nothing(model, exported, tmp_path):
    with pytest.raises(deploy.DeployError, match="expected 2 labels.*received 3"):
        export(model, tmp_path / "bundle", labels=["a", "b", "c"])
    card = json.loads((exported("convnet", "cpu") / "card.json").read_text("utf-8"))
    with pytest.raises(deploy.DeployError, match="could not write the bundle"):
        write_bundle(tmp_path / "bundle", card, [], {"no/such/folder": b""})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "a"], "received 'a' 2 times"),
        (["a", ""], "received '' 1 times"),
        (["a\nb", "c"], "one line each"),
        ("missing.txt", "received 'missing.txt'"),
    ],
)
def test_doubtful_labels_are_refused(labels, message):
    with pytest.raises(deploy.DeployError, match=message):
        check_labels(labels)


def test_labels_come_from_a_file(tmp_path):
    (tmp_path / "labels.txt").write_text("bouée\nchat noir\n", "utf-8")
    assert check_labels(str(tmp_path / "labels.txt")) == ["bouée", "chat noir"]


def test_the_table_lines_up():
    card = {
        "target": "cpu",
        "scheme": "int8",
        "quality": {"metric": "accuracy", "keras": 0.9312, "deployed": 0.93, "examples": 10},
        "size_bytes": 12345,
        "latency_ms": {"median": 0.0512},
        "memory": None,
    }
    micro = card | {"target": "cortex-m", "quality": None, "memory": {"arena_bytes": 30240}}
    lines = table([card, micro]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "cpu", "int8", "93.12 %", "93.00 %", "12.3 kB", "0.051 ms", "–",
    ]  # fmt: skip
    assert "30.2 kB" in lines[3]
