"""Few-shot accuracy and distances of pairs: against embeddings whose answers are known."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from thinkkeras.metrics import few_shot_accuracy, pair_distances, squared_euclidean


def clusters(classes=12, drawings=8, noise=0.0, dimensions=6, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, 1, dimensions))
    return centres + noise * rng.normal(size=(classes, drawings, dimensions))


def test_squared_euclidean_is_scipys():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(7, 5)), rng.normal(size=(4, 5))
    np.testing.assert_allclose(
        squared_euclidean(one, other), cdist(one, other, "sqeuclidean"), atol=1e-9
    )
    stacked = squared_euclidean(one[None], other[None])
    assert stacked.shape == (1, 7, 4)


def test_what_is_apart_is_told_apart():
    result = few_shot_accuracy(clusters(), ways=5, episodes=20)
    assert result.mean == 1 and result.interval == 0 and result.accuracies.shape == (20,)


def test_noise_alone_is_chance():
    noise = np.random.default_rng(1).normal(size=(12, 8, 6))
    result = few_shot_accuracy(noise, ways=4, queries=3, episodes=2000)
    assert abs(result.mean - 0.25) < 0.01
    by_hand = 1.96 * result.accuracies.std(ddof=1) / np.sqrt(2000)
    assert abs(result.interval - by_hand) < 1e-12 and 0.003 < result.interval < 0.008


def test_more_shots_help_and_more_ways_hurt():
    noisy = clusters(noise=0.9)
    one = few_shot_accuracy(noisy, ways=5, shots=1, queries=3).mean
    assert few_shot_accuracy(noisy, ways=5, shots=5, queries=3).mean > one + 0.05
    assert few_shot_accuracy(noisy, ways=10, shots=1, queries=3).mean < one - 0.05


def test_a_query_is_never_its_own_support():
    # Every drawing is far from all others of its class: only itself would be recognised.
    alone = np.eye(24).reshape(6, 4, 24)
    seen = []

    def spy(queries, prototypes):
        distances = squared_euclidean(queries, prototypes)
        seen.append(distances.min())
        return distances

    few_shot_accuracy(alone, ways=6, queries=3, episodes=10, distance=spy)
    assert len(seen) == 10 and min(seen) > 1.9


def test_groups_keep_an_episode_within_one():
    groups = np.array(["a"] * 5 + ["b"] * 4 + ["c"] * 3)
    # The embedding tells the group.
    embeddings = np.repeat(np.arange(12.0), 8).reshape(12, 8, 1)
    seen = set()

    def spy(queries, prototypes):
        numbers = {int(number) for number in prototypes[:, 0]}
        seen.add("".join({groups[number] for number in numbers}))
        assert len(numbers) == 4
        return squared_euclidean(queries, prototypes)

    few_shot_accuracy(embeddings, ways=4, groups=groups, episodes=40, distance=spy)
    assert seen == {"a", "b"}  # "c" has too few classes


def test_the_seed_decides_the_episodes():
    noisy = clusters(noise=1)
    one, same, other = (
        few_shot_accuracy(noisy, ways=5, queries=3, episodes=30, seed=seed).accuracies
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_pairs_are_of_the_same_class_and_of_different_ones():
    embeddings = np.zeros((5, 4, 2))
    embeddings[..., 0] = 10 * np.arange(5)[:, None]
    embeddings[..., 1] = np.arange(4)
    same, different = pair_distances(embeddings, pairs=3000)
    # Same class: 1, 2 or 3 drawings apart, never none; different: at least one class apart.
    assert set(same) == {1, 4, 9} and same.shape == (3000,)
    assert set(different) == {100 * c**2 + d**2 for c in range(1, 5) for d in range(4)}


@pytest.mark.parametrize(
    "arguments",
    [
        {"ways": 13},
        {"ways": 4, "shots": 6, "queries": 3},
        {"ways": 0},
        {"ways": 5, "groups": np.arange(12) // 4},
    ],
)
def test_wrong_arguments(arguments):
    with pytest.raises(ValueError, match="ways, and between 2 and 8 shots and queries together"):
        few_shot_accuracy(clusters(), **arguments)
