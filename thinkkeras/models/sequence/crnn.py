"""Convolutions over time and frequency, then a recurrent layer: words, and strings of them."""

from collections.abc import Sequence

import keras

from thinkkeras.models.arguments import check_activation, check_sequence, conv_stages
from thinkkeras.models.blocks import conv_block


def crnn(
    input_shape: tuple[int, int],
    classes: int,
    *,
    filters: Sequence[int] = (16, 32, 48),
    units: int = 64,
    preprocessing: keras.layers.Layer | None = None,
    dropout: float = 0.3,
    classifier_activation: str | None = "softmax",
    name: str = "crnn",
) -> keras.Model:
    """Builds a convolutional recurrent network that names the word in a spectrogram.

    Stages of a `conv_block` and a pooling find patterns of time and frequency; the first two
    halve both, later ones frequency alone. An LSTM reads what is left in the order of time, and the
    mean of its outputs is classified. An input of 61 frames and 40 bins and 10 classes give 97,690
    parameters.

    Args:
        input_shape: `(frames, bins)` of a log-mel spectrogram.
        classes: Number of classes.
        filters: Feature maps of each stage.
        units: Units of the LSTM.
        preprocessing: The layer that brings the spectrogram near 0 and 1: an adapted
            `keras.layers.Normalization`, say. None: it stays as it is.
        dropout: Fraction of the averaged outputs dropped in training.
        classifier_activation: Activation of the outputs; None gives logits.
        name: Name of the model.

    Returns:
        An uncompiled model: `(batch, frames, bins)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Choi, Fazekas, Sandler and Cho, "Convolutional Recurrent Neural Networks for Music
        Classification", ICASSP 2017.
    """
    check_activation(classes, classifier_activation, "the softmax of one number is always 1")
    inputs, x = _spectrogram(input_shape, classes, filters, preprocessing, halvings=2)
    x = keras.layers.LSTM(units, return_sequences=True, name="lstm")(x)
    x = keras.layers.GlobalAveragePooling1D(name="average")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, outputs, name=name)


def ctc_net(
    input_shape: tuple[int, int],
    symbols: int,
    *,
    filters: Sequence[int] = (16, 32, 48),
    units: int = 64,
    preprocessing: keras.layers.Layer | None = None,
    dropout: float = 0.3,
    name: str = "ctc_net",
) -> keras.Model:
    """Builds a network that hears a string of symbols, to be trained with `keras.losses.CTC`.

    The stages of `crnn`, of which the first alone halves time, then an LSTM in each direction and,
    for each step, a logit for each symbol and for the blank. The blank is number 0, and in the
    ground truth 0 is padding; the symbols are 1, 2, ….

    Args:
        input_shape: `(frames, bins)` of a log-mel spectrogram.
        symbols: Number of symbols, without the blank.
        filters: Feature maps of each stage.
        units: Units of the LSTM in each direction.
        preprocessing: As for `crnn`.
        dropout: Fraction of the LSTM's outputs dropped in training.
        name: Name of the model.

    Returns:
        An uncompiled model: `(batch, frames, bins)` to logits `(batch, frames // 2, symbols + 1)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Graves, Fernández, Gomez and Schmidhuber, "Connectionist Temporal Classification", ICML
        2006; Amodei et al., "Deep Speech 2", ICML 2016 (convolutions first).
    """
    inputs, x = _spectrogram(input_shape, symbols, filters, preprocessing, halvings=1)
    lstm = keras.layers.LSTM(units, return_sequences=True, name="lstm")
    x = keras.layers.Bidirectional(lstm, name="both_ways")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = keras.layers.Dense(symbols + 1, name="logits")(x)
    return keras.Model(inputs, outputs, name=name)


def _spectrogram(
    input_shape: tuple[int, int],
    classes: int,
    filters: Sequence[int],
    preprocessing: keras.layers.Layer | None,
    halvings: int,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The input and its features `(batch, frames / 2 ** halvings, features)`."""
    check_sequence(input_shape, classes, "(frames, bins)")
    conv_stages(filters, (input_shape[0], input_shape[1], 1), poolings=len(filters))
    inputs = keras.Input(input_shape, name="spectrogram")
    x = inputs if preprocessing is None else preprocessing(inputs)
    x = keras.layers.Reshape((*input_shape, 1), name="channel")(x)
    for stage, maps in enumerate(filters, start=1):
        x = conv_block(x, maps, name=f"stage{stage}")
        size = (2 if stage <= halvings else 1, 2)
        x = keras.layers.MaxPooling2D(size, name=f"stage{stage}_pool")(x)
    x = keras.layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]), name="features")(x)
    return inputs, x
