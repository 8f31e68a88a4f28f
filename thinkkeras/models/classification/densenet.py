"""DenseNet: every layer sees the maps of all layers before it."""

from collections.abc import Sequence

import keras

from thinkkeras.models.arguments import check_image_classifier
from thinkkeras.models.blocks import (
    batch_norm_relu,
    classifier_top,
    conv_block,
    densely_connected_block,
    preprocess,
    transition_block,
)
from thinkkeras.models.weights import Weights, load_weights

BLOCKS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
EPSILON = 1.001e-5  # as `keras.applications` has it

_PUBLISHED = {
    121: keras.applications.DenseNet121,
    169: keras.applications.DenseNet169,
    201: keras.applications.DenseNet201,
}


def densenet(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int = 1000,
    *,
    depth: int = 121,
    blocks: Sequence[int] | None = None,
    growth_rate: int = 32,
    small_images: bool = False,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = True,
    name: str = "densenet",
) -> keras.Model:
    """Builds a DenseNet-BC; its depth counts the layers with weights.

    A convolution and a pooling, then densely connected blocks with transitions between them. With
    the other default arguments depth 121 has 8,062,504 parameters, 169 has 14,307,880 and 201 has
    20,242,984.

    Args:
        input_shape: `(height, width, channels)` of the images.
        classes: Number of classes.
        depth: 121, 169 or 201.
        blocks: Layers of each block, in place of those of `depth`.
        growth_rate: Feature maps that each layer appends.
        small_images: Whether the network begins with a 3×3 convolution at stride 1 and no pooling,
            as the paper's own for CIFAR-10 does.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`).

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.
        ConnectionError: ImageNet's weights could not be downloaded.

    Source:
        Huang, Liu, van der Maaten and Weinberger, "Densely Connected Convolutional Networks", CVPR
        2017, section 3 and table 1.
    """
    layers = BLOCKS.get(depth) if blocks is None else tuple(blocks)
    if not layers or min(layers) < 1 or growth_rate < 1:
        raise ValueError(
            f"expected a depth out of {tuple(BLOCKS)} or positive blocks, and a positive growth "
            f"rate, received depth={depth}, blocks={blocks}, growth_rate={growth_rate}"
        )
    halvings = len(layers) - 1 if small_images else len(layers) + 1
    check_image_classifier(
        input_shape, classes, include_top, pooling, classifier_activation, smallest=2**halvings
    )
    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = preprocess(x, "torch")
    if small_images:
        x = conv_block(x, 2 * growth_rate, epsilon=EPSILON, name="stem")
    else:
        x = conv_block(
            x,
            2 * growth_rate,
            kernel_size=7,
            strides=2,
            padding="symmetric",
            epsilon=EPSILON,
            name="stem",
        )
        x = keras.layers.ZeroPadding2D(1, name="pool_pad")(x)
        x = keras.layers.MaxPooling2D(3, strides=2, name="pool")(x)
    for number, count in enumerate(layers, start=1):
        if number > 1:
            x = transition_block(x, epsilon=EPSILON, name=f"transition{number - 1}")
        x = densely_connected_block(x, count, growth_rate, epsilon=EPSILON, name=f"block{number}")
    x = batch_norm_relu(x, epsilon=EPSILON, name="last")
    x = classifier_top(
        x,
        classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
    )
    published = _PUBLISHED.get(depth) if blocks is None and growth_rate == 32 else None
    return load_weights(
        keras.Model(inputs, x, name=name),
        weights,
        include_top=include_top,
        classes=classes,
        published=None if small_images else published,
        mode="torch",
    )
