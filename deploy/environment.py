"""This computer and what is installed on it: TensorFlow loaded quietly, versions, processor."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from deploy.runtime.errors import DeployError


def missing_package(module: str | None) -> DeployError:
    """The error for a `module` that `deploy` imports on the computer that exports."""
    package = (module or "").partition(".")[0]
    return DeployError(
        f"expected the package {package}, received an installation without it; install the "
        "training packages with pip install '.[train]' in the project's folder"
    )


def load_tensorflow() -> None:
    """Import TensorFlow, for a command line; what it prints to standard error meanwhile is lost.

    Raises:
        DeployError: TensorFlow is not installed.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise missing_package("tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow's own default on some processors alone; on the others convolutions train two to
    # three times as fast with it.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


_TOOLS = (
    "tensorflow",
    "keras",
    "ai-edge-litert",
    "litert-quantizer",
    "tflite-micro",
    "ethos-u-vela",
    "mediapipe",
    "numpy",
)


def versions() -> dict[str, str]:
    """The versions of the installed packages that make a bundle."""
    found = {}
    for tool in _TOOLS:
        # Not every tool exists for every computer.
        with contextlib.suppress(PackageNotFoundError):
            found[tool] = version(tool)
    return found


def cpu_name() -> str:
    """What this computer's processor calls itself."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.lower().startswith(("model name", "hardware")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
