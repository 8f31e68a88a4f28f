"""Quantize a float flatbuffer with LiteRT's quantizer; single operators may differ from the rest.

One conversion to float serves every scheme: the quantizer works on the flatbuffer, and its ranges
come from running that.
"""

from __future__ import annotations

import re
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

PACKAGE = "litert-quantizer"

# What each scheme asks of the library: a method of its RecipeManager, and that method's arguments.
_RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "float16": (
        "add_weight_only_config",
        {"num_bits": 16, "algorithm_key": AlgorithmName.FLOAT_CASTING},
    ),
    "dynamic": ("add_dynamic_config", {"num_bits": 8}),
    "int4": ("add_weight_only_config", {"num_bits": 4}),
    "int8": ("add_static_config", {"activation_num_bits": 8, "weight_num_bits": 8}),
    "int8-per-tensor": (
        "add_static_config",
        {
            "activation_num_bits": 8,
            "weight_num_bits": 8,
            "weight_granularity": QuantGranularity.TENSORWISE,
        },
    ),
    "int16": ("add_static_config", {"activation_num_bits": 16, "weight_num_bits": 8}),
}


def quantize_all(content: bytes, scheme: str, arrays: Mapping[str, np.ndarray]) -> bytes | None:
    """The float model `content` in the numbers of `scheme`, calibrated on `arrays`; None where the
    scheme wants integers throughout and the library would leave an operator in float."""
    if not arrays:
        return quantize(content, scheme)
    if not all(knows(operator) for operator in operators(content)):
        return None
    quantized = quantize(content, scheme, find_ranges(content, arrays))
    return None if computes_in_float(quantized) else quantized


def find_ranges(content: bytes, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The least and largest value of every tensor of the float model.

    Args:
        content: the float flatbuffer.
        arrays: (examples, …) calibration examples by the name of the signature's input.
    """
    # The library's own default, a moving average, cuts off the values of all but the last examples.
    calibrator = Calibrator(
        content,
        num_threads=1,
        mode=CalibrationMode.CALIBRATION_PRESERVE_ALL_TENSORS,
        qsv_update_func=min_max_update,
    )
    (signature,) = calibrator.get_signature_list()
    manager = RecipeManager()
    _add(manager, ".*", TFLOperationName.ALL_SUPPORTED, "int8")
    calibrator.calibrate({signature: list(one_by_one(arrays))}, manager)
    return calibrator.get_model_qsvs()


def quantize(
    content: bytes,
    scheme: str,
    ranges: dict[str, Any] | None = None,
    exceptions: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """The float model `content` in the numbers of `scheme`.

    Args:
        content: the float flatbuffer.
        scheme: a key of `step3_convert.SCHEMES`.
        ranges: of `find_ranges`, for the schemes with integer activations.
        exceptions: the scheme of single operators, "float32" among them, by the name of the
            operator's first output.
    """
    if scheme == "float32" and not exceptions:
        return content
    manager = RecipeManager()
    _add(manager, ".*", TFLOperationName.ALL_SUPPORTED, scheme)
    for operator in filter(knows, operators(content)):
        names = [tensor.name for tensor in operator.results]
        if names[0] in (exceptions or {}):
            # The library finds an operator by the names of its outputs.
            pattern = f"^{re.escape(';'.join(names))};$"
            _add(
                manager, pattern, TFL_OP_CODE_TO_NAME[code_of(operator.name)], exceptions[names[0]]
            )
    quantizer = Quantizer(content, manager.get_quantization_recipe())
    made = quantizer.quantize(
        ranges if quantizer.need_calibration else None, enable_progress_report=False
    )
    return bytes(made.quantized_model)


def knows(operator: Operator) -> bool:
    """Whether the library can quantize such an operator at all."""
    return code_of(operator.name) in TFL_OP_CODE_TO_NAME


def _add(manager: RecipeManager, names: str, kind: TFLOperationName, scheme: str) -> None:
    if scheme == "float32":
        manager.add_quantization_config(names, kind, algorithm_key=AlgorithmName.NO_QUANTIZE)
    else:
        method, arguments = _RECIPES[scheme]
        getattr(manager, method)(names, kind, **arguments)


def one_by_one(arrays: Mapping[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    for index in range(len(next(iter(arrays.values())))):
        yield {name: array[index : index + 1] for name, array in arrays.items()}
