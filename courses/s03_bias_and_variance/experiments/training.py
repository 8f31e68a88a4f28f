"""Many small networks trained at once, side by side, for figures that need repeated training.

The networks fraction nothing: each has its own first weights, its own training examples and its own
batches. One `fit` trains them all in about the time that one of them would take.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from thinkkeras import datasets

_CHUNK = 250  # examples that `probabilities` looks at together


def networks(
    count: int,
    input_shape: Sequence[int],
    classes: int,
    *,
    units: Sequence[int],
    kernel_regularizer: keras.Regularizer | None = None,
    batch_normalization: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """`count` times `thinkkeras.models.mlp` in one model.

    Compile it with `loss_weights=count`: the loss is then the sum of the networks' own losses,
    each with the penalty on its own weights, and Adam treats every weight on its own, so that
    each network trains as it would alone.

    Args:
        count: number of networks.
        input_shape: `(height, width, channels)` of an image, pixels in 0-255.
        classes: number of classes.
        units: units of each hidden layer.
        kernel_regularizer: penalty on every layer's weights.
        batch_normalization: whether hidden layers normalize before they activate.
        dropout: fraction of each hidden layer's activations dropped in training.

    Returns:
        A model from `(batch, count, height, width, channels)` to `(batch, count, classes)`.
    """
    inputs = keras.Input((count, *input_shape))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    features = int(np.prod(input_shape))
    x = keras.layers.Reshape((count, features))(x)
    for width in units:
        # He's and, below, Glorot's deviation: an initializer may take the networks for inputs.
        bias = None if batch_normalization else "nu"
        x = _dense(x, width, (2 / features) ** 0.5, kernel_regularizer, bias_axes=bias)
        if batch_normalization:
            x = keras.layers.Reshape((count * width,))(x)
            x = keras.layers.BatchNormalization(momentum=0.9)(x)
            x = keras.layers.Reshape((count, width))(x)
        x = keras.layers.Activation("relu")(x)
        if dropout:
            x = keras.layers.Dropout(dropout)(x)
        features = width
    deviation = (2 / (features + classes)) ** 0.5
    x = _dense(x, classes, deviation, kernel_regularizer, bias_axes="nu", activation="softmax")
    return keras.Model(inputs, x)


def draw(available: int, sizes: Sequence[int], length: int, seed: int) -> np.ndarray:
    """Draws one training set for each network.

    Args:
        available: examples to draw from.
        sizes: examples in each network's training set, without repetition.
        length: examples in an epoch; a smaller set is gone through several times.
        seed: seeds the draws.

    Returns:
        Indices of shape `(length, len(sizes))`.
    """
    random = np.random.default_rng(seed)
    columns = [np.resize(random.permutation(available)[:size], length) for size in sizes]
    return np.stack([random.permutation(column) for column in columns], axis=1)


def batches(
    x: np.ndarray,
    y: np.ndarray,
    draws: np.ndarray,
    info: datasets.DatasetInfo,
    *,
    batch_size: int,
    augment: bool = False,
    seed: int = 0,
) -> tf.data.Dataset:
    """Batches for `networks`: each network's own images, in a new order each epoch.

    Args:
        x: images to draw from, `(examples, height, width, channels)`.
        y: their targets, `(examples, classes)`.
        draws: `(examples in an epoch, networks)`, as `draw` returns them.
        info: of the data set.
        batch_size: images of each network in a batch.
        augment: whether images are shifted and mirrored at random.
        seed: seeds order and augmentation.

    Returns:
        A pipeline of `(batch, networks, height, width, channels)` and `(batch, networks, classes)`.
    """
    count, shape = draws.shape[1], x.shape[1:]
    pictures, targets = tf.constant(x), tf.constant(y)

    def gathered(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        flat = tf.reshape(rows, (-1,))
        return tf.gather(pictures, flat), tf.gather(targets, flat)

    def stacked(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images = tf.reshape(tf.cast(images, tf.float32), (-1, count, *shape))
        return images, tf.reshape(labels, (-1, count, y.shape[1]))

    rows = tf.data.Dataset.from_tensor_slices(draws).shuffle(len(draws), seed=seed)
    flat = rows.batch(batch_size).map(gathered)
    flat = datasets.augmented(flat, info, seed) if augment else flat
    return flat.map(stacked).prefetch(tf.data.AUTOTUNE)


class Watch(keras.callbacks.Callback):
    """Keeps each network's validation loss and accuracy after each epoch.

    Args:
        x: validation images.
        classes: theirs.
    """

    def __init__(self, x: np.ndarray, classes: np.ndarray) -> None:
        super().__init__()
        self.x, self.classes = x, classes
        self.losses: list[np.ndarray] = []  # one array (networks,) for each epoch
        self.accuracies: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        said = probabilities(self.model, self.x)
        self.losses.append(cross_entropy(said, self.classes))
        self.accuracies.append(np.mean(said.argmax(-1) == self.classes, axis=1))


def fit(
    info: datasets.DatasetInfo,
    x: np.ndarray,
    targets: np.ndarray,
    draws: np.ndarray,
    *,
    units: Sequence[int],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    watch: Watch | None = None,
    augment: bool = False,
    label_smoothing: float = 0.0,
    **regularisation: Any,
) -> keras.Model:
    """Trains one network for each column of `draws`, with Adam and a rate that falls to zero.

    Args:
        info: of the data set.
        x, targets, draws, batch_size, augment, seed: what `batches` takes.
        units: units of each hidden layer.
        epochs: passes through the draws.
        learning_rate: the first one.
        watch: keeps what validation says after each epoch.
        label_smoothing: fraction of each target that is spread over all classes.
        **regularisation: what `networks` takes.

    Returns:
        The trained model.
    """
    count = draws.shape[1]
    model = networks(count, info.input_shape, info.classes, units=units, **regularisation)
    steps = epochs * -(-len(draws) // batch_size)
    model.compile(
        optimizer=keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        ),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing),
        loss_weights=float(count),  # the sum of the networks' losses, not their mean
        jit_compile=False,
    )
    model.fit(
        batches(x, targets, draws, info, batch_size=batch_size, augment=augment, seed=seed),
        epochs=epochs,
        callbacks=[watch] if watch else [],
        shuffle=False,  # the pipeline shuffles
        verbose=0,
    )
    return model


def probabilities(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """What each of the networks says to the same images.

    Args:
        model: as `networks` builds it.
        x: images, `(examples, height, width, channels)`.

    Returns:
        Probabilities of shape `(networks, examples, classes)`.
    """
    return _outputs(model, x, _all_for_each(model, len(x)))


def accuracies(
    model: keras.Model, x: np.ndarray, classes: np.ndarray, draws: np.ndarray | None = None
) -> np.ndarray:
    """Each network's fraction of right answers.

    Args:
        model: as `networks` builds it.
        x: images, `(examples, height, width, channels)`.
        classes: theirs, `(examples,)`.
        draws: which of them each network is shown, `(shown, networks)`; by default all of them.

    Returns:
        Shares of shape `(networks,)`.
    """
    if draws is None:
        draws = _all_for_each(model, len(x))
    return np.mean(_outputs(model, x, draws).argmax(-1) == classes[draws].T, axis=1)


def cross_entropy(said: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Each network's mean loss.

    Args:
        said: `(networks, examples, classes)`, as `probabilities` returns it.
        classes: the right class of each example, `(examples,)`.

    Returns:
        Losses of shape `(networks,)`.
    """
    right = said[:, np.arange(len(classes)), classes]
    return -np.log(np.maximum(right, 1e-7)).mean(axis=1)


def _all_for_each(model: keras.Model, count: int) -> np.ndarray:
    return np.repeat(np.arange(count)[:, None], model.input_shape[1], axis=1)


def _outputs(model: keras.Model, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    parts = []
    for start in range(0, len(indices), _CHUNK):
        shown = x[indices[start : start + _CHUNK]].astype(np.float32)
        parts.append(keras.ops.convert_to_numpy(model(shown, training=False)))
    return np.concatenate(parts).transpose(1, 0, 2)


def _dense(
    x: keras.KerasTensor,
    width: int,
    deviation: float,
    regularizer: keras.Regularizer | None,
    **options: Any,
) -> keras.KerasTensor:
    return keras.layers.EinsumDense(
        "bnf,nfu->bnu",
        (x.shape[1], width),
        kernel_initializer=keras.initializers.RandomNormal(stddev=deviation),
        kernel_regularizer=regularizer,
        **options,
    )(x)
