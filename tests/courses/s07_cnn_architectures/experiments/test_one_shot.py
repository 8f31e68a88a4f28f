"""One-shot learning's measurements: distances, tables, and that a short training helps."""

import keras
import numpy as np
import pytest

from courses.s07_cnn_architectures.experiments import one_shot
from thinkkeras import datasets
from thinkkeras.metrics import FewShotAccuracy, few_shot_accuracy
from thinkkeras.models import embedding_net


@pytest.fixture(scope="module")
def characters():
    return datasets.load_characters("drawn")


def test_training_has_more_ways_than_any_test():
    for recipe in one_shot.RECIPES.values():
        assert recipe.ways > max(ways for ways, _, _ in one_shot.TESTS.values())


def test_embed_keeps_classes_and_drawings(characters):
    _, _, unseen = characters
    encoder = embedding_net(filters=(2, 2, 2, 3))
    embeddings = one_shot.embed(encoder, unseen)
    assert embeddings.shape == (40, 20, 3)
    one = encoder.predict(unseen.images[7, 11][None].astype("float32"), verbose=0)[0]
    np.testing.assert_allclose(embeddings[7, 11], one, atol=1e-5)


def test_siamese_distance_orders_as_the_network(characters):
    _, _, unseen = characters
    keras.utils.set_random_seed(1)
    encoder = embedding_net(filters=(4, 4, 4, 8))
    model = one_shot.compiled_siamese(encoder, one_shot.RECIPES["drawn"])
    embeddings = one_shot.embed(encoder, unseen)
    distance = one_shot.siamese_distance(model)(embeddings[:3, 0], embeddings[:5, 1])
    assert distance.shape == (3, 5)
    first = np.repeat(unseen.images[:3, 0], 5, axis=0).astype("float32")
    second = np.tile(unseen.images[:5, 1], (3, 1, 1, 1)).astype("float32")
    same = model.predict([first, second], verbose=0).reshape(3, 5)
    _, bias = model.get_layer("same").get_weights()
    np.testing.assert_allclose(1 / (1 + np.exp(distance - bias)), same, atol=1e-4)


def test_results_and_table(characters):
    _, _, unseen = characters
    results = one_shot.few_shot_results(
        one_shot.raw_pixels(unseen), unseen.alphabets, episodes=20, seed=3
    )
    assert list(results) == list(one_shot.TESTS)
    by_hand = few_shot_accuracy(
        unseen.images.reshape(40, 20, -1) / 255, ways=20, episodes=20, seed=3
    )
    assert abs(results["20-way 1-shot"].mean - by_hand.mean) < 1e-3
    assert results["5-way 1-shot"].mean > results["20-way 1-shot"].mean > 0.06


def test_tables():
    measured = FewShotAccuracy(0.98765, 0.0123, np.array([1.0]))
    rows = one_shot.one_shot_table({"learned": dict.fromkeys(one_shot.TESTS, measured)})
    assert rows == [["distance in", *one_shot.TESTS], ["learned", *["98.8 ± 1.2 %"] * 5]]
    same, different = np.arange(100) / 10, 5 + np.arange(1000) / 10
    rows = one_shot.unknown_table(same, different, (0.1, 0.01))
    # The tenth percentile of 5, 5.1, … is 14.99; the first is 5.999, which 40 of 100 exceed.
    assert rows[1:] == [["10 %", "14.99", "0.0 %"], ["1 %", "6.00", "40.0 %"]]


@pytest.mark.slow
def test_a_short_training_beats_pixels(characters):
    train, _, unseen = characters
    keras.utils.set_random_seed(0)
    recipe = one_shot.RECIPES["drawn"]._replace(episodes=60)
    encoder = embedding_net(filters=recipe.filters)
    model = one_shot.prototypical_net(encoder, recipe)
    batches = datasets.episodes(
        datasets.rotated_as_classes(train), ways=recipe.ways, queries=recipe.queries
    )
    model.fit(batches, steps_per_epoch=60, shuffle=False, verbose=0)
    learned = few_shot_accuracy(one_shot.embed(encoder, unseen), ways=20, episodes=200).mean
    pixels = few_shot_accuracy(one_shot.raw_pixels(unseen), ways=20, episodes=200).mean
    assert learned > pixels + 0.1
