"""Training that makes a model smaller: quantization-aware training, pruning, weight clustering.

Each function takes a trained model and gives a tf_keras model to `compile` and `fit` as usual, on
which the next one, or `export`, can be called. Their order is prune, cluster, quantize_aware; each
keeps what the earlier ones have made.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from deploy.bridge import to_tf_keras
from deploy.errors import DeployError
from deploy.tfmot import (
    ClusterWeights,
    MovingAvgQuantize,
    PruneLowMagnitude,
    cluster_weights,
    tfmot,
)

# Bits of the weights, and whether each output channel has a scale of its own.
SCHEMES = {"int8": (8, True), "int8-per-tensor": (8, False), "int4": (4, True)}

PATTERNS = ("unstructured", "2:4")

_layers = tf_keras.layers

# The kernels that are compressed, by the layer's class.
_KERNELS = {
    _layers.Conv1D: "kernel",
    _layers.Conv2D: "kernel",
    _layers.Conv2DTranspose: "kernel",
    _layers.Dense: "kernel",
    _layers.DepthwiseConv1D: "depthwise_kernel",
    _layers.DepthwiseConv2D: "depthwise_kernel",
}
_DEPTHWISE = (_layers.DepthwiseConv1D, _layers.DepthwiseConv2D)

# TFLite runs four-bit kernels in these; others stay at eight.
_FOUR_BITS = (_layers.Conv1D, _layers.Conv2D, _layers.Dense)

# Only in these does the converter keep a scale for each channel.
_PER_CHANNEL = (_layers.Conv2D, _layers.DepthwiseConv2D)

_SEPARABLE = {
    _layers.SeparableConv1D: (_layers.DepthwiseConv1D, _layers.Conv1D),
    _layers.SeparableConv2D: (_layers.DepthwiseConv2D, _layers.Conv2D),
}

# Layers that move values without changing them: their output has the scale of their input.
_MOVING = (
    *(_layers.ActivityRegularization, _layers.Dropout, _layers.SpatialDropout1D),
    *(_layers.SpatialDropout2D, _layers.Flatten, _layers.Permute, _layers.RepeatVector),
    *(_layers.Reshape, _layers.ZeroPadding1D, _layers.ZeroPadding2D, _layers.Cropping1D),
    *(_layers.Cropping2D, _layers.MaxPooling1D, _layers.MaxPooling2D),
    *(_layers.GlobalMaxPooling1D, _layers.GlobalMaxPooling2D),
)

# Functions whose output has a range that TFLite fixes.
_FIXED = ("linear", "sigmoid", "softmax", "tanh")

# Layers into which TFLite fuses the ReLU that follows.
_FUSING = (*_KERNELS, _layers.Add)

# A moving average over some tens of batches: tfmot's 0.999 would still carry the first one, taken
# before the weights have adapted, after a short training.
_DECAY = 0.99

# Kernels with no more distinct values are taken for clustered.
_MOST_CLUSTERS = 256


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
    if scheme not in SCHEMES:
        raise DeployError(f"expected a scheme of {', '.join(SCHEMES)}, received '{scheme}'")
    model = _folded(_plain(model))
    for layer in model.layers:
        if isinstance(layer, _layers.RNN | _layers.Bidirectional):
            raise DeployError(
                f"expected layers that can be trained quantized, received the recurrent "
                f"'{layer.name}'; export the model as it is: its ranges are calibrated then"
            )
    bits, per_channel = SCHEMES[scheme]
    consumers = _consumers(model)

    def quantized(layer: Any) -> Callable[..., Any]:
        config = KernelAndOutput(output=_has_range(layer, consumers[id(layer)]))
        if type(layer) in _KERNELS:
            config.kernel = _KERNELS[type(layer)]
            config.clusters = _clusters(getattr(layer, config.kernel).numpy())
            config.bits = bits if type(layer) in _FOUR_BITS else 8
            config.per_channel = per_channel and not config.clusters and type(layer) in _PER_CHANNEL
        twin = _copy(layer)
        if not config.kernel and not config.output:
            return twin
        return tfmot.quantization.keras.QuantizeWrapperV2(twin, config)

    def quantized_input(tensor: Any) -> Any:
        if not tensor.dtype.is_floating:
            return tensor
        layer = _layers.Activation("linear", name=f"{tensor.node.layer.name}_input")
        config = KernelAndOutput(output=True)
        return tfmot.quantization.keras.QuantizeWrapperV2(layer, config)(tensor)

    return _rebuilt(model, quantized, quantized_input)


def prune(
    model: Any,
    sparsity: float | None = None,
    *,
    pattern: str = "unstructured",
    end_step: int = 0,
    keep: Sequence[str] = (),
) -> Any:
    """The model with the smallest weights of each kernel set to zero, to be trained on.

    No callback is needed in `fit`. Depthwise kernels and biases are left: they are small and each
    weight of theirs counts. Zeros pay in the compressed size (a download, a flash image that is
    unpacked at boot); the file itself and the latency stay as they were.

    Args:
        model: a Keras 3 or tf_keras model, functional or Sequential.
        sparsity: share of zeros in each kernel, 0.75 where nothing is given; "2:4" has always 0.5.
        pattern: "unstructured", or "2:4": at least two zeros in each four neighbours along the
            input channels, which sparse matrix units can skip.
        end_step: the batch by which the share is reached, growing from the first one (cubic
            decay); 0 sets all zeros in the first batch, as the "2:4" pattern always does.
        keep: names of layers that are left as they are: the first one, say, which has few weights
            and needs them.

    Returns:
        A tf_keras model, not compiled.

    Raises:
        DeployError: an unknown pattern, a share out of range, nothing to prune, or a model that is
            clustered or quantization-aware already.

    Source:
        Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model
        compression", 2017, section 3 (the schedule).
    """
    if pattern not in PATTERNS:
        raise DeployError(f"expected a pattern of {', '.join(PATTERNS)}, received '{pattern}'")
    if pattern == "2:4" and (sparsity not in (None, 0.5) or end_step):
        raise DeployError(
            f"expected neither a sparsity but 0.5 nor an end_step for '2:4', received "
            f"sparsity={sparsity}, end_step={end_step}; leave both out"
        )
    sparsity = (0.5 if pattern == "2:4" else 0.75) if sparsity is None else sparsity
    if not 0 < sparsity < 1:
        raise DeployError(f"expected a sparsity between 0 and 1, received {sparsity}")
    if end_step < 0:
        raise DeployError(f"expected an end_step of 0 or more, received {end_step}")
    if is_clustered(model):
        raise DeployError(
            f"expected a model that is not clustered yet, received '{model.name}'; the order is "
            "prune, cluster, quantize_aware"
        )
    model = _plain(model)
    _check_names(keep, model)

    def pruned(layer: Any) -> Any:
        twin = _copy(layer)
        kernel = None if layer.name in keep else _large_kernel(layer)
        if kernel is None or (pattern == "2:4" and len(kernel.shape) == 3):
            return twin
        return PruneLowMagnitude(
            twin,
            pruning_schedule=_schedule(sparsity, end_step),
            sparsity_m_by_n=(2, 4) if pattern == "2:4" else None,
        )

    result = _rebuilt(model, pruned)
    wrappers = [layer for layer in result.layers if isinstance(layer, PruneLowMagnitude)]
    _check_some(wrappers, model, "prune")
    for wrapper in wrappers:
        # What tfmot's callback UpdatePruningStep does before the first batch; what it does after an
        # epoch, `strip` does.
        wrapper.pruning_step.assign(0)
    return result


def cluster(model: Any, clusters: int = 16) -> Any:
    """The model with at most `clusters` distinct weights in each kernel, to be trained on.

    Batch normalization is folded into the convolutions first: folded afterwards, it would scale
    each channel's weights apart. Where the model is pruned, zero is one of the values and zeros
    stay zero. Depthwise kernels are left, as in `prune`. As with zeros, the gain is in the
    compressed size.

    Args:
        model: a Keras 3 or tf_keras model, functional or Sequential; also one of `prune`.
        clusters: distinct values in a kernel, 3 to 256; a kernel with fewer weights is left.

    Returns:
        A tf_keras model, not compiled.

    Raises:
        DeployError: a number of clusters out of range, nothing to cluster, or a model that is
            quantization-aware already.

    Source:
        Han, Mao and Dally, "Deep Compression: Compressing Deep Neural Networks with Pruning,
        Trained Quantization and Huffman Coding", ICLR 2016, section 3 (shared weights).
    """
    if not isinstance(clusters, int) or not 3 <= clusters <= _MOST_CLUSTERS:
        raise DeployError(f"expected 3 to {_MOST_CLUSTERS} clusters, received {clusters}")
    model = _folded(_plain(model))

    def clustered(layer: Any) -> Any:
        twin = _copy(layer)
        kernel = _large_kernel(layer)
        if kernel is None or math.prod(kernel.shape) <= 2 * clusters:
            return twin
        return cluster_weights(
            twin,
            number_of_clusters=clusters,
            preserve_sparsity=float(np.mean(kernel.numpy() == 0)) > 1 / clusters,
        )

    result = _rebuilt(model, clustered)
    _check_some([x for x in result.layers if isinstance(x, ClusterWeights)], model, "cluster")
    return result


def strip(model: Any) -> Any:
    """The plain model that `prune` or `cluster` and the training made; any other as it is.

    Raises:
        DeployError: a pruned model that was trained too shortly to have its zeros.
    """
    layers = getattr(model, "layers", ())
    for wrapper in layers:
        if isinstance(wrapper, PruneLowMagnitude):
            _finish_pruning(wrapper)
    if any(isinstance(layer, PruneLowMagnitude) for layer in layers):
        return _rebuilt(tfmot.sparsity.keras.strip_pruning(model), _copy)
    if is_clustered(model):
        return _rebuilt(tfmot.clustering.keras.strip_clustering(model), _copy)
    return model


def is_clustered(model: Any) -> bool:
    """Whether `model` comes from `cluster` and is not stripped yet."""
    return any(isinstance(layer, ClusterWeights) for layer in getattr(model, "layers", ()))


def is_quantize_aware(model: Any) -> bool:
    """Whether `model` comes from `quantize_aware`, or from tfmot's own functions."""
    return any(
        isinstance(layer, tfmot.quantization.keras.QuantizeWrapper)
        for layer in getattr(model, "layers", ())
    )


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


@contextmanager
def scope() -> Iterator[None]:
    """Knows the classes that a compressed tf_keras model is saved with, to read it again."""
    with (
        tfmot.quantization.keras.quantize_scope(),
        tfmot.sparsity.keras.prune_scope(),
        tfmot.clustering.keras.cluster_scope(),
    ):
        yield


@tf_keras.saving.register_keras_serializable("deploy")
class KernelAndOutput(tfmot.quantization.keras.QuantizeConfig):
    """What is quantized of a layer: its kernel (an attribute, or "") and its output, or not."""

    def __init__(
        self,
        kernel: str = "",
        bits: int = 8,
        per_channel: bool = False,
        clusters: int = 0,
        output: bool = False,
    ):
        self.kernel, self.bits, self.per_channel = kernel, bits, per_channel
        self.clusters, self.output = clusters, output

    def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        return [(getattr(layer, self.kernel), KernelQuantizer(self))] if self.kernel else []

    def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:
        for weight in quantize_weights:
            setattr(layer, self.kernel, weight)

    def get_activations_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        return []

    def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:
        pass

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        return [OutputQuantizer()] if self.output else []

    def get_config(self) -> dict[str, Any]:
        return dict(vars(self))


class KernelQuantizer(tfmot.quantization.keras.quantizers.Quantizer):
    """Symmetric fake quantization of a kernel, in which zeros stay zero and clusters together.

    tfmot's own gives depthwise kernels no scales of channels, and keeps sparsity and clusters
    neither in fewer than 8 bits nor with one scale for a tensor.
    """

    def __init__(self, config: KernelAndOutput):
        self.config = config
        self.num_bits, self.per_axis = config.bits, config.per_channel

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        def variable(kind: str, initial: Any, dtype: str = "float32") -> Any:
            initializer = tf_keras.initializers.Constant(initial)
            return layer.add_weight(
                f"{name}_{kind}", np.shape(initial), dtype, initializer, trainable=False
            )

        kernel = getattr(layer.layer, self.config.kernel).numpy()
        bound = self._bound(kernel).numpy()
        made = {"min_var": variable("min", -bound), "max_var": variable("max", bound)}
        if self.config.clusters:
            index = np.unique(kernel, return_inverse=True)[1].reshape(kernel.shape)
            made["cluster"] = variable("cluster", index, "int32")
        return made

    def __call__(self, inputs: Any, training: bool, weights: dict[str, Any], **_: Any) -> Any:
        kernel, low, high = inputs, weights["min_var"], weights["max_var"]
        if training:
            kernel = _kept(kernel, weights.get("cluster"), self.config.clusters)
            bound = self._bound(kernel)
            low, high = low.assign(-bound), high.assign(bound)
        bits = self.num_bits
        if not self.per_axis:
            return tf.quantization.fake_quant_with_min_max_vars(kernel, low, high, bits, True)
        return tf.reshape(
            tf.quantization.fake_quant_with_min_max_vars_per_channel(
                self._channels_last(kernel), low, high, bits, True
            ),
            kernel.shape,
        )

    def _bound(self, kernel: Any) -> Any:
        """The largest magnitude in the kernel, or in each output channel of it."""
        if not self.per_axis:
            return tf.reduce_max(tf.abs(kernel))
        kernel = self._channels_last(kernel)
        return tf.reduce_max(tf.abs(kernel), axis=range(len(kernel.shape) - 1))

    def _channels_last(self, kernel: Any) -> Any:
        if self.config.kernel == "kernel":
            return kernel
        return tf.reshape(kernel, (*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1]))

    def get_config(self) -> dict[str, Any]:
        return {"config": self.config}


class OutputQuantizer(tfmot.quantization.keras.quantizers.Quantizer):
    """Fake quantization of activations to int8; the range starts as that of the first batch.

    tfmot's own starts at −6 to 6, which cuts whatever is larger off for hundreds of batches.
    """

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        return {
            f"{kind}_var": layer.add_weight(
                f"{name}_{kind}", initializer=tf_keras.initializers.Zeros(), trainable=False
            )
            for kind in ("min", "max")
        }

    def __call__(self, inputs: Any, training: bool, weights: dict[str, Any], **_: Any) -> Any:
        low, high = weights["min_var"], weights["max_var"]
        if training:
            first = tf.equal(low, high)
            low.assign(tf.where(first, tf.minimum(tf.reduce_min(inputs), 0.0), low))
            high.assign(tf.where(first, tf.maximum(tf.reduce_max(inputs), 0.0), high))
        return MovingAvgQuantize(inputs, low, high, ema_decay=_DECAY, is_training=training)

    def get_config(self) -> dict[str, Any]:
        return {}


def _clusters(kernel: np.ndarray) -> int:
    """Distinct values of a clustered kernel; 0 where the weights differ one by one."""
    values, used = len(np.unique(kernel)), int(np.count_nonzero(kernel))
    return values if values <= min(_MOST_CLUSTERS, used // 2) else 0


def _kept(kernel: Any, cluster: Any, clusters: int) -> Any:
    """`kernel`, with a gradient that keeps its zeros zero and its clusters together."""

    @tf.custom_gradient
    def keep(values: Any) -> tuple[Any, Callable[[Any], Any]]:
        def gradient(upstream: Any) -> Any:
            if cluster is not None:
                means = tf.math.unsorted_segment_mean(upstream, cluster, clusters)
                upstream = tf.gather(means, cluster)
            return upstream * tf.cast(values != 0, upstream.dtype)

        return tf.identity(values), gradient

    return keep(tf.convert_to_tensor(kernel))


def _plain(model: Any) -> Any:
    """`model` in tf_keras, without the wrappers of an earlier step."""
    if not isinstance(model, keras.Model | tf_keras.Model):
        raise DeployError(
            f"expected a Keras model in memory, received {type(model).__name__}; load a file with "
            "keras.saving.load_model"
        )
    model = strip(to_tf_keras(model))
    if not getattr(model, "_is_graph_network", False):
        raise DeployError(
            f"expected a functional or Sequential model, received '{model.name}' "
            f"({type(model).__name__}); build it with tf_keras.Model(inputs, outputs)"
        )
    if is_quantize_aware(model):
        raise DeployError(
            f"expected a model that is not quantization-aware yet, received '{model.name}'; the "
            "order is prune, cluster, quantize_aware"
        )
    nested = [layer.name for layer in model.layers if isinstance(layer, tf_keras.Model)]
    if nested:
        raise DeployError(
            f"expected a flat tf_keras model, received '{model.name}' with the model "
            f"'{nested[0]}' in it; give the Keras 3 model, which is flattened"
        )
    return model


def _copy(layer: Any) -> Any:
    """The layer again; `_rebuilt` brings the weights of those that have no kernel to compress."""
    twin = type(layer).from_config(layer.get_config())
    if type(layer) in _KERNELS:
        return _with_weights(twin, layer.input_shape, layer.get_weights())
    return twin


def _rebuilt(
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
        if type(twin) is type(node.layer) and type(twin) not in _KERNELS:
            twin.set_weights(node.layer.get_weights())
        for old, new in zip(tf.nest.flatten(node.outputs), tf.nest.flatten(outputs), strict=True):
            found[id(old)] = new
    outputs = tf.nest.map_structure(lambda tensor: found[id(tensor)], model.outputs)
    return tf_keras.Model(inputs, outputs, name=model.name)


def _nodes(model: Any) -> list[Any]:
    """The calls of the model's layers, in an order in which they can run."""
    depths = sorted(model._nodes_by_depth, reverse=True)
    return [n for depth in depths for n in model._nodes_by_depth[depth] if not n.is_input]


def _consumers(model: Any) -> dict[int, list[Any]]:
    """The layers that take each layer's outputs; None stands for the model's own outputs."""
    found: dict[int, list[Any]] = {id(layer): [] for layer in model.layers}
    for node in _nodes(model):
        for tensor in tf.nest.flatten(node.keras_inputs):
            found[id(tensor.node.layer)].append(node.layer)
    for tensor in model.outputs:
        found[id(tensor.node.layer)].append(None)
    return found


def _folded(model: Any) -> Any:
    """`model` with batch normalization folded into the layers before, and with layers split into
    what TFLite makes of them: activations, the halves of separable convolutions and of Rescaling.
    """
    model = _rebuilt(model, _split)
    consumers = _consumers(model)
    calls = Counter(id(node.layer) for node in _nodes(model))
    folded = {}
    for layer in model.layers:
        after = consumers[id(layer)]
        if (
            type(layer) in _KERNELS
            and layer.activation is tf_keras.activations.linear
            and [type(other) for other in after] == [_layers.BatchNormalization]
            and calls[id(layer)] == calls[id(after[0])] == 1
            and list(after[0].axis) == [len(layer.output_shape) - 1]
        ):
            folded[id(layer)] = after[0]
    gone = {id(layer) for layer in folded.values()}

    def twin_of(layer: Any) -> Callable[..., Any]:
        if id(layer) in gone:
            return lambda tensor, **_: tensor
        if id(layer) in folded:
            return _with_normalization(layer, folded[id(layer)])
        return _copy(layer)

    return _rebuilt(model, twin_of)


def _split(layer: Any) -> Callable[..., Any]:
    if isinstance(layer, _layers.Rescaling) and np.any(layer.offset):
        scale = _layers.Rescaling(layer.scale, name=f"{layer.name}_scale")
        return _chain([scale, _layers.Rescaling(1.0, layer.offset, name=layer.name)])
    kinds = _SEPARABLE.get(type(layer), (type(layer),))
    if kinds[0] not in _KERNELS:
        return _copy(layer)
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
    if isinstance(layer, _DEPTHWISE):
        scaled = kernel * scale.reshape(kernel.shape[-2:])
    elif isinstance(layer, _layers.Conv2DTranspose):
        scaled = kernel * scale[:, np.newaxis]
    else:
        scaled = kernel * scale
    twin = type(layer).from_config(layer.get_config() | {"use_bias": True})
    return _with_weights(twin, layer.input_shape, [scaled, shift])


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


def _large_kernel(layer: Any) -> Any:
    """The kernel to prune or cluster, or None."""
    if type(layer) not in _KERNELS or isinstance(layer, _DEPTHWISE):
        return None
    return layer.kernel


def _check_some(wrappers: list[Any], model: Any, verb: str) -> None:
    if not wrappers:
        raise DeployError(
            f"expected Conv1D, Conv2D, Conv2DTranspose or Dense layers to {verb}, received "
            f"'{model.name}' without one that is large enough"
        )


def _check_names(names: Sequence[str], model: Any) -> None:
    strange = sorted(set(names) - {layer.name for layer in model.layers})
    if strange:
        raise DeployError(
            f"expected names of layers of '{model.name}' to keep, received '{strange[0]}'"
        )


def _schedule(sparsity: float, end_step: int) -> Any:
    # The first batch is step 1. Zeros are chosen anew every `frequency` batches up to the last.
    if end_step < 2:
        return tfmot.sparsity.keras.ConstantSparsity(sparsity, 1, frequency=100)
    frequency = max(1, (end_step - 1) // 50)
    last = 1 + (end_step - 1) // frequency * frequency
    return tfmot.sparsity.keras.PolynomialDecay(0.0, sparsity, 1, last, frequency=frequency)


def _finish_pruning(wrapper: Any) -> None:
    schedule = wrapper.pruning_schedule
    last = getattr(schedule, "final_sparsity", None) and schedule.end_step or 1
    done = int(wrapper.pruning_step.numpy())
    if done < last:
        raise DeployError(
            f"expected the pruned model trained for {last} batches or more, received "
            f"{max(done, 0)} in '{wrapper.layer.name}'; compile it and call fit first"
        )
    for weight, mask, _ in wrapper.pruning_vars:
        weight.assign(weight * mask)
