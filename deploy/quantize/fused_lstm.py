"""The fused LSTM in a flatbuffer: what the converter writes of it that differs from Keras, and the
weights of the schemes that LiteRT's quantizer has no recipe for."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from deploy.flatbuffer import pack, unpack

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
_SCALES = 2.0**-15, 2.0**-9


def as_in_keras(content: bytes, cells: Sequence[float] = ()) -> bytes:
    """The model with LSTMs that LiteRT and LiteRT Micro compute as Keras does.

    Args:
        content: the flatbuffer.
        cells: of a model with integer activations the largest cell of each LSTM, of
            `largest_cells`.
    """
    model = unpack(content)
    for _, operator in _found(model):
        # The converter's own limit, which no LSTM of Keras has.
        operator.builtinOptions.cellClip = 0.0
    for (graph, operator), largest in zip(_found(model), cells, strict=bool(cells)):
        # The converter looks at the cells after the last step alone.
        scale = 2.0 ** (np.ceil(np.log2(max(largest, _SCALES[0]))) - 15)
        quantization = graph.tensors[operator.inputs[_CELL]].quantization
        quantization.scale = np.array([np.clip(scale, *_SCALES)], np.float32)
    return pack(model) if any(_found(model)) else content


def largest_cells(
    content: bytes, arrays: Mapping[str, np.ndarray], stateful: bool = False
) -> list[float]:
    """The largest value, positive or negative, in the cells of each LSTM of the float model.

    Args:
        content: the flatbuffer.
        arrays: (examples, …) examples by the names of the signature's inputs.
        stateful: the examples are one sequence.
    """
    model = unpack(content)
    found = [operator for _, operator in _found(model)]
    if not found:
        return []
    interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    run = interpreter.get_signature_runner()
    given: list[list[np.ndarray]] = [[] for _ in found]
    for index in range(len(next(iter(arrays.values())))):
        if not stateful:
            interpreter.reset_all_variables()
        run(**{name: array[index : index + 1] for name, array in arrays.items()})
        for operator, inputs in zip(found, given, strict=True):
            inputs.append(interpreter.get_tensor(operator.inputs[0])[0])
    return [
        _largest_cell(
            [interpreter.get_tensor(operator.inputs[index]) for index in range(1, 9)],
            [interpreter.get_tensor(operator.inputs[index]) for index in range(12, 16)],
            np.concatenate(inputs)[None] if stateful else np.stack(inputs),
        )
        for operator, inputs in zip(found, given, strict=True)
    ]


def _largest_cell(weights: list[np.ndarray], biases: list[np.ndarray], x: np.ndarray) -> float:
    # The gates are in the order of the operator: input, forget, candidate, output.
    of_input = np.concatenate(weights[:4]).T
    of_output, bias = np.concatenate(weights[4:]).T, np.concatenate(biases)
    output = cell = np.zeros((len(x), len(of_output)), np.float32)
    largest = 0.0
    for step in range(x.shape[1]):
        sums = x[:, step] @ of_input + output @ of_output + bias
        new, kept, candidate, shown = np.split(sums, 4, axis=1)
        cell = _sigmoid(kept) * cell + _sigmoid(new) * np.tanh(candidate)
        output = _sigmoid(shown) * np.tanh(cell)
        largest = max(largest, float(np.abs(cell).max()))
    return largest


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))


def store_weights(content: bytes, scheme: str, left_out: Sequence[str] = ()) -> bytes:
    """The float model with its LSTMs' weights in the numbers of `scheme`.

    Args:
        content: the flatbuffer.
        scheme: "float16", "dynamic", or "int4", which is int8 here: the kernel has nothing less.
        left_out: the first outputs of operators that stay in float32.
    """
    model = unpack(content)
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
