"""Training that makes a model smaller: quantization-aware training, pruning, weight clustering.

Each function takes a trained model and gives a tf_keras model to `compile` and `fit` as usual, on
which the next one, or `export`, can be called. Their order is prune, cluster, quantize_aware; each
keeps what the earlier ones have made.
"""
