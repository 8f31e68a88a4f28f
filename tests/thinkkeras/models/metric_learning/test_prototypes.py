"""Prototypical logits against NumPy, and in a functional model."""

import keras
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from thinkkeras.models import embedding_net, prototypical_logits


@pytest.mark.parametrize(("ways", "shots", "queries"), [(5, 1, 3), (3, 4, 2), (2, 1, 1), (4, 2, 5)])
def test_minus_the_squared_distances_to_the_means(ways, shots, queries):
    rng = np.random.default_rng(ways)
    embeddings = rng.normal(size=(shots + queries, ways, 7)).astype("float32")
    prototypes = embeddings[:shots].mean(axis=0)
    expected = -cdist(embeddings[shots:].reshape(-1, 7), prototypes, "sqeuclidean")
    logits = prototypical_logits(embeddings.reshape(-1, 7), ways=ways, shots=shots)
    assert tuple(logits.shape) == (ways * queries, ways)
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_loss_of_a_functional_model_is_snells():
    encoder = embedding_net((8, 8, 1), filters=(4, 6))
    logits = prototypical_logits(encoder.output, ways=4, shots=2)
    model = keras.Model(encoder.input, logits)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images = np.random.default_rng(0).uniform(0, 255, (4 * 5, 8, 8, 1)).astype("float32")
    labels = np.tile(np.arange(4), 3)
    embeddings = keras.ops.convert_to_numpy(encoder(images)).reshape(5, 4, -1)
    distances = cdist(embeddings[2:].reshape(12, -1), embeddings[:2].mean(axis=0)) ** 2
    # Equation 2, and the mean of minus its logarithm.
    chance = np.exp(-distances) / np.exp(-distances).sum(axis=1, keepdims=True)
    expected = -np.log(chance[np.arange(12), labels]).mean()
    loss = float(model.loss(labels, model(images)))
    assert abs(loss - expected) < 1e-4
    assert loss > 0.1  # else nothing was compared
