"""The four models of MLPerf Tiny (Banbury et al. 2021), untrained, in Keras 3 or in tf_keras."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import keras


def _block(x: Any, layer: Any, layers: ModuleType) -> Any:
    return layers.ReLU()(layers.BatchNormalization()(layer(x)))


def resnet_8(library: ModuleType = keras) -> Any:
    """The image classifier: a ResNet of three stacks. Image (32, 32, 3) to 10 classes."""
    layers = library.layers
    image = library.Input((32, 32, 3))
    x = _block(image, layers.Conv2D(16, 3, padding="same"), layers)
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        y = _block(x, layers.Conv2D(filters, 3, stride, padding="same"), layers)
        y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(y))
        if stride > 1:
            x = layers.Conv2D(filters, 1, stride, padding="same")(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return library.Model(image, layers.Dense(10, activation="softmax")(x))


def ds_cnn(library: ModuleType = keras) -> Any:
    """The keyword spotter: four depthwise separable blocks. Features (49, 10, 1) to 12 words."""
    layers = library.layers
    features = library.Input((49, 10, 1))
    x = _block(features, layers.Conv2D(64, (10, 4), 2, padding="same"), layers)
    for _ in range(4):
        x = _block(x, layers.DepthwiseConv2D(3, padding="same"), layers)
        x = _block(x, layers.Conv2D(64, 1), layers)
    x = layers.Flatten()(layers.AveragePooling2D((25, 5))(x))
    return library.Model(features, layers.Dense(12, activation="softmax")(x))


def mobilenet(library: ModuleType = keras) -> Any:
    """The person detector. Image (96, 96, 3) to 2 classes."""
    return library.applications.MobileNet((96, 96, 3), alpha=0.25, weights=None, classes=2)


def autoencoder(library: ModuleType = keras) -> Any:
    """The anomaly detector. Spectrum (640,) to itself."""
    layers = library.layers
    x = spectrum = library.Input((640,))
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = _block(x, layers.Dense(units), layers)
    return library.Model(spectrum, layers.Dense(640)(x))


class Reference(NamedTuple):
    """`params`: as in the trained files of the benchmark's repository; `macs`: those of an
    inference; `cycles`: of its int8 model on an Ethos-U55-128; `arena_bytes`: of its int8 model in
    LiteRT Micro."""

    build: Callable[..., Any]
    params: int
    cycles: int
    macs: float | None = None
    arena_bytes: int | None = None


MLPERF_TINY = {
    "resnet_8": Reference(resnet_8, 78_666, 201_747, 12.5e6, 55_984),
    "ds_cnn": Reference(ds_cnn, 24_908, 89_900, 2.66e6, 24_272),
    "mobilenet": Reference(mobilenet, 219_058, 220_870),
    "autoencoder": Reference(autoencoder, 269_992, 201_184),
}
