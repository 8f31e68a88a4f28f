"""What stands before an image classifier's first layer, and after its last feature maps."""

from typing import Literal

import keras

Preprocessing = Literal["unit", "tf", "caffe", "torch"]

# Pixels of R, G and B in ImageNet: Caffe's means, and torchvision's means and deviations.
CAFFE_MEAN = (123.68, 116.779, 103.939)
CAFFE_SCALE = 1 / 64  # Caffe has none; see `preprocess`.
TORCH_MEAN, TORCH_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def preprocess(x: keras.KerasTensor, mode: Preprocessing) -> keras.KerasTensor:
    """Rescales pixels of 0-255 inside the model, in one layer called `rescaling`.

    Args:
        x: Images `(batch, height, width, channels)`, pixels in 0-255, red first.
        mode: "unit" gives 0-1. The others are those of `keras.applications`, for its weights: "tf"
            gives -1 to 1; "torch" subtracts ImageNet's mean of each channel and divides by its
            deviation; "caffe" subtracts the mean. There `keras.applications` also puts blue first
            and does not divide. Both belong into the first kernel instead, where they cost nothing
            (`thinkkeras.models.weights`), and a division lets a network start from sane numbers.

    Returns:
        Images of the same shape. Where they have not three channels, each is treated like red.
    """
    channels = x.shape[-1]

    def each(values: tuple[float, ...]) -> tuple[float, ...]:
        return values if channels == len(values) else (values[0],) * channels

    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...]
    if mode == "torch":
        mean, deviation = each(TORCH_MEAN), each(TORCH_STD)
        scale = tuple(1 / d for d in deviation)
        offset = tuple(-m / d for m, d in zip(mean, deviation, strict=True))
    elif mode == "caffe":
        scale, offset = CAFFE_SCALE, tuple(-m * CAFFE_SCALE for m in each(CAFFE_MEAN))
    else:
        scale, offset = {"unit": (1 / 255, 0.0), "tf": (1 / 127.5, -1.0)}[mode]
    return keras.layers.Rescaling(scale, offset, name="rescaling")(x)


def classifier_top(
    x: keras.KerasTensor,
    classes: int,
    *,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """The average over all positions and a dense layer; or the feature maps, or their pooling.

    Its layers are `average`, `dropout` where it drops, and `classifier`; without the top, `average`
    or `maximum`.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        classes: Number of classes.
        include_top: Whether to classify.
        pooling: Without the top, what becomes of the maps: None leaves them, "avg" averages them,
            "max" takes each one's maximum.
        classifier_activation: Activation of the outputs; None gives logits.
        dropout: Fraction of the averaged features dropped in training.

    Returns:
        `(batch, classes)` with the top; otherwise `x`, or `(batch, channels)`.
    """
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name="average")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name="dropout")(x)
        return keras.layers.Dense(classes, activation=classifier_activation, name="classifier")(x)
    return pooled(x, pooling)


def pooled(x: keras.KerasTensor, pooling: str | None) -> keras.KerasTensor:
    """Feature maps as they are (None), averaged ("avg"), or each one's maximum ("max")."""
    if pooling == "avg":
        return keras.layers.GlobalAveragePooling2D(name="average")(x)
    if pooling == "max":
        return keras.layers.GlobalMaxPooling2D(name="maximum")(x)
    return x
