"""Recurrent layers in the forms that devices run: one operator, unrolled, or a loop.

However a recurrent layer is written (a layer, `RNN` of cells, `Bidirectional` of either), it comes
down to its cells, and equal cells come down to equal graphs. Batch 1 throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow.compiler.tf2xla.python.xla import dynamic_update_slice

from deploy.runtime.errors import DeployError
from deploy.to_tf_keras import KerasOperation

FUSED, UNROLLED, LOOP = "fused", "unrolled", "loop"

# In float a layer of more steps than this becomes a loop, smaller where unrolled is faster. LiteRT
# 2.3.0, x86, one thread: GRU(32) on 16 values takes unrolled 11 µs and 26 kB in 4 steps, as a loop
# 28 µs and 24 kB; 29 µs and 45 kB against 34 µs and 25 kB in 16; 73 µs and 118 kB against 101 µs
# and 25 kB in 64. SimpleRNN(32): 10 µs and 15 kB against 23 µs and 11 kB in 16.
_UNROLLED_STEPS = 16


class Step(NamedTuple):
    """One cell: `inputs` are the matrices and biases by which a whole sequence is multiplied at
    once, `take` the step from those products at one time and the states to the new states, the
    cell's output the first of these, told whether it is the first step; `sizes` are those of the
    states."""

    inputs: list[tuple[np.ndarray, np.ndarray]]
    take: Callable[[list[Any], list[Any], bool], list[Any]]
    sizes: list[int]


class _Part(NamedTuple):
    """One cell and its form; `lstm` is the layer that the converter fuses."""

    form: str
    step: Step
    lstm: Any


def for_device(model: Any, scheme: str, integers: bool) -> Any:
    """The tf_keras `model` with batch 1 and its recurrent layers in the form for a scheme.

    Args:
        model: a functional or Sequential tf_keras model.
        scheme: a key of `schemes.SCHEMES`.
        integers: whether that has integer activations.

    Raises:
        DeployError: a recurrent layer that has no such form.
    """
    flat = tf_keras.Model(model.inputs, model.outputs, name=model.name)
    inputs = [
        tf_keras.Input(tuple(t.shape[1:]), batch_size=1, name=name, dtype=t.dtype)
        for t, name in zip(flat.inputs, flat.input_names, strict=True)
    ]
    result = tf_keras.models.clone_model(
        flat, input_tensors=inputs, clone_function=lambda layer: _form(layer, scheme, integers)
    )
    for layer in flat.layers:
        form = result.get_layer(layer.name)
        if not isinstance(form, _Recurrent):
            form.set_weights(layer.get_weights())
    return result


def forms(model: Any) -> dict[str, str]:
    """The form of each recurrent layer, by its name, in a model of `for_device`; where a layer has
    several cells in different forms, all of them."""
    return {
        layer.name: " and ".join(dict.fromkeys(layer.forms))
        for layer in model.layers
        if isinstance(layer, _Recurrent)
    }


def _form(layer: Any, scheme: str, integers: bool) -> Any:
    if type(layer).__name__.startswith("ConvLSTM"):
        raise _no_form(layer, "use convolutions over time")
    if isinstance(layer, tf_keras.layers.Masking):
        if integers and layer.mask_value:
            raise _no_form(layer, "integers hold no value exactly but 0; pad with it")
        return _Masking(layer.mask_value, name=layer.name)
    if isinstance(layer, KerasOperation) and type(layer.operation).__name__ == "Any":
        return _Any(layer.operation.axis, layer.operation.keepdims, name=layer.name)
    if _is_recurrent(layer):
        return _Recurrent(layer, scheme, integers)
    return type(layer).from_config(layer.get_config())


def _is_recurrent(layer: Any) -> bool:
    return isinstance(layer, tf_keras.layers.RNN | tf_keras.layers.Bidirectional)


def _any(values: tf.Tensor, axis: Any, keepdims: bool = False) -> tf.Tensor:
    # LiteRT Micro has no REDUCE_ANY.
    return tf.reduce_max(tf.cast(values, tf.float32), axis, keepdims) > 0


class _Any(tf_keras.layers.Layer):
    """`keras.ops.any`, of which Keras 3 makes its masks."""

    def __init__(self, axis: Any, keepdims: bool, **config: Any):
        super().__init__(autocast=False, **config)
        self._options = axis, keepdims

    def call(self, inputs: Any) -> tf.Tensor:
        return _any(tf.nest.flatten(inputs)[0], *self._options)


class _Masking(tf_keras.layers.Layer):
    def __init__(self, mask_value: float, **config: Any):
        super().__init__(**config)
        self._mask_value = mask_value

    def compute_mask(self, inputs: tf.Tensor, mask: Any = None) -> tf.Tensor:
        return _any(tf.not_equal(inputs, self._mask_value), -1)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        kept = _any(tf.not_equal(inputs, self._mask_value), -1, keepdims=True)
        return inputs * tf.cast(kept, inputs.dtype)


class _Recurrent(tf_keras.layers.Layer):
    """What the recurrent tf_keras `layer` computes, with its weights."""

    def __init__(self, layer: Any, scheme: str, integers: bool):
        super().__init__(name=layer.name)
        node = layer.inbound_nodes[0]
        mask = node.call_kwargs.get("mask")
        first, *rest = node.keras_inputs
        given = [tensor for tensor in rest if tensor is not mask]
        self._masked = mask is not None or getattr(first, "_keras_mask", None) is not None
        two = isinstance(layer, tf_keras.layers.Bidirectional)
        self._directions = [layer.forward_layer, layer.backward_layer] if two else [layer]
        self._merge_mode = layer.merge_mode if two else None
        # What goes to another recurrent layer as it is, is joined with nothing.
        users = [node.layer for node in layer.outbound_nodes]
        alone = bool(users) and all(map(_is_recurrent, users)) and not two
        self._joined = integers and not alone
        self._sequences = self._directions[0].return_sequences
        self._states = self._directions[0].return_state
        # The operator neither takes nor gives its state.
        whole = scheme != "int16" and not given and not self._states
        other = UNROLLED if integers or first.shape[1] <= _UNROLLED_STEPS else LOOP
        self._parts = [
            [
                _part(cell, FUSED if whole and _fuses(cell) else other, layer)
                for cell in _cells(each)
            ]
            for each in self._directions
        ]
        _check(layer, self._parts, scheme, self._masked)
        # Tracked, so that the variables of fused layers are saved.
        self._lstms = [part.lstm for parts in self._parts for part in parts if part.lstm]

    @property
    def forms(self) -> list[str]:
        """The form of each cell."""
        return [part.form for parts in self._parts for part in parts]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        mask = tf.nest.flatten(mask)[0] if self._masked else None
        kept = mask if self._sequences else None
        outputs = [kept] * (len(self._directions) if self._merge_mode is None else 1)
        if self._states:
            outputs += [None] * sum(len(p.step.sizes) for parts in self._parts for p in parts)
        return outputs if len(outputs) > 1 else kept

    @tf.autograph.experimental.do_not_convert
    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: Any = None,
        initial_state: Any = None,
        constants: Any = None,
    ) -> Any:
        x, *states = tf.nest.flatten(inputs) + tf.nest.flatten(initial_state or [])
        mask = tf.nest.flatten(mask)[0] if self._masked else None
        share = len(states) // len(self._directions)
        outputs, finals = [], []
        for index, (layer, parts) in enumerate(zip(self._directions, self._parts, strict=True)):
            given = states[index * share : (index + 1) * share]
            output, last = _run(parts, layer, x, mask, given)
            if index and self._sequences:
                output = tf.reverse(output, [1])
            plain = mask is None and FUSED not in self.forms and len(self._directions) == 1
            if self._joined and not plain:
                output = _free_scale(output)
            outputs.append(output)
            finals += last
        merged = _merge(outputs, self._merge_mode)
        return [*merged, *finals] if self._states else merged if len(merged) > 1 else merged[0]


def _merge(outputs: list[tf.Tensor], mode: str | None) -> list[tf.Tensor]:
    if len(outputs) == 1 or mode is None:
        return outputs
    forward, backward = outputs
    match mode:
        case "concat":
            return [tf.concat(outputs, -1)]
        case "mul":
            return [forward * backward]
        case "ave":
            return [(forward + backward) / 2]
    return [forward + backward]


def _free_scale(tensor: Any) -> Any:
    """`tensor`, such that it can be joined with others after the int8 converter.

    Where a concatenation demands one scale of its inputs, the converter changes the scale of the
    operator before it, but not that of a fused LSTM's state, which the kernel takes for the same,
    nor that of what a reversal takes in: the values come out wrong. A multiplication keeps the
    scales apart; a factor of 1 would be folded away, this one leaves every int8 value as it is.
    """
    return tensor * float(np.nextafter(np.float32(1), np.float32(0)))


def _run(
    parts: Sequence[_Part], layer: Any, x: tf.Tensor, mask: Any, given: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """One direction: the output, (1, steps, units) or (1, units), and the last states.

    What a mask leaves out passes on the state and the output as they are. So the steps that count
    are moved to the front, where no form of a layer needs to know of the mask, and each step then
    takes the output of the last one that counts up to it.
    """
    counts = None if mask is None else tf.cast(mask, tf.int32)
    if layer.go_backwards:
        x = tf.reverse(x, [1])
        counts = counts if counts is None else tf.reverse(counts, [1])
    rank = None if counts is None else _running_count(counts)
    if rank is not None:
        x = tf.gather(x[0], _sources(rank))[None]
    sequences, count = layer.return_sequences, None if rank is None else rank[-1:]
    # A loop ends where the steps that count do, with the output of the last.
    picked = rank is not None and (sequences or bool(given) or parts[-1].form != LOOP)
    states, finals = list(given), list[tf.Tensor]()
    for part in parts:
        sizes = part.step.sizes
        initial = states[: len(sizes)] or [tf.zeros((1, size)) for size in sizes]
        states = states[len(sizes) :]
        whole = sequences or picked or part is not parts[-1]
        x, last = _RUN[part.form](part, x, initial, count, whole)
        finals += last
    if rank is not None and picked:
        # Before the first step that counts the output is zero.
        after = tf.pad(x[0], [[1, 0], [0, 0]])
        x = tf.gather(after, rank)[None] if sequences else tf.gather(after, count)
    if counts is not None and layer.zero_output_for_mask:
        kept = tf.cast(counts, x.dtype)
        x = x * (kept[:, :, None] if sequences else kept[:, -1:])
    return x, finals


def _running_count(counts: tf.Tensor) -> tf.Tensor:
    """(steps,) of how many steps count up to each, from 0 and 1, (1, steps).

    In operators that LiteRT Micro has: neither a cumulative sum nor a sum of integers is.
    """
    steps, shift = int(counts.shape[1]), 1
    while shift < steps:
        counts += tf.pad(counts[:, :-shift], [[0, 0], [shift, 0]])
        shift *= 2
    return counts[0]


def _sources(rank: tf.Tensor) -> tf.Tensor:
    """(steps,) of the position of the first step that counts, of the second and so on; any position
    where there is no more."""
    wanted = np.arange(1, int(rank.shape[0]) + 1, dtype=np.int32)[:, None]
    return tf.argmax(tf.cast(rank >= wanted, tf.float32), axis=1, output_type=tf.int32)


def _run_fused(
    part: _Part, x: tf.Tensor, initial: list[tf.Tensor], count: Any, whole: bool
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    output = part.lstm(x)
    return output if whole else output[:, -1], []


def _run_unrolled(
    part: _Part, x: tf.Tensor, initial: list[tf.Tensor], count: Any, whole: bool
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    products = [tf.split(each, x.shape[1]) for each in _products(part.step, x)]
    passed = [initial]
    for time, at_one_time in enumerate(zip(*products, strict=True)):
        passed.append(part.step.take(list(at_one_time), passed[-1], time == 0))
    outputs = [states[0] for states in passed[1:]]
    finals = passed[-1]
    if count is not None:
        finals = [tf.gather(tf.concat(of_one, 0), count) for of_one in zip(*passed, strict=True)]
    return tf.stack(outputs, 1) if whole else outputs[-1], finals


def _run_loop(
    part: _Part, x: tf.Tensor, initial: list[tf.Tensor], count: Any, whole: bool
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    products, steps = _products(part.step, x), int(x.shape[1])
    end = steps if count is None else count[0]
    size = part.step.sizes[0]

    def body(step: tf.Tensor, outputs: tf.Tensor, states: list[tf.Tensor]) -> tuple:
        states = part.step.take([tf.gather(each, [step]) for each in products], states, False)
        if whole:
            outputs = dynamic_update_slice(outputs, states[0], tf.stack([step, 0]))
        return step + 1, outputs, states

    start = tf.constant(0), tf.zeros((steps if whole else 1, size)), initial
    _, outputs, finals = tf.while_loop(lambda step, *_: step < end, body, start)
    return outputs[None] if whole else finals[0], finals


_RUN = {FUSED: _run_fused, UNROLLED: _run_unrolled, LOOP: _run_loop}


def _products(step: Step, x: tf.Tensor) -> list[tf.Tensor]:
    return [_dense(x[0], matrix, bias) for matrix, bias in step.inputs]


def _dense(x: tf.Tensor, matrix: np.ndarray, bias: np.ndarray | None = None) -> tf.Tensor:
    product = tf.matmul(x, matrix)
    return product if bias is None else tf.nn.bias_add(product, bias)


def _cut(tensor: tf.Tensor, parts: int, first: bool) -> list[tf.Tensor]:
    if not first:
        return tf.split(tensor, parts, axis=1)
    # A state of zero leaves some parts without use, and quantizers leave a SPLIT with such a part
    # in float.
    size = tensor.shape[1] // parts
    return [tensor[:, start : start + size] for start in range(0, parts * size, size)]


def _part(cell: Any, form: str, layer: Any) -> _Part:
    step = next((step for kind, step in _STEPS.items() if isinstance(cell, kind)), None)
    if step is None:
        raise _no_form(layer, f"build it of LSTM, GRU and SimpleRNN, not {type(cell).__name__}")
    lstm = None
    if form == FUSED:
        lstm = tf_keras.layers.LSTM(cell.units, return_sequences=True, name="fused_lstm")
        lstm.build((1, None, cell.kernel.shape[0]))
        lstm.set_weights([cell.kernel, cell.recurrent_kernel, _bias(cell)])
    return _Part(form, step(cell), lstm)


def _bias(cell: Any) -> np.ndarray:
    return np.asarray(cell.bias) if cell.use_bias else np.zeros(cell.kernel.shape[1], np.float32)


def _lstm_step(cell: Any) -> Step:
    # Keras has (input, forget, candidate, output); the gates of one activation go side by side.
    blocks = np.arange(4 * cell.units).reshape(4, cell.units)
    of_gates, of_candidate = blocks[[0, 1, 3]].ravel(), blocks[2]
    kernel, recurrent = np.asarray(cell.kernel), np.asarray(cell.recurrent_kernel)
    bias = _bias(cell)

    def take(products: list[Any], states: list[Any], first: bool) -> list[Any]:
        (gates, candidate), (output, carry) = products, states
        gates = cell.recurrent_activation(gates + _dense(output, recurrent[:, of_gates]))
        candidate = cell.activation(candidate + _dense(output, recurrent[:, of_candidate]))
        new, kept, shown = _cut(gates, 3, first)
        carry = kept * carry + new * candidate
        return [shown * cell.activation(carry), carry]

    inputs = [(kernel[:, part], bias[part]) for part in (of_gates, of_candidate)]
    return Step(inputs, take, [cell.units, cell.units])


def _gru_step(cell: Any) -> Step:
    # Keras has (update, reset, candidate).
    gated = 2 * cell.units
    kernel, recurrent = np.asarray(cell.kernel), np.asarray(cell.recurrent_kernel)
    gates, of_candidate = recurrent[:, :gated], recurrent[:, gated:]
    biases = np.zeros((2, kernel.shape[1]), np.float32)
    if cell.use_bias and cell.reset_after:
        biases = np.asarray(cell.bias)
    elif cell.use_bias:
        biases[0] = cell.bias

    def take(products: list[Any], states: list[Any], first: bool) -> list[Any]:
        (product, candidate), (state,) = products, states
        both = cell.recurrent_activation(product + _dense(state, gates))
        update, reset = _cut(both, 2, first)
        if cell.reset_after:
            candidate += reset * _dense(state, of_candidate, biases[1, gated:])
        else:
            candidate += _dense(reset * state, of_candidate)
        candidate = cell.activation(candidate)
        # One product instead of the two of update · state + (1 − update) · candidate.
        return [candidate + update * (state - candidate)]

    inputs = [
        (kernel[:, :gated], biases[0, :gated] + biases[1, :gated]),
        (kernel[:, gated:], biases[0, gated:]),
    ]
    return Step(inputs, take, [cell.units])


def _simple_step(cell: Any) -> Step:
    recurrent = np.asarray(cell.recurrent_kernel)

    def take(products: list[Any], states: list[Any], first: bool) -> list[Any]:
        return [cell.activation(products[0] + _dense(states[0], recurrent))]

    return Step([(np.asarray(cell.kernel), _bias(cell))], take, [cell.units])


_STEPS: dict[Any, Callable[[Any], Step]] = {
    tf_keras.layers.LSTMCell: _lstm_step,
    tf_keras.layers.GRUCell: _gru_step,
    tf_keras.layers.SimpleRNNCell: _simple_step,
}


def _cells(layer: Any) -> list[Any]:
    return list(getattr(layer.cell, "cells", [layer.cell]))


def _fuses(cell: Any) -> bool:
    """Whether the converter makes one operator of a layer of this cell."""
    return (
        isinstance(cell, tf_keras.layers.LSTMCell)
        and cell.activation is tf_keras.activations.tanh
        and cell.recurrent_activation is tf_keras.activations.sigmoid
    )


def _check(layer: Any, parts: Sequence[Sequence[_Part]], scheme: str, masked: bool) -> None:
    if layer.inbound_nodes[0].call_kwargs.get("constants") is not None:
        raise _no_form(layer, "call it without constants")
    if getattr(layer, "time_major", False):
        raise _no_form(layer, "build it without time_major")
    if not layer.stateful:
        return
    advice = "build it with stateful=False and give its state as inputs and outputs of the model"
    if len(parts) > 1 or {part.form for part in parts[0]} != {FUSED}:
        raise DeployError(
            "expected an LSTM with tanh and sigmoid, whose whole state one operator can keep from "
            f"call to call, received '{layer.name}' ({type(layer).__name__})"
            f"{' in int16, which has no such operator' if scheme == 'int16' else ''}; {advice}"
        )
    if masked:
        # The operator would go on from what stands behind the steps that count.
        raise _no_form(layer, f"it is stateful and gets a time mask; {advice}, or leave out masks")


def _no_form(layer: Any, advice: str) -> DeployError:
    return DeployError(
        f"expected layers that TFLite can express, received '{layer.name}' "
        f"({type(layer).__name__}); {advice}"
    )
