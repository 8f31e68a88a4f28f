"""The fused LSTM in a flatbuffer: what the converter writes of it that differs from Keras, and the
weights of the schemes that LiteRT's quantizer has no recipe for."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from deploy.flatbuffer import pack

_NAME = schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM

# Of its inputs: the matrices that the input and the last output are multiplied by, and the cell.
_WEIGHTS = range(1, 9)
_CELL = 19

# Of DEQUANTIZE, that which takes float16.
_HALF_VERSION = 3

# The integer kernel of LiteRT 2.3.0 takes the tanh of a cell only at scales from 2⁻¹⁵ to 2⁻⁹. Of a
# cell that stays within ±0.5 the converter makes 2⁻¹⁶, where LiteRT leaves the output as it was in
# memory: in four layers of 64 units on 20 × 16 noise −6 dB, with this scale 32 dB. LiteRT Micro,
# which has another tanh, has 32 dB with both.
_LEAST_SCALE = 2.0**-15


def as_in_keras(content: bytes) -> bytes:
    """The model with LSTMs that LiteRT and LiteRT Micro compute as Keras does."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for graph, operator in _found(model):
        # The converter's own limit, which no LSTM of Keras has.
        operator.builtinOptions.cellClip = 0.0
        cell = graph.tensors[operator.inputs[_CELL]]
        if cell.type == schema.TensorType.INT16:
            scales = np.asarray(cell.quantization.scale, np.float32)
            cell.quantization.scale = np.maximum(scales, np.float32(_LEAST_SCALE))
    return pack(model) if any(_found(model)) else content


def store_weights(content: bytes, scheme: str, left_out: Sequence[str] = ()) -> bytes:
    """The float model with its LSTMs' weights in the numbers of `scheme`.

    Args:
        content: the flatbuffer.
        scheme: "float16", "dynamic", or "int4", which is int8 here: the kernel has nothing less.
        left_out: the first outputs of operators that stay in float32.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for graph, operator in _found(model):
        if graph.tensors[operator.outputs[0]].name.decode() in left_out:
            continue
        operator.inputs = list(operator.inputs)
        for index in _WEIGHTS:
            position = operator.inputs[index]
            if scheme == "float16":
                operator.inputs[index] = _halved(model, graph, position)
            else:
                _store_bytes(model, graph.tensors[position])
        operator.builtinOptions.asymmetricQuantizeInputs = scheme != "float16"
    return _pack(model) if any(_found(model)) else content


def _found(model: Any) -> Iterator[tuple[Any, Any]]:
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    for graph in model.subgraphs:
        for operator in list(graph.operators):
            if codes[operator.opcodeIndex] == _NAME:
                yield graph, operator


def _values(model: Any, tensor: Any) -> np.ndarray:
    data = bytes(model.buffers[tensor.buffer].data)
    return np.frombuffer(data, np.float32).reshape(tensor.shape)


def _store(model: Any, tensor: Any, values: np.ndarray, kind: int) -> None:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer, tensor.type = len(model.buffers) - 1, kind


def _store_bytes(model: Any, tensor: Any) -> None:
    if tensor.type == schema.TensorType.INT8:
        # Of a layer that is called twice.
        return
    values = _values(model, tensor)
    # A matrix of zeros has any scale.
    scale = np.float32(np.abs(values).max() / 127 or 1.0)
    _store(model, tensor, np.round(values / scale).astype(np.int8), schema.TensorType.INT8)
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale = np.array([scale], np.float32)
    tensor.quantization.zeroPoint = np.zeros(1, np.int64)


def _halved(model: Any, graph: Any, position: int) -> int:
    """The tensor in float32 that an operator at the start makes of this one in float16."""
    tensor = graph.tensors[position]
    if tensor.type == schema.TensorType.FLOAT16:
        return next(
            operator.outputs[0] for operator in graph.operators if operator.inputs[0] == position
        )
    wide = copy.copy(tensor)
    # The first buffer, an empty one, is that of all that is computed.
    wide.name, wide.buffer = tensor.name + b"_float32", 0
    graph.tensors.append(wide)
    _store(model, tensor, _values(model, tensor).astype(np.float16), schema.TensorType.FLOAT16)
    operator = schema.OperatorT()
    operator.opcodeIndex = _code(model, schema.BuiltinOperator.DEQUANTIZE, _HALF_VERSION)
    operator.inputs, operator.outputs = [position], [len(graph.tensors) - 1]
    graph.operators.insert(0, operator)
    return len(graph.tensors) - 1


def _code(model: Any, kind: int, version: int) -> int:
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == kind and code.version >= version:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _pack(model: Any) -> bytes:
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or ()}
    for index, buffer in enumerate(model.buffers):
        if index not in used:
            buffer.data = None
    return pack(model)
