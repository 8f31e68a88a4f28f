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

from deploy.compress._tfmot import ClusterWeights, PruneLowMagnitude, cluster_weights, tfmot
from deploy.compress.batch_norm_folding import (
    DEPTHWISE,
    KERNELS,
    consumers_of,
    copy_of,
    folded,
    rebuilt,
)
from deploy.compress.fake_quantization import MOST_CLUSTERS, KernelAndOutput, distinct_values
from deploy.runtime.errors import DeployError
from deploy.to_tf_keras import to_tf_keras

# Bits of the weights, and whether each output channel has a scale of its own.
SCHEMES = {"int8": (8, True), "int8-per-tensor": (8, False), "int4": (4, True)}

PATTERNS = ("unstructured", "2:4")

_layers = tf_keras.layers

# TFLite runs four-bit kernels in these; others stay at eight.
_FOUR_BITS = (_layers.Conv1D, _layers.Conv2D, _layers.Dense)

# Only in these does the converter keep a scale for each channel.
_PER_CHANNEL = (_layers.Conv2D, _layers.DepthwiseConv2D)

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
    if scheme not in SCHEMES:
        raise DeployError(f"expected a scheme of {', '.join(SCHEMES)}, received '{scheme}'")
    model = folded(_plain(model))
    for layer in model.layers:
        if isinstance(layer, _layers.RNN | _layers.Bidirectional):
            raise DeployError(
                f"expected layers that can be trained quantized, received the recurrent "
                f"'{layer.name}'; export the model as it is: its ranges are calibrated then"
            )
    bits, per_channel = SCHEMES[scheme]
    consumers = consumers_of(model)

    def quantized(layer: Any) -> Callable[..., Any]:
        config = KernelAndOutput(output=_has_range(layer, consumers[id(layer)]))
        if type(layer) in KERNELS:
            config.kernel = KERNELS[type(layer)]
            config.clusters = distinct_values(getattr(layer, config.kernel).numpy())
            config.bits = bits if type(layer) in _FOUR_BITS else 8
            config.per_channel = per_channel and not config.clusters and type(layer) in _PER_CHANNEL
        twin = copy_of(layer)
        if not config.kernel and not config.output:
            return twin
        return tfmot.quantization.keras.QuantizeWrapperV2(twin, config)

    def quantized_input(tensor: Any) -> Any:
        if not tensor.dtype.is_floating:
            return tensor
        layer = _layers.Activation("linear", name=f"{tensor.node.layer.name}_input")
        config = KernelAndOutput(output=True)
        return tfmot.quantization.keras.QuantizeWrapperV2(layer, config)(tensor)

    return rebuilt(model, quantized, quantized_input)


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
        twin = copy_of(layer)
        kernel = None if layer.name in keep else _large_kernel(layer)
        if kernel is None or (pattern == "2:4" and len(kernel.shape) == 3):
            return twin
        return PruneLowMagnitude(
            twin,
            pruning_schedule=_schedule(sparsity, end_step),
            sparsity_m_by_n=(2, 4) if pattern == "2:4" else None,
        )

    result = rebuilt(model, pruned)
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
    if not isinstance(clusters, int) or not 3 <= clusters <= MOST_CLUSTERS:
        raise DeployError(f"expected 3 to {MOST_CLUSTERS} clusters, received {clusters}")
    model = folded(_plain(model))

    def clustered(layer: Any) -> Any:
        twin = copy_of(layer)
        kernel = _large_kernel(layer)
        if kernel is None or math.prod(kernel.shape) <= 2 * clusters:
            return twin
        return cluster_weights(
            twin,
            number_of_clusters=clusters,
            preserve_sparsity=float(np.mean(kernel.numpy() == 0)) > 1 / clusters,
        )

    result = rebuilt(model, clustered)
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
        return rebuilt(tfmot.sparsity.keras.strip_pruning(model), copy_of)
    if is_clustered(model):
        return rebuilt(tfmot.clustering.keras.strip_clustering(model), copy_of)
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
    if type(layer) not in KERNELS or isinstance(layer, DEPTHWISE):
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
