"""LeNet-5: the first convolutional network that many people used."""

import keras

from thinkkeras.models.arguments import check_image_classifier
from thinkkeras.models.blocks import pooled, preprocess
from thinkkeras.models.weights import Weights, load_weights


def lenet5(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    *,
    activation: str = "tanh",
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = True,
    name: str = "lenet5",
) -> keras.Model:
    """Builds LeNet-5 in the form that it has in textbooks.

    Two convolutions of 5×5 (6 and 16 maps) with an average pooling after each, then dense layers of
    120 and 84 units. The default arguments give 61,706 parameters. The paper's own has 60,000: not
    every map of its second convolution sees every map before, its poolings have weights, and its
    last layer compares with drawings of the characters.

    Args:
        input_shape: `(height, width, channels)` of the images, at least 12 pixels a side.
        classes: Number of classes.
        activation: Of all layers but the last.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`).

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
        Recognition", Proceedings of the IEEE 86(11), 1998, section II.B and figure 2.
    """
    check_image_classifier(
        input_shape, classes, include_top, pooling, classifier_activation, smallest=12
    )
    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = preprocess(x, "unit")
    x = keras.layers.Conv2D(6, 5, padding="same", activation=activation, name="conv1")(x)
    x = keras.layers.AveragePooling2D(2, name="pool1")(x)
    x = keras.layers.Conv2D(16, 5, activation=activation, name="conv2")(x)
    x = keras.layers.AveragePooling2D(2, name="pool2")(x)
    if include_top:
        x = keras.layers.Flatten(name="flatten")(x)
        x = keras.layers.Dense(120, activation=activation, name="dense1")(x)
        x = keras.layers.Dense(84, activation=activation, name="dense2")(x)
        x = keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    else:
        x = pooled(x, pooling)
    return load_weights(keras.Model(inputs, x, name=name), weights)
