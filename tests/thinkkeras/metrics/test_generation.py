"""Measures of generated examples, against values by hand and the papers' toys."""

import numpy as np
import pytest
from scipy import linalg
from scipy.special import logsumexp

from thinkkeras import metrics


def gaussians(count=4000, dimensions=4, shift=0.0, scale=1.0, seed=0):
    drawn = np.random.default_rng(seed).normal(size=(count, dimensions))
    # Exactly of mean 0 and covariance 1, so that a distance has a closed form.
    drawn -= drawn.mean(axis=0)
    drawn = np.linalg.solve(np.linalg.cholesky(np.cov(drawn, rowvar=False)), drawn.T).T
    return shift + scale * drawn


def test_the_frechet_distance_of_two_gaussians_has_a_closed_form():
    real = gaussians()
    assert metrics.frechet_distance(real, real) == pytest.approx(0, abs=1e-9)
    # |shift|² and, for covariances 1 and 9, dimensions · (1 - 3)².
    moved = gaussians(shift=[1, 2, 0, 0], scale=3, seed=1)
    assert metrics.frechet_distance(real, moved) == pytest.approx(5 + 4 * 4)


def test_the_frechet_distance_is_that_of_scipys_square_root():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 5)) @ rng.normal(size=(5, 5)), rng.normal(size=(60, 5)) + 1
    c, d = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(c + d - 2 * linalg.sqrtm(c @ d))
    assert metrics.frechet_distance(x, y) == pytest.approx(expected.real, rel=1e-9)
    # Covariances of fewer examples than dimensions are singular, and some features never change.
    flat = np.hstack([x[:3], np.zeros((3, 2))])
    assert metrics.frechet_distance(flat, flat) == pytest.approx(0, abs=1e-6)
    assert metrics.frechet_distance(flat, flat + 2) == pytest.approx(7 * 4)


def test_the_kernel_distance_by_hand_and_without_bias():
    x, y = np.array([[1.0], [2.0]]), np.array([[0.0], [3.0]])
    # k(a, b) = (ab + 1)³. Within: k(1, 2) = 27 and k(0, 3) = 1; between: 1, 64, 1, 343.
    found = metrics.kernel_distance(x, y, subsets=3)
    assert found.mean == pytest.approx(27 + 1 - 2 * (1 + 64 + 1 + 343) / 4)
    assert found.deviation == pytest.approx(0)
    rng = np.random.default_rng(0)
    same = [
        metrics.kernel_distance(*rng.normal(size=(2, 40, 3)), subsets=1).mean for _ in range(400)
    ]
    assert np.mean(same) == pytest.approx(0, abs=4 * np.std(same) / 20)
    assert min(same) < 0 < max(same)
    near, far = (
        metrics.kernel_distance(rng.normal(size=(300, 3)), rng.normal(shift, 1, size=(300, 3)))
        for shift in (0.5, 2)
    )
    assert 0.1 < near.mean < far.mean / 5


def test_precision_and_recall_by_hand():
    # Balls to the nearest neighbour: around 0 and 1 radius 1, around 10 radius 9.
    real = np.array([[0.0], [1.0], [10.0]])
    generated = np.array([[-0.5], [2.0], [0.9], [40.0]])
    # Generated radii 1.4, 1.1, 1.1, 38: only 10 lies in a ball of 40, 0 and 1 in others.
    found = metrics.precision_and_recall(real, generated, neighbours=1)
    assert found == metrics.Manifold(quality=3 / 4, variety=1.0)
    # A generator that makes one kind: precise, and of half the variety.
    rng = np.random.default_rng(0)
    modes = np.concatenate([rng.normal(0, 1, (500, 2)), rng.normal(20, 1, (500, 2))])
    one = metrics.precision_and_recall(modes, rng.normal(0, 1, (500, 2)))
    assert one.quality > 0.9 and one.variety == pytest.approx(0.5, abs=0.04)
    # And one that makes both, and noise far from any as often.
    noisy = np.concatenate([modes[::2] + 0.01, rng.normal(-50, 1, (500, 2))])
    other = metrics.precision_and_recall(modes, noisy)
    assert other.quality == pytest.approx(0.5, abs=0.02) and other.variety > 0.9


def test_density_and_coverage_by_hand():
    real = np.array([[0.0], [1.0], [10.0]])
    generated = np.array([[0.5], [0.5], [5.0], [-9.0]])
    # 0.5 lies in the balls of 0 and 1 and not in 10's (radius 9); 5 in 10's; -9 in none.
    found = metrics.density_and_coverage(real, generated, neighbours=1)
    assert found == metrics.Manifold(quality=(2 + 2 + 1) / 4, variety=1.0)
    alone = metrics.density_and_coverage(real, generated[:2], neighbours=1)
    assert alone == metrics.Manifold(quality=2.0, variety=pytest.approx(2 / 3))


def test_equal_distributions_cover_as_the_paper_expects():
    """Naeem et al., section 3.3: expected density 1; expected coverage 1 - ∏ (M-i)/(M+N-i)."""
    rng = np.random.default_rng(0)
    n, k = 2000, 5
    found = metrics.density_and_coverage(*rng.normal(size=(2, n, 16)), neighbours=k)
    assert found.quality == pytest.approx(1, abs=0.05)
    expected = 1 - np.prod([(n - i) / (2 * n - i) for i in range(1, k + 1)])
    assert found.variety == pytest.approx(expected, abs=0.02)


def test_one_outlier_fools_recall_and_not_coverage():
    """Naeem et al., figure 3, the other way round: real examples at 0, one generated far off."""
    rng = np.random.default_rng(0)
    real = rng.normal(size=(200, 2)) * 3
    generated = np.concatenate([rng.normal(8, 0.1, (195, 2)), 500.0 + np.arange(10).reshape(5, 2)])
    generated[-1] = -500  # its ball holds all
    recall = metrics.precision_and_recall(real, generated).variety
    coverage = metrics.density_and_coverage(real, generated).variety
    assert recall == 1.0 and coverage < 0.1


def test_blocks_of_rows_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(50, 3)), rng.normal(0.5, 1, size=(45, 3))
    measures = [
        metrics.precision_and_recall,
        metrics.density_and_coverage,
        metrics.nearest_examples,
    ]
    whole = [measure(real, generated) for measure in measures]
    monkeypatch.setattr("thinkkeras.metrics.generation.ROWS", 7)
    for measure, expected in zip(measures, whole, strict=True):
        for found, one in zip(measure(real, generated), expected, strict=True):
            np.testing.assert_array_equal(found, one)


def test_mode_coverage_counts_classes():
    found = metrics.mode_coverage([0, 0, 1, 1, 1, 1, 1, 1], 4)
    assert found.found == 0.5
    np.testing.assert_array_equal(found.shares, [0.25, 0.75, 0, 0])
    assert found.divergence == pytest.approx(0.25 * np.log(1) + 0.75 * np.log(3))
    assert metrics.mode_coverage(np.arange(10), 10).divergence == pytest.approx(0)
    # 2 of 100 is below a tenth of a quarter, 3 is not.
    assert metrics.mode_coverage([0] * 2 + [1] * 98, 4).found == 0.25
    assert metrics.mode_coverage([0] * 3 + [1] * 97, 4).found == 0.5


def test_sharpness_is_the_laplacians_variance():
    point = np.zeros((1, 5, 5, 1))
    point[0, 2, 2] = 255
    # The Laplacian within: -4 in the middle, 1 beside it four times, 0 in the corners.
    expected = np.var([-4, 1, 1, 1, 1, 0, 0, 0, 0]) * 255**2
    assert metrics.sharpness(point) == pytest.approx(expected)
    slope = np.arange(5.0).reshape(1, 1, 5, 1) * np.ones((1, 5, 5, 1))
    assert metrics.sharpness(slope) == pytest.approx(0)


def test_the_importance_weighted_bound_is_the_log_of_the_mean():
    weights = np.random.default_rng(0).normal(-500, 5, size=(3, 12))
    found = metrics.importance_weighted_bound(iter([weights[:, :4], weights[:, 4:]]))
    np.testing.assert_allclose(found, logsumexp(weights, axis=1) - np.log(12))
    assert (found > weights.mean(axis=1)).all()
    np.testing.assert_allclose(metrics.importance_weighted_bound([weights[:, :1]]), weights[:, 0])


def test_the_nearest_training_example():
    training = np.array([[0.0, 0], [3, 4], [10, 0]])
    which, distance = metrics.nearest_examples(np.array([[3.0, 5], [0, 0]]), training)
    assert which.tolist() == [1, 0]
    np.testing.assert_allclose(distance, [1, 0])


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (lambda: metrics.frechet_distance(np.ones((3, 2)), np.ones((3, 4))), "same dimensions"),
        (lambda: metrics.kernel_distance(np.ones((1, 2)), np.ones((3, 2))), "2 examples or more"),
        (lambda: metrics.kernel_distance(np.ones((3, 2)), np.ones((3, 2)), subsets=0), "subset"),
        (lambda: metrics.precision_and_recall(np.ones((3, 2)), np.ones((9, 2))), "4 examples"),
        (lambda: metrics.density_and_coverage(np.ones((9, 2)), np.ones((9, 2)), 0), "1 neighbour"),
        (lambda: metrics.mode_coverage(np.array([3]), 3), r"from 0 to 2, received \[3\]"),
        (lambda: metrics.sharpness(np.ones((5, 5))), "expected images"),
        (lambda: metrics.importance_weighted_bound([]), "received none"),
    ],
)
def test_bad_arguments_are_named(measure, expected):
    with pytest.raises(ValueError, match=expected):
        measure()
