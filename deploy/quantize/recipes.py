"""Quantize a float flatbuffer with LiteRT's quantizer; single operators may differ from the rest.

One conversion to float serves every scheme: the quantizer works on the flatbuffer, and its ranges
come from running that.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from litert_quantizer.algorithm_manager import AlgorithmName
from litert_quantizer.calibrator import CalibrationMode, Calibrator
from litert_quantizer.qtyping import QuantGranularity, TFLOperationName
from litert_quantizer.quantizer import Quantizer
from litert_quantizer.recipe_manager import RecipeManager
from litert_quantizer.utils.qsv_utils import min_max_update
from litert_quantizer.utils.tfl_flatbuffer_utils import TFL_OP_CODE_TO_NAME

from deploy.flatbuffer import Operator, code_of, computes_in_float, operators
from deploy.quantize import fused_lstm

PACKAGE = "litert-quantizer"

_INT8 = ("add_static_config", {"activation_num_bits": 8, "weight_num_bits": 8})
_PER_TENSOR = {"weight_granularity": QuantGranularity.TENSORWISE}

# What each scheme asks of the library: a method of its RecipeManager, and that method's arguments.
# Of several, each replaces those before for the operators that can have it.
_RECIPES: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "float16": (
        (
            "add_weight_only_config",
            {"num_bits": 16, "algorithm_key": AlgorithmName.FLOAT_CASTING},
        ),
    ),
    "dynamic": (("add_dynamic_config", {"num_bits": 8}),),
    # Depthwise kernels have no int4 form.
    "int4": (
        ("add_weight_only_config", {"num_bits": 8}),
        ("add_weight_only_config", {"num_bits": 4}),
    ),
    "int8": (_INT8,),
    "int8-float-ends": (_INT8,),
    "int8-per-tensor": ((_INT8[0], _INT8[1] | _PER_TENSOR),),
    "int8-dense-per-tensor": (_INT8,),
    "int16": (("add_static_config", {"activation_num_bits": 16, "weight_num_bits": 8}),),
}

# Schemes whose dense layers have another one.
_OF_DENSE_LAYERS = {"int8-dense-per-tensor": "int8-per-tensor"}


def knows_all(content: bytes) -> bool:
    """Whether the library can quantize every operator of the model."""
    return all(map(knows, operators(content)))


def quantize_all(content: bytes, scheme: str, ranges: dict[str, Any] | None) -> bytes | None:
    """The float model `content` in the numbers of `scheme`; None where that wants integers
    throughout (there are `ranges`) and the library would leave an operator in float."""
    quantized = quantize(content, scheme, ranges)
    if ranges is not None and any(map(computes_in_float, operators(quantized))):
        return None
    return quantized


def find_ranges(content: bytes, arrays: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    """The least and largest value of every tensor of the float model; None where the library can't
    read a tensor that no operator does, as of unrolled LSTMs.

    Args:
        content: the float flatbuffer.
        arrays: (examples, …) calibration examples by the name of the signature's input.
    """
    manager = RecipeManager()
    _add(manager, "", TFLOperationName.ALL_SUPPORTED, "int8")
    # A warning that all tensors are kept, and a bar that runs for a second.
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stderr(io.StringIO()):
        # The library's default, a moving average, cuts off the values of all but the last examples.
        calibrator = Calibrator(
            content,
            num_threads=1,
            mode=CalibrationMode.CALIBRATION_PRESERVE_ALL_TENSORS,
            qsv_update_func=min_max_update,
        )
        (signature,) = calibrator.get_signature_list()
        try:
            calibrator.calibrate({signature: list(one_by_one(arrays))}, manager)
        except ValueError as error:
            if "Tensor data is null" not in str(error):
                raise
            return None
    return calibrator.get_model_qsvs()


def write_ranges(ranges: dict[str, Any] | None) -> str:
    """The ranges, or None, as JSON."""
    return json.dumps(ranges, default=lambda array: array.tolist())


def read_ranges(text: str) -> dict[str, Any] | None:
    """What `write_ranges` wrote."""
    ranges = json.loads(text)
    if ranges is None:
        return None
    return {
        tensor: {end: np.array(values, np.float32) for end, values in range_.items()}
        for tensor, range_ in ranges.items()
    }


def quantize(
    content: bytes,
    scheme: str,
    ranges: dict[str, Any] | None = None,
    exceptions: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """The float model `content` in the numbers of `scheme`.

    Args:
        content: the float flatbuffer.
        scheme: a key of `schemes.SCHEMES`.
        ranges: of `find_ranges`, for the schemes with integer activations.
        exceptions: the scheme of single operators, "float32" among them, by the name of the
            operator's first output.
    """
    if scheme == "float32" and not exceptions:
        return content
    manager = RecipeManager()
    _add(manager, "", TFLOperationName.ALL_SUPPORTED, scheme)
    if scheme == "int8-float-ends":
        for end in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
            _add(manager, "", end, "float32")
    if scheme in _OF_DENSE_LAYERS:
        _add(manager, "", TFLOperationName.FULLY_CONNECTED, scheme)
    found = operators(content)
    if _read_in_float(found, exceptions):
        _add(manager, "", TFLOperationName.INPUT, "float32")
    for operator in filter(knows, found):
        names = [tensor.name for tensor in operator.results]
        if names[0] in exceptions:
            # The library finds an operator by the names of its outputs.
            pattern = f"^{re.escape(';'.join(names))};$"
            _add(
                manager, pattern, TFL_OP_CODE_TO_NAME[code_of(operator.name)], exceptions[names[0]]
            )
    quantizer = Quantizer(content, manager.get_quantization_recipe())
    # A warning that all tensors are kept, and a bar that one of the library's parts always draws.
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stderr(io.StringIO()):
        # The library changes the ranges that it gets.
        made = quantizer.quantize(
            copy.deepcopy(ranges) if quantizer.need_calibration else None,
            enable_progress_report=False,
        )
    quantized = bytes(made.quantized_model)
    if scheme in ("float16", "dynamic", "int4"):
        left_out = [name for name, other in exceptions.items() if other == "float32"]
        quantized = fused_lstm.store_weights(quantized, scheme, left_out)
    return quantized


def _read_in_float(found: list[Operator], exceptions: Mapping[str, str]) -> bool:
    """Whether the model's inputs go to operators in float32 alone: as integers they would lose,
    before the first of these, what it is kept in float32 for."""
    made = {tensor.name for operator in found for tensor in operator.results}
    readers = [
        operator
        for operator in found
        for tensor in filter(None, operator.operands)
        if tensor.values is None and not tensor.state and tensor.name not in made
    ]
    return all(exceptions.get(operator.layer) == "float32" for operator in readers)


def knows(operator: Operator) -> bool:
    """Whether the library can quantize such an operator at all."""
    return code_of(operator.name) in TFL_OP_CODE_TO_NAME


def _add(manager: RecipeManager, names: str, kind: TFLOperationName, scheme: str) -> None:
    if scheme == "float32":
        manager.add_quantization_config(names, kind, algorithm_key=AlgorithmName.NO_QUANTIZE)
        return
    if kind is TFLOperationName.FULLY_CONNECTED:
        scheme = _OF_DENSE_LAYERS.get(scheme, scheme)
    for index, (method, arguments) in enumerate(_RECIPES[scheme]):
        # The library keeps one recipe for each pattern of names, so each gets a pattern of its own.
        pattern = names + "(?:)" * index
        # What an operator can't have it keeps its former numbers for; the library says so only of
        # a single kind of operator.
        with contextlib.suppress(ValueError):
            getattr(manager, method)(pattern, kind, **arguments)


def one_by_one(arrays: Mapping[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    for index in range(len(next(iter(arrays.values())))):
        yield {name: array[index : index + 1] for name, array in arrays.items()}
