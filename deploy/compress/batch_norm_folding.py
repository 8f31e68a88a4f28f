"""Batch normalization folded into the layers before it, as it is on the device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import tf_keras

from deploy.compress.rebuild import (
    DEPTHWISE,
    KERNELS,
    consumers_of,
    copy_layer,
    nodes,
    rebuild,
    with_weights,
)

_layers = tf_keras.layers

_SEPARABLE = {
    _layers.SeparableConv1D: (_layers.DepthwiseConv1D, _layers.Conv1D),
    _layers.SeparableConv2D: (_layers.DepthwiseConv2D, _layers.Conv2D),
}


def fold(model: Any) -> Any:
    """`model` with batch normalization folded into the layers before, and with layers split into
    what TFLite makes of them: activations, the halves of separable convolutions and of Rescaling.
    """
    model = rebuild(model, _split)
    consumers = consumers_of(model)
    calls = Counter(id(node.layer) for node in nodes(model))
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

    def counterpart_of(layer: Any) -> Callable[..., Any]:
        if id(layer) in gone:
            return lambda tensor, **_: tensor
        if id(layer) in normalizations:
            return _with_normalization(layer, normalizations[id(layer)])
        return copy_layer(layer)

    return rebuild(model, counterpart_of)


def _split(layer: Any) -> Callable[..., Any]:
    if isinstance(layer, _layers.Rescaling) and np.any(layer.offset):
        scale = _layers.Rescaling(layer.scale, name=f"{layer.name}_scale")
        return _chain([scale, _layers.Rescaling(1.0, layer.offset, name=layer.name)])
    kinds = _SEPARABLE.get(type(layer), (type(layer),))
    if kinds[0] not in KERNELS:
        return copy_layer(layer)
    parts, config = [], layer.get_config()
    weights = layer.get_weights()
    if len(kinds) == 2:
        names = ("kernel_size", "strides", "padding", "depth_multiplier", "dilation_rate")
        part = kinds[0](
            **{name: config[name] for name in names},
            use_bias=False,
            name=f"{layer.name}_depthwise",
        )
        parts.append(with_weights(part, layer.input_shape, weights[:1]))
        part = kinds[1](layer.filters, 1, use_bias=layer.use_bias, name=f"{layer.name}_pointwise")
        shape = (*layer.output_shape[:-1], weights[1].shape[-2])
        parts.append(with_weights(part, shape, weights[1:]))
    else:
        part = type(layer).from_config(config | {"activation": "linear"})
        parts.append(with_weights(part, layer.input_shape, weights))
    if layer.activation is not tf_keras.activations.linear:
        parts.append(_layers.Activation(layer.activation, name=f"{layer.name}_activation"))
    return _chain(parts)


def _chain(layers: list[Any]) -> Callable[..., Any]:
    def call(tensor: Any, **_: Any) -> Any:
        for layer in layers:
            tensor = layer(tensor)
        return tensor

    return call


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
    counterpart = type(layer).from_config(layer.get_config() | {"use_bias": True})
    return with_weights(counterpart, layer.input_shape, [scaled, shift])
