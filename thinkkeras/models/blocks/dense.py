"""Fully connected blocks."""

import keras

from thinkkeras.models.blocks.normalization import MOMENTUM


def dense_block(
    x: keras.KerasTensor,
    units: int,
    *,
    activation: str = "relu",
    kernel_initializer: str | keras.Initializer = "he_normal",
    kernel_regularizer: keras.Regularizer | None = None,
    batch_normalization: bool = False,
    dropout: float = 0.0,
    name: str,
) -> keras.KerasTensor:
    """One hidden layer a[l] = g(W[l] a[l-1] + b[l]), with what may stand between its parts.

    Its layers are `{name}_dense`, `{name}_bn` where it normalizes, `{name}_{activation}` and
    `{name}_dropout` where it drops. With batch normalization the dense layer has no bias.

    Args:
        x: Features of shape `(batch, features)`.
        units: Number of units, n[l].
        activation: Name of a Keras activation, g.
        kernel_initializer: Draws the first W[l].
        kernel_regularizer: Adds a penalty on W[l] to the loss.
        batch_normalization: Whether to normalize between the sum and the activation.
        dropout: Fraction of the activations dropped in training.
        name: Prefix of the layers' names.

    Returns:
        Activations of shape `(batch, units)`.

    Source:
        He et al., "Delving Deep into Rectifiers", ICCV 2015 (initialization); Srivastava et al.,
        "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 15, 2014; Ioffe
        and Szegedy, "Batch Normalization", ICML 2015.
    """
    x = keras.layers.Dense(
        units,
        use_bias=not batch_normalization,
        kernel_initializer=kernel_initializer,
        kernel_regularizer=kernel_regularizer,
        name=f"{name}_dense",
    )(x)
    if batch_normalization:
        x = keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)
    x = keras.layers.Activation(activation, name=f"{name}_{activation}")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x
