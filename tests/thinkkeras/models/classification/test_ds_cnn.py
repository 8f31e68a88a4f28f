"""The builder: the size of the paper's network, shapes, arguments."""

import keras
import numpy as np
import pytest

from thinkkeras.models import ds_cnn


def test_default_is_the_reference_without_its_idle_biases():
    model = ds_cnn()
    # MLPerf Tiny's model has 24,908 parameters, 64 of them a bias in each of nine convolutions.
    assert model.count_params() == 24_908 - 9 * 64 == 24_332
    kernels = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)] + [
        model.get_layer("classifier")
    ]
    # 25 x 5 positions: the stem, four depthwise and four pointwise kernels; then the classifier.
    by_hand = 125 * (40 * 64 + 4 * (9 * 64 + 64 * 64)) + 64 * 12
    assert by_hand == 2_656_768
    assert sum(int(np.prod(layer.kernel.shape)) for layer in kernels[:1]) == 40 * 64
    for figure in ("24,332", "24,908", "2.66 million"):
        assert figure in ds_cnn.__doc__


@pytest.mark.parametrize(
    ("input_shape", "filters", "strides", "last_map"),
    [
        ((28, 28, 1), (32, 48, 96, 160, 256), (2, 2, 1, 1, 2), (4, 4)),
        ((8, 8, 1), (16, 32, 48), (1, 2, 1), (4, 4)),
        ((9, 5, 3), (4,), (2,), (5, 3)),
    ],
)
def test_parameters_and_shapes(input_shape, filters, strides, last_map):
    model = ds_cnn(input_shape, 7, filters=filters, strides=strides, kernel_size=(3, 3))
    by_hand = 9 * input_shape[2] * filters[0] + 4 * filters[0] + 7 * filters[-1] + 7
    for before, width in zip(filters, filters[1:], strict=False):
        by_hand += 9 * before + 4 * before + before * width + 4 * width
    assert model.count_params() == by_hand
    assert model.get_layer("average").input.shape == (None, *last_map, filters[-1])
    assert model.output_shape == (None, 7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (28, 28)}, r"input_shape=\(height, width, channels\)"),
        ({"classes": 0}, "at least 1 class, received classes=0"),
        ({"filters": (8, 8), "strides": (1,)}, "as many positive filters as strides"),
        ({"filters": (), "strides": ()}, "one or more"),
        ({"filters": (8, 0), "strides": (1, 1)}, r"received filters=\(8, 0\)"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        ds_cnn(**arguments)
