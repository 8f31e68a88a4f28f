"""A small residual network for 8 x 8 digits: full kernels early, depthwise ones late."""

import keras
from keras import layers

EPOCHS = 20
BATCH_SIZE = 32
LEARNING_RATE = 6e-3
WIDTH = 24


def build(input_shape, classes, scaling):
    """`(batch, height, width, channels)` to `(batch, classes)`, uncompiled."""
    inputs = keras.Input(input_shape)
    x = _conv(scaling(inputs), WIDTH)  # (B, 8, 8, 24)
    y = _conv(_conv(x, WIDTH), WIDTH)
    x = layers.Add()([x, y])
    x = _conv(x, 2 * WIDTH, strides=2)  # (B, 4, 4, 48)
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    x = layers.Add()([x, _conv(y, 2 * WIDTH, kernel_size=1)])
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def augment(x):
    """Shifted by up to a pixel each way: a digit is the same one beside its place."""
    return _SHIFT(x, training=True)


def _conv(x, filters, kernel_size=3, strides=1):
    x = layers.Conv2D(filters, kernel_size, strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


_SHIFT = layers.RandomTranslation(0.125, 0.125, fill_mode="nearest", seed=0)
