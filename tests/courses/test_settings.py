"""What a lesson can be told, and what it refuses."""

import os

import pytest

from courses import settings


def told(*arguments):
    return settings("s01", dataset="digits", targets=("cpu", "cortex-m"), arguments=arguments)


def test_defaults_and_repeated_targets(tmp_path):
    options = told("--out", str(tmp_path / "a" / "b"))
    assert (options.dataset, options.targets, options.seed) == ("digits", ("cpu", "cortex-m"), 0)
    assert options.epochs is None and options.figures == tmp_path / "a" / "b" / "figures"
    assert options.figures.is_dir()
    targets = ["--target", "cpu", "--target", "gpu", "--target", "cpu"]
    assert told("--out", str(tmp_path), *targets).targets == ("cpu", "gpu")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "error: expected at least 1 epoch, received 0"),
        (["--target", "cpv"], "error: expected a target of"),
    ],
)
def test_refusals(arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        told("--out", str(tmp_path), *arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("obstacle", ["a file", "not writable"])
def test_folders_that_cannot_be_written(obstacle, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    if obstacle == "a file":
        out.write_text("")
    else:
        monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(SystemExit) as stopped:
        told("--out", str(out))
    assert stopped.value.code == 2
    assert f"expected a folder that can be written, received '{out}'" in capsys.readouterr().err
