"""Operators and multiply-accumulates, counted by hand; compressed sizes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deploy.convert.converter import convert
from deploy.flatbuffer import compressed_size, count_operators, macs
from deploy.load.readers import load

L = keras.layers

# Keras layers after a 10 × 12 × 3 input; the multiply-accumulates; the operator that does them.
CASES = {
    "conv": ([L.Conv2D(5, 3, strides=2, padding="same")], 5 * 6 * 5 * 9 * 3, "CONV_2D"),
    "depthwise": ([L.DepthwiseConv2D(3, padding="valid")], 8 * 10 * 3 * 9, "DEPTHWISE_CONV_2D"),
    "dense": ([L.Flatten(), L.Dense(7)], 10 * 12 * 3 * 7, "FULLY_CONNECTED"),
    "transposed": ([L.Conv2DTranspose(4, 2, strides=2)], 10 * 12 * 3 * 4 * 4, "TRANSPOSE_CONV"),
    "grouped": ([L.Conv2D(6, 3, groups=3)], 8 * 10 * 6 * 9, "CONV_2D"),
    "volume": (
        [L.Reshape((10, 12, 3, 1)), L.Conv3D(2, 3)],
        8 * 10 * 1 * 2 * 27,
        "CONV_3D",
    ),
    "pooling": ([L.MaxPooling2D(2)], 0, "MAX_POOL_2D"),
}


def converted(model):
    return tf.lite.TFLiteConverter.from_keras_model(model).convert()


@pytest.mark.parametrize(("layers", "expected", "operator"), CASES.values(), ids=CASES)
def test_multiply_accumulates(layers, expected, operator):
    content = converted(keras.Sequential([keras.Input((10, 12, 3), batch_size=1), *layers]))
    assert macs(content) == expected
    assert count_operators(content)[operator] == 1


@pytest.mark.parametrize("transposed", [False, True])
def test_multiply_accumulates_of_a_matrix_product(transposed):
    left = keras.Input((4, 6) if transposed else (6, 4), batch_size=1)
    right = keras.Input((4, 5), batch_size=1)
    turned = keras.ops.transpose(left, (0, 2, 1)) if transposed else left
    content = converted(keras.Model([left, right], keras.ops.matmul(turned, right)))
    assert count_operators(content)["BATCH_MATMUL"] == 1
    assert macs(content) == 6 * 5 * 4


def test_multiply_accumulates_of_a_loop_are_not_known():
    model = keras.Sequential([keras.Input((20, 3)), L.GRU(4)])
    content = convert(load(model), "float32", None).content
    assert "WHILE" in count_operators(content) and macs(content) is None


def test_compressed_size():
    assert compressed_size(bytes(10_000)) < 100
    noise = np.random.default_rng(0).bytes(10_000)
    assert 10_000 <= compressed_size(noise) < 10_100
