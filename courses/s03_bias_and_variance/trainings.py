"""How session 3 trains a single network, with or without a remedy."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from courses.s03_bias_and_variance import remedies
from thinkkeras import datasets
from thinkkeras.models import mlp


def fit_one(
    info: datasets.DatasetInfo,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    *,
    units: Sequence[int],
    epochs: int,
    batch_size: int,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    seed: int,
    verbose: int = 0,
    early_stopping: bool = False,
    augment: bool = False,
    label_smoothing: float = 0.0,
    **recipe: Any,
) -> tuple[keras.Model, keras.callbacks.History]:
    """Trains one network with Adam.

    Args:
        info: of the data set.
        train: `(images, targets)` to learn, the targets one-hot, `(examples, classes)`.
        validation: the same to measure on after each epoch.
        units: units of each hidden layer.
        epochs: passes through the examples.
        batch_size: examples in a batch.
        learning_rate: a number, or a schedule over the steps.
        seed: seeds the order of the examples and the augmentation.
        verbose: what `fit` takes.
        early_stopping: whether to stop `remedies.PATIENCE` epochs after the smallest validation
            loss, and to go back to its weights.
        augment: whether images are shifted and mirrored at random.
        label_smoothing: fraction of each target that is spread over all classes.
        **recipe: what `thinkkeras.models.mlp` takes.

    Returns:
        The trained model, and what `fit` returned.
    """
    images, targets = train
    examples = tf.data.Dataset.from_tensor_slices((images.astype("float32"), targets))
    batches = examples.shuffle(len(images), seed=seed).batch(batch_size)
    batches = datasets.augmented(batches, info, seed) if augment else batches
    model = mlp(info.input_shape, info.classes, units=units, **recipe)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,  # compiling costs more than it saves here
    )
    stopping = keras.callbacks.EarlyStopping(patience=remedies.PATIENCE, restore_best_weights=True)
    history = model.fit(
        batches.prefetch(tf.data.AUTOTUNE),
        epochs=epochs,
        validation_data=validation,
        validation_batch_size=500,
        callbacks=[stopping] if early_stopping else [],
        shuffle=False,  # the pipeline shuffles
        verbose=verbose,
    )
    return model, history
