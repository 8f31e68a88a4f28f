"""What indexes, selects or counts stays a whole number through the conversion to integers.

TensorFlow's converter quantizes every float tensor, that of an index on its way through a RESHAPE
as well: of eight categories seen in calibration the sixth may then become the fifth. It also gives
the two constants of a ONE_HOT scales of their own, though the operator copies them as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from deploy.flatbuffer import name_of, pack, unpack

# Operators whose result jumps where their operand changes a little; an index comes from one, or
# from a table of them.
_COUNTING = {"CAST", "BUCKETIZE", "FLOOR", "CEIL", "ROUND", "FLOOR_MOD", "FLOOR_DIV", "SIGN"}

# Operators that only move values, and which of their inputs hold them.
_MOVING = {
    **dict.fromkeys(
        (
            "RESHAPE",
            "SQUEEZE",
            "EXPAND_DIMS",
            "TRANSPOSE",
            "SLICE",
            "STRIDED_SLICE",
            "GATHER",
            "GATHER_ND",
            "REVERSE_V2",
            "TILE",
            "BROADCAST_TO",
            "UNPACK",
            "SPLIT_V",
        ),
        slice(0, 1),
    ),
    "SPLIT": slice(1, 2),
    "CONCATENATION": slice(None),
    "PACK": slice(None),
}

_FLOAT = schema.TensorType.FLOAT32
_INTEGERS = (
    schema.TensorType.UINT8,
    schema.TensorType.INT8,
    schema.TensorType.INT16,
    schema.TensorType.INT32,
    schema.TensorType.INT64,
)
_STORED: dict[int, type[np.signedinteger[Any]]] = {
    schema.TensorType.INT8: np.int8,
    schema.TensorType.INT16: np.int16,
}


def keep_whole_numbers(content: bytes) -> bytes:
    """The quantized model with exact indices: they reach the operators that count, select or look
    up as the numbers they were before quantization, through integers where they began as such.

    An input of the model that such an operator reads becomes float32, and what else reads it gets
    it quantized. The constants of a ONE_HOT have the scale of what it gives. Pixels of 8 bits that
    are cast to be quantized again have a scale of 1 instead.
    """
    model = unpack(content)
    changed = [_keep(_Graph(model, graph)) for graph in model.subgraphs]
    return pack(model) if any(changed) else content


class _Graph:
    """One subgraph, to be changed: what makes each of its tensors, and new operators."""

    def __init__(self, model: Any, graph: Any):
        self.model, self.graph = model, graph
        self.tensors, self.operators = graph.tensors, graph.operators
        self._makers: dict[int, Any] = {}
        for operator in graph.operators:
            operator.inputs = [int(index) for index in operator.inputs]
            self._makers |= {int(index): operator for index in operator.outputs}

    def name(self, operator: Any) -> str:
        return name_of(self.model.operatorCodes[operator.opcodeIndex])

    def maker(self, tensor: int) -> tuple[str, Any]:
        """The operator that gives the tensor, after its name; "" and None of any other."""
        operator = self._makers.get(tensor)
        return (self.name(operator), operator) if operator else ("", None)

    def type_of(self, tensor: int) -> int:
        return int(self.tensors[tensor].type)

    def is_quantized(self, tensor: int) -> bool:
        found = self.tensors[tensor].quantization
        return found is not None and found.scale is not None and len(found.scale) > 0

    def add_tensor(self, like: int, kind: int, ending: str = "_exact") -> int:
        """A tensor of the type `kind`, of the shape of another and without its scale."""
        tensor = copy.copy(self.tensors[like])
        tensor.name, tensor.type, tensor.quantization = tensor.name + ending.encode(), kind, None
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, tensor: int) -> Any:
        """The tensor, if it is a quantized constant."""
        found = self.tensors[tensor]
        stored = self.is_quantized(tensor) and found.type in _STORED
        has_values = self.model.buffers[found.buffer].data is not None
        return found if stored and has_values else None

    def add_constant(self, values: np.ndarray, like: Any, kind: int, scaling: Any) -> int:
        """A constant of the shape of another, with other values, another type and scale."""
        tensor, buffer = copy.copy(like), schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        tensor.buffer, tensor.type, tensor.quantization = len(self.model.buffers), kind, scaling
        self.model.buffers.append(buffer)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def add_operator(
        self,
        code: int,
        options: tuple[int, Any],
        inputs: list[int],
        outputs: list[int],
        place: int,
    ) -> None:
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, outputs
        operator.builtinOptionsType, operator.builtinOptions = options
        self.operators.insert(place, operator)
        self._makers |= dict.fromkeys(outputs, operator)

    def code(self, builtin: int) -> int:
        """The place of a built-in operator in the model's list, to which it is added if need be."""
        for place, known in enumerate(self.model.operatorCodes):
            if max(known.builtinCode, known.deprecatedBuiltinCode) == builtin:
                return place
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = 1
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def readers(self, tensor: int) -> int:
        """How many operators read the tensor, and outputs of the model are it."""
        read = [index for operator in self.operators for index in operator.inputs]
        return read.count(tensor) + [int(index) for index in self.graph.outputs].count(tensor)

    def replace(self, old: int, new: int) -> None:
        """Let all operators that read the tensor `old` read `new`."""
        for operator in self.operators:
            operator.inputs = [new if index == old else index for index in operator.inputs]

    def remove_unread(self) -> None:
        """Drop what converts or moves values that nobody reads."""
        drops = {"CAST", "QUANTIZE", "DEQUANTIZE", *_MOVING}
        # Backwards, so that what only a dropped operator reads goes with it.
        for operator in reversed(list(self.operators)):
            read = {index for other in self.operators for index in other.inputs}
            read |= {int(index) for index in self.graph.outputs}
            if self.name(operator) in drops and not read & {int(k) for k in operator.outputs}:
                self.operators.remove(operator)


def _keep(graph: _Graph) -> bool:
    changed = [_one_hot(graph, operator) for operator in list(graph.operators)]
    changed += [_exact(graph, operator) for operator in list(graph.operators)]
    changed += [_compared(graph, operator) for operator in list(graph.operators)]
    changed += [_without_floats(graph, operator) for operator in list(graph.operators)]
    changed += [_without_cast(graph, operator) for operator in list(graph.operators)]
    graph.remove_unread()
    return any(changed)


def _one_hot(graph: _Graph, operator: Any) -> bool:
    """Give the two constants the scale of what the operator makes of them."""
    result = int(operator.outputs[0])
    kind = _STORED.get(graph.type_of(result))
    if graph.name(operator) != "ONE_HOT" or not graph.is_quantized(result) or kind is None:
        return False
    scaling = graph.tensors[result].quantization
    limits = np.iinfo(kind)
    for place in (2, 3):
        constant = graph.tensors[int(operator.inputs[place])]
        steps = np.round(_real(graph, constant) / float(scaling.scale[0]))
        values = np.clip(steps + int(scaling.zeroPoint[0]), limits.min, limits.max).astype(kind)
        operator.inputs[place] = graph.add_constant(values, constant, constant.type, scaling)
    return True


def _real(graph: _Graph, constant: Any) -> np.ndarray:
    """What the integers of a quantized constant stand for."""
    scaling, data = constant.quantization, bytes(graph.model.buffers[constant.buffer].data)
    steps = np.frombuffer(data, _STORED[constant.type]).astype(np.int64)
    return np.asarray((steps - int(scaling.zeroPoint[0])) * float(scaling.scale[0]))


def _exact(graph: _Graph, operator: Any) -> bool:
    """Let an operator that counts read its floats from before they were quantized."""
    changed = False
    if graph.name(operator) in _COUNTING:
        for place, tensor in enumerate(map(int, operator.inputs)):
            name, maker = graph.maker(tensor)
            if maker is not None and name == "DEQUANTIZE":
                exact = _before(graph, int(maker.inputs[0]), _unrounded, _FLOAT)
                if exact is not None:
                    operator.inputs[place], changed = exact, True
    return changed


def _compared(graph: _Graph, operator: Any) -> bool:
    """Let a comparison for equality with one number, which the scales of the two sides would hide,
    read the floats from before they were quantized. Zero is exact in every scale."""
    if graph.name(operator) not in ("EQUAL", "NOT_EQUAL"):
        return False
    inputs = list(operator.inputs)
    constants = [graph.constant(index) for index in inputs]
    if sum(constant is not None for constant in constants) != 1:
        return False
    for place, constant in enumerate(constants):
        if constant is None:
            exact = _before(graph, inputs[place], _unrounded, _FLOAT)
        else:
            real = _real(graph, constant).astype(np.float32)
            if len(real) != 1 or not real.any():
                return False
            # Its own scale is such that it is the largest integer, but for a rounding.
            whole = np.round(real)
            real = np.where(np.isclose(real, whole, rtol=1e-6), whole, real)
            exact = graph.add_constant(real, constant, _FLOAT, None)
        if exact is None:
            return False
        inputs[place] = exact
    operator.inputs = inputs
    return True


def _without_floats(graph: _Graph, operator: Any) -> bool:
    """Let a CAST to integers read the integers that its floats were cast from."""
    if graph.name(operator) != "CAST" or graph.type_of(operator.outputs[0]) not in _INTEGERS:
        return False
    for kind in _INTEGERS:
        exact = _before(graph, int(operator.inputs[0]), partial(_cast_from, kind), kind)
        if exact is not None:
            operator.inputs[0] = exact
            result = int(operator.outputs[0])
            if graph.type_of(result) == kind and result not in graph.graph.outputs:
                graph.replace(result, exact)
            return True
    return False


def _without_cast(graph: _Graph, operator: Any) -> bool:
    """Let an input of 8 bits be quantized as it is, by a scale of 1, where a CAST alone reads it
    (which LiteRT Micro can't) and that is all that is quantized."""
    if graph.name(operator) != "QUANTIZE":
        return False
    name, cast = graph.maker(int(operator.inputs[0]))
    if name != "CAST":
        return False
    tensor = int(cast.inputs[0])
    alone = graph.readers(tensor) == 1 == graph.readers(int(cast.outputs[0]))
    if tensor not in graph.graph.inputs or graph.type_of(tensor) not in _INTEGERS[:2] or not alone:
        return False
    scaling = schema.QuantizationParametersT()
    scaling.scale, scaling.zeroPoint = np.ones(1, np.float32), np.zeros(1, np.int64)
    graph.tensors[tensor].quantization = scaling
    operator.inputs = [tensor]
    return True


def _before(
    graph: _Graph, tensor: int, origin: Callable[[_Graph, int], int | None], kind: int
) -> int | None:
    """The values of `tensor` as they are at their `origin`, of the type `kind`, and moved as there;
    None where an operator computes them."""
    found = origin(graph, tensor)
    name, maker = graph.maker(tensor)
    if found is not None or maker is None or name not in _MOVING:
        return found
    inputs = [int(index) for index in maker.inputs]
    for place in range(len(inputs))[_MOVING[name]]:
        exact = _before(graph, inputs[place], origin, kind)
        if exact is None:
            return None
        inputs[place] = exact
    outputs = [graph.add_tensor(int(index), kind) for index in maker.outputs]
    graph.add_operator(
        maker.opcodeIndex,
        (maker.builtinOptionsType, maker.builtinOptions),
        inputs,
        outputs,
        graph.operators.index(maker) + 1,
    )
    return outputs[list(maker.outputs).index(tensor)]


def _unrounded(graph: _Graph, tensor: int) -> int | None:
    """The float that a tensor was quantized from; an input of the model becomes float itself."""
    name, maker = graph.maker(tensor)
    if maker is not None:
        origin = int(maker.inputs[0])
        return origin if name == "QUANTIZE" and graph.type_of(origin) == _FLOAT else None
    if tensor not in graph.graph.inputs or not graph.is_quantized(tensor):
        return None
    exact = graph.add_tensor(tensor, _FLOAT, "")
    graph.tensors[tensor].name += b"_quantized"
    graph.graph.inputs = [exact if index == tensor else index for index in graph.graph.inputs]
    for signature in graph.model.signatureDefs or []:
        for entry in signature.inputs:
            entry.tensorIndex = exact if entry.tensorIndex == tensor else entry.tensorIndex
    code = graph.code(schema.BuiltinOperator.QUANTIZE)
    options = schema.BuiltinOptions.QuantizeOptions, schema.QuantizeOptionsT()
    graph.add_operator(code, options, [exact], [tensor], 0)
    return exact


def _cast_from(kind: int, graph: _Graph, tensor: int) -> int | None:
    """The integers, of the type `kind`, that a tensor of floats was cast from."""
    name, maker = graph.maker(tensor)
    if maker is None or name != "CAST" or graph.type_of(maker.inputs[0]) != kind:
        return None
    return int(maker.inputs[0])
