"""Run a converted model on the runtime of its target; the same call for each."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deploy import worker
from deploy.flatbuffer import Operator, operators, unpack
from deploy.runtime import Model
from deploy.runtime.errors import DeployError
from deploy.runtime.quantization import dequantize, quantize

# A microcontroller's interpreter runs in a child process, this many examples at a time.
_CHUNK = 1000


# Far more than any microcontroller has, so that the model's own need can be measured.
_LARGEST_ARENA = 2**28


_MISSING = re.compile(r"Didn't find op for builtin opcode '(\w+)'")
# How LiteRT Micro refuses a scale that its fixed-point numbers can't hold, where it doesn't abort.
_OVERFLOW = "no_integer_overflow_from_quantization"

# Why, the operator, its place in the order of execution, and what it failed to do.
_FAILED = re.compile(
    r"([^\n]*)\n?Node (\w+) \(number (\d+)\w*\) failed to (prepare|invoke) with status"
)

# What does the same in operators that LiteRT Micro has.
_INSTEAD = {
    "ONE_HOT": "look the rows of an identity matrix up by an Embedding with these weights",
    "GELU": "take x · sigmoid(1.702 x), which is close, hard_swish or relu",
    "BUCKETIZE": "compare with the boundaries, and add up, in the program around the model",
    "CONV_3D": "take Conv2D on each slice, or TimeDistributed",
}


class Run(NamedTuple):
    """`outputs`: one (examples, …) array of the model's integers an output; `milliseconds`: the
    time of each inference."""

    outputs: list[np.ndarray]
    milliseconds: np.ndarray


def run_litert(
    content: bytes, inputs: Sequence[np.ndarray], threads: int = 1, *, stateful: bool = False
) -> Run:
    """Run on LiteRT, through the very code that goes onto the device.

    Args:
        content: the flatbuffer.
        inputs: one (examples, …) array an input, in its integer dtype.
        threads: threads of the runtime.
        stateful: the examples are one sequence, through which the model's variables keep its state;
            otherwise each starts from zero.
    """
    model = Model(content, {"state": {"variables": stateful, "tensors": []}}, [], threads)
    rows, milliseconds = [], []
    for example in range(len(inputs[0])):
        arrays = [array[example : example + 1] for array in inputs]
        start = time.perf_counter()
        rows.append(model.invoke(arrays))
        milliseconds.append(1000 * (time.perf_counter() - start))
    outputs = [np.concatenate(column) for column in zip(*rows, strict=True)]
    return Run(outputs, np.array(milliseconds))


def run_micro(
    content: bytes, inputs: Sequence[np.ndarray], threads: int = 1, *, stateful: bool = False
) -> Run:
    """Run on the LiteRT Micro interpreter (reference kernels, one thread); see `run_litert`.

    Raises:
        DeployError: LiteRT Micro lacks an operator of the model, or the model crashes it.
    """
    runs = []
    # A sequence is not cut.
    chunk = len(inputs[0]) if stateful else _CHUNK
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        model, examples = Path(folder, "model.tflite"), Path(folder, "inputs.npz")
        results = Path(folder, "outputs.npz")
        model.write_bytes(content)
        for start in range(0, len(inputs[0]), chunk):
            np.savez(examples, *[array[start : start + chunk] for array in inputs])
            try:
                worker.call(
                    "deploy.measure.interpreters:run_micro_in_child",
                    model=str(model),
                    examples=str(examples),
                    results=str(results),
                    outputs=len(Model(content, {}, []).card["outputs"]),
                    stateful=stateful,
                )
            except worker.WorkerError as error:
                raise _explain(error, content) from error
            with np.load(results, allow_pickle=False) as archive:
                arrays = [archive[name] for name in archive.files]
            runs.append(Run(arrays[:-1], arrays[-1]))
            done = min(start + chunk, len(inputs[0]))
            if len(inputs[0]) > chunk:
                end = "\n" if done == len(inputs[0]) else ""
                text = f"\r  LiteRT Micro: {done} of {len(inputs[0])} examples"
                print(text, end=end, file=sys.stderr, flush=True)
    outputs = [np.concatenate(parts) for parts in zip(*[run.outputs for run in runs], strict=True)]
    return Run(outputs, np.concatenate([run.milliseconds for run in runs]))


RUNTIMES: dict[str, Callable[..., Run]] = {"litert": run_litert, "tflite-micro": run_micro}


def run_micro_in_child(
    model: str, examples: str, results: str, outputs: int, stateful: bool
) -> None:
    """Run every example of the file `examples`, write the `outputs` and the times to `results`."""
    # The package's own import path; it loads neither TensorFlow nor Keras.
    from tflite_micro.python.tflite_micro import runtime

    with np.load(examples, allow_pickle=False) as archive:
        inputs = [archive[f"arr_{index}"] for index in range(len(archive.files))]
    worker.step("allocating the arena")
    interpreter = runtime.Interpreter.from_file(model, arena_size=_LARGEST_ARENA)
    worker.step("running the model")
    rows, milliseconds = [], []
    for example in range(len(inputs[0])):
        if example == 0 or not stateful:
            # Recurrent operators keep their state from one inference to the next.
            interpreter.reset()
        start = time.perf_counter()
        for index, array in enumerate(inputs):
            interpreter.set_input(array[example : example + 1], index)
        interpreter.invoke()
        rows.append([interpreter.get_output(index).copy() for index in range(outputs)])
        milliseconds.append(1000 * (time.perf_counter() - start))
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    np.savez(results, *columns, np.array(milliseconds))


def micro_lacks(content: bytes) -> str | None:
    """The first operator of the model that LiteRT Micro has not; None where it has all of them, or
    is not installed."""
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        model = Path(folder, "model.tflite")
        model.write_bytes(content)
        try:
            worker.call("deploy.measure.interpreters:load_micro_in_child", model=str(model))
        except worker.WorkerError as error:
            missing = _MISSING.search(error.log)
            return missing[1] if missing else None
    return None


def load_micro_in_child(model: str) -> None:
    """Load the model without running it."""
    from tflite_micro.python.tflite_micro import runtime

    runtime.Interpreter.from_file(model, arena_size=_LARGEST_ARENA)


def micro_arena(content: bytes) -> int:
    """The smallest arena, in bytes (a multiple of 16), in which LiteRT Micro can run the model.

    Raises:
        DeployError: LiteRT Micro can't run the model in any arena.
    """
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        model = Path(folder, "model.tflite")
        model.write_bytes(content)
        try:
            return int(
                worker.call(
                    "deploy.measure.interpreters:micro_arena_in_child",
                    model=str(model),
                    inputs=len(unpack(content).subgraphs[0].inputs),
                )[0]
            )
        except worker.WorkerError as error:
            raise _explain(error, content) from error


def micro_arena_in_child(model: str, inputs: int) -> int:
    """See `micro_arena`. The interpreter's own count leaves out what it needs only to start."""
    from tflite_micro.python.tflite_micro import runtime

    def run_in(arena: int) -> None:
        interpreter = runtime.Interpreter.from_file(model, arena_size=arena)
        for index in range(inputs):
            # What lies in the arena by chance may be no number of a token.
            details = interpreter.get_input_details(index)
            interpreter.set_input(np.zeros(details["shape"], details["dtype"]), index)
        interpreter.invoke()

    def fits(arena: int) -> bool:
        # An arena that is too small may also crash the interpreter, so each has its own process.
        process = os.fork()
        if process == 0:
            try:
                run_in(arena)
                os._exit(0)
            finally:
                os._exit(1)
        return os.waitpid(process, 0)[1] == 0

    worker.step("allocating the arena")
    # What does not run in the largest arena fails here, with its own reason.
    run_in(_LARGEST_ARENA)
    low, high = 0, 1024
    while not fits(high):
        low, high = high, 2 * high
    while high - low > 16:
        middle = (low + high) // 32 * 16
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


_TOO_SMALL = (
    "a scale is too small to represent, as that of an activation which is nearly constant: train "
    "the model, and calibrate with real examples"
)


def _explain(error: worker.WorkerError, content: bytes) -> DeployError:
    if "No module named 'tflite_micro'" in str(error):
        return DeployError(
            "expected the package tflite-micro, received an installation without it; it comes for "
            "Linux on x86-64 only: export this target there"
        )
    missing = _MISSING.search(error.log)
    if missing:
        name = missing[1]
        places = dict.fromkeys(_place(each) for each in operators(content) if each.name == name)
        instead = _INSTEAD.get(name, "build the model without the layer that needs it")
        return DeployError(
            f"expected operators that LiteRT Micro has, received {name}, which it has not, of "
            f"{', '.join(places)}; {instead}"
        )
    failed = _FAILED.search(error.log)
    if failed:
        reason, name, number, step = failed.groups()
        reason = reason.strip(" .\r") or "it does not say why"
        found = operators(content)
        index = int(number)
        known = index < len(found) and found[index].name == name
        place = _place(found[index]) if known else f"operator {number}"
        types = [t.dtype for t in found[index].operands if t] if known else []
        remedy = (
            "compute this part in the types that it has (float32, int8), or in the program around "
            "the model"
        )
        return DeployError(
            f"expected operators that LiteRT Micro can {step}, received {name} of {place} "
            f"({', '.join(types)}): {reason}; {_TOO_SMALL if _OVERFLOW in error.log else remedy}"
        )
    hint = f"; it fails where {_TOO_SMALL}" if error.crashed or _OVERFLOW in error.log else ""
    return DeployError(f"LiteRT Micro can't run the model: {error}{hint}")


def _place(operator: Operator) -> str:
    """The layer of an operator, as far as the names of its tensors tell it."""
    constants = [tensor for tensor in operator.operands if tensor and tensor.values is not None]
    for tensor in (*operator.results, *constants):
        *scopes, last = tensor.name.partition(";")[0].split("/")
        if scopes:
            name = scopes[-1] if len(scopes) > 1 else last
            # Keras 3 opens the scope of a layer twice, and that of the model around it; what
            # tf_keras rebuilds has plain names.
            if re.search(r"_\d+$", scopes[0]) and not scopes[0].startswith("model_"):
                name = re.sub(r"_\d+$", "", name)
            return f"'{name}'"
    return f"'{operator.layer}'"


def run_deployed(
    content: bytes, card: Mapping[str, Any], on: str, arrays: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], Run]:
    """The deployed model's outputs in real numbers, and the run they come from.

    Args:
        content: the flatbuffer.
        card: its `inputs` and `outputs` say how to quantize and dequantize, its `state` whether
            the examples are one sequence.
        on: a key of `interpreters.RUNTIMES`.
        arrays: one (examples, …) array an input, in the model's own units.
    """
    integers = [quantize(*pair) for pair in zip(arrays, card["inputs"], strict=True)]
    state = card.get("state")
    run = RUNTIMES[on](content, integers, stateful=bool(state and state["variables"]))
    return [dequantize(*pair) for pair in zip(run.outputs, card["outputs"], strict=True)], run
