"""The convolutional autoencoder: maps that become smaller, a code, and the way back."""

from collections.abc import Sequence

import keras

from thinkkeras.models.arguments import check_classifier, check_size
from thinkkeras.models.blocks import conv_block, growing_maps, maps_from_code
from thinkkeras.models.representation.autoencoder import check_code


def conv_autoencoder(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    code: int | None = 32,
    *,
    filters: Sequence[int] = (16, 32),
    code_filters: int = 8,
    name: str = "conv_autoencoder",
) -> keras.Model:
    """Builds convolutions that halve height and width, a code, and the same way back.

    Both halves are models of their own: `model.get_layer("encoder")` and
    `model.get_layer("decoder")`. The code is a vector; with `code=None` it stays a map of
    `code_filters` channels, which keeps what is where: for denoising and for compression. The way
    up is bilinear, then convolved: what every target has, and no checkerboard.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255; multiples of 2 for
            each of the filters.
        code: Numbers of the code; None keeps a map.
        filters: Feature maps after each halving.
        code_filters: Channels of the map that is the code where `code` is None.
        name: Name of the model.

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to images of the same shape
        and range.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Masci, Meier, Cireşan and Schmidhuber, "Stacked Convolutional Auto-Encoders for Hierarchical
        Feature Extraction", ICANN 2011; Odena, Dumoulin and Olah, "Deconvolution and Checkerboard
        Artifacts", Distill 2016.
    """
    check_classifier(input_shape, 1)
    check_code(code_filters if code is None else code, filters)
    check_size(input_shape[0], input_shape[1], 2 ** len(filters))
    inputs = keras.Input(input_shape, name="image")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
    for stage, width in enumerate(filters, start=1):
        x = conv_block(x, width, strides=2, name=f"down{stage}")
    maps = x.shape[1:]
    if code is None:
        x = keras.layers.Conv2D(code_filters, 1, name="code")(x)
    else:
        x = keras.layers.Dense(code, name="code")(keras.layers.Flatten(name="flatten")(x))
    encoder = keras.Model(inputs, x, name="encoder")

    codes = keras.Input(x.shape[1:], name="code")
    if code is None:
        x = conv_block(codes, maps[-1], kernel_size=1, name="start")
    else:
        x = maps_from_code(codes, maps)
    x = growing_maps(x, [*reversed(filters[:-1]), filters[0]])
    x = keras.layers.Conv2D(input_shape[-1], 3, padding="same", name="outputs")(x)
    x = keras.layers.Activation("sigmoid", name="sigmoid")(x)
    decoder = keras.Model(codes, keras.layers.Rescaling(255.0, name="pixels")(x), name="decoder")

    images = keras.Input(input_shape, name="image")
    return keras.Model(images, decoder(encoder(images)), name=name)
