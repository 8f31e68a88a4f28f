"""SqueezeNet: fire modules, fifty times fewer parameters than AlexNet."""

from pathlib import Path

import h5py
import keras
import numpy as np

from thinkkeras.models.arguments import check_image_classifier
from thinkkeras.models.blocks import conv_relu, fire_module, pooled, preprocess
from thinkkeras.models.blocks.classifier import CAFFE_SCALE
from thinkkeras.models.classification.widths import scaled
from thinkkeras.models.weights import Weights, downloaded, load_weights

# Squeeze and expand of the modules fire2 to fire9.
FIRE = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
POOLS_BEFORE = (2, 4, 6)

# MIT licence; converted from the authors' own for Caffe.
IMAGENET = (
    "https://raw.githubusercontent.com/DeepCognition/keras-squeezenet/"
    "a73d4339aa4d37c51a0b3ba044bed55477abec73/"
    "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
IMAGENET_SHA256 = "17154246284f555591549ac2c83e127abfbf4307dc4b0060fdaa2931d0fa38da"


def squeezenet(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int = 1000,
    *,
    alpha: float = 1.0,
    small_images: bool = False,
    batch_normalization: bool = False,
    dropout: float = 0.5,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = "softmax",
    weights: Weights = None,
    include_preprocessing: bool = True,
    name: str = "squeezenet",
) -> keras.Model:
    """Builds SqueezeNet 1.1.

    A convolution, eight fire modules, and a 1×1 convolution whose maps, averaged, are the classes.
    The default arguments give 1,235,496 parameters.

    Args:
        input_shape: `(height, width, channels)` of the images.
        classes: Number of classes.
        alpha: Factor on the number of maps.
        small_images: Whether the first convolution has stride 1 and no pooling follows it, for
            images of 32 pixels or so.
        batch_normalization: Whether every convolution but the last is normalized. The original's
            are not, which makes it slow to train.
        dropout: Fraction of the last feature maps dropped in training.
        include_top, pooling, classifier_activation, weights, include_preprocessing, name: As for
            all classifiers (`thinkkeras.models.classification`). `weights="imagenet"` has no top.

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        ValueError: An argument is out of range.
        ConnectionError: ImageNet's weights could not be downloaded.

    Source:
        Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB
        model size", 2016, table 1; version 1.1 is the authors' own, with less work.
    """
    check_image_classifier(
        input_shape,
        classes,
        include_top,
        pooling,
        classifier_activation,
        alpha=alpha,
        smallest=9 if small_images else 33,
    )
    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = preprocess(x, "caffe")

    x = conv_relu(
        x,
        scaled(64, alpha),
        3,
        strides=1 if small_images else 2,
        padding="same" if small_images else "valid",
        batch_normalization=batch_normalization,
        name="conv1",
    )
    for number, (squeeze, expand) in enumerate(FIRE, start=2):
        if number in POOLS_BEFORE and not (small_images and number == 2):
            x = keras.layers.MaxPooling2D(3, strides=2, name=f"pool{number - 1}")(x)
        x = fire_module(
            x,
            scaled(squeeze, alpha),
            scaled(expand, alpha),
            batch_normalization=batch_normalization,
            name=f"fire{number}",
        )
    if include_top:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
        x = conv_relu(x, classes, 1, name="conv10")
        x = keras.layers.GlobalAveragePooling2D(name="average")(x)
        x = keras.layers.Activation(classifier_activation or "linear", name="classifier")(x)
    else:
        x = pooled(x, pooling)
    model = keras.Model(inputs, x, name=name)
    if weights != "imagenet":
        return load_weights(model, weights)
    if include_top or alpha != 1 or batch_normalization:
        raise ValueError(
            "expected include_top=False, alpha=1 and batch_normalization=False with "
            f"weights='imagenet', received include_top={include_top}, alpha={alpha}, "
            f"batch_normalization={batch_normalization}"
        )
    _copy_keras_2(downloaded(IMAGENET, IMAGENET_SHA256, name), model)
    return model


def _copy_keras_2(file: Path, model: keras.Model) -> None:
    """Weights from Keras 2's `fire2/squeeze1x1` to our `fire2_squeeze`."""
    with h5py.File(file) as stored:
        for layer in model.layers:
            if not layer.weights:
                continue
            theirs = layer.name.replace("_squeeze", "/squeeze1x1").replace("_expand", "/expand")
            group = stored[theirs]
            kernel, bias = (
                np.asarray(group[entry.decode() if isinstance(entry, bytes) else entry])
                for entry in group.attrs["weight_names"]
            )
            if layer.name == "conv1":
                # Caffe's order of colours, and no scale.
                kernel = kernel[:, :, ::-1] / CAFFE_SCALE
            layer.set_weights([kernel, bias])
