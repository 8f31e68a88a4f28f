"""Run functions in a child process: a crash in native code costs a message, not a program.

The process stays warm, with TensorFlow loaded, and serves one call after another; one that dies is
replaced at the next call. A function is named `module:function`, takes keyword arguments that JSON
can hold (absolute paths, numbers, names) and returns what JSON can hold; arrays travel in files.
The child tells its own `step`, so that even a segmentation fault has a place.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

from deploy.runtime.errors import DeployError

# What conversions need, loaded while the parent still reads its model.
_WARM = "deploy.convert.in_worker"

# Memory that a library never gives back, and state that it never clears, go with the process.
_REQUESTS = 100


class WorkerError(DeployError):
    """The function raised, or the process died (`crashed`); `step` says where, `log` holds what it
    printed."""

    def __init__(self, message: str, step: str, log: str, crashed: bool):
        super().__init__(message)
        self.step, self.log, self.crashed = step, log, crashed


def call(function: str, *, fresh: bool = False, **arguments: Any) -> tuple[Any, str]:
    """Call `module:function` with `arguments` in the child process; calls of several threads wait
    for each other.

    Args:
        function: the function's module and name.
        fresh: call it in a new process, which has imported nothing and ends after the call.
        arguments: the function's own.

    Returns:
        The function's result, and everything it printed.

    Raises:
        WorkerError: the function raised, or the process died (a signal, no memory).
    """
    if fresh:
        process = _Process()
        try:
            return process.call(function, arguments)
        finally:
            process.end()
    with _lock:
        return _running().call(function, arguments)


def start() -> None:
    """Start the child process, which loads TensorFlow in the background until it is called."""
    with _lock:
        _running()


def stop() -> None:
    """End the child process; the next call starts another."""
    global _warm
    if _warm is not None:
        _warm.end()
    _warm = None


def step(name: str) -> None:
    """Tell the parent what the child does now."""
    if _parent is not None:
        _tell({"step": name})


class _Process:
    """A child process. Requests go to its standard input, steps and replies come from its standard
    output, one JSON object a line; what functions print goes into a file."""

    def __init__(self, *modules: str):
        self.requests = 0
        self._log = tempfile.TemporaryFile(prefix="deploy-")  # noqa: SIM115
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(_path()),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            # Conversion needs no accelerator, and must not take the memory of one in use.
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        command = [sys.executable, "-P", "-c", "from deploy.worker import serve; serve()", *modules]
        self._popen = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )
        assert self._popen.stdin and self._popen.stdout
        self._to_child, self._from_child = self._popen.stdin, self._popen.stdout

    def alive(self) -> bool:
        return self._popen.poll() is None

    def call(self, function: str, arguments: dict[str, Any]) -> tuple[Any, str]:
        self.requests += 1
        # The child writes at the same position of the same open file.
        self._log.seek(0)
        self._log.truncate()
        request = {"function": function, "arguments": arguments, "path": _path()}
        try:
            # The child may have died already; then there is no reply to read.
            with contextlib.suppress(BrokenPipeError):
                self._to_child.write(json.dumps(request).encode() + b"\n")
            last, reply = self._reply()
        except BaseException:
            # Of an interrupted call no reply may come later, in place of the next call's.
            self.end()
            raise
        code = self._popen.wait() if reply is None else 0
        self._log.seek(0)
        log = self._log.read().decode(errors="replace")
        if reply is None:
            raise WorkerError(f"the process died ({_cause(code)}) while: {last}", last, log, True)
        if "error" in reply:
            raise WorkerError(reply["error"], last, log, False)
        return reply["result"], log

    def _reply(self) -> tuple[str, dict[str, Any] | None]:
        """The child's last step and its reply; None where it died."""
        last = "start"
        while (line := self._from_child.readline()).endswith(b"\n"):
            message = json.loads(line)
            if "step" not in message:
                return last, message
            last = message["step"]
        return last, None

    def end(self) -> None:
        self._popen.kill()
        self._popen.wait()
        self.release()

    def release(self) -> None:
        """Close this process's ends of the pipes, by which the child sees that nobody calls."""
        self._popen.returncode = self._popen.returncode or 0
        for file in (self._to_child, self._from_child, self._log):
            file.close()


# In the parent: the process that is kept warm, and who may call it.
_warm: _Process | None = None
_lock = threading.Lock()

# In the child: where steps and replies go.
_parent: IO[bytes] | None = None


def _running() -> _Process:
    global _warm
    if _warm is not None and not (_warm.alive() and _warm.requests < _REQUESTS):
        stop()
    if _warm is None:
        _warm = _Process(_WARM)
    return _warm


def _forget() -> None:
    # A forked copy of the parent starts a process of its own.
    global _warm, _lock
    if _warm is not None:
        _warm.release()
    _warm, _lock = None, threading.Lock()


atexit.register(stop)
os.register_at_fork(after_in_child=_forget)


def _path() -> list[str]:
    # The child must find the same packages, wherever the parent's path came from.
    return [str(Path(__file__).parent.parent), *filter(None, sys.path)]


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def serve() -> None:
    """Be the child: import the modules that the command line names, then serve requests until the
    parent is gone."""
    global _parent
    faulthandler.enable()
    # Ctrl-C reaches the parent, which decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, _parent = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    for module in sys.argv[1:]:
        # What is missing is said to the function that asks for it.
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    for line in requests:
        reply = _answer(json.loads(line))
        sys.stdout.flush()
        ctypes.CDLL(None).fflush(None)
        _tell(reply)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    sys.path[:] = request["path"]
    module, name = request["function"].split(":")
    try:
        result = getattr(importlib.import_module(module), name)(**request["arguments"])
        json.dumps(result)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"result": result}


def _tell(message: dict[str, Any]) -> None:
    assert _parent is not None
    _parent.write(json.dumps(message).encode() + b"\n")
