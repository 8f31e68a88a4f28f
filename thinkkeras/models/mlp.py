"""Multi-layer perceptrons: logistic and softmax regression, shallow and deep networks."""

from collections.abc import Sequence
from numbers import Integral

import keras

from thinkkeras.models.arguments import check_activation, check_classifier
from thinkkeras.models.blocks import dense_block


def mlp(
    input_shape: Sequence[int] = (28, 28, 1),
    classes: int = 10,
    *,
    units: Sequence[int] = (512, 256),
    activation: str = "relu",
    kernel_initializer: str | keras.Initializer = "he_normal",
    kernel_regularizer: keras.Regularizer | None = None,
    batch_normalization: bool = False,
    dropout: float = 0.0,
    preprocessing: keras.layers.Layer | None = None,
    classifier_activation: str | None = "softmax",
    name: str = "mlp",
) -> keras.Model:
    """Builds a multi-layer perceptron of L = len(units) + 1 layers.

    Without hidden layers (`units=()`) it is softmax regression or, with one class and
    `classifier_activation="sigmoid"`, logistic regression. The default arguments give 535,818
    parameters: 784 x 512 + 512, 512 x 256 + 256, 256 x 10 + 10.

    Args:
        input_shape: Shape of one example: `(height, width, channels)` of an image, `(features,)`
            of a row in a table. It is flattened.
        classes: Number of classes; 1 for the probability of the second of two.
        units: n[1] … n[L-1], the units of each hidden layer, built by `dense_block`.
        activation: Name of the hidden layers' activation.
        kernel_initializer: Draws the hidden layers' first weights, other ones for each layer; the
            seed of an instance is the first layer's, and the next layer's is one more.
        kernel_regularizer: Penalty on every layer's weights, the classifier's included.
        batch_normalization: Whether hidden layers normalize before they activate.
        dropout: Fraction of each hidden layer's activations dropped in training.
        preprocessing: The layer that brings raw inputs to a size the weights can bear: an adapted
            `keras.layers.Normalization`, say. By default an image's pixels of 0-255 are divided by
            255, and other inputs stay as they are.
        classifier_activation: Activation of the outputs; None gives logits. The softmax of one
            number is always 1, so one class takes "sigmoid" or None.
        name: Name of the model.

    Returns:
        An uncompiled model: `(batch, *input_shape)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
        Nature 323, 1986.
    """
    check_classifier(input_shape, classes, rank=None)
    if isinstance(units, Integral) or any(not isinstance(n, Integral) or n < 1 for n in units):
        raise ValueError(
            f"expected units=(n1, n2, ...), positive integers, received {units}; "
            "() makes no hidden layer"
        )
    check_activation(classes, classifier_activation, "the softmax of one number is always 1")
    inputs = keras.Input(input_shape, name="image" if len(input_shape) == 3 else "features")
    if preprocessing is None and len(input_shape) == 3:
        preprocessing = keras.layers.Rescaling(1 / 255, name="rescaling")
    x = inputs if preprocessing is None else preprocessing(inputs)
    if len(input_shape) > 1:
        x = keras.layers.Flatten(name="flatten")(x)
    for layer, width in enumerate(units, start=1):
        x = dense_block(
            x,
            int(width),  # Keras takes no NumPy integer
            activation=activation,
            kernel_initializer=_of_layer(layer, kernel_initializer),
            kernel_regularizer=kernel_regularizer,
            batch_normalization=batch_normalization,
            dropout=dropout,
            name=f"layer{layer}",
        )
    outputs = keras.layers.Dense(
        classes,
        activation=classifier_activation,
        kernel_regularizer=kernel_regularizer,
        name="classifier",
    )(x)
    return keras.Model(inputs, outputs, name=name)


def _of_layer(layer: int, initializer: str | keras.Initializer) -> str | keras.Initializer:
    # One instance draws the same numbers as often as it is asked: every layer would start alike.
    if not isinstance(initializer, keras.Initializer):
        return initializer
    config = initializer.get_config()
    if isinstance(config.get("seed"), int):
        config["seed"] += layer - 1
    return type(initializer).from_config(config)
