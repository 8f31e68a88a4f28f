"""Residual networks: CIFAR-10's of 8 to 56 layers, and ImageNet's of 18 to 101."""

from functools import partial

import keras

from thinkkeras.models.arguments import check_image_classifier
from thinkkeras.models.blocks import (
    batch_norm_relu,
    bottleneck_block,
    classifier_top,
    conv_block,
    preprocess,
    residual_block,
)
from thinkkeras.models.blocks.classifier import Preprocessing
from thinkkeras.models.blocks.normalization import EPSILON as BATCH_NORM_EPSILON
from thinkkeras.models.blocks.residual import Shortcut
from thinkkeras.models.classification.widths import scaled
from thinkkeras.models.weights import Weights, load_weights

SMALL = (8, 20, 32, 44, 56)  # 6n + 2
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
EPSILON = 1.001e-5  # as `keras.applications` has it

_PUBLISHED = {
    (50, 1): keras.applications.ResNet50,
    (101, 1): keras.applications.ResNet101,
    (50, 2): keras.applications.ResNet50V2,
    (101, 2): keras.applications.ResNet101V2,
}


def resnet(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int = 10,
    *,
    depth: int = 8,
    version: int = 1,
    alpha: float = 1.0,
    shortcut: Shortcut = "projection",
    small_images: bool = False,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = True,
    name: str = "resnet",
) -> keras.Model:
    """Builds a residual network; its depth counts the layers with weights.

    Depths of 8, 20, 32, 44 and 56 are the paper's networks for CIFAR-10: three stages of 16, 32 and
    64 maps. Depth 8 has 78,042 trained parameters (MLPerf Tiny's, with idle biases, 78,666 in all)
    and 12.5 million multiply-accumulates. Depths of 18 and 34 (basic blocks), 50 and 101
    (bottlenecks) are those for ImageNet: four stages of 64 to 512 maps, after a 7×7 convolution and
    a pooling. With 1,000 classes depth 50 has 25,636,712 parameters, `version=2` 25,613,800.

    Args:
        input_shape: `(height, width, channels)` of the images.
        classes: Number of classes.
        depth: A depth named above.
        version: 1 adds, then activates; 2 normalizes and activates before each convolution.
        alpha: Factor on the number of maps.
        shortcut: Of the CIFAR-10 networks, "projection", "padding" or None, as
            `blocks.residual_block` has it. None makes a plain network of the same layers.
        small_images: Whether ImageNet's networks begin with a 3×3 convolution at stride 1 and no
            pooling, for images of 32 pixels or so.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`).

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.
        ConnectionError: ImageNet's weights could not be downloaded.

    Source:
        He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section
        4.2 and table 1; "Identity Mappings in Deep Residual Networks", ECCV 2016. Banbury et al.,
        "MLPerf Tiny Benchmark", NeurIPS 2021 (depth 8).
    """
    check_image_classifier(
        input_shape, classes, include_top, pooling, classifier_activation, alpha=alpha
    )
    if depth not in (*SMALL, *BLOCKS) or version not in (1, 2):
        raise ValueError(
            f"expected a depth out of {(*SMALL, *BLOCKS)} and version 1 or 2, received "
            f"depth={depth}, version={version}"
        )
    mode: Preprocessing = "unit" if depth not in BLOCKS else "tf" if version == 2 else "caffe"
    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = preprocess(x, mode)
    if depth in BLOCKS:
        if shortcut != "projection":
            raise ValueError(
                f"expected shortcut='projection' for depth {depth}, received {shortcut!r}; the "
                f"others are for depths {SMALL}"
            )
        x = _imagenet_stages(x, depth, version, alpha, small_images)
    else:
        x = _cifar_stages(x, depth, version, alpha, shortcut)
    x = classifier_top(
        x,
        classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
    )
    return load_weights(
        keras.Model(inputs, x, name=name),
        weights,
        include_top=include_top,
        classes=classes,
        published=_PUBLISHED.get((depth, version)),
        mode=mode,
    )


def _cifar_stages(
    x: keras.KerasTensor, depth: int, version: int, alpha: float, shortcut: Shortcut
) -> keras.KerasTensor:
    block = partial(residual_block, version=version, shortcut=shortcut)
    x = _stem(x, scaled(16, alpha), 3, 1, version)
    for stage, filters in enumerate((16, 32, 64), start=1):
        for number in range(1, (depth - 2) // 6 + 1):
            strides = 2 if stage > 1 and number == 1 else 1
            x = block(
                x, scaled(filters, alpha), strides=strides, name=f"stage{stage}_block{number}"
            )
    return batch_norm_relu(x, name="last") if version == 2 else x


def _imagenet_stages(
    x: keras.KerasTensor, depth: int, version: int, alpha: float, small_images: bool
) -> keras.KerasTensor:
    if small_images:
        x = _stem(x, scaled(64, alpha), 3, 1, version)
    else:
        x = _stem(x, scaled(64, alpha), 7, 2, version, use_bias=depth >= 50)
        x = keras.layers.ZeroPadding2D(1, name="pool_pad")(x)
        x = keras.layers.MaxPooling2D(3, strides=2, name="pool")(x)
    for stage, count in enumerate(BLOCKS[depth], start=1):
        filters = scaled(64 * 2 ** (stage - 1), alpha)
        for number in range(1, count + 1):
            name = f"stage{stage}_block{number}"
            if depth < 50:
                strides = 2 if stage > 1 and number == 1 else 1
                x = residual_block(x, filters, strides=strides, version=version, name=name)
                continue
            # Version 2's stages end with the step, version 1's begin with it.
            steps = number == count and stage < 4 if version == 2 else number == 1 and stage > 1
            x = bottleneck_block(
                x,
                filters,
                strides=2 if steps else 1,
                version=version,
                projection=number == 1,
                epsilon=EPSILON,
                name=name,
            )
    return batch_norm_relu(x, epsilon=EPSILON, name="last") if version == 2 else x


def _stem(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    strides: int,
    version: int,
    use_bias: bool = False,
) -> keras.KerasTensor:
    """The first convolution, normalized only where no block's own normalization follows."""
    large = kernel_size == 7
    if version == 1:
        return conv_block(
            x,
            filters,
            kernel_size=kernel_size,
            strides=strides,
            padding="symmetric" if large else "same",
            use_bias=use_bias,
            epsilon=EPSILON if large else BATCH_NORM_EPSILON,
            name="stem",
        )
    if large:
        x = keras.layers.ZeroPadding2D(kernel_size // 2, name="stem_pad")(x)
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="valid" if large else "same",
        use_bias=use_bias,
        kernel_initializer="he_normal",
        name="stem_conv",
    )(x)
