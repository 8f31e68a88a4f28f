"""What stands before a classifier's first layer and after its last maps."""

import keras
import numpy as np
import pytest

from thinkkeras.models.blocks import classifier_top, preprocess


@pytest.mark.parametrize(
    ("mode", "pixel", "expected"),
    [
        ("unit", (0, 51, 255), (0, 0.2, 1)),
        ("tf", (0, 51, 255), (-1, -0.6, 1)),
        # Deviations of 0.229, 0.224 and 0.225 around 0.485, 0.456 and 0.406.
        ("torch", (0, 51, 255), (-0.485 / 0.229, -0.256 / 0.224, 0.594 / 0.225)),
        ("caffe", (123.68, 116.779, 103.939), (0, 0, 0)),
        ("caffe", (255, 0, 103.939), ((255 - 123.68) / 64, -116.779 / 64, 0)),
    ],
)
def test_preprocessing_is_that_of_the_weights(mode, pixel, expected):
    x = keras.Input((1, 1, 3))
    model = keras.Model(x, preprocess(x, mode))
    found = np.asarray(model(np.array(pixel, "float32").reshape(1, 1, 1, 3)))
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-6)


def test_preprocessing_takes_grey_images():
    x = keras.Input((2, 3, 1))
    model = keras.Model(x, preprocess(x, "torch"))
    grey = np.full((1, 2, 3, 1), 255 * (0.485 + 0.229), "float32")
    np.testing.assert_allclose(model(grey), np.ones((1, 2, 3, 1)), atol=1e-5)


MAPS = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [(None, MAPS), ("avg", MAPS.mean(axis=(1, 2))), ("max", MAPS.max(axis=(1, 2)))],
)
def test_without_the_top_maps_are_pooled(pooling, expected):
    x = keras.Input((3, 4, 5))
    model = keras.Model(x, classifier_top(x, 7, include_top=False, pooling=pooling))
    np.testing.assert_allclose(model(MAPS), expected, atol=1e-6)


def test_the_top_is_a_dense_layer_on_the_average():
    x = keras.Input((3, 4, 5))
    model = keras.Model(x, classifier_top(x, 7, classifier_activation=None, dropout=0.5))
    assert [layer.name for layer in model.layers[1:]] == ["average", "dropout", "classifier"]
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model(MAPS), MAPS.mean(axis=(1, 2)) @ kernel + bias, atol=1e-6)
