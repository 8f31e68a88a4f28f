"""GoogLeNet: inception blocks, and an average in place of the dense layers."""

import keras

from thinkkeras.models.arguments import check_image_classifier
from thinkkeras.models.blocks import classifier_top, conv_relu, inception_block, preprocess
from thinkkeras.models.classification.widths import scaled
from thinkkeras.models.weights import Weights, load_weights

# Table 1 of the paper: 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool proj.
INCEPTION = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def googlenet(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int = 1000,
    *,
    alpha: float = 1.0,
    small_images: bool = False,
    batch_normalization: bool = False,
    dropout: float = 0.4,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = True,
    name: str = "googlenet",
) -> keras.Model:
    """Builds GoogLeNet, without the two classifiers that helped to train its middle.

    Three convolutions, nine inception blocks, the average. The default arguments give 6,998,552
    parameters ("12 times fewer" than AlexNet's). Local response normalization is left out; with
    `batch_normalization`, which replaced it a year later, it trains without the helpers.

    Args:
        input_shape: `(height, width, channels)` of the images.
        classes: Number of classes.
        alpha: Factor on the number of maps.
        small_images: Whether the network begins with one 3×3 convolution at stride 1, for images of
            32 pixels or so.
        batch_normalization: Whether every convolution is normalized.
        dropout: Fraction of the averaged features dropped in training.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`).

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, section 5 and table 1; Ioffe
        and Szegedy, "Batch Normalization", ICML 2015, section 4.2.
    """
    check_image_classifier(
        input_shape, classes, include_top, pooling, classifier_activation, alpha=alpha
    )

    def conv(
        x: keras.KerasTensor, filters: int, size: int, part: str, strides: int = 1
    ) -> keras.KerasTensor:
        return conv_relu(
            x,
            scaled(filters, alpha),
            size,
            strides=strides,
            batch_normalization=batch_normalization,
            name=part,
        )

    def pool(x: keras.KerasTensor, part: str) -> keras.KerasTensor:
        return keras.layers.MaxPooling2D(3, strides=2, padding="same", name=part)(x)

    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = preprocess(x, "unit")
    if small_images:
        x = conv(x, 192, 3, "conv1")
    else:
        x = pool(conv(x, 64, 7, "conv1", strides=2), "pool1")
        x = conv(conv(x, 64, 1, "conv2_reduce"), 192, 3, "conv2")
        x = pool(x, "pool2")
    for block, filters in INCEPTION.items():
        if block in ("4a", "5a"):
            x = pool(x, f"pool{int(block[0]) - 1}")
        x = inception_block(
            x,
            [scaled(number, alpha) for number in filters],
            batch_normalization=batch_normalization,
            name=f"inception{block}",
        )
    x = classifier_top(
        x,
        classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
        dropout=dropout,
    )
    return load_weights(keras.Model(inputs, x, name=name), weights)
