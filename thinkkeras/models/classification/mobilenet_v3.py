"""MobileNetV3: inverted residuals with squeeze-and-excitation, in a layout that was searched."""

import keras

from thinkkeras.models.arguments import check_image_classifier
from thinkkeras.models.blocks import (
    classifier_top,
    conv_block,
    inverted_residual_block,
    preprocess,
)
from thinkkeras.models.classification.widths import divisible
from thinkkeras.models.weights import Weights, load_weights

# Tables 1 and 2 of the paper: kernel, expanded maps, maps, squeeze-and-excitation, hard swish,
# strides.
SMALL = (
    (3, 16, 16, True, False, 2),
    (3, 72, 24, False, False, 2),
    (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1),
    (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1),
    (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1),
    (5, 576, 96, True, True, 1),
)
LARGE = (
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)
# By name: blocks, units before the classifier, the network in `keras.applications`.
SIZES = {
    "small": (SMALL, 1024, keras.applications.MobileNetV3Small),
    "large": (LARGE, 1280, keras.applications.MobileNetV3Large),
}


def mobilenet_v3(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int = 1000,
    *,
    size: str = "small",
    alpha: float = 1.0,
    minimalistic: bool = False,
    last: int | None = None,
    small_images: bool = False,
    dropout: float = 0.2,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = True,
    name: str = "mobilenet_v3",
) -> keras.Model:
    """Builds MobileNetV3.

    With the other default arguments "small" has 2,554,968 parameters, "large" 5,507,432, and
    minimalistic 2,056,848 and 3,948,688 (as `keras.applications` counts them).

    Args:
        input_shape: `(height, width, channels)` of the images.
        classes: Number of classes.
        size: "small" or "large".
        alpha: Factor on the number of maps; multiples of 8 come out.
        minimalistic: Whether kernels are 3×3, activations ReLU, and nothing is squeezed and
            excited: what every accelerator has. The Edge TPU has no hard swish, and leaves the
            network to the processor from the first one on.
        last: Units of the layer before the classifier; None takes the paper's.
        small_images: Whether the first two steps of 2 pixels are steps of 1, for images of 32
            pixels or so.
        dropout: Fraction of the classifier's inputs dropped in training.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`).

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.
        ConnectionError: ImageNet's weights could not be downloaded.

    Source:
        Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5 and tables 1 and 2.
    """
    check_image_classifier(
        input_shape, classes, include_top, pooling, classifier_activation, alpha=alpha
    )
    if size not in SIZES:
        raise ValueError(f"expected a size out of {tuple(SIZES)}, received {size!r}")
    blocks, units, application = SIZES[size]
    smooth = "relu" if minimalistic else "hard_swish"
    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = preprocess(x, "tf")
    x = conv_block(x, 16, strides=1 if small_images else 2, activation=smooth, name="stem")
    left_out = 1 if small_images else 0  # Steps that are not taken.
    for number, (kernel, expanded, filters, squeezes, hard, strides) in enumerate(blocks, start=1):
        if strides == 2 and left_out:
            strides, left_out = 1, left_out - 1
        channels = x.shape[-1]
        # The published numbers of expanded maps are those of alpha = 1.
        before = blocks[number - 2][2] if number > 1 else 16
        widened = channels if number == 1 else divisible(channels * expanded / before)
        x = inverted_residual_block(
            x,
            divisible(filters * alpha),
            expansion=widened / channels,
            kernel_size=3 if minimalistic else kernel,
            strides=strides,
            activation=smooth if hard else "relu",
            squeeze_excitation=(divisible(widened / 4) if squeezes and not minimalistic else None),
            name=f"block{number}",
        )
    x = conv_block(x, divisible(x.shape[-1] * 6), kernel_size=1, activation=smooth, name="last")
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(keepdims=True, name="average")(x)
        units = last or divisible(units * max(alpha, 1.0))
        x = keras.layers.Conv2D(units, 1, activation=smooth, name="units")(x)
        x = keras.layers.Flatten(name="flatten")(x)
        x = keras.layers.Dropout(dropout, name="dropout")(x)
        x = keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    else:
        x = classifier_top(x, classes, include_top=False, pooling=pooling)
    return load_weights(
        keras.Model(inputs, x, name=name),
        weights,
        include_top=include_top,
        classes=classes,
        published=lambda **options: application(alpha=alpha, minimalistic=minimalistic, **options),
        mode="tf",
    )
