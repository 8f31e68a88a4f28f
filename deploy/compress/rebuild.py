"""tf_keras models rebuilt layer by layer, with other layers in place of some of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from deploy.compress._tfmot import tfmot
from deploy.runtime.errors import DeployError

_layers = tf_keras.layers

# The kernels that are compressed, by the layer's class.
KERNELS = {
    _layers.Conv1D: "kernel",
    _layers.Conv2D: "kernel",
    _layers.Conv2DTranspose: "kernel",
    _layers.Dense: "kernel",
    _layers.DepthwiseConv1D: "depthwise_kernel",
    _layers.DepthwiseConv2D: "depthwise_kernel",
}
DEPTHWISE = (_layers.DepthwiseConv1D, _layers.DepthwiseConv2D)


def copy_layer(layer: Any) -> Any:
    """The layer again; `rebuild` brings the weights of those that have no kernel to compress."""
    copy = type(layer).from_config(layer.get_config())
    if type(layer) in KERNELS:
        return with_weights(copy, layer.input_shape, layer.get_weights())
    return copy


def with_weights(layer: Any, input_shape: Any, weights: list[np.ndarray]) -> Any:
    """`layer`, built for that shape, with those weights."""
    with tf.name_scope(layer.name):
        layer.build(input_shape)
    layer.set_weights(weights)
    return layer


def rebuild(
    model: Any,
    counterpart_of: Callable[[Any], Callable[..., Any]],
    counterpart_of_input: Callable[[Any], Any] = lambda tensor: tensor,
) -> Any:
    """The functional `model` again, with what `counterpart_of` gives in place of each of its
    layers, and what `counterpart_of_input` makes of each of its inputs."""
    inputs = [
        tf_keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.node.layer.name)
        for tensor in model.inputs
    ]
    made = {
        id(old): counterpart_of_input(new) for old, new in zip(model.inputs, inputs, strict=True)
    }
    counterparts: dict[int, Any] = {}
    for node in nodes(model):
        if id(node.layer) not in counterparts:
            counterparts[id(node.layer)] = counterpart_of(node.layer)

        def moved(value: Any) -> Any:
            return made.get(id(value), value)

        args, kwargs = tf.nest.map_structure(moved, (node.call_args, node.call_kwargs))
        counterpart = counterparts[id(node.layer)]
        outputs = counterpart(*args, **kwargs)
        if isinstance(counterpart, tfmot.quantization.keras.QuantizeWrapper):
            counterpart = counterpart.layer
        if type(counterpart) is type(node.layer) and type(counterpart) not in KERNELS:
            counterpart.set_weights(node.layer.get_weights())
        for old, new in zip(tf.nest.flatten(node.outputs), tf.nest.flatten(outputs), strict=True):
            made[id(old)] = new
    outputs = tf.nest.map_structure(lambda tensor: made[id(tensor)], model.outputs)
    return tf_keras.Model(inputs, outputs, name=model.name)


def nodes(model: Any) -> list[Any]:
    """The calls of the model's layers, in an order in which they can run."""
    depths = sorted(model._nodes_by_depth, reverse=True)
    return [n for depth in depths for n in model._nodes_by_depth[depth] if not n.is_input]


def consumers_of(model: Any) -> dict[int, list[Any]]:
    """The layers that take each layer's outputs; None stands for the model's own outputs."""
    found: dict[int, list[Any]] = {id(layer): [] for layer in model.layers}
    for node in nodes(model):
        for tensor in tf.nest.flatten(node.keras_inputs):
            found[id(tensor.node.layer)].append(node.layer)
    for tensor in model.outputs:
        found[id(tensor.node.layer)].append(None)
    return found


def large_kernel(layer: Any) -> Any:
    """The kernel to prune or cluster, or None."""
    if type(layer) not in KERNELS or isinstance(layer, DEPTHWISE):
        return None
    return layer.kernel


def check_some(wrappers: list[Any], model: Any, verb: str) -> None:
    """Fail where no layer of the model got a wrapper.

    Raises:
        DeployError: none did; the message says which kinds of layers can be `verb`ed.
    """
    if not wrappers:
        raise DeployError(
            f"expected Conv1D, Conv2D, Conv2DTranspose or Dense layers to {verb}, received "
            f"'{model.name}' without one that is large enough"
        )
