"""Batch normalization folded into the layers before it."""

import keras
import numpy as np

from deploy.compress.batch_norm_folding import fold
from deploy.to_tf_keras import to_tf_keras


def test_folded_normalization_and_split_layers_compute_the_same():
    generator = np.random.default_rng(0)
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    x = layers.Conv2D(4, 3, strides=2, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(max_value=6)(x)
    y = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x)
    y = layers.BatchNormalization(scale=False)(y)
    y = layers.SeparableConv2D(4, 3, padding="same", activation="relu")(y)
    y = layers.BatchNormalization(center=False)(y)
    x = layers.Concatenate()([x, y])
    x = layers.Conv2DTranspose(5, 2, strides=2, activation="silu")(x)
    z = layers.Conv2DTranspose(5, 1)(x)
    z = layers.BatchNormalization()(z)
    x = layers.Flatten()(layers.Add()([x, z]))
    x = layers.BatchNormalization()(layers.Dense(6)(x))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([generator.uniform(0.5, 2, w.shape) for w in layer.get_weights()])
    folded = fold(to_tf_keras(model))
    kinds = [type(layer).__name__ for layer in folded.layers]
    # The one after an activation has no convolution to go into.
    assert kinds.count("BatchNormalization") == 1
    assert not {"SeparableConv2D"} & set(kinds)
    x = generator.uniform(0, 255, (16, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(folded(x), model(x), atol=2e-6)
