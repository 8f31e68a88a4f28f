"""Who may know whom: the packages' imports, read and run."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
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
# What a device has.
ON_DEVICE = {"numpy", "ai_edge_litert", "PIL", "cv2", "soundfile", "sounddevice", "cryptography"}
PACKAGES = ("deploy", "thinkkeras")
# Keras has no gradient with respect to inputs, and a gradient penalty needs one: this one function
# asks the backend that runs, TensorFlow or JAX, and imports it only when it is called.
ASKS_THE_BACKEND = ROOT / "thinkkeras" / "models" / "generative" / "gradients.py"


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
    if "datasets" not in path.parts and path != ASKS_THE_BACKEND:
        assert not roots & {"tensorflow", "tf_keras", "tensorflow_datasets", "jax", "torch"}


def test_the_one_file_that_asks_the_backend_waits_until_it_is_called():
    tree = ast.parse(ASKS_THE_BACKEND.read_text("utf-8"))
    assert {"tensorflow", "jax"} < imports(ASKS_THE_BACKEND)
    at_once = {
        alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names
    }
    assert not at_once & {"tensorflow", "jax"}


@pytest.mark.parametrize("path", files("deploy/runtime"))
def test_the_runtime_needs_nothing_from_outside_its_folder(path):
    for name in imports(path):
        root = name.split(".")[0]
        assert name.startswith("deploy.runtime") or root in sys.stdlib_module_names | ON_DEVICE


def rooms(package):
    """Which folders (or single files) of a package import which others, test by file."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        here = room_of(path.relative_to(ROOT).with_suffix("").parts)
        if here is None:
            continue
        there = {room_of(tuple(name.split("."))) for name in imports(path)}
        found.setdefault(here, set()).update(there - {here, None})
    return found


def room_of(parts):
    # The package's own __init__ hands on what its rooms have.
    if parts[0] not in PACKAGES or len(parts) < 2 or parts[1] in ("__init__", "__main__"):
        return None
    return ".".join(parts[:2])


@pytest.mark.parametrize("package", ["deploy", "thinkkeras"])
def test_rooms_import_each_other_in_no_circle(package):
    found = {room: there for room, there in rooms(package).items()}
    order = list(TopologicalSorter(found).static_order())  # raises where there is a circle
    assert len(order) > 8


def test_a_circle_is_found():
    with pytest.raises(CycleError):
        list(TopologicalSorter({"a": {"b"}, "b": {"c"}, "c": {"a"}}).static_order())


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
        name.split(".")[0] for name in imports(ROOT / "deploy" / "load" / "readers.py")
    }
