"""Session 2's experiments: the numbers they give."""

import keras
import numpy as np
import pytest

from courses.s02_deep_neural_networks import experiments, references, solutions

FEW = np.random.default_rng(0).normal(size=(40, 5)), np.eye(3)[np.arange(40) % 3]


@pytest.mark.parametrize("folds", [1, 2, 3, 6])
def test_folding_doubles_the_pieces_and_adds_six_parameters(folds):
    network = experiments.sawtooth_network(folds)
    assert sum(w.size + b.size for w, b in network) == 6 * folds + 1
    assert experiments.linear_pieces(network, np.zeros(1), np.ones(1)) == 2**folds
    corners = np.arange(2**folds + 1)
    _, a = solutions.forward(corners[:, None] / 2**folds, network, output="linear")
    np.testing.assert_allclose(a[-1][:, 0], corners % 2, atol=1e-12)


@pytest.mark.parametrize("folds", [1, 2, 4])
def test_the_shallow_network_has_the_same_parameters_and_the_first_teeth(folds):
    network = experiments.first_teeth_network(folds)
    assert sum(w.size + b.size for w, b in network) == 6 * folds + 1
    assert experiments.linear_pieces(network, np.zeros(1), np.ones(1)) == 2 * folds
    corners = np.arange(2 * folds)
    _, a = solutions.forward(corners[:, None] / 2**folds, network, output="linear")
    np.testing.assert_allclose(a[-1][:, 0], corners % 2, atol=1e-12)


def test_pieces_are_counted_along_a_line_of_the_plane():
    # |x| + |y| by four units: along y = 0.1 only x = 0 is a corner, along a diagonal both are.
    first = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
    network = [(first, np.zeros(4)), (np.ones((4, 1)), np.zeros(1))]
    assert experiments.linear_pieces(network, np.array([-1, 0.1]), np.array([1, 0.1])) == 2
    assert experiments.linear_pieces(network, np.array([-1, -0.7]), np.array([1, 0.8])) == 3


def test_spirals_are_two_classes_of_equal_weight():
    x, y = experiments.spirals(4000, 3)
    assert x.shape == (4000, 2) and y.sum(axis=0) == pytest.approx([2000, 2000], abs=150)
    radius = np.linalg.norm(x, axis=1)
    turns = np.arctan2(x[:, 1], x[:, 0]) - 3 * 2 * np.pi * radius - np.pi * y[:, 1]
    assert np.median(np.cos(turns)) > 0.98  # on its own spiral, up to the noise
    np.testing.assert_array_equal(experiments.spirals(4000, 3)[0], x)


def test_at_equal_budget_a_deeper_network_learns_the_spirals_better():
    shallow, deep = experiments.at_equal_budget(
        experiments.spirals(1000, 0),
        experiments.spirals(1000, 1),
        budget=1000,
        hidden_layers=(1, 3),
        seeds=(0,),
        steps=1000,
        learning_rate=0.01,
    )
    assert (shallow.width, shallow.parameters) == (199, 997)
    assert (deep.width, deep.parameters) == (20, 942)
    assert shallow.errors[0] > 0.2 and deep.errors[0] < 0.05
    header, first, second = experiments.depth_table({"spirals": [shallow, deep]})
    assert len(header) == len(first) == 5
    assert first[1:3] == ["1 × 199", "997"] and int(first[4]) <= 200
    assert second[3] == f"{100 * deep.errors[0]:.2f} ± 0.00 %"


def test_adam_is_keras_adam():
    """Ten steps on one example: Keras's optimizer with the same cosine gets the same weights."""
    x, y = FEW[0][:1], FEW[1][:1]
    first = solutions.initialize_parameters([5, 4, 3])
    ours = experiments.train(first, x, y, steps=10, learning_rate=0.01, batch_size=4)
    model = references.keras_model([5, 4, 3], first, "relu")
    optimizer = keras.optimizers.Adam(0.01)
    for step in range(1, 11):
        optimizer.learning_rate = 0.01 * (1 + np.cos(np.pi * step / 10)) / 2
        weights = model.get_weights()
        pairs = list(zip(weights[::2], weights[1::2], strict=True))
        gradients = references.keras_gradients(x, y, pairs)
        flat = [keras.ops.convert_to_tensor(array) for pair in gradients for array in pair]
        optimizer.apply(flat, model.trainable_weights)
    found = [array for pair in ours.parameters for array in pair]
    for array, expected in zip(found, model.get_weights(), strict=True):
        np.testing.assert_allclose(array, expected, atol=1e-5)
    assert len(ours.losses) == 10 and ours.losses[-1] < ours.losses[0]


def test_training_leaves_the_first_weights_alone():
    first = solutions.initialize_parameters([5, 3])
    before = first[0][0].copy()
    experiments.train(first, *FEW, steps=3, learning_rate=0.1)
    np.testing.assert_array_equal(first[0][0], before)


def test_starting_weights_have_the_size_they_are_named_for():
    n = [300, 200, 100]
    for kind, expected in {
        "too small": (0.01, 0.01),
        "Glorot": (np.sqrt(2 / 500), np.sqrt(2 / 300)),
        "He": (np.sqrt(2 / 300), np.sqrt(2 / 200)),
        "too large": (2 * np.sqrt(2 / 300), 2 * np.sqrt(2 / 200)),
    }.items():
        deviations = [w.std() for w, _ in experiments.starting_weights(n, kind)]
        assert deviations == pytest.approx(expected, rel=0.02)


def test_signals_vanish_and_explode_as_the_figure_says():
    n = [5, *[64] * 20, 3]
    found = experiments.statistics_by_start(n, *FEW, ("sigmoid", "relu"))
    forward = {kind: one.deviations for kind, one in found["relu"].items()}
    assert forward["too small"][-1] < 1e-20 and forward["too large"][-1] > 1e4
    assert 0.02 < forward["He"][-1] / forward["He"][0] < 5
    back = found["sigmoid"]["Glorot"].gradient_sizes
    assert len(back) == 20 and back[0] < 1e-8 * back[-1]


def test_the_polygon_of_more_units_is_closer():
    fits = experiments.approximations(np.square, (4, 8), steps=5)
    x = np.linspace(0, 1, 801)[:, None]
    errors = [
        np.abs(solutions.forward(x, fits[k]["polygon"], output="linear")[1][-1] - x**2).max()
        for k in (4, 8)
    ]
    # A parabola lies 1 / (4 k^2) below its chords: half the width, a quarter of the error.
    assert errors == pytest.approx([1 / 64, 1 / 256], rel=1e-6)


def test_rows_are_pixels_of_0_to_1():
    x, y = experiments.as_rows(np.full((4, 2, 3, 1), 51), np.array([1, 0, 2, 1]), 3, limit=2)
    assert x.shape == (2, 6) and x.tolist()[0] == [0.2] * 6
    assert y.tolist() == [[0, 1, 0], [1, 0, 0]]
