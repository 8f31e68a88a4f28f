"""Weight clustering: the weights of each kernel share a few values, which are trained on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deploy.compress._tfmot import ClusterWeights, cluster_weights
from deploy.compress.batch_norm_folding import fold
from deploy.compress.fake_quantization import MOST_CLUSTERS
from deploy.compress.rebuild import check_some, copy_layer, large_kernel, rebuild
from deploy.compress.wrappers import plain_model
from deploy.runtime.errors import DeployError


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
    model = fold(plain_model(model))

    def clustered(layer: Any) -> Any:
        copy = copy_layer(layer)
        kernel = large_kernel(layer)
        if kernel is None or math.prod(kernel.shape) <= 2 * clusters:
            return copy
        return cluster_weights(
            copy,
            number_of_clusters=clusters,
            preserve_sparsity=float(np.mean(kernel.numpy() == 0)) > 1 / clusters,
        )

    result = rebuild(model, clustered)
    check_some([x for x in result.layers if isinstance(x, ClusterWeights)], model, "cluster")
    return result
