"""Quantization-aware training: int8 or int4 weights and int8 activations, simulated in training."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from deploy.compress._tfmot import tfmot
from deploy.compress.batch_norm_folding import fold
from deploy.compress.fake_quantization import KernelAndOutput, distinct_values
from deploy.compress.rebuild import KERNELS, consumers_of, copy_layer, rebuild
from deploy.compress.wrappers import plain_model
from deploy.runtime.errors import DeployError

# Bits of the weights, and whether each output channel has a scale of its own.
_WEIGHTS = {"int8": (8, True), "int8-per-tensor": (8, False), "int4": (4, True)}

_layers = tf_keras.layers

# TFLite runs four-bit kernels in these; others stay at eight.
_FOUR_BITS = (_layers.Conv1D, _layers.Conv2D, _layers.Dense)

# Only in these does the converter keep a scale for each channel.
_PER_CHANNEL = (_layers.Conv2D, _layers.DepthwiseConv2D)

# Layers that move values without changing them: their output has the scale of their input.
_MOVING = (
    _layers.ActivityRegularization,
    _layers.Cropping1D,
    _layers.Cropping2D,
    _layers.Dropout,
    _layers.Flatten,
    _layers.GlobalMaxPooling1D,
    _layers.GlobalMaxPooling2D,
    _layers.MaxPooling1D,
    _layers.MaxPooling2D,
    _layers.Permute,
    _layers.RepeatVector,
    _layers.Reshape,
    _layers.SpatialDropout1D,
    _layers.SpatialDropout2D,
    _layers.ZeroPadding1D,
    _layers.ZeroPadding2D,
)

# Functions whose output has a range that TFLite fixes.
_FIXED = ("linear", "sigmoid", "softmax", "tanh")

# Layers into which TFLite fuses the ReLU that follows.
_FUSING = (*KERNELS, _layers.Add)


def quantize_aware(model: Any, *, scheme: str = "int8") -> Any:
    """The model with quantization simulated in the forward pass, to be trained on.

    Batch normalization is folded into the convolutions first, as it is on the device, so the model
    should be trained already; a few epochs with a tenth of its learning rate are usual. The ranges
    of the activations begin with the first batch and follow in a moving average. Zeros stay zero,
    and the weights of a cluster stay equal. `export` to an int8 target keeps the trained ranges.

    Args:
        model: a Keras 3 or tf_keras model, functional or Sequential; also one of `prune` or
            `cluster`.
        scheme: how weights are stored; activations are int8 in each. "int8": a scale for each
            output channel of Conv2D and DepthwiseConv2D, one for the layer in Dense and others,
            where the converter keeps no more. "int8-per-tensor": one for each layer, for hardware
            that has no more. "int4": as "int8", with four bits in Conv1D, Conv2D and Dense. A
            clustered layer has one scale in each scheme, or its clusters would become different
            integers in different channels.

    Returns:
        A tf_keras model, not compiled.

    Raises:
        DeployError: an unknown scheme, a model that is quantization-aware already, or a recurrent
            layer, for which TFLite has no such training.

    Source:
        Jacob et al., "Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference", CVPR 2018, sections 3 and 3.2 (folding). Sparsity and
        clusters are kept after tfmot's collaborative optimization (PQAT, CQAT, PCQAT).
    """
    if scheme not in _WEIGHTS:
        raise DeployError(f"expected a scheme of {', '.join(_WEIGHTS)}, received '{scheme}'")
    model = fold(plain_model(model))
    for layer in model.layers:
        if isinstance(layer, _layers.RNN | _layers.Bidirectional):
            raise DeployError(
                f"expected layers that can be trained quantized, received the recurrent "
                f"'{layer.name}'; export the model as it is: its ranges are calibrated then"
            )
    bits, per_channel = _WEIGHTS[scheme]
    consumers = consumers_of(model)

    def quantized(layer: Any) -> Callable[..., Any]:
        config = KernelAndOutput(output=_has_range(layer, consumers[id(layer)]))
        if type(layer) in KERNELS:
            config.kernel = KERNELS[type(layer)]
            config.clusters = distinct_values(getattr(layer, config.kernel).numpy())
            config.bits = bits if type(layer) in _FOUR_BITS else 8
            config.per_channel = per_channel and not config.clusters and type(layer) in _PER_CHANNEL
        copy = copy_layer(layer)
        if not config.kernel and not config.output:
            return copy
        return tfmot.quantization.keras.QuantizeWrapperV2(copy, config)

    def quantized_input(tensor: Any) -> Any:
        if not tensor.dtype.is_floating:
            return tensor
        layer = _layers.Activation("linear", name=f"{tensor.node.layer.name}_input")
        config = KernelAndOutput(output=True)
        return tfmot.quantization.keras.QuantizeWrapperV2(layer, config)(tensor)

    return rebuild(model, quantized, quantized_input)


def without_fake_quantization(model: Any) -> Any:
    """A quantization-aware model as the float network that it stands for: its layers with their
    trained weights, none of which are rounded, and without the ranges of the activations."""

    def plain(layer: Any) -> Any:
        if type(layer).__name__ == "QuantizeLayer":  # tfmot's own, on the inputs
            return _layers.Activation("linear", name=layer.name)
        if not isinstance(layer, tfmot.quantization.keras.QuantizeWrapper):
            return copy_layer(layer)
        config = layer.layer.get_config()
        if "activation" in config:
            # tfmot's own functions put one that rounds in its place.
            activation = layer.layer.activation
            config["activation"] = getattr(activation, "activation", activation)
        copy = type(layer.layer).from_config(config)
        weights = {weight.name.split("/")[-1]: weight.numpy() for weight in layer.weights}
        with tf.name_scope(copy.name):
            copy.build(layer.input_shape)
        copy.set_weights([weights[weight.name.split("/")[-1]] for weight in copy.weights])
        return copy

    return rebuild(model, plain)


def trained_weights(model: Any) -> str:
    """How the weights of a quantization-aware model are stored, in words.

    Raises:
        DeployError: the model was not trained, so that its ranges are still empty.
    """
    kinds: Counter[str] = Counter()
    for wrapper in model.layers:
        if isinstance(wrapper, tfmot.quantization.keras.QuantizeWrapper):
            config = wrapper.quantize_config
            for kernel, quantizer in config.get_weights_and_quantizers(wrapper.layer):
                axis = "channel" if quantizer.per_axis else "layer"
                kinds[f"int{quantizer.num_bits}, a scale per {axis}"] += math.prod(kernel.shape)
    ranges = {w.name: float(w.numpy()) for w in model.weights if "/output_m" in w.name}
    for name, high in ranges.items():
        if high == ranges[name.replace("_max:", "_min:")] and "_max:" in name:
            raise DeployError(
                f"expected a trained quantization-aware model, received '{model.name}', whose "
                f"layer '{name.split('/')[0]}' has an empty range; compile it and call fit first"
            )
    return " and ".join(kind for kind, _ in kinds.most_common())


def _is_rectifier(layer: Any) -> bool:
    if isinstance(layer, _layers.ReLU):
        return not layer.negative_slope and not layer.threshold and layer.max_value in (None, 6)
    return isinstance(layer, _layers.Activation) and _function(layer) in ("relu", "relu6")


def _function(layer: Any) -> str:
    return getattr(layer.activation, "__name__", "")


def _has_range(layer: Any, consumers: list[Any]) -> bool:
    """Whether the output of `layer` is a tensor of its own in TFLite, which needs a range."""
    if isinstance(layer, (*_MOVING, _layers.Softmax)) or isinstance(layer.output, list | tuple):
        return False
    node = layer.inbound_nodes[0]
    options = tf.nest.flatten(node.call_kwargs)
    if len(node.call_args) > 1 or any(map(tf_keras.backend.is_keras_tensor, options)):
        return False  # tfmot's wrapper hands on one argument.
    if isinstance(layer, _layers.Activation) and _function(layer) in _FIXED:
        return False
    if isinstance(layer, _FUSING) and consumers and all(map(_is_rectifier, consumers)):
        return False
    # The parts of a concatenation have its scale.
    return not (consumers and all(isinstance(other, _layers.Concatenate) for other in consumers))
