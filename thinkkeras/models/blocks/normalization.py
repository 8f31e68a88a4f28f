"""Batch normalization as every block of these models has it."""

import keras

# Keras's 0.99 averages over a hundred batches: more than a small set has in an epoch, so that
# the first epochs' validation would run on statistics of the untrained network.
MOMENTUM = 0.9
EPSILON = 1e-3  # Keras's own


def batch_norm_relu(
    x: keras.KerasTensor, *, max_value: float | None = None, epsilon: float = EPSILON, name: str
) -> keras.KerasTensor:
    """Batch normalization, then ReLU: the layers `{name}_bn` and `{name}_relu`.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        max_value: Where the ReLU saturates, 6 say; None is nowhere.
        epsilon: Of the normalization.
        name: Prefix of the layers' names.

    Returns:
        Feature maps of the same shape.
    """
    x = keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=epsilon, name=f"{name}_bn")(x)
    return keras.layers.ReLU(max_value, name=f"{name}_relu")(x)
