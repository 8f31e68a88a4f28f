"""Many small networks trained at once, side by side, for figures that need repeated training.

The networks share nothing: each has its own first weights, its own training examples and its own
batches. One `fit` trains them all in about the time that one of them would take.
"""

from collections.abc import Sequence

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
        input_shape: `(height, width, channels)` of a picture, pixels in 0-255.
        classes: number of classes.
        units: units of each hidden layer.
        kernel_regularizer: penalty on every layer's weights.
        batch_normalization: whether hidden layers normalize before they activate.
        dropout: share of each hidden layer's activations dropped in training.

    Returns:
        A model from `(batch, count, height, width, channels)` to `(batch, count, classes)`.
    """

    def dense(
        width: int, scale: float, use_bias: bool, activation: str | None = None
    ) -> keras.Layer:
        return keras.layers.EinsumDense(
            "bnf,nfu->bnu",
            (count, width),
            bias_axes="nu" if use_bias else None,
            activation=activation,
            # The initializer takes the networks for a kernel's pixels: times `count` undoes that.
            kernel_initializer=keras.initializers.VarianceScaling(scale * count),
            kernel_regularizer=kernel_regularizer,
        )

    inputs = keras.Input((count, *input_shape))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Reshape((count, int(np.prod(input_shape))))(x)
    for width in units:
        x = dense(width, 2.0, not batch_normalization)(x)
        if batch_normalization:
            x = keras.layers.Reshape((count * width,))(x)
            x = keras.layers.BatchNormalization(momentum=0.9)(x)
            x = keras.layers.Reshape((count, width))(x)
        x = keras.layers.Activation("relu")(x)
        if dropout:
            x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, dense(classes, 1.0, True, "softmax")(x))


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
    """Batches for `networks`: each network's own pictures, in a new order each epoch.

    Args:
        x: pictures to draw from, `(examples, height, width, channels)`.
        y: their targets, `(examples, classes)`.
        draws: `(examples in an epoch, networks)`, as `draw` returns them.
        info: of the data set.
        batch_size: pictures of each network in a batch.
        augment: whether pictures are shifted and mirrored at random.
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


def probabilities(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """What each of the networks says to the same pictures.

    Args:
        model: as `networks` builds it.
        x: pictures, `(examples, height, width, channels)`.

    Returns:
        Probabilities of shape `(networks, examples, classes)`.
    """
    count = model.input_shape[1]
    parts = []
    for start in range(0, len(x), _CHUNK):
        chunk = x[start : start + _CHUNK].astype(np.float32)
        repeated = np.repeat(chunk[:, None], count, axis=1)
        parts.append(keras.ops.convert_to_numpy(model(repeated, training=False)))
    return np.concatenate(parts).transpose(1, 0, 2)


def accuracies(model: keras.Model, x: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Each network's share of right answers on the same pictures, shape `(networks,)`."""
    return np.mean(probabilities(model, x).argmax(-1) == classes, axis=1)


def losses(model: keras.Model, x: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Each network's mean cross-entropy on the same pictures, shape `(networks,)`."""
    right = probabilities(model, x)[:, np.arange(len(classes)), classes]
    return -np.log(np.maximum(right, 1e-7)).mean(axis=1)
