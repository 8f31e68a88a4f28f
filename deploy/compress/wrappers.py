"""tfmot's wrappers around the layers of a model in training: known, taken off, read from a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tf_keras

from deploy.compress._tfmot import ClusterWeights, PruneLowMagnitude, tfmot
from deploy.compress.fake_quantization import KernelAndOutput
from deploy.compress.rebuild import copy_layer, rebuild
from deploy.runtime.errors import DeployError
from deploy.to_tf_keras import to_tf_keras


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
        return rebuild(tfmot.sparsity.keras.strip_pruning(model), copy_layer)
    if is_clustered(model):
        return rebuild(tfmot.clustering.keras.strip_clustering(model), copy_layer)
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


@contextmanager
def scope() -> Iterator[None]:
    """Knows the classes that a compressed tf_keras model is saved with, to read it again."""
    with (
        tfmot.quantization.keras.quantize_scope(),
        tfmot.sparsity.keras.prune_scope(),
        tfmot.clustering.keras.cluster_scope(),
        tf_keras.saving.custom_object_scope({"deploy>KernelAndOutput": KernelAndOutput}),
    ):
        yield


def plain_model(model: Any) -> Any:
    """`model` in tf_keras, without the wrappers of `prune` and `cluster`.

    Raises:
        DeployError: no functional or Sequential Keras model in memory, a model within the tf_keras
            model, or one that is quantization-aware already.
    """
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
