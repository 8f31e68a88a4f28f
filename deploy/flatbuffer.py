"""What a TFLite flatbuffer says of itself: its operators and their multiply-accumulates."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import NamedTuple

import flatbuffers
from tensorflow.lite.python import schema_py_generated as schema


class Operator(NamedTuple):
    """One operator: its name in the schema, and the shapes of its inputs and outputs."""

    name: str
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]


_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}


def operators(content: bytes) -> list[Operator]:
    """The operators of every subgraph of the model, in order of execution."""
    model = schema.Model.GetRootAs(content, 0)
    return [
        _operator(model, graph, graph.Operators(index))
        for graph in (model.Subgraphs(k) for k in range(model.SubgraphsLength()))
        for index in range(graph.OperatorsLength())
    ]


def count_operators(content: bytes) -> dict[str, int]:
    """How often each operator stands in the model, the most frequent first."""
    return dict(Counter(operator.name for operator in operators(content)).most_common())


def macs(content: bytes) -> int | None:
    """Multiply-accumulates of one inference, in the operators whose work they dominate; None where
    a loop runs as often as its own condition says."""
    found = operators(content)
    if any(operator.name == "WHILE" for operator in found):
        return None
    return sum(_macs(operator) for operator in found)


def pack(model: schema.ModelT) -> bytes:
    """`model` as a flatbuffer whose buffers start at multiples of 16 bytes, as TFLite's schema
    asks; `ModelT.Pack` alone, and with it TensorFlow's own converter, starts them anywhere."""
    model.buffers = [_AlignedBuffer(b.data, b.offset, b.size) for b in model.buffers]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


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
    # Codes over 127 live in the newer field; old files have only the older one.
    name = _NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    if name == "CUSTOM":
        name = code.CustomCode().decode()

    def shapes(indices: list[int]) -> tuple[tuple[int, ...], ...]:
        return tuple(
            tuple(graph.Tensors(k).ShapeAsNumpy().tolist())
            if k >= 0 and graph.Tensors(k).ShapeLength()
            else ()
            for k in indices
        )

    return Operator(
        name,
        shapes([operator.Inputs(k) for k in range(operator.InputsLength())]),
        shapes([operator.Outputs(k) for k in range(operator.OutputsLength())]),
    )
