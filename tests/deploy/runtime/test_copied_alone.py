"""`deploy/runtime` as a folder of its own, with nothing else of the project on the path."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import deploy.runtime


@pytest.fixture
def device(tmp_path):
    """A folder with nothing of the project but `deploy/runtime`."""
    ignored = shutil.ignore_patterns("__pycache__")
    source = Path(deploy.runtime.__file__).parent
    shutil.copytree(source, tmp_path / "deploy" / "runtime", ignore=ignored)
    return tmp_path


def run(device, *arguments):
    hidden = ("PYTHONPATH", "PYTEST_CURRENT_TEST")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=device,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_the_folder_runs_alone(device, bundle, digit):
    path, expected = digit
    result = run(device, "-m", "deploy.runtime", "selftest", bundle)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("passed: output 'classifier', 8 examples")
    arguments = ["-m", "deploy.runtime", "run", bundle, path, "--draw", "out.png"]
    result = run(device, *arguments)
    assert result.stdout.startswith(f"{path}: {expected} ("), result.stderr
    assert (device / "out.png").stat().st_size > 1000


def test_it_loads_nothing_else(device, bundle):
    program = f"""if True:
        import sys
        from deploy import runtime
        from deploy.runtime.__main__ import main
        main(["selftest", {str(bundle)!r}])
        loaded = {{name.split(".")[0] for name in sys.modules}}
        assert not loaded & {{"tensorflow", "keras", "tf_keras", "thinkkeras", "courses"}}, loaded
        ours = [m for n, m in sys.modules.items() if n.startswith("deploy.")]
        assert all(getattr(m, "__file__", None) and "runtime" in m.__file__ for m in ours), ours"""
    result = run(device, "-c", program)
    assert result.returncode == 0, result.stderr
