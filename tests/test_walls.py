"""Who may know whom: the packages' imports, read and run."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TENSORFLOW = {
    "tensorflow",
    "keras",
    "tf_keras",
    "tensorflow_datasets",
    "tensorflow_model_optimization",
}


def imports(path):
    """The modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files(folder):
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


@pytest.mark.parametrize("path", files("deploy"))
def test_deploy_knows_neither_thinkkeras_nor_courses(path):
    assert not {name.split(".")[0] for name in imports(path)} & {"thinkkeras", "courses"}


@pytest.mark.parametrize("path", files("thinkkeras"))
def test_thinkkeras_knows_neither_deploy_nor_courses(path):
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"deploy", "courses"}
    if "datasets" not in path.parts:
        assert not roots & {"tensorflow", "tf_keras", "tensorflow_datasets"}


@pytest.mark.parametrize("path", files("deploy/runtime"))
def test_runtime_files_import_no_tensorflow(path):
    assert not {name.split(".")[0] for name in imports(path)} & TENSORFLOW


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("deploy.runtime", TENSORFLOW | {"PIL", "thinkkeras", "courses", "matplotlib"}),
        ("deploy.runtime.__main__", TENSORFLOW | {"PIL", "thinkkeras", "courses", "matplotlib"}),
        ("deploy.targets", TENSORFLOW | {"numpy"}),
        ("deploy.commands.compare", TENSORFLOW),
        ("thinkkeras.models", {"deploy", "courses"}),
    ],
)
def test_what_an_import_loads(module, forbidden):
    code = f"import sys, {module}; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert module in loaded
    assert not {name.split(".")[0] for name in loaded} & forbidden


def test_the_check_sees_what_it_forbids():
    assert {"tensorflow", "keras"} <= {
        name.split(".")[0] for name in imports(ROOT / "deploy" / "step1_load.py")
    }
