"""The bundle is written whole or not at all."""

import json
import os
import shutil

import keras
import pytest

import deploy
from deploy.bundle.write import (
    check_class_names,
    check_output,
    write_bundle,
    write_bundles,
)


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])


def export(model, out, **options):
    return deploy.export(model, "cpu-float", out=out, verbose=0, **options)


def test_an_existing_folder_is_kept_unless_it_is_a_bundle_to_overwrite(model, dense, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for overwrite in (False, True):
        with pytest.raises(deploy.DeployError, match="which exists"):
            export(model, tmp_path / "mine", overwrite=overwrite)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    shutil.copytree(dense, tmp_path / "bundle")
    with pytest.raises(deploy.DeployError, match="which exists"):
        export(model, tmp_path / "bundle")
    (tmp_path / "bundle" / "old.txt").write_text("old")
    export(model, tmp_path / "bundle", overwrite=True)
    assert not (tmp_path / "bundle" / "old.txt").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "mine"]


def test_a_model_is_never_overwritten_by_its_own_bundle(dense, tmp_path):
    shutil.copytree(dense, tmp_path / "bundle")
    with pytest.raises(deploy.DeployError, match="a model outside the bundle"):
        export(tmp_path / "bundle" / "model.keras", tmp_path / "bundle", overwrite=True)
    assert (tmp_path / "bundle" / "model.keras").is_file()


@pytest.mark.parametrize("name", ["n" * 300, "nul\0", "file/deeper/still"])
def test_a_name_that_no_folder_can_have_is_refused_and_nothing_is_made(name, model, tmp_path):
    (tmp_path / "file").write_text("a file, no folder")
    with pytest.raises(deploy.DeployError, match="that can be written"):
        export(model, tmp_path / name)
    with pytest.raises(deploy.DeployError, match="expected a seed"):
        export(model, tmp_path / "deep" / "deeper" / "bundle", seed=-1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_is_never_replaced(model, dense, tmp_path):
    shutil.copytree(dense, tmp_path / "bundle")
    (tmp_path / "link").symlink_to(tmp_path / "bundle")
    with pytest.raises(deploy.DeployError, match="which exists"):
        export(model, tmp_path / "link", overwrite=True)


@pytest.mark.parametrize("parent", ["file", "file/deeper"])
def test_a_folder_that_cannot_be_written_is_refused_first(parent, model, tmp_path):
    (tmp_path / "file").write_text("a file, no folder")
    with pytest.raises(deploy.DeployError, match="that can be written"):
        export(model, tmp_path / parent / "bundle")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(deploy.DeployError, match="that can be written"):
        check_output(tmp_path / "locked" / "bundle", overwrite=False, model=None)


def test_a_failure_leaves_nothing(model, dense, tmp_path):
    with pytest.raises(deploy.DeployError, match="expected 2 class names, received 3"):
        export(model, tmp_path / "bundle", class_names=["a", "b", "c"])
    card = json.loads((dense / "card.json").read_text("utf-8"))
    with pytest.raises(deploy.DeployError, match="could not write the bundle"):
        write_bundle(tmp_path / "bundle", card, [], {"no/such/folder/file": b""})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("class_names", "message"),
    [
        (["a", "a"], "received 'a' 2 times"),
        (["a", ""], "received '' 1 times"),
        (["a\nb", "c"], "one line each"),
        ("missing.txt", "received 'missing.txt'"),
    ],
)
def test_doubtful_class_names_are_refused(class_names, message):
    with pytest.raises(deploy.DeployError, match=message):
        check_class_names(class_names)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_class_names_come_from_a_file(mark, end, tmp_path):
    (tmp_path / "labels.txt").write_bytes(f"{mark}bouée{end}chat noir{end}".encode())
    assert check_class_names(str(tmp_path / "labels.txt")) == ["bouée", "chat noir"]


@pytest.mark.parametrize("content", [b"", "bouée".encode("latin-1")])
def test_a_file_without_class_names_is_refused(content, tmp_path):
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(deploy.DeployError, match="one class name a line"):
        check_class_names(tmp_path / "labels.txt")


def test_several_bundles_are_written_whole_or_not_at_all(dense, tmp_path):
    card = json.loads((dense / "card.json").read_text("utf-8"))
    bundles = {name: (card, [], {"model.tflite": b"1"}) for name in ("encoder", "decoder")}
    write_bundles(tmp_path / "both", bundles)
    assert (tmp_path / "both" / "decoder" / "model.tflite").read_bytes() == b"1"
    assert json.loads((tmp_path / "both" / "card.json").read_text()) == {"models": list(bundles)}
    bundles["decoder"] = (card, [], {"no/such/folder/file": b""})
    with pytest.raises(deploy.DeployError, match="could not write the bundle"):
        write_bundles(tmp_path / "half", bundles)
    assert [path.name for path in tmp_path.iterdir()] == ["both"]
