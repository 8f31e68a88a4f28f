"""A class for a piece of DNA."""

import keras

from thinkkeras.models.arguments import check_activation, check_sequence


def dna_net(
    input_shape: tuple[int, int] = (60, 4),
    classes: int = 3,
    *,
    filters: int = 32,
    kernel_size: int = 9,
    units: int = 32,
    dropout: float = 0.5,
    classifier_activation: str | None = "softmax",
    name: str = "dna_net",
) -> keras.Model:
    """Builds a convolution that finds motifs, an LSTM in each direction, and a dense layer.

    The dense layer sees the outputs of every place: where a motif stands matters as much as that it
    does. The default arguments give 29,347 parameters.

    Args:
        input_shape: `(letters, 4)`: each letter a row with 1 for A, C, G or T, or fractions.
        classes: Number of classes.
        filters: Motifs.
        kernel_size: Letters of a motif.
        units: Units of the LSTM in each direction.
        dropout: Fraction dropped in training before the classifier.
        classifier_activation: Activation of the outputs; None gives logits.
        name: Name of the model.

    Returns:
        An uncompiled model: `(batch, letters, 4)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Quang and Xie, "DanQ: a hybrid convolutional and recurrent deep neural network for
        quantifying the function of DNA sequences", Nucleic Acids Research 44(11), 2016.
    """
    check_sequence(input_shape, classes, "(letters, 4)")
    check_activation(classes, classifier_activation, "the softmax of one number is always 1")
    inputs = keras.Input(input_shape, name="letters")
    x = keras.layers.Dropout(0.1, name="letters_dropout")(inputs)
    x = keras.layers.Conv1D(filters, kernel_size, padding="same", activation="relu", name="motifs")(
        x
    )
    x = keras.layers.Dropout(0.3, name="motifs_dropout")(x)
    lstm = keras.layers.LSTM(units, return_sequences=True, name="lstm")
    x = keras.layers.Bidirectional(lstm, name="both_ways")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, outputs, name=name)
