"""tf_keras models rebuilt: batch normalization folded in, separable convolutions split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from deploy.compress._tfmot import tfmot

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

_SEPARABLE = {
    _layers.SeparableConv1D: (_layers.DepthwiseConv1D, _layers.Conv1D),
    _layers.SeparableConv2D: (_layers.DepthwiseConv2D, _layers.Conv2D),
}


def copy_of(layer: Any) -> Any:
    """The layer again; `rebuilt` brings the weights of those that have no kernel to compress."""
    twin = type(layer).from_config(layer.get_config())
    if type(layer) in KERNELS:
        return _with_weights(twin, layer.input_shape, layer.get_weights())
    return twin


def rebuilt(
    model: Any,
    twin_of: Callable[[Any], Callable[..., Any]],
    twin_of_input: Callable[[Any], Any] = lambda tensor: tensor,
) -> Any:
    """The functional `model` again, with what `twin_of` gives in place of each of its layers."""
    inputs = [
        tf_keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.node.layer.name)
        for tensor in model.inputs
    ]
    found = {
        id(tensor): twin_of_input(twin) for tensor, twin in zip(model.inputs, inputs, strict=True)
    }
    twins: dict[int, Any] = {}
    for node in _nodes(model):
        if id(node.layer) not in twins:
            twins[id(node.layer)] = twin_of(node.layer)

        def moved(value: Any) -> Any:
            return found.get(id(value), value)

        args, kwargs = tf.nest.map_structure(moved, (node.call_args, node.call_kwargs))
        twin = twins[id(node.layer)]
        outputs = twin(*args, **kwargs)
        if isinstance(twin, tfmot.quantization.keras.QuantizeWrapper):
            twin = twin.layer
        if type(twin) is type(node.layer) and type(twin) not in KERNELS:
            twin.set_weights(node.layer.get_weights())
        for old, new in zip(tf.nest.flatten(node.outputs), tf.nest.flatten(outputs), strict=True):
            found[id(old)] = new
    outputs = tf.nest.map_structure(lambda tensor: found[id(tensor)], model.outputs)
    return tf_keras.Model(inputs, outputs, name=model.name)


def _nodes(model: Any) -> list[Any]:
    """The calls of the model's layers, in an order in which they can run."""
    depths = sorted(model._nodes_by_depth, reverse=True)
    return [n for depth in depths for n in model._nodes_by_depth[depth] if not n.is_input]


def consumers_of(model: Any) -> dict[int, list[Any]]:
    """The layers that take each layer's outputs; None stands for the model's own outputs."""
    found: dict[int, list[Any]] = {id(layer): [] for layer in model.layers}
    for node in _nodes(model):
        for tensor in tf.nest.flatten(node.keras_inputs):
            found[id(tensor.node.layer)].append(node.layer)
    for tensor in model.outputs:
        found[id(tensor.node.layer)].append(None)
    return found


def folded(model: Any) -> Any:
    """`model` with batch normalization folded into the layers before, and with layers split into
    what TFLite makes of them: activations, the halves of separable convolutions and of Rescaling.
    """
    model = rebuilt(model, _split)
    consumers = consumers_of(model)
    calls = Counter(id(node.layer) for node in _nodes(model))
    normalizations = {}
    for layer in model.layers:
        after = consumers[id(layer)]
        if (
            type(layer) in KERNELS
            and layer.activation is tf_keras.activations.linear
            and [type(other) for other in after] == [_layers.BatchNormalization]
            and calls[id(layer)] == calls[id(after[0])] == 1
            and list(after[0].axis) == [len(layer.output_shape) - 1]
        ):
            normalizations[id(layer)] = after[0]
    gone = {id(layer) for layer in normalizations.values()}

    def twin_of(layer: Any) -> Callable[..., Any]:
        if id(layer) in gone:
            return lambda tensor, **_: tensor
        if id(layer) in normalizations:
            return _with_normalization(layer, normalizations[id(layer)])
        return copy_of(layer)

    return rebuilt(model, twin_of)


def _split(layer: Any) -> Callable[..., Any]:
    if isinstance(layer, _layers.Rescaling) and np.any(layer.offset):
        scale = _layers.Rescaling(layer.scale, name=f"{layer.name}_scale")
        return _chain([scale, _layers.Rescaling(1.0, layer.offset, name=layer.name)])
    kinds = _SEPARABLE.get(type(layer), (type(layer),))
    if kinds[0] not in KERNELS:
        return copy_of(layer)
    parts, config = [], layer.get_config()
    weights = layer.get_weights()
    if len(kinds) == 2:
        names = ("kernel_size", "strides", "padding", "depth_multiplier", "dilation_rate")
        part = kinds[0](
            **{name: config[name] for name in names},
            use_bias=False,
            name=f"{layer.name}_depthwise",
        )
        parts.append(_with_weights(part, layer.input_shape, weights[:1]))
        part = kinds[1](layer.filters, 1, use_bias=layer.use_bias, name=f"{layer.name}_pointwise")
        shape = (*layer.output_shape[:-1], weights[1].shape[-2])
        parts.append(_with_weights(part, shape, weights[1:]))
    else:
        part = type(layer).from_config(config | {"activation": "linear"})
        parts.append(_with_weights(part, layer.input_shape, weights))
    if layer.activation is not tf_keras.activations.linear:
        parts.append(_layers.Activation(layer.activation, name=f"{layer.name}_activation"))
    return _chain(parts)


def _chain(layers: list[Any]) -> Callable[..., Any]:
    def call(tensor: Any, **_: Any) -> Any:
        for layer in layers:
            tensor = layer(tensor)
        return tensor

    return call


def _with_weights(twin: Any, input_shape: Any, weights: list[np.ndarray]) -> Any:
    with tf.name_scope(twin.name):
        twin.build(input_shape)
    twin.set_weights(weights)
    return twin


def _with_normalization(layer: Any, normalization: Any) -> Any:
    kernel, *bias = layer.get_weights()
    one = np.float32(1)
    mean, variance = normalization.moving_mean.numpy(), normalization.moving_variance.numpy()
    scale = one / np.sqrt(variance + np.float32(normalization.epsilon))
    if normalization.scale:
        scale = scale * normalization.gamma.numpy()
    shift = ((bias[0] if bias else 0) - mean) * scale
    if normalization.center:
        shift = shift + normalization.beta.numpy()
    if isinstance(layer, DEPTHWISE):
        scaled = kernel * scale.reshape(kernel.shape[-2:])
    elif isinstance(layer, _layers.Conv2DTranspose):
        scaled = kernel * scale[:, np.newaxis]
    else:
        scaled = kernel * scale
    twin = type(layer).from_config(layer.get_config() | {"use_bias": True})
    return _with_weights(twin, layer.input_shape, [scaled, shift])
