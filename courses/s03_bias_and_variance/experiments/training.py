"""How session 3 trains: one network, or many small ones at once, side by side.

Networks side by side share nothing: each has its own first weights, its own training examples and
its own batches. One `fit` trains them all in about the time that one of them would take.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from thinkkeras import datasets
from thinkkeras.models import mlp

PATIENCE = 10  # epochs, of early stopping
_CHUNK = 250  # examples that `probabilities` looks at together


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained, the remedies among it."""

    units: tuple[int, ...]  # of each hidden layer
    epochs: int
    batch_size: int
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule
    seed: int = 0  # of the order of the examples and of the augmentation
    kernel_regularizer: keras.Regularizer | None = None  # penalty on every layer's weights
    batch_normalization: bool = False  # before hidden layers activate
    dropout: float = 0.0  # fraction of each hidden layer's activations
    early_stopping: bool = False  # back to the epoch with the smallest validation loss
    augment: bool = False  # whether images are shifted and mirrored at random
    label_smoothing: float = 0.0  # fraction of each target that is spread over all classes

    @property
    def architecture(self) -> dict[str, Any]:
        """What `thinkkeras.models.mlp` and `networks` take of it."""
        return {
            "units": self.units,
            "kernel_regularizer": self.kernel_regularizer,
            "batch_normalization": self.batch_normalization,
            "dropout": self.dropout,
        }


def fit_one(
    info: datasets.DatasetInfo,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    recipe: Recipe,
    verbose: int = 0,
) -> tuple[keras.Model, keras.callbacks.History]:
    """Trains one network with Adam.

    Args:
        info: of the data set.
        train: `(images, targets)` to learn, the targets one-hot, `(examples, classes)`.
        validation: the same to measure on after each epoch.
        recipe: how it is built and trained; its learning rate is a number, which stays, or a
            schedule over the steps.
        verbose: what `fit` takes.

    Returns:
        The trained model, and what `fit` returned.
    """
    images, targets = train
    examples = tf.data.Dataset.from_tensor_slices((images.astype("float32"), targets))
    batches = examples.shuffle(len(images), seed=recipe.seed).batch(recipe.batch_size)
    batches = datasets.augmented(batches, info, recipe.seed) if recipe.augment else batches
    model = mlp(info.input_shape, info.classes, **recipe.architecture)
    model.compile(
        optimizer=keras.optimizers.Adam(recipe.learning_rate),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,  # compiling costs more than it saves here
    )
    stopping = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    history = model.fit(
        batches.prefetch(tf.data.AUTOTUNE),
        epochs=recipe.epochs,
        validation_data=validation,
        validation_batch_size=500,
        callbacks=[stopping] if recipe.early_stopping else [],
        shuffle=False,  # the pipeline shuffles
        verbose=verbose,
    )
    return model, history


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
    images: np.ndarray,
    targets: np.ndarray,
    draws: np.ndarray,
    info: datasets.DatasetInfo,
    recipe: Recipe,
) -> tf.data.Dataset:
    """Batches for `networks`: each network's own images, in a new order each epoch.

    Args:
        images: to draw from, `(examples, height, width, channels)`.
        targets: theirs, `(examples, classes)`.
        draws: `(examples in an epoch, networks)`, as `draw` returns them.
        info: of the data set.
        recipe: says how many images of each network are in a batch, whether they are shifted and
            mirrored at random, and seeds both.

    Returns:
        A pipeline of `(batch, networks, height, width, channels)` and `(batch, networks, classes)`.
    """
    count, shape, classes = draws.shape[1], images.shape[1:], targets.shape[1]
    all_images, all_targets = tf.constant(images), tf.constant(targets)

    def gathered(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        flat = tf.reshape(rows, (-1,))
        return tf.gather(all_images, flat), tf.gather(all_targets, flat)

    def stacked(batch: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch = tf.reshape(tf.cast(batch, tf.float32), (-1, count, *shape))
        return batch, tf.reshape(labels, (-1, count, classes))

    rows = tf.data.Dataset.from_tensor_slices(draws).shuffle(len(draws), seed=recipe.seed)
    flat = rows.batch(recipe.batch_size).map(gathered)
    flat = datasets.augmented(flat, info, recipe.seed) if recipe.augment else flat
    return flat.map(stacked).prefetch(tf.data.AUTOTUNE)


class Watch(keras.callbacks.Callback):
    """Keeps each network's validation loss and accuracy after each epoch.

    Args:
        images: of the validation set.
        classes: theirs.
    """

    def __init__(self, images: np.ndarray, classes: np.ndarray) -> None:
        super().__init__()
        self.images, self.classes = images, classes
        self.losses: list[np.ndarray] = []  # one array (networks,) for each epoch
        self.accuracies: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        predicted = probabilities(self.model, self.images)
        self.losses.append(cross_entropy(predicted, self.classes))
        self.accuracies.append(np.mean(predicted.argmax(-1) == self.classes, axis=1))


def fit_side_by_side(
    info: datasets.DatasetInfo,
    images: np.ndarray,
    targets: np.ndarray,
    draws: np.ndarray,
    recipe: Recipe,
    watch: Watch | None = None,
) -> keras.Model:
    """Trains one network for each column of `draws`, with Adam and a rate that falls to zero.

    Args:
        info: of the data set.
        images, targets, draws: what `batches` takes.
        recipe: how each is built and trained; its learning rate is the first one, a number.
            Where networks stop early, `watch` says after which epoch each should have.
        watch: keeps each network's validation loss and accuracy after each epoch.

    Returns:
        The trained model.
    """
    count = draws.shape[1]
    model = networks(count, info.input_shape, info.classes, **recipe.architecture)
    steps = recipe.epochs * -(-len(draws) // recipe.batch_size)
    model.compile(
        optimizer=keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
        ),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        loss_weights=float(count),  # the sum of the networks' losses, not their mean
        jit_compile=False,
    )
    model.fit(
        batches(images, targets, draws, info, recipe),
        epochs=recipe.epochs,
        callbacks=[watch] if watch else [],
        shuffle=False,  # the pipeline shuffles
        verbose=0,
    )
    return model


def probabilities(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """What each of the networks predicts of the same images.

    Args:
        model: as `networks` builds it.
        images: `(examples, height, width, channels)`.

    Returns:
        Probabilities of shape `(networks, examples, classes)`.
    """
    return _outputs(model, images, _all_for_each(model, len(images)))


def accuracies(
    model: keras.Model, images: np.ndarray, classes: np.ndarray, draws: np.ndarray | None = None
) -> np.ndarray:
    """Each network's accuracy.

    Args:
        model: as `networks` builds it.
        images: `(examples, height, width, channels)`.
        classes: theirs, `(examples,)`.
        draws: which of them each network is shown, `(shown, networks)`; by default all of them.

    Returns:
        Fractions of shape `(networks,)`.
    """
    if draws is None:
        draws = _all_for_each(model, len(images))
    return np.mean(_outputs(model, images, draws).argmax(-1) == classes[draws].T, axis=1)


def cross_entropy(predicted: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Each network's mean loss.

    Args:
        predicted: probabilities, `(networks, examples, classes)`, as `probabilities` returns it.
        classes: the right class of each example, `(examples,)`.

    Returns:
        Losses of shape `(networks,)`.
    """
    right = predicted[:, np.arange(len(classes)), classes]
    return -np.log(np.maximum(right, 1e-7)).mean(axis=1)


def _all_for_each(model: keras.Model, count: int) -> np.ndarray:
    return np.repeat(np.arange(count)[:, None], model.input_shape[1], axis=1)


def _outputs(model: keras.Model, images: np.ndarray, indices: np.ndarray) -> np.ndarray:
    parts = []
    for start in range(0, len(indices), _CHUNK):
        shown = images[indices[start : start + _CHUNK]].astype(np.float32)
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
