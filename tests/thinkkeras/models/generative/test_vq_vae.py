"""The VQ-VAE and its prior: nearest codes, straight gradients, what comes before what."""

import keras
import numpy as np
import pytest

from thinkkeras import models
from thinkkeras.models import generative


def stripes(count=64):
    """Pictures with bright columns on the left or on the right."""
    x = np.full((count, 8, 8, 1), 20.0, "float32")
    x[::2, :, :4] = 220
    x[1::2, :, 4:] = 220
    return x


def test_each_vector_becomes_the_nearest_code():
    model = models.vq_vae((8, 8, 1), 3, codes=5, filters=(4,), seed=0)
    vectors = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    book = np.asarray(model.codebook)
    expected = np.square(vectors[..., None, :] - book).sum(-1).argmin(-1)
    np.testing.assert_array_equal(np.asarray(model.nearest(vectors)), expected)
    assert model.numbers(stripes(3)).shape == (3, 4, 4)
    painted = model.images(expected)
    np.testing.assert_allclose(painted, np.asarray(model.decoder(book[expected])), rtol=1e-4)
    parts = [model.encoder.count_params(), model.decoder.count_params()]
    assert model.count_params() - 5 * 3 == sum(parts)


def test_the_loss_and_its_gradients_by_hand():
    """Encoder and decoder hand through: the gradients are those of equation 3."""
    import tensorflow as tf

    inputs = keras.Input((2, 2, 1))
    scale = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    encoder, decoder = keras.Model(inputs, scale(inputs)), keras.Model(inputs, inputs)
    model = models.VQVAE(encoder, decoder, codes=2, commitment=0.5)
    model.codebook.assign([[0.0], [10.0]])
    x = np.array([1.0, 2, 8, 10], "float32").reshape(1, 2, 2, 1)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, training=True)
    e, q = np.array([1.0, 2, 8, 10]), np.array([0.0, 0, 10, 10])
    distance = np.mean((e - q) ** 2)
    reconstruction = np.mean((q - e) ** 2) / 127.5**2
    assert float(loss) == pytest.approx(reconstruction + 1.5 * distance, rel=1e-4)
    found = tape.gradient(loss, [model.codebook, scale.kernel])
    np.testing.assert_allclose(
        np.ravel(tf.convert_to_tensor(found[0])),
        [2 * (0 - 1 + 0 - 2) / 4, 2 * (10 - 8 + 10 - 10) / 4],
        rtol=1e-4,
    )
    straight = np.mean(2 * (q - e) * e) / 127.5**2
    assert float(found[1][0, 0]) == pytest.approx(
        straight + 0.5 * np.mean(2 * (e - q) * e), rel=1e-4
    )


def test_the_prior_looks_back_only(tmp_path):
    keras.utils.set_random_seed(0)
    prior = models.code_prior((4, 3), 5, units=6, layers=2)
    # Embedding; the first convolution and two more; logits.
    assert prior.count_params() == 5 * 6 + 3 * (9 * 6 * 6 + 6) + 6 * 5 + 5
    numbers = np.random.default_rng(0).integers(5, size=(1, 4, 3))
    before = prior.predict_on_batch(numbers).reshape(12, 5)
    for place in range(12):
        changed = numbers.reshape(12).copy()
        changed[place] = (changed[place] + 1) % 5
        after = prior.predict_on_batch(changed.reshape(1, 4, 3)).reshape(12, 5)
        np.testing.assert_allclose(after[: place + 1], before[: place + 1], atol=1e-6)
        if place < 11:
            assert np.abs(after[place + 1 :] - before[place + 1 :]).max() > 1e-5
    prior.save(tmp_path / "prior.keras")
    again = keras.saving.load_model(tmp_path / "prior.keras")
    np.testing.assert_allclose(again.predict_on_batch(numbers).reshape(12, 5), before, atol=1e-6)


def test_a_prior_learns_codes_and_draws_them():
    """Checkerboards of two numbers, the first one by chance."""
    keras.utils.set_random_seed(0)
    board = np.indices((3, 3)).sum(axis=0) % 2
    numbers = np.stack([board, 1 - board] * 32)
    prior = models.code_prior((3, 3), 3, units=8, layers=1)
    prior.compile(
        keras.optimizers.Adam(2e-2),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    prior.fit(numbers, numbers, batch_size=16, epochs=40, verbose=0)
    drawn = generative.sample_codes(prior, 200, seed=1)
    assert drawn.shape == (200, 3, 3) and drawn.dtype == np.int32
    one, other = ((drawn == each).all(axis=(1, 2)).mean() for each in (board, 1 - board))
    assert one + other > 0.9 and 0.35 < one < 0.65


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="two codes or more"):
        models.vq_vae((8, 8, 1), 4, codes=1, filters=(4,))
    with pytest.raises(ValueError, match="layers of at least 1"):
        models.code_prior((0, 3), 5)
