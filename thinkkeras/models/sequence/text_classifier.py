"""A sentence's class from its words."""

import keras

from thinkkeras.models.arguments import check_activation, check_sequence


def text_classifier(
    length: int,
    vocabulary_size: int,
    classes: int = 1,
    *,
    embedding: int = 64,
    units: int = 64,
    dropout: float = 0.5,
    classifier_activation: str | None = "sigmoid",
    name: str = "text_classifier",
) -> keras.Model:
    """Builds an embedding, an LSTM in each direction, the maximum over the words, a dense layer.

    Padding, token 0, may stand behind the words or before them. The recurrent layers read over it,
    as they will on a device, whose LSTM knows no mask; its outputs count as 0 in the maximum. 48
    words of a vocabulary of 12,000 and the default arguments give 834,177 parameters, of which
    768,000 are the embedding.

    Args:
        length: Tokens of a text, padding included.
        vocabulary_size: Number of tokens, padding and the unknown one included.
        classes: Number of classes; 1 for the probability of the second of two.
        embedding: Size of a token's vector.
        units: Units of the LSTM in each direction.
        dropout: Fraction dropped in training before the classifier; of the embeddings' channels
            half of that.
        classifier_activation: Activation of the outputs; None gives logits.
        name: Name of the model.

    Returns:
        An uncompiled model: int32 tokens `(batch, length)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Graves and Schmidhuber, "Framewise Phoneme Classification with Bidirectional LSTM", Neural
        Networks 18, 2005; Conneau et al., "Supervised Learning of Universal Sentence
        Representations", EMNLP 2017, section 3.2.3 (the maximum over the words).
    """
    check_sequence((length, vocabulary_size), classes, "(length, vocabulary_size)")
    check_activation(classes, classifier_activation, "the softmax of one number is always 1")
    tokens = keras.Input((length,), dtype="int32", name="tokens")
    words = keras.ops.cast(keras.ops.not_equal(tokens, 0), "float32")
    x = keras.layers.Embedding(vocabulary_size, embedding, name="embedding")(tokens)
    x = keras.layers.SpatialDropout1D(dropout / 2, name="embedding_dropout")(x)
    lstm = keras.layers.LSTM(units, return_sequences=True, name="lstm")
    x = keras.layers.Bidirectional(lstm, name="both_ways")(x)
    x = x * keras.ops.expand_dims(words, axis=-1)
    x = keras.layers.GlobalMaxPooling1D(name="maximum")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(tokens, outputs, name=name)
