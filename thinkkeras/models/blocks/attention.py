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


@keras.saving.register_keras_serializable("thinkkeras")
class PositionEmbedding(keras.layers.Layer):
    """Adds a learned vector of its place to each token of `(batch, tokens, units)`."""

    def build(self, input_shape: tuple[int | None, int, int]) -> None:
        self.places = self.add_weight(
            shape=tuple(input_shape[1:]),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="places",
        )

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x + self.places


def transformer_block(
    x: keras.KerasTensor, *, heads: int, hidden: int, dropout: float = 0.0, name: str
) -> keras.KerasTensor:
    """A layer of a Transformer's encoder: attention of all tokens to all, then two dense layers.

    Each half normalizes its input and adds its output to it ("pre-norm"). Its layers are
    `{name}_norm1`, `{name}_attention`, `{name}_add1`, `{name}_norm2`, `{name}_hidden`,
    `{name}_dense` and `{name}_add2`.

    Args:
        x: Tokens `(batch, tokens, units)`.
        heads: Attentions side by side, a divisor of the units.
        hidden: Units of the first dense layer.
        dropout: Fraction of the attention's weights dropped in training.
        name: Prefix of the layers' names.

    Returns:
        Tokens of the same shape.

    Source:
        Vaswani et al., "Attention Is All You Need", NIPS 2017, section 3; Dosovitskiy et al., "An
        Image is Worth 16x16 Words", ICLR 2021, equations 2 and 3.
    """
    units = x.shape[-1]
    y = keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm1")(x)
    attention = keras.layers.MultiHeadAttention(
        heads, units // heads, dropout=dropout, name=f"{name}_attention"
    )
    x = keras.layers.Add(name=f"{name}_add1")([x, attention(y, y)])
    y = keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm2")(x)
    y = keras.layers.Dense(hidden, activation="gelu", name=f"{name}_hidden")(y)
    y = keras.layers.Dense(units, name=f"{name}_dense")(y)
    return keras.layers.Add(name=f"{name}_add2")([x, y])
