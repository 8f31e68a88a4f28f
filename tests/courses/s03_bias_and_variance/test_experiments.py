"""Session 3's experiments: the numbers they give."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from courses.s03_bias_and_variance import solutions
from courses.s03_bias_and_variance.experiments import (
    bias_variance,
    double_descent,
    leaks,
    remedies,
    training,
)
from courses.s03_bias_and_variance.experiments.training import Recipe
from thinkkeras import datasets
from thinkkeras.models import mlp


@pytest.fixture(scope="module")
def halves(digits):
    """Two sets of 150 digits, (images, classes) each."""
    x, y = digits.train
    return (x[:150], y[:150]), (x[150:300], y[150:300])


def test_features_selected_before_the_split_pretend_to_know_noise():
    leak = leaks.feature_selection_leak(0)
    assert leak.reported > 0.8
    assert leak.honest == pytest.approx(0.5, abs=0.06)


def test_copies_and_choices_flatter(halves):
    copies = leaks.duplicates_leak(*halves[0], 0)
    assert copies.reported > 0.97 and copies.honest < copies.reported - 0.05
    choice = leaks.choice_leak(*halves, 0, models=50)
    assert choice.honest < choice.reported - 0.03


@pytest.mark.parametrize("seed", [0, 1])
def test_the_parts_add_up_to_the_measured_error(seed):
    degrees = (0, 1, 3, 9)
    parts = bias_variance.decompose_polynomials(degrees, seed)
    np.testing.assert_allclose(parts.bias + parts.variance + parts.noise, parts.error, rtol=0.02)
    # A least-squares fit of p numbers to n values has a mean variance of p / n at the examples.
    assert parts.variance[0] == pytest.approx(bias_variance.NOISE**2 / 20, rel=0.1)
    assert (np.diff(parts.bias) < 0).all() and (np.diff(parts.variance) > 0).all()
    # The curve's mean over evenly spaced points is 0, its mean square a half.
    assert parts.bias[0] == pytest.approx(0.5, abs=0.02)


def test_training_error_falls_and_test_error_turns():
    train, test = bias_variance.polynomial_errors(range(16), 0)
    assert (np.diff(train) < 0).all()
    assert test.argmin() in (3, 4, 5) and test[15] > 2 * test.min()


def test_a_polynomial_goes_through_points_on_it():
    x = np.linspace(0, 1, 20)
    at = np.array([0.1, 0.55])
    values = bias_variance.polynomial(x, np.stack([x**3, 1 - x], axis=1), 3, at)
    np.testing.assert_allclose(values, np.stack([at**3, 1 - at], axis=1), atol=1e-9)


def test_networks_decompose_like_the_exercise():
    random = np.random.default_rng(0)
    predicted, classes = random.dirichlet(np.ones(3), (4, 5)), np.array([0, 2, 1, 1, 0])
    bias, variance = bias_variance.decompose_networks(predicted, classes)
    targets = np.eye(3)[classes]
    expected = solutions.bias_variance(predicted.reshape(4, -1), targets.ravel())
    # The exercise takes the mean over the classes, the figure their sum.
    assert (bias, variance) == pytest.approx(tuple(3 * part for part in expected))
    assert bias + variance == pytest.approx(np.mean(np.sum((predicted - targets) ** 2, axis=-1)))


def test_the_error_peaks_where_features_and_examples_are_as_many(halves):
    train, other = double_descent.double_descent(*halves, (30, 150, 1500), 0, repetitions=3)
    assert other[1] > 5 * max(other[0], other[2]) and other[2] < other[0]
    assert train[0] > 0.1 and train[2] < 1e-12


INFO = datasets.DatasetInfo("digits", (8, 8, 1), 10, list("0123456789"), {})


def test_networks_side_by_side_are_as_many_apart(halves):
    """The same weights, the same batch: the same outputs, and the same weights a step later."""
    keras.utils.set_random_seed(0)
    images = np.stack([halves[0][0][:20], halves[0][0][20:40]], axis=1).astype("float32")
    targets = np.eye(10, dtype="float32")[np.stack([halves[0][1][:20], halves[0][1][20:40]], 1)]
    options = {"units": (6,), "kernel_regularizer": keras.regularizers.L2(0.1)}
    both = training.networks(2, (8, 8, 1), 10, **options)
    alone = [mlp((8, 8, 1), 10, **options) for _ in range(2)]
    pairs = zip(*(model.get_weights() for model in alone), strict=True)
    both.set_weights([np.stack(pair) for pair in pairs])
    for index, model in enumerate(alone):
        predicted = training.probabilities(both, halves[1][0][:30])[index]
        np.testing.assert_allclose(
            predicted, model.predict(halves[1][0][:30], verbose=0), atol=1e-5
        )
    for model, weight in ((both, 2.0), *((model, 1.0) for model in alone)):
        loss = "categorical_crossentropy"
        model.compile(keras.optimizers.SGD(0.1), loss, loss_weights=weight, jit_compile=False)
    both.train_on_batch(images, targets)
    for index, model in enumerate(alone):
        model.train_on_batch(images[:, index], targets[:, index])
        for stacked, weights in zip(both.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(stacked[index], weights, atol=1e-5)


def test_first_weights_are_those_of_he_whatever_the_number_of_networks():
    for count in (1, 12):
        model = training.networks(count, (8, 8, 1), 10, units=(128,))
        kernel = model.get_weights()[0]
        assert kernel.shape == (count, 64, 128)
        assert kernel.std() == pytest.approx((2 / 64) ** 0.5, rel=0.05)


def test_each_network_draws_its_own_examples():
    draws = training.draw(100, (10, 10, 100), 100, seed=0)
    assert draws.shape == (100, 3)
    drawn = [np.unique(column, return_counts=True) for column in draws.T]
    assert [len(examples) for examples, _ in drawn] == [10, 10, 100]
    assert all((times == times[0]).all() for _, times in drawn)
    assert set(drawn[0][0]) != set(drawn[1][0])


def test_batches_keep_images_and_labels_together(halves):
    x, y = halves[0]
    draws = training.draw(150, (40, 150), 150, seed=0)
    targets = np.eye(10, dtype="float32")[y]
    recipe = Recipe((6,), epochs=1, batch_size=32, learning_rate=0.1)
    batches = training.batches(x, targets, draws, INFO, recipe)
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert images.shape == (150, 2, 8, 8, 1) and labels.shape == (150, 2, 10)
    known = {image.tobytes(): label for image, label in zip(x, y, strict=True)}
    for network in (0, 1):
        shown = images[:, network].astype(np.uint8)
        assert [known[image.tobytes()] for image in shown] == list(labels[:, network].argmax(-1))


def test_early_stopping_goes_back_to_each_networks_best_epoch(halves):
    keras.utils.set_random_seed(0)
    recipe = Recipe((32,), epochs=12, batch_size=32, learning_rate=0.05)
    stopped = replace(recipe, early_stopping=True)
    measured = remedies.ablate(INFO, *halves, stopped, networks=3)
    keras.utils.set_random_seed(0)
    plain = remedies.ablate(INFO, *halves, recipe, networks=3)
    np.testing.assert_array_equal(measured.weights, plain.weights)
    assert (measured.loss <= plain.loss + 1e-6).all()
    assert measured.train.shape == measured.validation.shape == (3,)


def _measured(validation):
    values = np.array(validation)
    return remedies.Measured(np.ones(2), values, np.array([0.5, 0.7]), np.ones((2, 3, 4)))


MEASURED = {
    "none": _measured([0.8, 0.9]),
    "L2": _measured([0.86, 0.9]),
    "L1": _measured([0.7, 0.8]),
}


def test_what_helped_is_above_none_and_rows_say_mean_and_deviation():
    assert remedies.together(MEASURED) == ["L2"]
    row = remedies.ablation_table(MEASURED)[1]
    assert row == ["none", "100.0 ± 0.0 %", "85.0 ± 7.1 %", "0.600 ± 0.141"]


def test_l1_and_l2_together_are_both_in_the_recipe():
    change = remedies.united(["L2", "L1", "dropout"])
    weights = np.array([[0.5, -2.0]], dtype=np.float32)
    alone = (remedies.REMEDIES[name]["kernel_regularizer"] for name in ("L1", "L2"))
    expected = sum(float(penalty(weights)) for penalty in alone)
    assert float(change["kernel_regularizer"](weights)) == pytest.approx(expected)
    assert change["dropout"] == remedies.REMEDIES["dropout"]["dropout"]
    assert remedies.united(["L2", "dropout"])["kernel_regularizer"].l2 == remedies.L2_WEIGHT


def test_even_the_right_degree_is_below_the_noise_on_its_own_examples():
    train, test = bias_variance.polynomial_errors((3,), 0)
    assert train[0] < bias_variance.NOISE**2 < test[0]
