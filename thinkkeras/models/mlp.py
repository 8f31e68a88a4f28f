"""Multi-layer perceptrons: logistic and softmax regression, shallow and deep networks."""

from collections.abc import Sequence
from numbers import Integral

import keras

from thinkkeras.models.arguments import check_classifier


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
        dropout: Share of the activations dropped in training.
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
        # The momentum of `conv_block`, for the same reason.
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    x = keras.layers.Activation(activation, name=f"{name}_{activation}")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x


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
        dropout: Share of each hidden layer's activations dropped in training.
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
    if classes == 1 and keras.activations.get(classifier_activation) is keras.activations.softmax:
        raise ValueError(
            'expected classifier_activation="sigmoid" or None for one class, received '
            f"{classifier_activation!r}; the softmax of one number is always 1"
        )
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
