"""A recurrent translator: an LSTM reads, an LSTM with attention writes."""

import keras
from keras import ops

from thinkkeras.models.blocks.attention import (
    additive_attention,
    dot_product_attention,
    padding_bias,
)
from thinkkeras.models.translation.parts import LayerOf, TranslatorParts, layers_of, new_layers

ATTENTIONS = ("additive", "dot_product")


def attention_translator(
    source_vocabulary: int,
    target_vocabulary: int,
    *,
    embedding: int = 256,
    units: int = 256,
    attention: str = "dot_product",
    dropout: float = 0.3,
    name: str = "attention_translator",
) -> keras.Model:
    """Builds an encoder and a decoder with attention, as one model to be trained.

    The encoder is an LSTM in each direction, of half the units. The decoder begins with their last
    outputs, mapped by a dense layer; each of its outputs asks the encoder's outputs by attention,
    and both together give the logits. Token 0 is padding behind the text, which changes nothing.
    Train it with the right previous tokens (teacher forcing); `attention_translator_parts` makes
    of it what writes.

    Args:
        source_vocabulary: Tokens of the language that is read.
        target_vocabulary: Tokens of the one that is written.
        embedding: Size of a token's vector.
        units: Units of the decoder, an even number.
        attention: "additive" (Bahdanau) or "dot_product" (Luong's general score, scaled).
        dropout: Fraction dropped in training of embeddings and before the logits.
        name: Name of the model.

    Returns:
        An uncompiled model: int32 tokens `[source (batch, S), previous (batch, T)]`, any S and T,
        to logits `(batch, T, target_vocabulary)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Bahdanau, Cho and Bengio, ICLR 2015; Luong, Pham and Manning, "Effective Approaches to
        Attention-based Neural Machine Translation", EMNLP 2015, section 3.1.
    """
    sizes = (source_vocabulary, target_vocabulary, embedding, units)
    if min(sizes) < 2 or units % 2 or attention not in ATTENTIONS:
        raise ValueError(
            "expected vocabularies, embedding and units of 2 or more, an even number of units, and "
            f"an attention of {' or '.join(ATTENTIONS)}, received {sizes} and {attention!r}"
        )
    layer = new_layers()
    source = keras.Input((None,), dtype="int32", name="source")
    previous = keras.Input((None,), dtype="int32", name="previous")
    layer(keras.layers.Embedding, source_vocabulary, embedding, name="source_embedding")
    layer(keras.layers.Embedding, target_vocabulary, embedding, name="target_embedding")
    layer(keras.layers.Dense, units, use_bias=False, name="keys")
    if attention == "additive":
        layer(keras.layers.Dense, units, use_bias=False, name="queries")
        layer(keras.layers.Dense, 1, use_bias=False, name="score")
    memory, keys, valid, h, c = _encoded(source, layer, units, dropout)
    x = layer(keras.layers.Embedding, name="target_embedding")(previous)
    x = keras.layers.Dropout(dropout, name="target_dropout")(x)
    decoder = layer(keras.layers.LSTM, units, return_sequences=True, name="decoder")
    x = decoder(x, initial_state=[h, c])
    mixed, _ = _attended(x, memory, keys, valid, layer, units, attention == "additive")
    mixed = keras.layers.Dropout(dropout, name="dropout")(mixed)
    logits = layer(keras.layers.Dense, target_vocabulary, name="logits")(mixed)
    return keras.Model([source, previous], logits, name=name)


def attention_translator_parts(model: keras.Model, source_length: int) -> TranslatorParts:
    """The encoder and the decoder's step of a trained `attention_translator`.

    Args:
        model: The trained model, whose weights both share.
        source_length: Tokens that the encoder reads, padding included.
    """
    layer = layers_of(model)
    decoder = model.get_layer("decoder")
    units, embedding = decoder.units, model.get_layer("target_embedding")
    additive = any(each.name == "score" for each in model.layers)

    source = keras.Input((source_length,), dtype="int32", name="source")
    names = ("memory", "keys", "valid", "first_h", "first_c")
    encoded = dict(zip(names, _encoded(source, layer, units, 0.0), strict=True))
    encoder = keras.Model(source, encoded, name="encoder")

    token = keras.Input((1,), dtype="int32", name="token")
    memory = keras.Input((source_length, units), name="memory_in")
    keys = keras.Input((source_length, units), name="keys_in")
    valid = keras.Input((source_length,), name="valid_in")
    h, c = (keras.Input((units,), name=each) for each in ("h", "c"))
    x = ops.squeeze(embedding(token), axis=1)
    # A layer of one step would be a loop: its cell is the step.
    _, (new_h, new_c) = decoder.cell(x, [h, c])
    mixed, weights = _attended(
        ops.expand_dims(new_h, axis=1), memory, keys, valid, layer, units, additive
    )
    outputs = {
        "logits": ops.squeeze(model.get_layer("logits")(mixed), axis=1),
        "attention": ops.squeeze(weights, axis=1),
        "new_h": new_h,
        "new_c": new_c,
    }
    step = keras.Model([token, memory, keys, valid, h, c], outputs, name="decoder")
    wiring = {
        "memory": {"memory": "memory_in", "keys": "keys_in", "valid": "valid_in"},
        "initial_state": {"first_h": "h", "first_c": "c"},
        "state": {"new_h": "h", "new_c": "c"},
        "token": "token",
        "logits": "logits",
        "attention": "attention",
    }
    return TranslatorParts(encoder, step, wiring)


def _encoded(
    source: keras.KerasTensor, layer: LayerOf, units: int, dropout: float
) -> tuple[keras.KerasTensor, ...]:
    """Outputs `(batch, S, units)`, their keys, which are no padding, and the decoder's states."""
    valid = ops.cast(ops.not_equal(source, 0), "float32")
    x = layer(keras.layers.Embedding, name="source_embedding")(source)
    if dropout:
        x = keras.layers.Dropout(dropout, name="source_dropout")(x)
    # The backward layer would begin in the padding. Turned round by a matrix that knows where the
    # text ends, padding stays behind it, and does nothing, however much there is.
    turn = _turned_round(source, valid)
    forward, backward = (
        layer(keras.layers.LSTM, units // 2, return_sequences=True, name=f"encoder_{which}")
        for which in ("forward", "backward")
    )
    ahead, behind = forward(x), ops.matmul(turn, backward(ops.matmul(turn, x)))
    memory = ops.concatenate([ahead, behind], axis=-1) * ops.expand_dims(valid, axis=-1)
    ends = ops.concatenate([ops.matmul(turn, ahead)[:, 0], behind[:, 0]], axis=-1)
    h, c = (
        layer(keras.layers.Dense, units, activation="tanh", name=f"first_{which}")(ends)
        for which in "hc"
    )
    return memory, layer(keras.layers.Dense, name="keys")(memory), valid, h, c


def _turned_round(source: keras.KerasTensor, valid: keras.KerasTensor) -> keras.KerasTensor:
    """`(batch, S, S)`: 1 where one position is as far from the text's end as the other from its
    beginning."""
    length = ops.expand_dims(ops.sum(valid, axis=1, keepdims=True), axis=-1)
    if source.shape[1] is None:
        positions = ops.cumsum(ops.ones_like(valid), axis=1) - 1
    else:
        # A device may have no running sum.
        positions = ops.zeros_like(valid) + ops.arange(source.shape[1], dtype="float32")
    # Not the sum of both: `ops.add` takes a column of one example for a bias (Keras 3.15).
    opposite = length - 1 - ops.expand_dims(positions, axis=2)
    return ops.cast(ops.equal(ops.expand_dims(positions, axis=1), opposite), "float32")


def _attended(
    states: keras.KerasTensor,
    memory: keras.KerasTensor,
    keys: keras.KerasTensor,
    valid: keras.KerasTensor,
    layer: LayerOf,
    units: int,
    additive: bool,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """What the decoder says at each step, `(batch, T, units)`, and where it looked."""
    bias = ops.expand_dims(padding_bias(valid), axis=1)
    if additive:
        queries = layer(keras.layers.Dense, name="queries")(states)
        score = layer(keras.layers.Dense, name="score")
        context, weights = additive_attention(queries, keys, memory, bias, score)
    else:
        context, weights = dot_product_attention(states, keys, memory, bias)
    both = ops.concatenate([context, states], axis=-1)
    return layer(keras.layers.Dense, units, activation="tanh", name="mixed")(both), weights
