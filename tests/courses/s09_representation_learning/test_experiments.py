"""Session 9's measures, against numbers by hand and scikit-learn's."""

import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA

from courses.s09_representation_learning.experiments import anomaly, compression, representations
from thinkkeras import models
from thinkkeras.datasets import load_machine_sounds

RECIPE = representations.RECIPES["digits"]._replace(
    epochs=1,
    contrastive_epochs=1,
    code=4,
    filters=(4,),
    contrastive_filters=(4, 8),
    counts=(6,),
    batch_size=16,
)


@pytest.fixture(scope="module")
def stripes():
    """Images of two kinds, `(images, classes)`: stripes that lie or stand."""
    generator = np.random.default_rng(0)
    classes = np.arange(48) % 2
    images = 40 * generator.uniform(size=(48, 8, 8, 1))
    for image, kind in zip(images, classes, strict=True):
        place = generator.integers(8)
        image[(slice(None), place) if kind else place] += 200
    return images.astype("float32"), classes


# A Transformer takes longest to trace.
NAMES = [
    pytest.param(name, marks=pytest.mark.slow if name == "masked" else ())
    for name in representations.METHODS
]


@pytest.mark.parametrize("name", NAMES)
def test_every_method_gives_codes_and_what_it_can_images(name, stripes):
    images, classes = stripes
    learned = representations.learn(name, images, classes, RECIPE)
    codes = learned.encode(images)
    assert codes.ndim == 2 and len(codes) == 48 and np.isfinite(codes).all()
    without = {"pixels", "masked", "SimCLR", "supervised"}
    assert (learned.decoder is None) == (name in without)
    if learned.decoder is None:
        with pytest.raises(ValueError, match="expected a method with a decoder"):
            learned.reconstruct(images)
    else:
        assert learned.reconstruct(images).shape == images.shape
    worth = representations.worth(learned, (images, classes), (images, classes), [6, 48])
    assert worth.counts == [6, 48] and all(0.3 <= each <= 1 for each in worth.probe)
    assert worth.neighbours[-1] == 1  # Each image is its own neighbour.


def test_pca_is_scikit_learns(stripes):
    images, classes = stripes
    learned = representations.learn("PCA", images, classes, RECIPE)
    flat = images.reshape(48, -1)
    expected = PCA(4).fit(flat)
    error = np.mean((expected.inverse_transform(expected.transform(flat)) - flat) ** 2) / 255**2
    worth = representations.worth(learned, (images, classes), (images, classes), [6])
    assert worth.error == pytest.approx(error, rel=1e-3)


def test_labels_are_as_many_of_each_class():
    classes = np.repeat([0, 1, 2], [50, 30, 7])
    chosen = representations.labelled(classes, 12, seed=1)
    assert len(set(chosen)) == 12
    np.testing.assert_array_equal(np.bincount(classes[chosen]), [4, 4, 4])
    # What there is not can't be known.
    np.testing.assert_array_equal(
        np.bincount(classes[representations.labelled(classes, 27)]), [10, 10, 7]
    )
    np.testing.assert_array_equal(representations.labelled(classes, 100), np.arange(87))


def test_angles_between_subspaces_by_hand():
    x, y, z = np.eye(3)
    np.testing.assert_allclose(
        representations.principal_angles(np.stack([x, y]), np.stack([x + y, y + z])),
        # They share a line; across it the planes z = 0 and x - y + z = 0 stand at acos(1 / √3).
        [0, np.degrees(np.arccos(1 / np.sqrt(3)))],
        atol=1e-5,
    )


def test_codes_become_bytes_and_come_back():
    codes = np.float32([[-1.0, 0.0], [0.5, 2.0], [1.0, 5.0]])
    low, high = np.float32([-1, 0]), np.float32([1, 4])
    stored = compression.as_bytes(codes, low, high)
    np.testing.assert_array_equal(stored, [[0, 0], [191, 128], [255, 255]])
    back = compression.from_bytes(stored, low, high)
    np.testing.assert_allclose(back, np.minimum(codes, high), atol=2 / 255)


def test_psnr_by_hand_and_better_files_are_larger():
    images = np.zeros((2, 8, 8, 1))
    assert compression.psnr(images, images + 5.1) == pytest.approx(20 * np.log10(50))
    assert compression.psnr(images, images) == 100  # as many as it can be
    generator = np.random.default_rng(0)
    smooth = np.kron(generator.uniform(0, 255, (4, 4, 4, 1)), np.ones((1, 8, 8, 1)))
    found = compression.by_jpeg(smooth, (5, 50, 95))
    for worse, better in zip(found, found[1:], strict=False):
        assert worse.bits_per_pixel < better.bits_per_pixel and worse.psnr < better.psnr
    model = models.conv_autoencoder((32, 32, 1), None, filters=(4,), code_filters=2)
    assert compression.by_codes(model, smooth, smooth).bits_per_pixel == 8 * 2 / 4


def test_a_window_is_five_frames_and_a_recording_the_mean_of_its_windows():
    sounds = load_machine_sounds(1)[1]
    found = anomaly.windows(sounds)
    assert found.shape == (4, 57, 5, 128)
    # The next window begins one frame later.
    np.testing.assert_array_equal(found[0, 1, :4], found[0, 0, 1:])
    scores = np.arange(4 * 57.0)
    np.testing.assert_allclose(anomaly.of_recordings(scores, 4), [28, 85, 142, 199])


def test_the_machine_net_is_mlperf_tinys():
    """269,992 parameters (Banbury et al. 2021), less the biases before batch normalization."""
    model = anomaly.machine_net()
    assert model.count_params() == 269_992 - (8 * 128 + 8)
    assert model.output_shape == (None, 5, 128)


def test_an_autoencoder_finds_what_it_has_not_seen():
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    normal = (generator.normal(size=(256, 2)) @ generator.normal(size=(2, 10))).astype("float32")
    strange = generator.normal(size=(64, 10)).astype("float32")
    model = models.autoencoder((10,), 2, units=(16,))
    anomaly.trained(model, normal, epochs=60, batch_size=16)
    asked = np.concatenate([normal[:64], strange])
    found = anomaly.scores(model, normal, asked, components=2)
    for each in (found.autoencoder, found.pca):
        assert np.median(each[64:]) > 5 * np.median(each[:64])
    by_hand = np.mean((model.predict(asked, verbose=0) - asked) ** 2, axis=1)
    np.testing.assert_allclose(found.autoencoder, by_hand, rtol=1e-4)
