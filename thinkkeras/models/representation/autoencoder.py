"""Dense autoencoders: linear, deep, sparse; and the one that listens to machines."""

from collections.abc import Sequence
from functools import partial
from math import prod

import keras

from thinkkeras.models.arguments import check_classifier
from thinkkeras.models.blocks import dense_block


def autoencoder(
    input_shape: Sequence[int] = (28, 28, 1),
    code: int = 32,
    *,
    units: Sequence[int] = (512, 256),
    activation: str = "relu",
    code_activation: str | None = None,
    code_regularizer: keras.Regularizer | None = None,
    output_activation: str | None = None,
    batch_normalization: bool = False,
    name: str = "autoencoder",
) -> keras.Model:
    """Builds an encoder of dense layers, and a decoder that mirrors it.

    Both are models of their own: `model.get_layer("encoder")` and `model.get_layer("decoder")`.
    The default arguments give 1,083,696 parameters. With `units=()` and no activations it is
    linear, and learns what a principal component analysis finds. `autoencoder((640,), 8,
    units=(128,) * 4, code_activation="relu", batch_normalization=True)` is the network of MLPerf
    Tiny's anomaly detection: the literature counts 269,992 parameters, 1,032 more, because its
    dense layers have biases in front of the normalization, which makes them idle.

    Args:
        input_shape: Shape of one example: `(height, width, channels)` of an image, pixels in 0-255,
            `(features,)` of a row.
        code: Numbers of the code.
        units: Units of the encoder's hidden layers; the decoder has them the other way round.
        activation: Name of the hidden layers' activation.
        code_activation: Name of the code's; None keeps it linear.
        code_regularizer: Penalty on the code, by example: `thinkkeras.regularizers.Sparsity`, say.
        output_activation: Name of the outputs'. Images take "sigmoid" or None.
        batch_normalization: Whether hidden layers and code normalize before they activate.
        name: Name of the model.

    Returns:
        An uncompiled model: `(batch, *input_shape)` to the same shape and range.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Hinton and Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks",
        Science 313, 2006; Banbury et al., "MLPerf Tiny Benchmark", NeurIPS 2021, table 1.
    """
    check_classifier(input_shape, 1, rank=None)
    check_code(code, units)
    image = len(input_shape) == 3
    inputs = x = keras.Input(input_shape, name="image" if image else "features")
    if image:
        x = keras.layers.Rescaling(1 / 255, name="rescaling")(x)
    if len(input_shape) > 1:
        x = keras.layers.Flatten(name="flatten")(x)
    hidden = partial(dense_block, activation=activation, batch_normalization=batch_normalization)
    for layer, width in enumerate(units, start=1):
        x = hidden(x, int(width), name=f"layer{layer}")
    x = keras.layers.Dense(code, use_bias=not batch_normalization, name="code_dense")(x)
    if batch_normalization:
        x = keras.layers.BatchNormalization(name="code_bn")(x)
    x = keras.layers.Activation(
        code_activation or "linear", activity_regularizer=code_regularizer, name="code"
    )(x)
    encoder = keras.Model(inputs, x, name="encoder")

    codes = x = keras.Input((code,), name="code")
    for layer, width in enumerate(reversed(units), start=1):
        x = hidden(x, int(width), name=f"layer{layer}")
    x = keras.layers.Dense(prod(input_shape), activation=output_activation, name="outputs")(x)
    if len(input_shape) > 1:
        x = keras.layers.Reshape(input_shape, name="reshape")(x)
    if image:
        x = keras.layers.Rescaling(255.0, name="pixels")(x)
    decoder = keras.Model(codes, x, name="decoder")

    inputs = keras.Input(input_shape, name=inputs.name)
    return keras.Model(inputs, decoder(encoder(inputs)), name=name)


def check_code(code: int, widths: Sequence[int]) -> None:
    """Refuse a code without numbers, and hidden layers without units.

    Raises:
        ValueError: One of them is below 1.
    """
    if code < 1 or any(width < 1 for width in widths):
        raise ValueError(
            f"expected a code and layers of at least 1, received {code} and {tuple(widths)}"
        )
