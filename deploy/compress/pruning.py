"""Pruning: the smallest weights of each kernel become zero, and training goes on without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deploy.compress._tfmot import PruneLowMagnitude, tfmot
from deploy.compress.rebuild import check_some, copy_layer, large_kernel, rebuild
from deploy.compress.wrappers import is_clustered, plain_model
from deploy.runtime.errors import DeployError

PATTERNS = ("unstructured", "2:4")


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
        sparsity: fraction of zeros in each kernel, 0.75 where nothing is given; "2:4" has always
            0.5.
        pattern: "unstructured", or "2:4": at least two zeros in each four neighbours along the
            input channels, which sparse matrix units can skip.
        end_step: the batch by which the fraction is reached, growing from the first one (cubic
            decay); 0 sets all zeros in the first batch, as the "2:4" pattern always does.
        keep: names of layers that are left as they are: the first one, say, which has few weights
            and needs them.

    Returns:
        A tf_keras model, not compiled.

    Raises:
        DeployError: an unknown pattern, a fraction out of range, nothing to prune, or a model that
            is clustered or quantization-aware already.

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
    model = plain_model(model)
    _check_names(keep, model)

    def pruned(layer: Any) -> Any:
        copy = copy_layer(layer)
        kernel = None if layer.name in keep else large_kernel(layer)
        if kernel is None or (pattern == "2:4" and len(kernel.shape) == 3):
            return copy
        return PruneLowMagnitude(
            copy,
            pruning_schedule=_schedule(sparsity, end_step),
            sparsity_m_by_n=(2, 4) if pattern == "2:4" else None,
        )

    result = rebuild(model, pruned)
    wrappers = [layer for layer in result.layers if isinstance(layer, PruneLowMagnitude)]
    check_some(wrappers, model, "prune")
    for wrapper in wrappers:
        # What tfmot's callback UpdatePruningStep does before the first batch; what it does after an
        # epoch, `strip` does.
        wrapper.pruning_step.assign(0)
    return result


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
