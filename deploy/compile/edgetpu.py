"""The Edge TPU: which operators it takes by its compiler's published rules, and the compiler itself
where it is installed.

The rules are those of "TensorFlow models on the Edge TPU", section "Model requirements" and table
"All operations supported by the Edge TPU and any known limitations", for runtime 14 and later:
https://coral.ai/docs/edgetpu/models-intro/
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from deploy.compile.compiled import Compiled
from deploy.flatbuffer import Operator, Tensor, operators
from deploy.measure.formatting import kilobytes

_COMPILER, _TIMEOUT_S = "edgetpu_compiler", 600

# Which inputs are parameters: weights, biases, sizes and axes, all constant when it compiles.
_PARAMETERS: dict[str, Sequence[int]] = {
    "CONV_2D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "EXPAND_DIMS": (1,),
    "FULLY_CONNECTED": (1, 2),
    "MEAN": (1,),
    "PAD": (1,),
    "PRELU": (1,),
    "REDUCE_MAX": (1,),
    "REDUCE_MIN": (1,),
    "RESHAPE": (1,),
    "RESIZE_BILINEAR": (1,),
    "RESIZE_NEAREST_NEIGHBOR": (1,),
    "SLICE": (1, 2),
    "SPLIT": (0,),
    "STRIDED_SLICE": (1, 2, 3),
    "SUM": (1,),
    "TRANSPOSE": (1,),
    "TRANSPOSE_CONV": (0, 1, 3),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": range(1, 24),
}


def compile_model(content: bytes, card: Mapping[str, Any], class_names: Sequence[str]) -> Compiled:
    """What the Edge TPU will run of the model; compiled where `edgetpu_compiler` is on the PATH.

    Args:
        content: the flatbuffer.
        card: not used.
        class_names: not used.

    Returns:
        `model_edgetpu.tflite` where the compiler made it, and `coral` for the card: `compiled`,
        `note`, the numbers of operators `on_tpu` and `on_cpu` (the compiler's own where it ran),
        and `operators`, the published rules' verdict on each in order of execution: `operator`,
        `layer` (the name of its output tensor), `tpu`, and the `reason` where it stays on the CPU.
        Where the compiler ran also its `report`, as `compiler_report` reads it.
    """
    verdicts = check(content)
    on_tpu = sum(verdict["tpu"] for verdict in verdicts)
    coral = {
        "compiled": False,
        "note": f"not compiled: {_COMPILER} is not on the PATH",
        "on_tpu": on_tpu,
        "on_cpu": len(verdicts) - on_tpu,
        "operators": verdicts,
    }
    program = shutil.which(_COMPILER)
    if program is None:
        return Compiled({}, {"coral": coral})
    compiled, log = _compile(program, content)
    if compiled is None:
        return Compiled({}, {"coral": coral | {"note": f"not compiled: {log}"}})
    report = compiler_report(log)
    counts = {
        "on_tpu": sum(row["count"] for row in report["operators"] if row["tpu"]),
        "on_cpu": sum(row["count"] for row in report["operators"] if not row["tpu"]),
    }
    coral |= {"compiled": True, "note": f"compiled by {report['version']}", "report": report}
    return Compiled({"model_edgetpu.tflite": compiled}, {"coral": coral | counts})


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """How many operators run on the Edge TPU and by whose word, its memory, and what is left."""
    coral = card["coral"]
    by = "its compiler" if coral["compiled"] else "the published rules of its compiler"
    lines = [
        f"- Edge TPU, by {by}: {coral['on_tpu']} of {coral['on_tpu'] + coral['on_cpu']} operators "
        f"run on it, {coral['on_cpu']} on the CPU. The model is {coral['note']}."
    ]
    if coral["compiled"]:
        report = coral["report"]
        left = [
            f"{row['operator']} × {row['count']} ({row['status']})"
            for row in report["operators"]
            if not row["tpu"]
        ]
        sizes = {
            "used": report["on_chip_used_bytes"],
            "remaining": report["on_chip_remaining_bytes"],
            "streamed from outside": report["off_chip_bytes"],
        }
        known = [f"{kilobytes(size)} {what}" for what, size in sizes.items() if size is not None]
        if known:
            lines.append(f"- Memory for parameters on the Edge TPU: {', '.join(known)}.")
    else:
        left = [
            f"{row['operator']} '{row['layer']}' {row['reason']}"
            for row in coral["operators"]
            if not row["tpu"]
        ]
    if left:
        more = f"; and {len(left) - 3} more, as card.json says" if len(left) > 3 else ""
        lines.append(f"- On the CPU: {'; '.join(left[:3])}{more}.")
    return lines


def check(content: bytes) -> list[dict[str, Any]]:
    """The published rules' verdict on each operator of the flatbuffer, in order of execution; see
    `compile_model`. The compiler makes one partition: from the first operator that the Edge TPU
    can't run, all run on the CPU."""
    verdicts: list[dict[str, Any]] = []
    first = None
    for operator in operators(content):
        reason = _reason(operator)
        if reason is None and first is not None:
            reason = f"comes after {first}, and the compiler makes one partition only"
        if reason is not None and first is None:
            first = f"{operator.name} '{operator.layer}'"
        verdicts.append(
            {
                "operator": operator.name,
                "layer": operator.layer,
                "tpu": reason is None,
                "reason": reason,
            }
        )
    return verdicts


def _reason(operator: Operator) -> str | None:
    """Why the Edge TPU can't run `operator`; None where it can."""
    if operator.name not in _LIMITATIONS:
        return "is not an operator of the Edge TPU"
    parameters, data = _split(operator)
    moving = [*data, *operator.results]
    if any(tensor.dynamic for tensor in moving):
        return "has a dynamic size; sizes must be constant"
    if any(tensor.values is None for tensor in parameters):
        return "has weights, biases or sizes that are no constants"
    wrong = [t.dtype for t in moving if t.dtype not in ("int8", "uint8")]
    # Biases, sizes and axes are int32.
    wrong += [t.dtype for t in parameters if t.dtype not in ("int8", "uint8", "int32")]
    if wrong:
        return f"works on {wrong[0]}; tensors must be quantized to int8 or uint8"
    if any(prod(tensor.shape[:-3]) > 1 for tensor in moving):
        return "has a tensor with more than 3 dimensions, of which not only the last 3 exceed 1"
    return _LIMITATIONS[operator.name](operator)


def _split(operator: Operator) -> tuple[list[Tensor], list[Tensor]]:
    """The operands that are parameters, and those that are data; state is neither."""
    positions = _PARAMETERS.get(operator.name, ())
    present = [(k, t) for k, t in enumerate(operator.operands) if t is not None and not t.state]
    return (
        [tensor for k, tensor in present if k in positions],
        [tensor for k, tensor in present if k not in positions],
    )


def _none(operator: Operator) -> str | None:
    return None


def _no_fused_activation(operator: Operator) -> str | None:
    if operator.options.get("fusedActivationFunction"):
        return "has a fused activation function"
    return None


def _concatenation(operator: Operator) -> str | None:
    constants = [t for t in operator.operands if t is not None and t.values is not None]
    zeros = all(np.all(tensor.values == tensor.zero_point) for tensor in constants)
    if constants and (len(operator.operands) != 2 or not zeros):
        return "has a constant input, which must be all zeros and one of 2 inputs"
    return _no_fused_activation(operator)


def _same_dilation(operator: Operator) -> str | None:
    x, y = (operator.options.get(f"dilation{side}Factor", 1) for side in "WH")
    return None if x == y else f"has dilations of {x} in x and {y} in y, which must be the same"


def _fully_connected(operator: Operator) -> str | None:
    if operator.options.get("weightsFormat"):
        return "has weights in another format than the default"
    return _one_dimensional("output", operator.outputs[0])


def _softmax(operator: Operator) -> str | None:
    shape = operator.inputs[0]
    if prod(shape) > 16_000:
        return f"has an input of {prod(shape):,} elements; 16,000 are the most"
    return _one_dimensional("input", shape)


def _one_dimensional(which: str, shape: tuple[int, ...]) -> str | None:
    if prod(shape[:-1]) > 1:
        return f"has an {which} of shape {shape}; only its last size may exceed 1"
    return None


def _mean(operator: Operator) -> str | None:
    shape = operator.inputs[0]
    axes = _axes(operator)
    if len(shape) - 1 in axes and shape[-1] % 4:
        return f"averages over {shape[-1]} channels, which must be a multiple of 4"
    return _no_batch(axes, "averages over")


def _reduction(operator: Operator) -> str | None:
    return _no_batch(_axes(operator), "reduces")


def _pack(operator: Operator) -> str | None:
    return _no_batch({operator.options.get("axis", 0) % len(operator.outputs[0])}, "packs along")


def _pad(operator: Operator) -> str | None:
    return _no_batch({0} if _values(operator, 1)[0].any() else set(), "pads")


def _strided_slice(operator: Operator) -> str | None:
    if (_values(operator, 3) != 1).any():
        return f"has strides of {_values(operator, 3).tolist()}, which must all be 1"
    if operator.options.get("ellipsisMask") or operator.options.get("newAxisMask"):
        return "has an ellipsis mask or a new axis mask"
    return None


def _split_axis(operator: Operator) -> str | None:
    axis = int(_values(operator, 0).ravel()[0]) % len(operator.inputs[1])
    return _no_batch({axis}, "splits")


def _prelu(operator: Operator) -> str | None:
    if prod(operator.inputs[1][:-1]) > 1:
        return (
            f"has slopes of shape {operator.inputs[1]}, of which only the last size may exceed 1; "
            "in Keras, PReLU(shared_axes=[1, 2])"
        )
    return None


def _axes(operator: Operator) -> set[int]:
    return {int(axis) % len(operator.inputs[0]) for axis in _values(operator, 1).ravel()}


def _no_batch(axes: set[int], does: str) -> str | None:
    return f"{does} the batch dimension" if 0 in axes else None


def _values(operator: Operator, position: int) -> np.ndarray:
    tensor = operator.operands[position]
    assert tensor is not None and tensor.values is not None
    return tensor.values


# Every operator of the table, and its known limitations. Not checked, as the page gives no figure:
# large reshapes and resizes "might not be mapped".
_LIMITATIONS: dict[str, Callable[[Operator], str | None]] = {
    "ADD": _none,
    "AVERAGE_POOL_2D": _no_fused_activation,
    "CONCATENATION": _concatenation,
    "CONV_2D": _same_dilation,
    "DEPTHWISE_CONV_2D": _same_dilation,
    "EXPAND_DIMS": _none,
    "FULLY_CONNECTED": _fully_connected,
    "L2_NORMALIZATION": _none,
    "LOGISTIC": _none,
    "MAXIMUM": _none,
    "MAX_POOL_2D": _no_fused_activation,
    "MEAN": _mean,
    "MINIMUM": _none,
    "MUL": _none,
    "PACK": _pack,
    "PAD": _pad,
    "PRELU": _prelu,
    "QUANTIZE": _none,
    "REDUCE_MAX": _reduction,
    "REDUCE_MIN": _reduction,
    "RELU": _none,
    "RELU6": _none,
    "RELU_N1_TO_1": _none,
    "RESHAPE": _none,
    "RESIZE_BILINEAR": _none,
    "RESIZE_NEAREST_NEIGHBOR": _none,
    "RSQRT": _none,
    "SLICE": _none,
    "SOFTMAX": _softmax,
    "SPACE_TO_DEPTH": _none,
    "SPLIT": _split_axis,
    "SQUARED_DIFFERENCE": _none,
    "SQUEEZE": _none,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _none,
    "SUM": _reduction,
    "TANH": _none,
    "TRANSPOSE": _none,
    "TRANSPOSE_CONV": _none,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _none,
}


def _compile(program: str, content: bytes) -> tuple[bytes | None, str]:
    """The compiled model and everything the compiler said; None and the cause where it failed."""
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        model = Path(folder, "model.tflite")
        model.write_bytes(content)
        try:
            process = subprocess.run(
                [program, "-s", "-o", folder, model],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            return None, f"{_COMPILER} took more than {_TIMEOUT_S} s"
        except OSError as error:
            return None, f"{_COMPILER} does not start: {error.strerror}"
        result = Path(folder, "model_edgetpu.tflite")
        if process.returncode or not result.is_file():
            said = process.stdout.split("\n\n")[-1].split() or ["it said nothing"]
            return None, f"{_COMPILER} gave exit code {process.returncode}: {' '.join(said)[:300]}"
        return result.read_bytes(), process.stdout


def compiler_report(log: str) -> dict[str, Any]:
    """What `edgetpu_compiler -s` printed.

    Returns:
        `version`; `on_chip_used_bytes`, `on_chip_remaining_bytes` and `off_chip_bytes` of memory
        for parameters, `subgraphs` (None where it did not say); and `operators`, a list of
        `operator`, `count`, `status` and `tpu`, whether it is mapped to the Edge TPU.
    """
    version = re.search(r"Edge TPU Compiler version \S+", log)
    subgraphs = re.search(r"Number of Edge TPU subgraphs: (\d+)", log)
    rows = re.findall(r"^([A-Za-z]\S*)[ \t]+(\d+)[ \t]+(\S.*?)[ \t]*$", log, re.MULTILINE)
    return {
        "version": version[0] if version else _COMPILER,
        "on_chip_used_bytes": _bytes(log, "On-chip memory used for caching model parameters"),
        "on_chip_remaining_bytes": _bytes(
            log, "On-chip memory remaining for caching model parameters"
        ),
        "off_chip_bytes": _bytes(
            log, "Off-chip memory used for streaming uncached model parameters"
        ),
        "subgraphs": int(subgraphs[1]) if subgraphs else None,
        "operators": [
            {
                "operator": operator,
                "count": int(count),
                "status": status,
                "tpu": status == "Mapped to Edge TPU",
            }
            for operator, count, status in rows
        ],
    }


def _bytes(log: str, what: str) -> int | None:
    found = re.search(rf"{what}: ([\d.]+)([KMG]i)?B", log)
    if found is None:
        return None
    return round(float(found[1]) * 1024 ** " KMG".index((found[2] or " ")[0]))
