"""Run one function in a child process: a crash in native code costs a message, not a program.

The function is named `module:function`, takes keyword arguments that JSON can hold (paths, numbers,
names) and returns what JSON can hold; arrays travel in files. The child's own step is known to the
parent through `step`, so that even a segmentation fault has a place.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from deploy.runtime.errors import DeployError

_STEP_FILE = "THINKKERAS_CHILD_STEP"


class ChildError(DeployError):
    """The child raised or died; `step` says where, `log` holds what it printed."""

    def __init__(self, message: str, step: str, log: str, crashed: bool):
        super().__init__(message)
        self.step, self.log, self.crashed = step, log, crashed


def step(name: str) -> None:
    """Tell the parent what the child does now."""
    path = os.environ.get(_STEP_FILE)
    if path:
        Path(path).write_text(name)


def call(function: str, **arguments: Any) -> tuple[Any, str]:
    """Call `module:function` with `arguments` in a child process.

    Returns:
        The function's result, and everything the child printed.

    Raises:
        ChildError: the function raised, or the process died (a signal, no memory).
    """
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        request, answer = Path(folder, "request.json"), Path(folder, "answer.json")
        step_file, log_file = Path(folder, "step"), Path(folder, "log")
        request.write_text(json.dumps({"function": function, "arguments": arguments}))
        step_file.write_text("start")
        # The child must find the same packages, wherever the caller's path came from.
        path = os.pathsep.join(entry for entry in sys.path if entry)
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent), path]),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            # Conversion needs no accelerator, and must not take the memory of one in use.
            "CUDA_VISIBLE_DEVICES": "-1",
            _STEP_FILE: str(step_file),
        }
        with log_file.open("wb") as log:
            command = [sys.executable, "-m", "deploy.worker", str(request), str(answer)]
            code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            ).returncode
        text, last = log_file.read_text(errors="replace"), step_file.read_text()
        result = json.loads(answer.read_text()) if answer.exists() else {}
    if "result" in result:
        return result["result"], text
    if "error" in result:
        raise ChildError(result["error"], last, text, crashed=False)
    raise ChildError(f"the process died ({_cause(code)}) while: {last}", last, text, crashed=True)


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _serve(request: Path, answer: Path) -> None:
    faulthandler.enable()
    wanted = json.loads(request.read_text())
    module, name = wanted["function"].split(":")
    try:
        result = getattr(importlib.import_module(module), name)(**wanted["arguments"])
        reply = {"result": result}
    except Exception as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    partial = answer.with_suffix(".partial")
    partial.write_text(json.dumps(reply))
    partial.rename(answer)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]))
