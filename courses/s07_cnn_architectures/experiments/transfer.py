"""Transfer learning: what features learned elsewhere are worth where examples are few."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

from courses.s07_cnn_architectures.experiments.architectures import shuffled, train

BATCH_SIZE = 32


class FewExamples(NamedTuple):
    """The accuracies on test data of three ways to learn from few examples, one run each."""

    per_class: int
    scratch: float
    frozen: float
    fine_tuned: float


def few_examples(
    x: np.ndarray, y: np.ndarray, per_class: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draws the same number of examples of each class.

    Args:
        x: `(examples, …)`.
        y: their classes, `(examples,)`.
        per_class: how many of each class.
        seed: of the draw.

    Raises:
        ValueError: a class has too few.
    """
    generator = np.random.default_rng(seed)
    kinds, counts = np.unique(y, return_counts=True)
    if counts.min() < per_class:
        raise ValueError(
            f"expected at least {per_class} examples a class, received {counts.min()} of class "
            f"{kinds[counts.argmin()]}"
        )
    chosen = [generator.choice(np.flatnonzero(y == k), per_class, replace=False) for k in kinds]
    order = generator.permutation(np.concatenate(chosen))
    return x[order], y[order]


def on_top_of(
    features: keras.Model, input_shape: Sequence[int], classes: int, *, dropout: float = 0.2
) -> keras.Model:
    """A classifier of pictures out of a network that makes feature vectors of them.

    Pictures of another size than the network's are enlarged in the graph, so that the device needs
    no other preparation. The classifier has a copy of the network, which stays as it is until
    `fine_tune`.

    Args:
        features: a functional model from images `(batch, height, width, channels)` in 0-255 to
            vectors `(batch, features)`.
        input_shape: `(height, width, channels)` of the pictures.
        classes: number of classes.
        dropout: fraction of the features dropped in training.
    """
    trained, features = features, keras.models.clone_model(features)
    features.set_weights(trained.get_weights())
    features.trainable = False
    inputs = x = keras.Input(tuple(input_shape), name="image")
    height, width = features.input_shape[1:3]
    if (height, width) != tuple(input_shape[:2]):
        x = keras.layers.Resizing(height, width, name="resizing")(x)
    channels = features.input_shape[-1]
    if channels != input_shape[-1] == 1:
        # A grey picture for a network of colours.
        x = keras.layers.Concatenate(name="colours")([x] * channels)
    x = features(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = keras.layers.Dense(classes, activation="softmax", name="classifier")(x)
    return keras.Model(inputs, outputs, name="transfer")


def train_from_scratch(
    model: keras.Model, x: np.ndarray, y: np.ndarray, *, epochs: int, learning_rate: float = 1e-2
) -> keras.callbacks.History:
    """The comparison: every weight learns, from its initial value.

    Args:
        model: a classifier, freshly built.
        x: pictures `(examples, height, width, channels)` in 0-255.
        y: their classes, `(examples,)`.
        epochs: over the examples.
        learning_rate: the highest, after the warm-up.
    """
    return _fit(model, x, y, epochs, learning_rate)


def train_classifier(
    model: keras.Model, x: np.ndarray, y: np.ndarray, *, epochs: int, learning_rate: float = 1e-2
) -> keras.callbacks.History:
    """First step: only the new classifier learns, on features that stay as they are.

    The features of every picture are computed once, not once an epoch.

    Args:
        model: of `on_top_of`.
        x: pictures `(examples, height, width, channels)` in 0-255.
        y: their classes, `(examples,)`.
        epochs: over the examples.
        learning_rate: the highest, after the warm-up.
    """
    dropout = model.get_layer("dropout")
    extractor = keras.Model(model.input, dropout.input)
    vectors = extractor.predict(x, batch_size=BATCH_SIZE, verbose=0)
    inputs = keras.Input(vectors.shape[1:])
    head = keras.Model(inputs, model.get_layer("classifier")(dropout(inputs)))
    return _fit(head, vectors, y, epochs, learning_rate)


def fine_tune(
    model: keras.Model, x: np.ndarray, y: np.ndarray, *, epochs: int, learning_rate: float = 1e-4
) -> keras.callbacks.History:
    """Second step: every weight learns, at a rate that is too low to forget what they hold.

    Batch normalization stays as it is: few examples would estimate its statistics badly.

    Args:
        model: of `on_top_of`, its classifier trained.
        x: pictures `(examples, height, width, channels)` in 0-255.
        y: their classes, `(examples,)`.
        epochs: over the examples.
        learning_rate: the highest, after the warm-up; a hundredth of the first step's.
    """
    model.trainable = True
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            # A frozen normalization keeps the statistics, which belong to the features.
            for inner in layer.layers:
                inner.trainable = not isinstance(inner, keras.layers.BatchNormalization)
    return _fit(model, x, y, epochs, learning_rate)


def _fit(
    model: keras.Model, x: np.ndarray, y: np.ndarray, epochs: int, learning_rate: float
) -> keras.callbacks.History:
    batches = shuffled((x, y), BATCH_SIZE)
    return train(model, batches, None, epochs=epochs, learning_rate=learning_rate, verbose=0)


def few_examples_table(rows: Sequence[FewExamples]) -> list[list[str]]:
    """Accuracy against examples a class, a row a number, the header first."""
    header = ["examples a class", "from scratch", "frozen features", "fine-tuned"]
    return [header] + [
        [str(row.per_class), *(f"{100 * accuracy:.1f} %" for accuracy in row[1:])] for row in rows
    ]
