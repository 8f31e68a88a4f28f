"""The Transformer: attention alone reads and writes."""

from typing import Any

import keras
import numpy as np
from keras import ops

from thinkkeras.models.blocks.attention import dot_product_attention, padding_bias
from thinkkeras.models.translation.parts import LayerOf, TranslatorParts, layers_of, new_layers


def transformer_translator(
    source_vocabulary: int,
    target_vocabulary: int,
    *,
    layers: int = 3,
    units: int = 128,
    heads: int = 4,
    hidden: int = 256,
    dropout: float = 0.2,
    longest: int = 128,
    name: str = "transformer_translator",
) -> keras.Model:
    """Builds an encoder and a decoder of attention and dense layers, as one model to be trained.

    Each sublayer normalizes its input and adds its output to it ("pre-norm"); positions are added
    to the embeddings as sines and cosines. Token 0 is padding. The last layer's weights are its
    own, not those of the embedding.

    Args:
        source_vocabulary: Tokens of the language that is read.
        target_vocabulary: Tokens of the one that is written.
        layers: Layers of the encoder, and of the decoder.
        units: Size of a token's vector everywhere.
        heads: Attentions side by side, which share the units; a divisor of them.
        hidden: Units between the two dense layers of a feed-forward sublayer.
        dropout: Fraction dropped in training after each sublayer and of the embeddings.
        longest: The most tokens of a text.
        name: Name of the model.

    Returns:
        An uncompiled model: int32 tokens `[source (batch, S), previous (batch, T)]`, any S and T,
        to logits `(batch, T, target_vocabulary)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Vaswani et al., "Attention Is All You Need", NIPS 2017; Xiong et al., "On Layer
        Normalization in the Transformer Architecture", ICML 2020 (pre-norm).
    """
    sizes = (source_vocabulary, target_vocabulary, layers, units, heads, hidden, longest)
    if min(sizes) < 1 or units % heads or units % 2:
        raise ValueError(
            "expected positive sizes, and an even number of units of which the heads are a "
            f"divisor, received {sizes}"
        )
    layer = new_layers()
    source = keras.Input((None,), dtype="int32", name="source")
    previous = keras.Input((None,), dtype="int32", name="previous")
    for side, vocabulary in (("source", source_vocabulary), ("target", target_vocabulary)):
        _embedding(layer, side, vocabulary, units, longest)
    # Configurations of the sublayers; afterwards they are found by name.
    for side, kinds in (("encoder", ("self",)), ("decoder", ("self", "cross"))):
        for number in range(1, layers + 1):
            for kind in kinds:
                for part in ("queries", "keys", "values", "joined"):
                    bias = part != "keys"  # The softmax doesn't feel a bias of the keys.
                    layer(
                        keras.layers.Dense,
                        units,
                        use_bias=bias,
                        name=f"{side}{number}_{kind}_{part}",
                    )
                block = f"{side}{number}_{kind}"
                layer(keras.layers.Reshape, (-1, heads, units // heads), name=f"{block}_heads")
                layer(keras.layers.Reshape, (-1, units), name=f"{block}_whole")
            layer(keras.layers.Dense, hidden, activation="relu", name=f"{side}{number}_hidden")
            layer(keras.layers.Dense, units, name=f"{side}{number}_dense")
    memory, valid = _encoded(source, layer, layers, dropout)
    x = _embedded(previous, layer, "target", dropout, _positions(previous))
    positions = _positions(previous)
    causal = ops.cast(
        ops.expand_dims(positions, axis=1) <= ops.expand_dims(positions, axis=2), "float32"
    )
    own_bias = ops.expand_dims(padding_bias(causal), axis=1)  # (batch, 1, T, T)
    for number in range(1, layers + 1):
        block = f"decoder{number}"
        y = _norm(x, layer, f"{block}_self")
        keys, values = (_projected(y, layer, f"{block}_self", part) for part in ("keys", "values"))
        x = x + _dropped(_multi_head(y, keys, values, own_bias, layer, f"{block}_self")[0], dropout)
        y = _norm(x, layer, f"{block}_cross")
        keys, values = (
            _projected(memory, layer, f"{block}_cross", part) for part in ("keys", "values")
        )
        crossed, _ = _multi_head(y, keys, values, _key_bias(valid), layer, f"{block}_cross")
        x = x + _dropped(crossed, dropout)
        x = x + _dropped(_feed_forward(x, layer, block), dropout)
    x = _norm(x, layer, "decoder")
    logits = layer(keras.layers.Dense, target_vocabulary, name="logits")(x)
    return keras.Model([source, previous], logits, name=name)


def transformer_translator_parts(
    model: keras.Model, source_length: int, target_length: int
) -> TranslatorParts:
    """The encoder and the decoder's step of a trained `transformer_translator`.

    The step's state are the keys and values of the steps before, `(target_length, units)` for each
    layer; the encoder gives the keys and values that all steps ask.

    Args:
        model: The trained model, whose weights both share.
        source_length: Tokens that the encoder reads, padding included.
        target_length: The most tokens that are written.
    """
    layer = layers_of(model)
    count = sum(each.name.endswith("_cross_keys") for each in model.layers)
    units = model.get_layer("target_embedding").output_dim
    blocks = [f"decoder{number}" for number in range(1, count + 1)]

    source = keras.Input((source_length,), dtype="int32", name="source")
    memory, valid = _encoded(source, layer, count, 0.0)
    encoded: dict[str, Any] = {"valid": valid}
    for block in blocks:
        for part in ("keys", "values"):
            encoded[f"{block}_{part}"] = _projected(memory, layer, f"{block}_cross", part)
    encoder = keras.Model(source, encoded, name="encoder")

    def tensors(length: int, suffix: str) -> dict[str, keras.KerasTensor]:
        return {
            f"{block}_{part}{suffix}": keras.Input((length, units), name=f"{block}_{part}{suffix}")
            for block in blocks
            for part in ("keys", "values")
        }

    token = keras.Input((1,), dtype="int32", name="token")
    position = keras.Input((1,), dtype="int32", name="position")
    given = tensors(source_length, "_in")
    known = keras.Input((source_length,), name="valid_in")
    state = tensors(target_length, "_before")
    x = _embedded(token, layer, "target", 0.0, position)
    rows = np.eye(target_length, dtype="float32")
    now = ops.expand_dims(ops.squeeze(_lookup(rows, position, "now"), axis=1), axis=-1)
    past = _lookup(np.tril(np.ones_like(rows)), position, "past")  # (batch, 1, target_length)
    own_bias = ops.expand_dims(padding_bias(past), axis=1)
    outputs: dict[str, Any] = {}
    attention = []
    for block in blocks:
        y = _norm(x, layer, f"{block}_self")
        new = {}
        for part in ("keys", "values"):
            added = _projected(y, layer, f"{block}_self", part)
            new[part] = state[f"{block}_{part}_before"] + now * added
            outputs[f"{block}_{part}_now"] = new[part]
        x = x + _multi_head(y, new["keys"], new["values"], own_bias, layer, f"{block}_self")[0]
        y = _norm(x, layer, f"{block}_cross")
        crossed, weights = _multi_head(
            y,
            given[f"{block}_keys_in"],
            given[f"{block}_values_in"],
            _key_bias(known),
            layer,
            f"{block}_cross",
        )
        attention.append(weights)
        x = x + crossed
        x = x + _feed_forward(x, layer, block)
    x = _norm(x, layer, "decoder")
    outputs["logits"] = ops.squeeze(model.get_layer("logits")(x), axis=1)
    # Of the last layer, the mean over the heads.
    outputs["attention"] = ops.squeeze(ops.mean(attention[-1], axis=1), axis=1)
    inputs = [token, position, known, *given.values(), *state.values()]
    step = keras.Model(inputs, outputs, name="decoder")
    kept = [f"{block}_{part}" for block in blocks for part in ("keys", "values")]
    wiring = {
        "memory": {"valid": "valid_in"} | {each: f"{each}_in" for each in kept},
        "state": {f"{each}_now": f"{each}_before" for each in kept},
        "token": "token",
        "position": "position",
        "logits": "logits",
        "attention": "attention",
    }
    return TranslatorParts(encoder, step, wiring)


def sines(longest: int, units: int) -> np.ndarray:
    """The code of each position, float32 `(longest, units)`: sines, then cosines.

    Source: Vaswani et al., section 3.5, with the sines and cosines side by side.
    """
    rates = 10_000.0 ** (-np.arange(units // 2) / (units // 2))
    angles = np.arange(longest)[:, None] * rates
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1).astype("float32")


def _embedding(layer: LayerOf, side: str, vocabulary: int, units: int, longest: int) -> None:
    layer(keras.layers.Embedding, vocabulary, units, name=f"{side}_embedding")
    layer(
        keras.layers.Embedding,
        longest,
        units,
        embeddings_initializer=keras.initializers.Constant(sines(longest, units).tolist()),
        trainable=False,
        name=f"{side}_positions",
    )


def _lookup(rows: np.ndarray, numbers: keras.KerasTensor, name: str) -> keras.KerasTensor:
    constant = keras.initializers.Constant(rows.tolist())
    table = keras.layers.Embedding(
        *rows.shape, embeddings_initializer=constant, trainable=False, name=name
    )
    return table(numbers)


def _positions(tokens: keras.KerasTensor) -> keras.KerasTensor:
    """0, 1, 2, … for texts of any length."""
    return ops.cumsum(ops.ones_like(tokens), axis=1) - 1


def _embedded(
    tokens: keras.KerasTensor,
    layer: LayerOf,
    side: str,
    dropout: float,
    positions: keras.KerasTensor,
) -> keras.KerasTensor:
    embedding = layer(keras.layers.Embedding, name=f"{side}_embedding")
    x = embedding(tokens) * embedding.output_dim**0.5
    return _dropped(x + layer(keras.layers.Embedding, name=f"{side}_positions")(positions), dropout)


def _encoded(
    source: keras.KerasTensor, layer: LayerOf, layers: int, dropout: float
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The source's outputs `(batch, S, units)`, and which are no padding."""
    valid = ops.cast(ops.not_equal(source, 0), "float32")
    positions = _positions(source) if source.shape[1] is None else _fixed_positions(source)
    x = _embedded(source, layer, "source", dropout, positions)
    for number in range(1, layers + 1):
        block = f"encoder{number}"
        y = _norm(x, layer, f"{block}_self")
        keys, values = (_projected(y, layer, f"{block}_self", part) for part in ("keys", "values"))
        attended, _ = _multi_head(y, keys, values, _key_bias(valid), layer, f"{block}_self")
        x = x + _dropped(attended, dropout)
        x = x + _dropped(_feed_forward(x, layer, block), dropout)
    return _norm(x, layer, "encoder"), valid


def _fixed_positions(source: keras.KerasTensor) -> keras.KerasTensor:
    # A device has no running sum of integers.
    return ops.zeros_like(source) + ops.arange(source.shape[1], dtype="int32")


def _key_bias(valid: keras.KerasTensor) -> keras.KerasTensor:
    """`(batch, 1, 1, keys)`: padding has no weight."""
    return ops.expand_dims(padding_bias(valid), axis=(1, 2))


def _dropped(x: keras.KerasTensor, dropout: float) -> keras.KerasTensor:
    return keras.layers.Dropout(dropout)(x) if dropout else x


def _norm(x: keras.KerasTensor, layer: LayerOf, name: str) -> keras.KerasTensor:
    return layer(keras.layers.LayerNormalization, epsilon=1e-6, name=f"{name}_norm")(x)


def _projected(x: keras.KerasTensor, layer: LayerOf, name: str, part: str) -> keras.KerasTensor:
    return layer(keras.layers.Dense, name=f"{name}_{part}")(x)


def _multi_head(
    x: keras.KerasTensor,
    keys: keras.KerasTensor,
    values: keras.KerasTensor,
    bias: keras.KerasTensor,
    layer: LayerOf,
    name: str,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Attention of all heads, `(batch, queries, units)`, and their weights."""
    in_heads = layer(keras.layers.Reshape, name=f"{name}_heads")

    def split(tensor: keras.KerasTensor) -> keras.KerasTensor:
        return ops.transpose(in_heads(tensor), (0, 2, 1, 3))

    queries = _projected(x, layer, name, "queries")
    attended, weights = dot_product_attention(split(queries), split(keys), split(values), bias)
    joined = ops.transpose(attended, (0, 2, 1, 3))
    joined = layer(keras.layers.Reshape, name=f"{name}_whole")(joined)
    return layer(keras.layers.Dense, name=f"{name}_joined")(joined), weights


def _feed_forward(x: keras.KerasTensor, layer: LayerOf, block: str) -> keras.KerasTensor:
    y = _norm(x, layer, f"{block}_dense")
    y = layer(keras.layers.Dense, name=f"{block}_hidden")(y)
    return layer(keras.layers.Dense, name=f"{block}_dense")(y)
