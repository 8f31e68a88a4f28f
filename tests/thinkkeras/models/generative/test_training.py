"""Training of generative models: losses by hand, gradients, files; the same on JAX."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from scipy.stats import norm

from thinkkeras import metrics, models
from thinkkeras.models import generative
from thinkkeras.models.generative.gan import constant_call
from thinkkeras.schedules import warm_up


def blobs(count=32, seed=0):
    """Two kinds of pictures, grey, by class: bright above, or bright below."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    x = np.full((count, 8, 8, 1), 40.0) + rng.normal(0, 10, (count, 8, 8, 1))
    x[labels == 0, :4] += 160
    x[labels == 1, 4:] += 160
    return np.clip(x, 0, 255).astype("float32"), labels


MODELS = {
    "vae": lambda: models.vae(
        (8, 8, 1), 2, filters=(4,), units=(16,), classes=2, beta=warm_up(9), seed=0
    ),
    "gaussian vae": lambda: models.vae(
        (8, 8, 1), 2, filters=(), units=(16,), likelihood="gaussian", seed=0
    ),
    "dcgan": lambda: models.dcgan((8, 8, 1), 4, filters=(4,), classes=2, seed=0),
    "wgan_gp": lambda: models.wgan_gp((8, 8, 1), 4, filters=(4,), critic_steps=2, seed=0),
    "diffusion": lambda: models.diffusion(
        (8, 8, 1), filters=(4, 6), classes=2, steps=50, schedule="linear", seed=0
    ),
    "vq_vae": lambda: models.vq_vae((8, 8, 1), 4, codes=8, filters=(4,), seed=0),
}
# What an epoch lowers: of a game's two losses the sum says nothing.
FALLS = {"dcgan": "discriminator", "wgan_gp": "penalty", "vq_vae": "reconstruction"}


def compiled(model, rate=1e-2):
    model.compile(keras.optimizers.Adam(rate), jit_compile=False)
    return model


def measured(model, x, y, training=False):
    """The loss and its reported parts, without a graph of their own."""
    for tracker in model.trackers:
        tracker.reset_state()
    loss = model.compute_loss(x, y, training=training)
    return {"loss": float(loss)} | {t.name: float(t.result()) for t in model.trackers}


@pytest.mark.parametrize("name", MODELS)
def test_an_epoch_lowers_the_loss_and_files_keep_the_training(name, tmp_path):
    keras.utils.set_random_seed(0)
    model = compiled(MODELS[name]())
    x, y = blobs(128)
    falls = FALLS.get(name, "loss")
    before = measured(model, x, y)
    history = model.fit(x, y, batch_size=8, epochs=1, verbose=0).history
    after = measured(model, x, y)
    assert set(history) == set(after)
    assert after[falls] < 0.95 * before[falls]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    assert again.get_config().keys() == model.get_config().keys()
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))
    # Keras keeps no state of seeds in files.
    again.noise_seed.state.assign(model.noise_seed.state)
    assert measured(again, x, y) == pytest.approx(measured(model, x, y), rel=1e-4)


def test_a_model_with_classes_asks_for_labels():
    x, _ = blobs(8)
    with pytest.raises(ValueError, match="labels of 2 classes, received none"):
        MODELS["dcgan"]().compute_loss(x)


# ---------------------------------------------------------------------------------------- VAE


def test_the_loss_of_a_vae_by_hand():
    """Without noise in the code: the encoder's deviations are as good as 0."""
    model = models.vae((8, 8, 1), 2, filters=(), units=(8,), likelihood="gaussian", beta=0.5)
    head = model.encoder.get_layer("log_variance")
    head.set_weights([np.zeros((8, 2)), np.full(2, -40.0)])
    x, _ = blobs(8)
    mean, log_variance = map(np.asarray, model.encoder(x))
    painted = np.asarray(generative.pixel_decoder(model.decoder)(mean)) / 255
    log_likelihood = norm.logpdf(x / 255, painted, np.sqrt(0.1)).sum(axis=(1, 2, 3))
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).sum(axis=1)
    loss = float(model.compute_loss(x, training=False))
    reconstruction, divergence = (float(t.result()) for t in model.trackers)
    assert reconstruction == pytest.approx(-log_likelihood.mean(), rel=1e-4)
    assert divergence == pytest.approx(kl.mean(), rel=1e-4)
    assert loss == pytest.approx(reconstruction + 0.5 * divergence, rel=1e-4)


def test_the_variance_follows_the_error():
    """The likeliest variance is the mean squared error."""
    keras.utils.set_random_seed(0)
    model = compiled(MODELS["gaussian vae"]())
    x, _ = blobs(64)
    model.fit(x, batch_size=16, epochs=25, verbose=0)
    code = model.encoder(x)[0]
    painted = np.asarray(generative.pixel_decoder(model.decoder)(code))
    error = np.mean(np.square((painted - x) / 255))
    assert error < 0.01
    assert float(model.variance) == pytest.approx(error, rel=0.3)
    before = float(model.variance)
    model.evaluate(x * 0, verbose=0)
    assert float(model.variance) == before


def test_pixels_are_drawn_anew_and_binary_ones_stay():
    model = models.vae((8, 8, 1), 2, filters=(), units=(), seed=0)
    grey = np.full((500, 8, 8, 1), 51.0, "float32")
    first, second = (np.asarray(model.binarized(ops.convert_to_tensor(grey))) for _ in range(2))
    assert set(np.unique(first)) == {0.0, 255.0}
    assert (first == 255).mean() == pytest.approx(0.2, abs=0.01)
    assert (first != second).mean() == pytest.approx(2 * 0.2 * 0.8, abs=0.02)
    np.testing.assert_array_equal(np.asarray(model.binarized(ops.convert_to_tensor(first))), first)
    drawn = generative.binarized(grey)
    assert set(np.unique(drawn)) == {0.0, 255.0} and (drawn == 255).mean() == pytest.approx(
        0.2, abs=0.01
    )
    np.testing.assert_array_equal(generative.binarized(drawn, seed=1), drawn)


def test_the_reparameterised_gradient_is_that_of_the_expectation():
    """E[Σ z²] = Σ m² + v: its gradient is 2 m with m, and v with log v."""
    import tensorflow as tf

    model = models.vae((8, 8, 1), 2, filters=(), units=(), seed=0)
    mean = tf.Variable([[0.5, -1.0]])
    log_variance = tf.Variable([[0.3, -2.0]])
    with tf.GradientTape() as tape:
        shape = (200_000, 2)
        z = model.sampled(ops.broadcast_to(mean, shape), ops.broadcast_to(log_variance, shape))
        value = ops.mean(ops.sum(z**2, axis=1))
    found = tape.gradient(value, [mean, log_variance])
    np.testing.assert_allclose(found[0][0], [1.0, -2.0], atol=0.02)
    np.testing.assert_allclose(found[1][0], np.exp([0.3, -2.0]), atol=0.02)


def test_the_weight_of_the_kl_warms_up_with_the_steps():
    model = compiled(models.vae((8, 8, 1), 2, filters=(), units=(4,), beta=warm_up(4, 2.0)))
    x, _ = blobs(8)

    def weight(training):
        for tracker in model.trackers:
            tracker.reset_state()
        loss = float(model.compute_loss(x, training=training))
        reconstruction, kl = (float(t.result()) for t in model.trackers)
        return (loss - reconstruction) / kl

    assert [weight(True) for _ in range(6)] == pytest.approx([0, 0.5, 1, 1.5, 2, 2], abs=1e-3)
    assert [weight(False) for _ in range(2)] == pytest.approx([2, 2], abs=1e-3)
    assert int(model.steps) == 6


@pytest.mark.parametrize("name", ["vae", "gaussian vae"])
def test_the_importance_weighted_bound_is_above_the_elbo(name):
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    x, y = blobs(8)
    if name == "vae":
        x = generative.binarized(x)
    drawn = list(generative.log_weights(model, x, y, samples=400, at_once=100, batch_size=4))
    assert [each.shape for each in drawn] == [(8, 100)] * 4
    weights = np.concatenate(drawn, axis=1)
    assert len(np.unique(weights)) > 3000  # each code is drawn anew
    model.beta = 1.0
    elbo = -np.mean([float(model.compute_loss(x, y, training=False)) for _ in range(100)])
    assert weights.mean() == pytest.approx(elbo, abs=0.5)
    bounds = [
        np.mean(
            [
                metrics.importance_weighted_bound([each[:, i : i + k]]).mean()
                for each in drawn
                for i in range(0, 100, k)
            ]
        )
        for k in (1, 10, 100)
    ]
    assert bounds[0] == pytest.approx(weights.mean())
    assert bounds[0] < bounds[1] < bounds[2]


def test_the_importance_weighted_bound_finds_a_known_likelihood():
    """A decoder that ignores its code, and an encoder that says nothing: log p(x) is exact."""
    model = models.vae((8, 8, 1), 2, filters=(), units=(), seed=0)
    for network in (model.encoder, model.decoder):
        network.set_weights([np.zeros_like(w) for w in network.get_weights()])
    x = generative.binarized(blobs(4)[0])
    drawn = generative.log_weights(model, x, samples=4, at_once=2)
    np.testing.assert_allclose(metrics.importance_weighted_bound(drawn), -64 * np.log(2), rtol=1e-5)


def test_log_weights_name_what_is_wrong():
    model = models.vae((8, 8, 1), 2, filters=(), units=())
    with pytest.raises(ValueError, match="received grey values"):
        next(generative.log_weights(model, blobs(4)[0]))
    with pytest.raises(ValueError, match="divisor of samples, received 3 and 10"):
        next(generative.log_weights(model, np.zeros((4, 8, 8, 1)), samples=10, at_once=3))


# ---------------------------------------------------------------------------------------- GAN


@pytest.mark.parametrize("loss", generative.gan.LOSSES)
def test_one_pass_has_the_gradients_of_two_separate_steps(loss):
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = models.GAN(
        models.gan_discriminator((8, 8, 1), filters=(4,)),
        models.gan_generator((8, 8, 1), 3, filters=(4,)),
        loss=loss,
        gradient_penalty=10.0,
        seed=0,
    )
    x, _ = blobs(16)
    critic, generator = model.discriminator, model.generator
    draws = ops.convert_to_numpy(model.noise_seed.state)
    with tf.GradientTape() as tape:
        value = model.compute_loss(x, training=True)
    found = tape.gradient(value, model.trainable_variables)
    reported = [float(t.result()) for t in model.trackers]

    model.noise_seed.state.assign(draws)
    noise = keras.random.normal((16, 3), seed=model.noise_seed)
    share = keras.random.uniform((16, 1, 1, 1), seed=model.noise_seed)
    fakes = generator(noise, training=True)
    with tf.GradientTape() as tape:
        real, fake = critic(x), critic(fakes)
        if loss == "wasserstein":
            value = tf.reduce_mean(fake) - tf.reduce_mean(real)
        else:
            value = -tf.reduce_mean(tf.math.log(tf.sigmoid(real)) + tf.math.log(tf.sigmoid(-fake)))
        with tf.GradientTape() as inner:
            between = share * x + (1 - share) * fakes
            inner.watch(between)
            inputs = critic(between)
        slopes = 127.5 * inner.gradient(inputs, between)
        penalty = tf.reduce_mean((tf.norm(tf.reshape(slopes, (16, -1)), axis=1) - 1) ** 2)
        total = value + 10 * penalty
    expected = tape.gradient(total, critic.trainable_variables)
    with tf.GradientTape() as tape:
        fake = critic(generator(noise, training=True))
        other = {
            "wasserstein": lambda: -tf.reduce_mean(fake),
            "non_saturating": lambda: -tf.reduce_mean(tf.math.log(tf.sigmoid(fake))),
            "minimax": lambda: tf.reduce_mean(tf.math.log(tf.sigmoid(-fake))),
        }[loss]()
    expected += tape.gradient(other, generator.trainable_variables)
    assert reported == pytest.approx([float(value), float(other), float(penalty)], rel=1e-3)
    assert len(found) == len(expected) > 8
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-5 * np.abs(b).max() + 1e-7)


def test_the_penalty_of_a_linear_critic_is_its_weights_norm():
    critic = keras.Sequential(
        [keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    critic.layers[-1].set_weights([np.array([[3.0], [0], [4], [0]]) / 127.5, np.zeros(1)])
    generator = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Reshape((2, 2, 1))]
    )
    model = models.GAN(critic, generator, gradient_penalty=1.0)
    x = np.random.default_rng(0).uniform(0, 255, (5, 2, 2, 1)).astype("float32")
    penalty = model.penalty(ops.convert_to_tensor(x), ops.zeros_like(x), [], True)
    assert float(penalty) == pytest.approx((5 - 1) ** 2, rel=1e-4)


def test_a_constant_call_changes_and_teaches_nothing():
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [keras.Input((3,)), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    )
    x = tf.Variable(np.random.default_rng(0).normal(size=(8, 3)).astype("float32"))
    before = network.get_weights()
    with tf.GradientTape(persistent=True) as tape:
        one = ops.sum(constant_call(network, x, training=True) ** 2)
        other = ops.sum(network(x, training=True) ** 2)
    assert float(one) == pytest.approx(float(other))
    assert tape.gradient(one, network.trainable_variables) == [None] * 4
    np.testing.assert_allclose(tape.gradient(one, x), tape.gradient(other, x), rtol=1e-4, atol=1e-6)
    with tf.GradientTape():
        network.set_weights(before)
        constant_call(network, x, training=True)
    for a, b in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_generator_takes_every_nth_step():
    keras.utils.set_random_seed(0)
    model = models.wgan_gp((8, 8, 1), 4, filters=(4,), critic_steps=3, seed=0)
    model.compile(keras.optimizers.Adam(1e-2), keras.optimizers.SGD(1e-2), jit_compile=False)
    x, _ = blobs(16)

    def weights():
        return [
            np.concatenate([ops.convert_to_numpy(v).ravel() for v in network.trainable_variables])
            for network in (model.discriminator, model.generator)
        ]

    moved = []
    before = weights()
    for _ in range(7):
        model.train_on_batch(x)
        after = weights()
        moved.append([bool((a != b).any()) for a, b in zip(before, after, strict=True)])
        before = after
    assert [critic for critic, _ in moved] == [True] * 7
    assert [generator for _, generator in moved] == [False, False, True] * 2 + [False]
    assert int(model.optimizer.first.iterations) == 7
    assert int(model.optimizer.second.iterations) == 2


def test_a_generator_moves_towards_the_data():
    keras.utils.set_random_seed(0)
    model = models.dcgan((8, 8, 1), 4, filters=(8,), dropout=0.0, seed=0)
    model.compile(keras.optimizers.Adam(1e-2, beta_1=0.5), jit_compile=False)
    x, _ = blobs(128)
    bright = x * 0 + 230
    noise = np.random.default_rng(1).normal(size=(64, 4)).astype("float32")
    assert np.asarray(model.generator(noise)).mean() == pytest.approx(127, abs=30)
    model.fit(bright, batch_size=8, epochs=3, verbose=0)
    assert np.asarray(model.generator(noise, training=True)).mean() > 180


# ---------------------------------------------------------------------------------- diffusion


def test_a_network_that_finds_no_noise_has_a_loss_of_one():
    model = MODELS["diffusion"]()
    x, y = blobs(512)
    assert float(model.compute_loss(x, y, training=False)) == pytest.approx(1, abs=0.02)


def test_the_denoiser_sees_what_the_schedule_says():
    """A network that hands its inputs through, so that the loss tells what they were."""
    model = models.diffusion((8, 8, 1), filters=(4,), steps=50, seed=0)
    seen = []

    class Spy:
        inputs = model.denoiser.inputs

        def __call__(self, inputs, training):
            seen.append([np.asarray(each) for each in inputs])
            return inputs[0]

    object.__setattr__(model, "denoiser", Spy())
    x = np.full((2000, 8, 8, 1), 255.0, "float32")
    model.loss_parts(ops.convert_to_tensor(x), [], True)
    images, times = seen[0]
    step = np.abs(times[:, None] - model.times).sum(-1).argmin(-1)
    assert set(step) == set(range(50))
    np.testing.assert_array_equal(times, model.times[step])
    # The image is 1 everywhere: the mean of each is √ᾱ, and its variance 1 - ᾱ.
    means = [images[step == s].mean() for s in range(50)]
    np.testing.assert_allclose(means, np.sqrt(model.kept), atol=0.08)
    variances = [images[step == s].var() for s in range(50)]
    np.testing.assert_allclose(variances, 1 - model.kept, rtol=0.15, atol=1e-3)


# ---------------------------------------------------------------------------------------- JAX

CHILD = Path(__file__).with_name("on_jax.py")


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed: pip install -e .[jax]"
)
def test_the_same_code_trains_on_jax(tmp_path):
    """In a process of its own: a backend is chosen when Keras is imported."""
    x, _ = blobs(16)
    keras.utils.set_random_seed(0)
    model = models.wgan_gp((8, 8, 1), 4, filters=(4,), seed=0)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    result = subprocess.run(
        [sys.executable, CHILD, tmp_path],
        cwd=Path(__file__).parents[4],
        env=os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert found["backend"] == "jax"
    for name in MODELS:
        before, after = (each[FALLS.get(name, "loss")] for each in found[name])
        assert after < 0.95 * before, name
    assert found["critic_steps"] == [False, True, False, True]
    # The penalty's gradient is that of TensorFlow: of a step of plain descent on it.
    import tensorflow as tf

    variables = model.discriminator.trainable_variables
    with tf.GradientTape() as tape:
        images = ops.convert_to_tensor(x)
        value = model.penalty(images, images, [], True)
    assert found["penalty"] == pytest.approx(float(value), rel=1e-4)
    for a, b in zip(found["gradient"], tape.gradient(value, variables), strict=True):
        b = 0 if b is None else np.asarray(b)
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
    assert found["weights"] == [[16, 4]]
