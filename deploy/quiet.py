"""Load TensorFlow without the messages of its start-up, which no log level holds back."""

from __future__ import annotations

import importlib.util
import os

from deploy.errors import missing_package


def load_tensorflow() -> None:
    """Import TensorFlow, for a command line; what it prints to standard error meanwhile is lost.

    Raises:
        DeployError: TensorFlow is not installed.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise missing_package("tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
