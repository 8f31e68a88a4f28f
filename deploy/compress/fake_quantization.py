"""What quantization-aware layers do to their kernels and outputs in training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from deploy.compress._tfmot import MovingAvgQuantize, tfmot

# A moving average over some tens of batches: tfmot's 0.999 would still carry the first one, taken
# before the weights have adapted, after a short training.
_DECAY = 0.99

# Kernels with no more distinct values are taken for clustered.
MOST_CLUSTERS = 256


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


def distinct_values(kernel: np.ndarray) -> int:
    """Distinct values of a clustered kernel; 0 where the weights differ one by one."""
    values, used = len(np.unique(kernel)), int(np.count_nonzero(kernel))
    return values if values <= min(MOST_CLUSTERS, used // 2) else 0


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
