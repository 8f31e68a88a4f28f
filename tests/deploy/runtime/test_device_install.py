"""What a device gets: the base dependencies alone run a bundle, and load quickly."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    """The Python of a new virtual environment with `pip install .` and nothing else."""
    folder = tmp_path_factory.mktemp("device")
    source = folder / "source"
    ignored = shutil.ignore_patterns(".*", "runs", "__pycache__", "build", "*.egg-info", "tests")
    shutil.copytree(ROOT, source, ignore=ignored)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", source]
    subprocess.run(install, check=True)
    return python


def run(python, *arguments, cwd):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [python, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True
    )


def test_no_training_package_is_installed(device, tmp_path):
    listed = run(device, "-m", "pip", "list", "--format=json", cwd=tmp_path).stdout
    names = {package["name"].lower() for package in json.loads(listed)}
    assert names >= {"thinkkeras", "numpy", "ai-edge-litert", "pillow"}
    assert not names & {"tensorflow", "keras", "tf-keras", "matplotlib", "scikit-learn"}


@pytest.mark.parametrize("target", ["cpu", "cpu-float", "cpu-dynamic", "gpu", "cortex-m"])
def test_an_exported_bundle_runs(device, target, exported, tmp_path):
    shutil.copytree(exported("convnet", target), tmp_path / "bundle")
    result = run(device, "-m", "deploy.runtime", "selftest", "bundle", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("passed: output 'classifier', 8 examples")


def test_an_image_is_answered_and_drawn(device, exported, digits, tmp_path):
    from PIL import Image

    Image.fromarray(digits.test[0][0, ..., 0]).save(tmp_path / "digit.png")
    shutil.copytree(exported("convnet", "cpu"), tmp_path / "bundle")
    arguments = ["-m", "deploy.runtime", "run", "bundle", "digit.png", "--draw", "out.png"]
    result = run(device, *arguments, cwd=tmp_path)
    assert result.stdout.startswith(f"digit.png: {digits.test[1][0]} ("), result.stderr
    assert (tmp_path / "out.png").stat().st_size > 1000


def test_training_commands_say_what_is_missing(device, tmp_path):
    result = run(
        device, "-m", "deploy", "export", "m.keras", "--target", "cpu", "--out", "o", cwd=tmp_path
    )
    assert result.returncode == 2
    assert "pip install '.[train]'" in result.stderr
    assert result.stderr.count("\n") == 1
