"""Gram matrices, colours and the loss, against NumPy."""

import keras
import numpy as np
import pytest

from thinkkeras.models import style_net
from thinkkeras.style_transfer import (
    StyleTransferLoss,
    feature_extractor,
    gram_matrix,
    match_colours,
    total_variation,
)

random = np.random.default_rng(0)
PAINTING = random.uniform(0, 255, (12, 20, 3)).astype("float32")
PHOTOGRAPHS = random.uniform(0, 255, (2, 8, 16, 3)).astype("float32")
PICTURES = random.uniform(0, 255, (2, 8, 16, 3)).astype("float32")


def classifier(channels=3):
    """Two convolutions for 8 x 8 images, normalized, and a dense classifier."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, channels))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(5, 3, padding="same", activation="relu", name="fine")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(7, 3, strides=2, activation="relu", name="coarse")(x)
    return keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(x)))


def maps_of(network, images, name):
    """A layer's maps through a network of this size, and not through `feature_extractor`."""
    weights = network.get_weights()
    x = keras.ops.relu(keras.ops.conv(images / 255, weights[0], padding="same") + weights[1])
    if name == "coarse":
        gamma, beta, mean, variance = weights[2:6]
        x = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        x = keras.ops.relu(keras.ops.conv(x, weights[6], strides=2) + weights[7])
    return np.asarray(x)


def gram(maps):
    return np.stack(
        [
            np.mean([np.outer(at, at) for at in one.reshape(-1, one.shape[-1])], axis=0)
            for one in maps
        ]
    )


def test_gram_matrix():
    maps = random.normal(size=(2, 3, 5, 4)).astype("float32")
    result = np.asarray(gram_matrix(maps))
    assert result.shape == (2, 4, 4)
    np.testing.assert_allclose(result, gram(maps), atol=1e-5)
    # Where things are makes no difference to the style.
    shuffled = random.permutation(maps.reshape(2, 15, 4), axis=1).reshape(2, 5, 3, 4)
    np.testing.assert_allclose(gram_matrix(shuffled), result, atol=1e-5)


def test_total_variation():
    ramp = np.zeros((2, 3, 4, 1), "float32")
    ramp[1] = 5 * np.arange(3)[:, None, None] + 2 * np.arange(4)[:, None]
    np.testing.assert_allclose(total_variation(ramp), [0, 25 + 4])


def test_match_colours():
    # Narrow, so that nothing is clipped.
    photographs = 100 + 0.2 * PHOTOGRAPHS @ np.array([[0.5, 0.2, 0], [0, 0.5, 0.1], [0.3, 0, 0.4]])
    painting = 90 + 0.15 * PAINTING @ np.array([[0.5, 0, 0.3], [0.2, 0.3, 0], [0, 0.1, 0.6]])
    matched = match_colours(photographs, painting)
    assert matched.dtype == np.float32 and matched.shape == photographs.shape
    target = painting.reshape(-1, 3)
    for one in matched:
        colours = one.reshape(-1, 3)
        np.testing.assert_allclose(colours.mean(axis=0), target.mean(axis=0), atol=1e-3)
        np.testing.assert_allclose(np.cov(colours.T), np.cov(target.T), atol=1e-2)
    np.testing.assert_allclose(
        match_colours(photographs[:1], photographs[0])[0], photographs[0], atol=1e-3
    )
    grey = match_colours(np.full((1, 4, 4, 3), 7), painting)
    np.testing.assert_allclose(grey[0, 0, 0], target.mean(axis=0), atol=1e-3)


@pytest.mark.parametrize("channels", [3, 1])
def test_features_of_any_size(channels):
    network = classifier(channels)
    network.get_layer("fine").set_weights(
        [w + 0.1 for w in network.get_layer("fine").get_weights()]
    )
    extractor = feature_extractor(network, ["fine", "coarse"])
    assert not extractor.trainable_variables
    read = PICTURES if channels == 3 else PICTURES.mean(axis=-1, keepdims=True)
    for maps, name in zip(extractor(PICTURES), ("fine", "coarse"), strict=True):
        np.testing.assert_allclose(maps, maps_of(network, read, name), atol=1e-4)
    with pytest.raises(ValueError, match="No such layer: middle"):
        feature_extractor(network, ["middle"])


def test_the_loss_is_what_numpy_says():
    network = classifier()
    loss = StyleTransferLoss(
        network,
        PAINTING,
        style_layers=["fine", "coarse"],
        content_layer="coarse",
        style_weight=3.0,
        content_weight=5.0,
        variation_weight=7.0,
    )
    style = 0
    for name in ("fine", "coarse"):
        target = gram(maps_of(network, PAINTING[None], name))
        received = gram(maps_of(network, PICTURES, name))
        style += ((received - target) ** 2).mean(axis=(1, 2)) / (target**2).mean() / 2
    painted, pictured, kept = (
        maps_of(network, images, "coarse") for images in (PAINTING[None], PICTURES, PHOTOGRAPHS)
    )
    content = ((pictured - kept) ** 2).mean(axis=(1, 2, 3)) / painted.var()
    variation = sum(
        (np.diff(PICTURES, axis=axis) ** 2).mean(axis=(1, 2, 3)) for axis in (1, 2)
    ) / sum((np.diff(PAINTING, axis=axis) ** 2).mean() for axis in (0, 1))
    terms = loss.terms(PHOTOGRAPHS, PICTURES)
    for received, expected in zip(terms, (style, content, variation), strict=True):
        np.testing.assert_allclose(received, expected, rtol=1e-3)
    np.testing.assert_allclose(
        loss(PHOTOGRAPHS, PICTURES), np.mean(3 * style + 5 * content + 7 * variation), rtol=1e-3
    )


def test_a_painting_lacks_nothing_of_itself():
    loss = StyleTransferLoss(
        classifier(), PAINTING, style_layers=["fine", "coarse"], content_layer="fine"
    )
    style, content, variation = loss.terms(PAINTING[None], PAINTING[None])
    np.testing.assert_allclose([style[0], content[0], variation[0]], [0, 0, 1], atol=1e-6)


def test_fit_trains_a_style_net_and_not_the_features():
    keras.utils.set_random_seed(0)
    features = classifier()
    loss = StyleTransferLoss(
        features, PAINTING, style_layers=["fine"], content_layer="coarse", style_weight=10.0
    )
    model = style_net((8, 16, 3), filters=(4, 6), blocks=1)
    model.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=False)
    before = features.get_weights()
    history = model.fit(PHOTOGRAPHS, PHOTOGRAPHS, epochs=20, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]
    assert model.count_params() == style_net((8, 16, 3), filters=(4, 6), blocks=1).count_params()
    for weights, kept in zip(features.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, kept)


def test_wrong_paintings_and_layers():
    names = {"style_layers": ["fine"], "content_layer": "fine"}
    with pytest.raises(ValueError, match=r"shape \(height, width, 3\), received \(1, 12, 20, 3\)"):
        StyleTransferLoss(classifier(), PAINTING[None], **names)
    with pytest.raises(ValueError, match="No such layer: relu9"):
        StyleTransferLoss(classifier(), PAINTING, **{**names, "content_layer": "relu9"})
    with pytest.raises(ValueError, match="one style layer or more, received none"):
        StyleTransferLoss(classifier(), PAINTING, style_layers=[], content_layer="fine")


def test_a_painting_of_one_colour():
    loss = StyleTransferLoss(
        classifier(), np.full((8, 8, 3), 90.0), style_layers=["fine"], content_layer="fine"
    )
    assert np.isfinite(loss(PHOTOGRAPHS, PICTURES))
