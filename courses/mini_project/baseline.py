"""The network that a project has to beat: small, plain, trained in minutes."""

from __future__ import annotations

import keras

from courses.mini_project.examples import Examples
from thinkkeras.models import convnet, mlp

_BATCH = 64
_STEPS = 1500  # of training, at most _EPOCHS
# One hidden layer takes smaller steps, and more of them.
_EPOCHS = {"images": 20, "sounds": 60, "rows": 60}
_LEARNING_RATES = {"images": 3e-3, "sounds": 1e-3, "rows": 1e-3}


def scaling(examples: Examples) -> keras.layers.Layer:
    """The layer that brings the examples' numbers to a size that weights can bear: pixels to 0 to
    1, anything else to mean 0 and variance 1 of the training examples."""
    if examples.kind == "images":
        return keras.layers.Rescaling(1 / 255, name="scaling")
    # Each column has a scale of its own; a spectrogram has one.
    axis = None if examples.kind == "sounds" else -1
    layer = keras.layers.Normalization(axis=axis, name="scaling")
    layer.adapt(examples.train.x)
    return layer


def build_baseline(examples: Examples) -> keras.Model:
    """The baseline for these data, untrained: two small convolutions of an image, one hidden layer
    of anything else.

    Returns:
        `(batch, *input_shape)` to `(batch, classes)`.
    """
    shape, classes = examples.input_shape, len(examples.class_names)
    if examples.kind == "images":
        return convnet(shape, classes, filters=(16, 32), dropout=0.0, name="baseline")
    return mlp(shape, classes, units=(32,), preprocessing=scaling(examples), name="baseline")


def train_baseline(examples: Examples, seed: int) -> keras.Model:
    """The baseline after at most `_STEPS` steps of Adam, without augmentation."""
    keras.utils.set_random_seed(seed)
    model = build_baseline(examples)
    model.compile(
        keras.optimizers.Adam(_LEARNING_RATES[examples.kind]),
        "sparse_categorical_crossentropy",
        jit_compile=False,
    )
    epochs = min(_EPOCHS[examples.kind], max(1, _STEPS * _BATCH // len(examples.train.x)))
    model.fit(examples.train.x, examples.train.y, batch_size=_BATCH, epochs=epochs, verbose=0)
    return model
