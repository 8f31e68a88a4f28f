"""Batch normalization as every block of these models has it."""

import keras

# Keras's 0.99 averages over a hundred batches: more than a small set has in an epoch, so that
# the first epochs' validation would run on statistics of the untrained network.
MOMENTUM = 0.9


def batch_norm_relu(x: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Batch normalization, then ReLU: the layers `{name}_bn` and `{name}_relu`.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        name: Prefix of the layers' names.

    Returns:
        Feature maps of the same shape.
    """
    x = keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)
