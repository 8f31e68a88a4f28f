"""What a TFLite flatbuffer says of itself: operators, tensors, multiply-accumulates."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils


class Tensor(NamedTuple):
    """One tensor: `dtype` as the schema calls it, in lower case; `values` of a constant, None of
    what is computed; `state` for one that lives from one inference to the next; `dynamic` where a
    size is known only when the model runs; `scale` None without one."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int
    values: np.ndarray | None
    state: bool
    dynamic: bool


class Operator(NamedTuple):
    """One operator: its name in the schema, its tensors (None for an input left out) and its
    options by their names in the schema, in camel case."""

    name: str
    operands: tuple[Tensor | None, ...]
    results: tuple[Tensor, ...]
    options: dict[str, Any]

    @property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the inputs; () for one left out."""
        return tuple(tensor.shape if tensor else () for tensor in self.operands)

    @property
    def outputs(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the outputs."""
        return tuple(tensor.shape for tensor in self.results)

    @property
    def layer(self) -> str:
        """The name of its first output tensor, by which the layer that it comes from is known."""
        return self.results[0].name if self.results else ""


def _names(enumeration: type) -> dict[int, str]:
    return {code: name for name, code in vars(enumeration).items() if not name.startswith("_")}


_NAMES, _TYPES = _names(schema.BuiltinOperator), _names(schema.TensorType)
_CODES = {name: code for code, name in _NAMES.items()}


def operators(content: bytes) -> list[Operator]:
    """The operators of every subgraph of the model, in order of execution."""
    model = schema.Model.GetRootAs(content, 0)
    return [
        _operator(model, graph, graph.Operators(index))
        for graph in (model.Subgraphs(k) for k in range(model.SubgraphsLength()))
        for index in range(graph.OperatorsLength())
    ]


def output_names(content: bytes) -> list[str]:
    """The names of the tensors that the model gives."""
    graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    return [graph.Tensors(k).Name().decode() for k in graph.OutputsAsNumpy().tolist()]


def code_of(operator: str) -> int:
    """The schema's number of a built-in operator's name; -1 for a custom one."""
    return _CODES.get(operator, -1)


def computes_in_float(operator: Operator) -> bool:
    """Whether the operator takes or gives floats, and is not there to convert them."""
    tensors = (*operator.operands, *operator.results)
    floats = any(tensor is not None and tensor.dtype.startswith("float") for tensor in tensors)
    return floats and operator.name not in ("QUANTIZE", "DEQUANTIZE")


def count_operators(content: bytes) -> dict[str, int]:
    """How often each operator stands in the model, the most frequent first."""
    return dict(Counter(operator.name for operator in operators(content)).most_common())


def without(content: bytes, name: str) -> bytes:
    """The model without its operators called `name`: it can be loaded, but computes nothing."""
    model = unpack(content)
    for graph in model.subgraphs:
        codes = [model.operatorCodes[operator.opcodeIndex] for operator in graph.operators]
        graph.operators = [
            operator
            for operator, code in zip(graph.operators, codes, strict=True)
            if name_of(code) != name
        ]
    return pack(model)


def macs(content: bytes) -> int | None:
    """Multiply-accumulates of one inference, in the operators whose work they dominate; None where
    a loop runs as often as its own condition says."""
    found = operators(content)
    if any(operator.name == "WHILE" for operator in found):
        return None
    return sum(_macs(operator) for operator in found)


def in_order(content: bytes, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The model with its inputs and outputs in the order of these names of its signature (the
    converter has an order of its own), its weights inside the flatbuffer and aligned.

    LiteRT's quantizer puts the weights of larger models behind the flatbuffer, where LiteRT Micro
    does not look; reading the model so brings them back.
    """
    model = unpack(content)
    (signature,), graph = model.signatureDefs, model.subgraphs[0]
    tensors = {item.name.decode(): item.tensorIndex for item in signature.inputs}
    graph.inputs = [tensors[name] for name in inputs]
    tensors = {item.name.decode(): item.tensorIndex for item in signature.outputs}
    graph.outputs = [tensors[name] for name in outputs]
    return pack(model)


class Constant(NamedTuple):
    """Other values for a constant of its shape; with a `scale` real = scale · integer."""

    values: np.ndarray
    scale: float | None = None


def with_constants(content: bytes, constants: Mapping[str, Constant]) -> bytes:
    """The model with other values in the constants of its first subgraph that have these names."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    uses = Counter(tensor.buffer for graph in model.subgraphs for tensor in graph.tensors)
    for tensor in model.subgraphs[0].tensors:
        constant = constants.get(tensor.name.decode())
        if constant is None:
            continue
        # Constants that were equal share a buffer.
        if uses[tensor.buffer] > 1:
            uses[tensor.buffer] -= 1
            tensor.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
        model.buffers[tensor.buffer].data = np.frombuffer(constant.values.tobytes(), np.uint8)
        if constant.scale is not None:
            tensor.quantization.scale = np.array([constant.scale], np.float32)
            tensor.quantization.zeroPoint = np.zeros(1, np.int64)
    return pack(model)


def compressed_size(content: bytes) -> int:
    """Bytes of the model after zlib at level 9, as in a download or a packed flash image: there the
    zeros of pruning and the equal weights of clustering show."""
    return len(zlib.compress(content, 9))


def unpack(content: bytes) -> schema.ModelT:
    """A flatbuffer's model, to be changed and packed again: with the weights in its buffers that
    LiteRT's quantizer puts behind the flatbuffer where there are many."""
    return flatbuffer_utils.read_model_from_bytearray(bytearray(content))


def pack(model: schema.ModelT) -> bytes:
    """`model` as a flatbuffer whose buffers start at multiples of 16 bytes, as TFLite's schema
    asks; `ModelT.Pack` alone, and with it TensorFlow's own converter, starts them anywhere."""
    # What stood behind the flatbuffer comes as bytes, which would be packed one by one.
    model.buffers = [_AlignedBuffer(_array(b.data), b.offset, b.size) for b in model.buffers]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _array(data: Any) -> np.ndarray | None:
    return None if data is None else np.frombuffer(bytes(data), np.uint8)


class _AlignedBuffer(schema.BufferT):
    def Pack(self, builder: flatbuffers.Builder) -> int:
        if self.data is not None:
            builder.Prep(16, len(self.data))
        return super().Pack(builder)


def _macs(operator: Operator) -> int:
    inputs, output = operator.inputs, operator.outputs[0] if operator.outputs else ()
    match operator.name:
        case "CONV_2D":
            # The kernel is (out, height, width, in): each output value sums over all but the first.
            return prod(output) * prod(inputs[1][1:])
        case "CONV_3D":
            # Here it is (depth, height, width, in, out).
            return prod(output) * prod(inputs[1][:-1])
        case "DEPTHWISE_CONV_2D":
            return prod(output) * prod(inputs[1][1:3])
        case "TRANSPOSE_CONV":
            # Inputs are (output shape, kernel, image): each image value meets the whole kernel.
            return prod(inputs[2][:-1]) * prod(inputs[1])
        case "FULLY_CONNECTED":
            return prod(inputs[0]) * inputs[1][0]
        case "BATCH_MATMUL":
            # The left matrix may be stored transposed; its side that is not a row count is summed.
            return prod(output) * (inputs[0][-1] * inputs[0][-2] // output[-2])
        case "UNIDIRECTIONAL_SEQUENCE_LSTM":
            # Four gates: input-to-gate weights are inputs 1 to 4, state-to-gate weights 5 to 8.
            return inputs[0][1] * sum(prod(weights) for weights in inputs[1:9])
    return 0


def _operator(model: schema.Model, graph: schema.SubGraph, operator: schema.Operator) -> Operator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    name = _name(code.BuiltinCode(), code.DeprecatedBuiltinCode(), code.CustomCode())

    def tensors(count: int, index: Callable[[int], int]) -> tuple[Tensor | None, ...]:
        indices = map(index, range(count))
        return tuple(_tensor(model, graph.Tensors(k)) if k >= 0 else None for k in indices)

    results = tensors(operator.OutputsLength(), operator.Outputs)
    options = schema.OperatorT.InitFromObj(operator).builtinOptions
    return Operator(
        name,
        tensors(operator.InputsLength(), operator.Inputs),
        tuple(tensor for tensor in results if tensor),
        vars(options) if options else {},
    )


def name_of(code: schema.OperatorCodeT) -> str:
    """The name of an entry in an unpacked model's list of operators."""
    return _name(code.builtinCode, code.deprecatedBuiltinCode, code.customCode)


def _name(builtin: int, deprecated: int, custom: bytes | None) -> str:
    # Codes over 127 live in the newer field; old files have only the older one.
    name = _NAMES[max(builtin, deprecated)]
    return (custom or b"").decode() if name == "CUSTOM" else name


def _tensor(model: schema.Model, tensor: schema.Tensor) -> Tensor:
    shape = tuple(tensor.ShapeAsNumpy().tolist()) if tensor.ShapeLength() else ()
    signature = tensor.ShapeSignatureAsNumpy() if tensor.ShapeSignatureLength() else ()
    dtype, scaling = _TYPES[tensor.Type()].lower(), tensor.Quantization()
    return Tensor(
        name=tensor.Name().decode(),
        shape=shape,
        dtype=dtype,
        scale=float(scaling.Scale(0)) if scaling and scaling.ScaleLength() else None,
        zero_point=scaling.ZeroPoint(0) if scaling and scaling.ZeroPointLength() else 0,
        values=_values(model.Buffers(tensor.Buffer()), dtype, shape),
        state=tensor.IsVariable(),
        dynamic=-1 in signature,
    )


def _values(buffer: schema.Buffer, dtype: str, shape: tuple[int, ...]) -> np.ndarray | None:
    if not buffer.DataLength():
        return None
    data = buffer.DataAsNumpy()
    try:
        return data.view(dtype).reshape(shape)
    except (TypeError, ValueError):
        # Two values a byte (int4), strings, sparse matrices: bytes are all there is.
        return data
