"""Attention: weights over the positions of a sequence, and what they pick from it."""

import keras
from keras import ops

# What padding's scores are lowered by. Far beyond any score, and not so far that the quantized
# sum of both would round all scores to one number.
MASKED = 100.0


def padding_bias(valid: keras.KerasTensor) -> keras.KerasTensor:
    """What is added to scores so that padding has no weight: 0 where `valid` is 1, else -100."""
    return (valid - 1.0) * MASKED


def dot_product_attention(
    queries: keras.KerasTensor,
    keys: keras.KerasTensor,
    values: keras.KerasTensor,
    bias: keras.KerasTensor | None = None,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Scaled dot-product attention.

    Args:
        queries: `(…, queries, depth)`; the axes before may be the batch and the heads.
        keys: `(…, keys, depth)`.
        values: `(…, keys, channels)`.
        bias: What is added to the scores, `(…, queries or 1, keys)`; None adds nothing.

    Returns:
        `(…, queries, channels)`, and the weights `(…, queries, keys)`, each row of sum 1.

    Source: Vaswani et al., "Attention Is All You Need", NIPS 2017, equation 1.
    """
    depth = keys.shape[-1]
    scores = ops.matmul(queries / depth**0.5, ops.swapaxes(keys, -1, -2))
    weights = ops.softmax(scores if bias is None else scores + bias, axis=-1)
    return ops.matmul(weights, values), weights


def additive_attention(
    queries: keras.KerasTensor,
    keys: keras.KerasTensor,
    values: keras.KerasTensor,
    bias: keras.KerasTensor | None,
    score: keras.layers.Layer,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Additive attention: a small network compares each query with each key.

    Args:
        queries: `(batch, queries, depth)`, already times their matrix.
        keys: `(batch, keys, depth)`, already times theirs.
        values: `(batch, keys, channels)`.
        bias: What is added to the scores, `(batch, queries or 1, keys)`; None adds nothing.
        score: A dense layer of one unit: the vector that the sum's tanh is multiplied with.

    Returns:
        `(batch, queries, channels)`, and the weights `(batch, queries, keys)`.

    Source: Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align and
    Translate", ICLR 2015, appendix A.1.2.
    """
    sums = ops.expand_dims(queries, axis=2) + ops.expand_dims(keys, axis=1)
    scores = ops.squeeze(score(ops.tanh(sums)), axis=-1)
    weights = ops.softmax(scores if bias is None else scores + bias, axis=-1)
    return ops.matmul(weights, values), weights
