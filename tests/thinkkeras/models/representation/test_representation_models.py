"""Autoencoders and contrastive networks: sizes, what they compute, one training step, files."""

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.decomposition import PCA

import deploy
from thinkkeras import models
from thinkkeras.losses import NTXent
from thinkkeras.regularizers import Sparsity


def machine_net():
    return models.autoencoder(
        (640,), 8, units=(128,) * 4, code_activation="relu", batch_normalization=True
    )


# By name: builder, input shape, code shape, parameters, and what the docstring says.
AUTOENCODERS = {
    "dense": (models.autoencoder, (28, 28, 1), (32,), 1_083_696, "1,083,696"),
    # The literature's 269,992 less the biases before nine normalizations.
    "machine": (machine_net, (640,), (8,), 269_992 - 8 * 128 - 8, "269,992"),
    "linear": (
        lambda: models.autoencoder((6,), 2, units=()),
        (6,),
        (2,),
        6 * 2 + 2 + 2 * 6 + 6,
        None,
    ),
    "convolutional": (
        lambda: models.conv_autoencoder((8, 12, 3), 5, filters=(4, 6)),
        (8, 12, 3),
        (5,),
        # Down, each convolution with its normalization; code and start; up; outputs.
        9 * 3 * 4
        + 16
        + 9 * 4 * 6
        + 24
        + (36 * 5 + 5)
        + (5 * 36 + 36)
        + (9 * 6 * 4 + 16)
        + (9 * 4 * 4 + 16)
        + 9 * 4 * 3
        + 3,
        None,
    ),
    "map": (
        lambda: models.conv_autoencoder((8, 8, 1), None, filters=(4,), code_filters=2),
        (8, 8, 1),
        (4, 4, 2),
        9 * 4 + 16 + 4 * 2 + 2 + (2 * 4 + 16) + (9 * 4 * 4 + 16) + 9 * 4 + 1,
        None,
    ),
}


def examples(shape, count=16, seed=0):
    """Smooth pictures of 0-255, or rows."""
    generator = np.random.default_rng(seed)
    if len(shape) == 1:
        return (generator.normal(size=(count, 3)) @ generator.normal(size=(3, *shape))).astype(
            "float32"
        )
    coarse = generator.uniform(0, 255, (count, 4, 4, shape[-1])).astype("float32")
    return np.asarray(ops.image.resize(coarse, shape[:2]))


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_halves_are_models_of_their_own(name):
    build, shape, code, parameters, told = AUTOENCODERS[name]
    model, x = build(), examples(shape)
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    assert model.count_params() == parameters
    assert told is None or told in models.autoencoder.__doc__
    assert encoder.output_shape == (None, *code) == decoder.input_shape
    np.testing.assert_allclose(
        decoder.predict(encoder.predict(x, verbose=0), verbose=0),
        model.predict(x, verbose=0),
        rtol=1e-4,
        atol=1e-3,
    )


MODELS = {name: each[0] for name, each in AUTOENCODERS.items()} | {
    "masked": lambda: models.masked_autoencoder(
        (8, 8, 1), patch_size=2, units=8, layers=1, decoder_units=4, heads=2, seed=0
    ),
    "contractive": lambda: models.contractive_autoencoder(AUTOENCODERS["linear"][0]()),
    "sparse": lambda: models.autoencoder(
        (6,), 4, units=(), code_activation="sigmoid", code_regularizer=Sparsity()
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_training_brings_the_reconstruction_nearer_and_files_keep_it(name, tmp_path):
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    x = examples(model.input_shape[1:], 64)
    model.compile(keras.optimizers.Adam(3e-3), "mse", jit_compile=False)
    losses = model.fit(x, x, batch_size=16, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    if name != "masked":  # What is hidden is drawn at every call.
        np.testing.assert_allclose(
            again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-5
        )


def test_a_linear_autoencoder_finds_the_principal_subspace():
    """The cosines of the angles between both subspaces are 1."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(512, 3)) * [3, 2, 1]
    x = (x @ generator.normal(size=(3, 8)) + 0.05 * generator.normal(size=(512, 8))).astype("f4")
    model = models.autoencoder((8,), 2, units=())
    rate = keras.optimizers.schedules.CosineDecay(2e-2, 1600)
    model.compile(keras.optimizers.Adam(rate), "mse", jit_compile=False)
    model.fit(x, x, batch_size=64, epochs=200, verbose=0)
    pca = PCA(2).fit(x)
    learned, _ = np.linalg.qr(model.get_layer("decoder").get_layer("outputs").kernel.numpy().T)
    cosines = np.linalg.svd(pca.components_ @ learned, compute_uv=False)
    assert cosines.min() > 0.9995
    error = np.mean((pca.inverse_transform(pca.transform(x)) - x) ** 2)
    assert model.evaluate(x, x, verbose=0) == pytest.approx(error, rel=2e-3)


def test_the_penalty_of_contraction_is_the_jacobians_norm():
    keras.utils.set_random_seed(0)
    plain = models.autoencoder((6,), 4, units=(), code_activation="sigmoid")
    contractive = models.contractive_autoencoder(plain, weight=0.5)
    contractive.compile("sgd", "mse", jit_compile=False)
    kernel, bias = plain.get_layer("encoder").get_weights()
    x = examples((6,), 4096)
    h = 1 / (1 + np.exp(-(x @ kernel + bias)))
    # Rifai et al., equation 7: the sum of (h (1 - h))² times the squared columns of the weights.
    norm = np.mean(np.sum((h * (1 - h)) ** 2 * np.sum(kernel**2, axis=0), axis=1))
    contractive(x, training=True)
    assert float(contractive.losses[0]) == pytest.approx(0.5 * norm, rel=0.03)
    np.testing.assert_allclose(
        contractive.predict(x, verbose=0), plain.predict(x, verbose=0), rtol=1e-5
    )


def test_masks_hide_their_share_and_leave_the_rest_as_it_is():
    model = MODELS["masked"]()
    x = examples((8, 8, 1), 32)
    shown = np.abs(model.predict(x, verbose=0) - x) < 1e-3
    by_patch = shown.reshape(32, 4, 2, 4, 2).all(axis=(2, 4))
    np.testing.assert_array_equal(by_patch.sum(axis=(1, 2)), 4)  # a quarter of 16
    assert len({each.tobytes() for each in by_patch}) > 20


def test_the_encoder_of_a_masked_autoencoder_sees_all_and_shares_the_weights():
    model = MODELS["masked"]()
    encoder = models.masked_encoder(model)
    x = examples((8, 8, 1), 4)
    features = encoder.predict(x, verbose=0)
    assert features.shape == (4, 8)
    np.testing.assert_array_equal(encoder.predict(x, verbose=0), features)
    _, tokens = model.get_layer("embedding")(x)
    whole = np.asarray(model.get_layer("transformer")(tokens))
    np.testing.assert_allclose(features, whole.mean(axis=1), atol=1e-5)
    # The first patch, row by row, times the projection, and its place.
    kernel, bias = model.get_layer("embedding").get_layer("projection").get_weights()
    places = model.get_layer("embedding").get_layer("places").places.numpy()
    first = (x[:, :2, :2, 0] / 127.5 - 1).reshape(4, 4) @ kernel + bias + places[0]
    np.testing.assert_allclose(np.asarray(tokens)[:, 0], first, atol=1e-5)


def test_contrast_trains_an_encoder():
    keras.utils.set_random_seed(0)
    encoder = models.convnet((16, 16, 1), filters=(4, 8), include_top=False, pooling="avg")
    augmentation = keras.layers.RandomTranslation(0.1, 0.1, seed=0)
    model = models.contrastive_net(encoder, augmentation, units=(16, 8))
    x = examples((16, 16, 1), 64)
    views = model.predict(x, verbose=0)
    assert views.shape == (64, 2, 8)
    np.testing.assert_allclose(np.linalg.norm(views, axis=-1), 1, atol=1e-5)
    # Without training nothing is augmented: both views are the same.
    np.testing.assert_allclose(views[:, 0], views[:, 1], atol=1e-6)
    assert np.abs(np.diff(np.asarray(model(x, training=True)), axis=1)).max() > 0.01
    before = [weight.copy() for weight in encoder.get_weights()]
    model.compile(keras.optimizers.Adam(3e-3), NTXent(), jit_compile=False)
    losses = model.fit(x, x, batch_size=32, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert any(np.abs(a - b).max() > 0 for a, b in zip(before, encoder.get_weights(), strict=True))


@pytest.mark.parametrize("name", ["machine", "convolutional", "map"])
def test_int8_is_the_same_network(name, tmp_path):
    keras.utils.set_random_seed(0)
    model = AUTOENCODERS[name][0]()
    x = examples(model.input_shape[1:], 128)
    card = deploy.export(model, "cpu", out=tmp_path / "bundle", calibration=x, verbose=0)
    assert card["parity"]["sqnr_db"] > 18


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: models.autoencoder((6,), 0), "expected a code and layers of at least 1"),
        (lambda: models.conv_autoencoder((10, 8, 1), 4), "multiples of 4"),
        (lambda: models.masked_autoencoder((28, 28, 1), masked=1.0), "hides some of 49 patches"),
        (lambda: models.masked_autoencoder((28, 28, 1), heads=5), "heads are a divisor"),
        (
            lambda: models.contractive_autoencoder(models.autoencoder((6,), 2), deviation=0),
            "positive deviation, received 0.1 and 0",
        ),
        (
            lambda: models.contrastive_net(models.unet((32, 32, 3), 2), keras.layers.Identity()),
            "expected an encoder from one input to embeddings",
        ),
    ],
)
def test_bad_arguments_are_named(build, expected):
    with pytest.raises(ValueError, match=expected):
        build()
