"""The residual block, computed by hand."""

import keras
import numpy as np

from thinkkeras.models.blocks import residual_block


def test_a_block_adds_to_what_it_is_given():
    x = keras.Input((5, 7, 3))
    model = keras.Model(x, residual_block(x, name="block"))
    names = ["1_conv", "1_bn", "1_relu", "2_conv", "2_bn", "2_linear", "add", "relu"]
    assert [layer.name for layer in model.layers[1:]] == [f"block_{name}" for name in names]
    maps = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")
    both = keras.Model(x, [model.get_layer("block_2_linear").output, model.output])
    added, received = both(maps)
    assert np.min(added) < -0.1
    np.testing.assert_allclose(received, np.maximum(maps + added, 0), atol=1e-6)
    # Without kernels nothing is left to add.
    model.get_layer("block_2_conv").set_weights([np.zeros((3, 3, 3, 3))])
    np.testing.assert_array_equal(model(maps), np.maximum(maps, 0))
