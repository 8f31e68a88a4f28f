"""The networks of generative models: sizes, what goes in and comes out, what bad arguments say."""

import keras
import numpy as np
import pytest

from thinkkeras import models
from thinkkeras.models import generative


def conv(before, after, side=3):
    return side**2 * before * after + after


def dense(before, after):
    return before * after + after


# By name: builder, shapes of inputs and outputs, parameters by hand, and what its docstring says.
NETWORKS = {
    "encoder": (
        generative.vae_encoder,
        [(28, 28, 1)],
        [(32,), (32,)],
        conv(1, 32) + conv(32, 64) + dense(7 * 7 * 64, 256) + 2 * dense(256, 32),
    ),
    "encoder of 32x32 with classes": (
        lambda: generative.vae_encoder((32, 32, 3), 8, classes=5, filters=(4, 6), units=(7,)),
        [(32, 32, 3), (5,)],
        [(8,), (8,)],
        conv(3, 4) + conv(4, 6) + dense(8 * 8 * 6 + 5, 7) + 2 * dense(7, 8),
    ),
    "dense encoder": (
        lambda: generative.vae_encoder((8, 8, 1), 4, filters=(), units=(32, 16)),
        [(8, 8, 1)],
        [(4,), (4,)],
        dense(64, 32) + dense(32, 16) + 2 * dense(16, 4),
    ),
    "decoder": (
        generative.vae_decoder,
        [(32,)],
        [(28, 28, 1)],
        dense(32, 256) + dense(256, 7 * 7 * 64) + conv(64, 64) + conv(64, 32) + conv(32, 1),
    ),
    "dense decoder with classes": (
        lambda: generative.vae_decoder((8, 8, 1), 4, classes=10, filters=(), units=(16,)),
        [(4,), (10,)],
        [(8, 8, 1)],
        dense(14, 16) + dense(16, 64),
    ),
    "generator": (
        generative.gan_generator,
        [(64,)],
        [(28, 28, 1)],
        # Batch normalization has four numbers a map, in the place of the biases.
        64 * 7 * 7 * 128
        + 4 * 7 * 7 * 128
        + 9 * 128 * 128
        + 4 * 128
        + 9 * 128 * 64
        + 4 * 64
        + conv(64, 1),
    ),
    "generator of 8x8 with classes": (
        lambda: generative.gan_generator((8, 8, 1), 6, classes=10, filters=(5,)),
        [(6,), (10,)],
        [(8, 8, 1)],
        10 * 6 + (6 + 4) * 4 * 4 * 5 + 9 * 5 * 5 + 4 * 5 + conv(5, 1),
    ),
    "discriminator": (
        generative.gan_discriminator,
        [(28, 28, 1)],
        [(1,)],
        conv(1, 64, 5) + conv(64, 128, 5) + dense(7 * 7 * 128, 1),
    ),
    "discriminator of 32x32 with classes": (
        lambda: generative.gan_discriminator((32, 32, 3), classes=10, filters=(4,), dropout=0.3),
        [(32, 32, 3), (10,)],
        [(1,)],
        conv(3, 4, 5) + dense(16 * 16 * 4, 1) + 10 * 16 * 16 * 4,
    ),
    "denoiser": (generative.denoising_unet, [(28, 28, 1), (32,)], [(28, 28, 1)], 555_521),
    "denoiser of 8x8 with classes": (
        lambda: generative.denoising_unet((8, 8, 1), classes=10, filters=(4, 6), time_units=8),
        [(8, 8, 1), (8,), (10,)],
        [(8, 8, 1)],
        dense(8, 16)
        + 10 * 16
        + conv(1, 4)
        # Two convolutions with normalization, and the condition; a shortcut where widths differ.
        + 2 * (9 * 4 * 4 + 16)
        + dense(16, 4)
        + conv(4, 6)
        + 2 * (9 * 6 * 6 + 24)
        + dense(16, 6)
        + (9 * 10 * 4 + 16)
        + (9 * 4 * 4 + 16)
        + dense(16, 4)
        + conv(10, 4, 1)
        + conv(4, 1),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_and_parameters(name):
    build, inputs, outputs, parameters = NETWORKS[name]
    model = build()
    assert [x.shape[1:] for x in model.inputs] == inputs
    assert [x.shape[1:] for x in model.outputs] == outputs
    assert model.count_params() == parameters
    if hasattr(build, "__name__") and build.__name__ != "<lambda>":
        assert f"{parameters:,}" in build.__doc__


def test_every_model_comes_in_the_sizes_of_the_data():
    for shape, filters in (((28, 28, 1), (4, 4)), ((32, 32, 3), (4, 4)), ((8, 8, 1), (4,))):
        assert models.vae(shape, 4, filters=filters).decoder.output_shape[1:] == shape
        assert models.dcgan(shape, 4, filters=filters).generator.output_shape[1:] == shape
        assert models.wgan_gp(shape, 4, filters=filters).generator.output_shape[1:] == shape
        unet = models.diffusion(shape, filters=(4, *filters)).denoiser
        assert unet.output_shape[1:] == shape


def test_generators_make_pixels_and_the_class_matters():
    keras.utils.set_random_seed(0)
    noise = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")
    classes = np.eye(10, dtype="float32")[np.zeros(16, int)]
    decoder = models.vae_decoder((8, 8, 1), 6, classes=10, filters=(4,), units=(16,))
    for model in (
        models.gan_generator((8, 8, 1), 6, classes=10, filters=(4,)),
        models.pixel_decoder(decoder),
    ):
        images = np.asarray(model([noise, classes]))
        assert images.min() >= 0 and images.max() <= 255 and images.std() > 1
        other = np.asarray(model([noise, classes[:, ::-1]]))
        assert np.abs(other - images).max() > 1
    logits = np.asarray(decoder([noise, classes]))
    np.testing.assert_allclose(images, 255 / (1 + np.exp(-logits)), rtol=1e-4)


def test_a_one_hot_class_is_an_embedding():
    model = models.gan_generator((8, 8, 1), 6, classes=3, filters=(4,))
    kernel = model.get_layer("class_embedding").get_weights()[0]
    inner = keras.Model(model.inputs, model.get_layer("with_class").output)
    noise = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
    found = np.asarray(inner([noise, np.eye(3, dtype="float32")]))
    np.testing.assert_allclose(found, noise * kernel, rtol=1e-5)


def test_the_discriminator_projects_its_features_on_the_class():
    keras.utils.set_random_seed(0)
    model = models.gan_discriminator((8, 8, 1), classes=3, filters=(4,))
    x = np.random.default_rng(0).uniform(0, 255, (3, 8, 8, 1)).astype("float32")
    inner = keras.Model(model.inputs[0], model.get_layer("features").output)
    features = np.asarray(inner(x))
    kernel, bias = model.get_layer("logit").get_weights()
    embedding = model.get_layer("class_embedding").get_weights()[0]
    expected = features @ kernel + bias + (features * embedding).sum(-1, keepdims=True)
    np.testing.assert_allclose(
        np.asarray(model([x, np.eye(3, dtype="float32")])), expected, rtol=1e-4
    )


def test_an_untrained_denoiser_finds_nothing_and_time_and_class_reach_a_trained_one():
    keras.utils.set_random_seed(0)
    model = models.denoising_unet((8, 8, 1), classes=3, filters=(4, 4), time_units=8)
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    predict = generative.noise_predictor(model, 100, labels=[0, 2])
    np.testing.assert_array_equal(predict(x, np.array([3, 90])), 0)
    last = model.get_layer("noise")
    last.set_weights([np.ones_like(last.get_weights()[0]), np.zeros(1)])
    found = predict(x, np.array([3, 90]))
    assert found.shape == x.shape
    assert np.abs(predict(x, np.array([4, 90]))[0] - found[0]).max() > 1e-4
    other = generative.noise_predictor(model, 100, labels=[1, 2])(x, np.array([3, 90]))
    assert np.abs(other - found)[0].max() > 1e-4
    np.testing.assert_allclose(other[1], found[1], rtol=1e-5)
    row = generative.time_embedding(100, 8)[[3, 90]]
    by_hand = model([x, row, np.eye(3, dtype="float32")[[0, 2]]])
    np.testing.assert_allclose(found, np.asarray(by_hand), rtol=1e-4, atol=1e-5)


ENCODER = generative.vae_encoder((8, 8, 1), 4, filters=(), units=())


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: models.vae((8, 8, 1), 0), "received 0, filters"),
        (lambda: models.vae((8, 8, 1), 4, classes=-1), "classes=-1"),
        (lambda: models.vae((10, 8, 1), 4), "multiples of 4"),
        (lambda: models.vae((8, 8), 4), "three positive integers"),
        (lambda: models.vae((8, 8, 1), 4, likelihood="poisson"), "'bernoulli' or 'gaussian'"),
        (
            lambda: models.VAE(ENCODER, models.vae_decoder((8, 8, 1), 5, filters=())),
            r"received codes of \[\(4,\), \(4,\), \(5,\)\]",
        ),
        (
            lambda: models.VAE(ENCODER, models.vae_decoder((8, 8, 1), 4, classes=3, filters=())),
            r"classes \[\[\], \[3\]\]",
        ),
        (lambda: models.dcgan((8, 8, 1), 4, filters=()), "expected filters of one stage"),
        (lambda: models.dcgan((8, 8, 1), 4, loss="hinge"), "non_saturating, minimax, wasserstein"),
        (lambda: models.wgan_gp((8, 8, 1), 4, critic_steps=0), "received 10.0 and 0"),
        (
            lambda: models.GAN(
                models.gan_discriminator((8, 8, 1)), models.gan_generator((8, 8, 3), 4)
            ),
            "discriminator of what the generator makes",
        ),
        (lambda: models.diffusion((8, 8, 1), schedule="sigmoid"), "one of cosine, linear"),
        (lambda: models.diffusion((8, 8, 1), filters=(4, 0)), "layers of at least 1"),
        (lambda: models.diffusion((10, 8, 1)), "multiples of 4"),
    ],
)
def test_bad_arguments_are_named(build, expected):
    with pytest.raises(ValueError, match=expected):
        build()
