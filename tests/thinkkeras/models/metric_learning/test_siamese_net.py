"""The twins: the same weights, the weighted L1 distance, symmetry, errors."""

import keras
import numpy as np
import pytest

from thinkkeras.models import embedding_net, siamese_net


@pytest.fixture(scope="module")
def twins():
    keras.utils.set_random_seed(0)
    encoder = embedding_net((8, 8, 1), filters=(4, 6))
    return encoder, siamese_net(encoder)


def images(seed):
    return np.random.default_rng(seed).uniform(0, 255, (5, 8, 8, 1)).astype("float32")


def test_probability_of_the_weighted_difference(twins):
    encoder, model = twins
    weights, bias = model.get_layer("same").get_weights()
    one, other = (keras.ops.convert_to_numpy(encoder(images(seed))) for seed in (0, 1))
    expected = 1 / (1 + np.exp(-(np.abs(one - other) @ weights + bias)))
    received = keras.ops.convert_to_numpy(model([images(0), images(1)]))
    assert received.shape == (5, 1) and np.ptp(expected) > 1e-3
    np.testing.assert_allclose(received, expected, atol=1e-5)


def test_twins_share_their_weights_and_change_places(twins):
    encoder, model = twins
    assert model.count_params() == encoder.count_params() + encoder.output_shape[1] + 1
    there, back = model([images(0), images(1)]), model([images(1), images(0)])
    np.testing.assert_allclose(there, back, atol=1e-6)


def test_training_moves_the_encoder():
    keras.utils.set_random_seed(0)
    encoder = embedding_net((8, 8, 1), filters=(4,))
    before = encoder.get_weights()[0].copy()
    model = siamese_net(encoder, name="mine")
    model.compile("adam", "binary_crossentropy", jit_compile=False)
    model.fit([images(0), images(1)], np.ones((5, 1), "float32"), verbose=0)
    assert model.name == "mine" and np.abs(encoder.get_weights()[0] - before).max() > 1e-5


def test_refuses_an_encoder_of_maps():
    inputs = keras.Input((8, 8, 1))
    maps = keras.Model(inputs, keras.layers.Conv2D(3, 3)(inputs), name="maps")
    with pytest.raises(ValueError, match=r"embeddings \(batch, dimensions\), received 'maps' with"):
        siamese_net(maps)
