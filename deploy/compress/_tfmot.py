"""What the room needs of tensorflow_model_optimization.

Importing that package asks TensorFlow for Keras 2 in the whole process and its children; other
packages (keras-cv) look there to see which Keras they run on, so it is taken back.
"""

from __future__ import annotations

import os

import tensorflow as tf

from deploy.environment import missing_package

_LEGACY = "TF_USE_LEGACY_KERAS"
_before = os.environ.get(_LEGACY)
# TensorFlow chooses at the first use, which comes before tfmot's wish.
_chosen = tf.keras.Model

try:
    import tensorflow_model_optimization as tfmot
except ModuleNotFoundError as error:
    raise missing_package(error.name) from error
from tensorflow_model_optimization.python.core.clustering.keras.cluster_wrapper import (  # noqa: E402
    ClusterWeights,
)
from tensorflow_model_optimization.python.core.clustering.keras.experimental.cluster import (  # noqa: E402
    cluster_weights,
)
from tensorflow_model_optimization.python.core.quantization.keras.quant_ops import (  # noqa: E402
    MovingAvgQuantize,
)
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_wrapper import (  # noqa: E402
    PruneLowMagnitude,
)

if _before is None:
    del os.environ[_LEGACY]
else:
    os.environ[_LEGACY] = _before

__all__ = [
    "ClusterWeights",
    "MovingAvgQuantize",
    "PruneLowMagnitude",
    "cluster_weights",
    "tfmot",
]
