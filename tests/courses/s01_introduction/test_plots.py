"""Session 1's NumPy networks, tables and figures: what they state in numbers."""

import numpy as np
import pytest

from courses import SESSIONS
from courses.s01_introduction import experiments, plots, references, solutions
from courses.s01_introduction.plots import field, results
from thinkkeras.datasets import DatasetInfo

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(30, 2)), RANDOM.integers(0, 2, 30)
NEURON = references.train_logistic_regression(
    X, Y, np.array([1.0, -1.0]), 0.0, learning_rate=0.5, steps=4
)
HIDDEN = references.train_one_hidden_layer(
    X, Y, RANDOM.normal(size=(2, 3)), RANDOM.normal(size=3), learning_rate=0.5, steps=4
)
MEASURES = DatasetInfo("breast_cancer", (30,), 2, ["malignant", "benign"], {})
IMAGES = DatasetInfo("any", (4, 4, 1), 3, ["a", "b", "c"], {})


def test_the_neuron_learns_as_the_exercise_does():
    trained = references.train_logistic_regression(
        X, Y, np.zeros(2), 0.0, learning_rate=0.5, steps=20
    )
    weights, bias, losses = solutions.fit_logistic_regression(X, Y, learning_rate=0.5, steps=20)
    assert trained[-1].parameters[0] == pytest.approx(weights)
    assert trained[-1].parameters[1] == pytest.approx(bias)
    assert [step.loss for step in trained[:-1]] == pytest.approx(losses)


def test_back_propagation_is_the_slope_of_the_loss():
    before, after = HIDDEN[:2]

    def loss(parameters):
        kernel, bias, weights, offset = parameters
        return references.cross_entropy(np.tanh(X @ kernel + bias) @ weights + offset, Y)

    assert loss(before.parameters) == pytest.approx(before.loss)
    for index, own in enumerate(before.parameters):
        slopes = np.zeros(own.shape)
        for place in np.ndindex(own.shape):
            sides = []
            for change in (1e-5, -1e-5):
                moved = [array.astype(float).copy() for array in before.parameters]
                moved[index][place] += change
                sides.append(loss(moved))
            slopes[place] = (sides[0] - sides[1]) / 2e-5
        step = (own - after.parameters[index]) / 0.5
        assert step == pytest.approx(slopes, abs=1e-8)


@pytest.mark.parametrize("ours", [NEURON, HIDDEN])
def test_keras_computes_the_same_numbers(ours):
    theirs = references.train_in_keras(X, Y, ours[0], learning_rate=0.5, steps=4)
    loss, parameter = references.largest_difference(ours, theirs)
    assert 0 < parameter < 1e-6 and loss < 1e-6
    other = references.train_in_keras(X, Y, ours[0], learning_rate=0.6, steps=4)
    assert min(references.largest_difference(ours, other)) > 1e-3


def test_predictions_are_probabilities_of_class_1():
    points = np.array([[0.5, -1.0], [2.0, 0.0]])
    weights, bias = NEURON[2].parameters
    expected = solutions.neuron(points, weights, bias[0])
    assert references.predictor(NEURON[2])(points) == pytest.approx(expected)
    kernel, bias, weights, offset = HIDDEN[2].parameters
    logits = np.tanh(points @ kernel + bias) @ weights + offset
    assert references.predictor(HIDDEN[2])(points) == pytest.approx(1 / (1 + np.exp(-logits)))


def test_decisions_count_and_cost():
    positive = np.array([True, True, True, False, False])
    probability = np.array([0.9, 0.5, 0.2, 0.3, 0.05])
    rows = experiments.decision_table(positive, probability, 9, (0.5, 0.1))
    assert rows[1] == ["0.50", "2 of 3", "1", "0", "66.7 %", "100.0 %", "9"]
    assert rows[2] == ["0.10", "3 of 3", "0", "1", "100.0 %", "50.0 %", "1"]


def test_float_layers_show_the_loss_before():
    card = {
        "target": "cortex-m",
        "quality": {"metric": "accuracy", "keras": 0.98, "deployed": 0.97},
        "kept": None,
        "size_bytes": 2544,
        "memory": {"arena_bytes": 2096},
    }
    row = ["cortex-m", "nothing", "98.00 %", "97.00 %", "2,544", "2,096"]
    assert experiments.float_layer_table([card])[1:] == [row]
    kept = {
        "operators": [{"layer": "normalization"}, {"layer": "normalization"}],
        "before": {"deployed": 0.63, "size_bytes": 2224},
    }
    assert experiments.float_layer_table([card | {"kept": kept, "memory": None}])[1:] == [
        ["cortex-m", "nothing", "98.00 %", "63.00 %", "2,224", "–"],
        ["cortex-m", "normalization", "98.00 %", "97.00 %", "2,544", "–"],
    ]


def test_standardised_measures_have_mean_0_and_deviation_1():
    x, y = experiments.standardised_measures(["worst radius", "worst texture"], seed=0)
    assert x.shape == (398, 2) and y.shape == (398,)
    assert x.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert x.std(axis=0) == pytest.approx(1)
    # Malignant nuclei, class 0, are the larger ones.
    assert x[y == 0, 0].mean() > 1 > 0 > x[y == 1, 0].mean()


def test_the_data_of_the_field_are_whole():
    assert list(field.EVENTS) == sorted(field.EVENTS, key=lambda event: event.year)
    assert all(all(event) and event.kind in field.KINDS for event in field.EVENTS)
    assert all(network.source and network.parameters > 0 for network in field.NETWORKS)
    assert list(field.QUESTIONS) == list(SESSIONS)
    for key, (_, needs) in field.QUESTIONS.items():
        assert all(need < key for need in needs)


def test_the_neuron_shows_its_sum():
    figure = plots.neuron(np.array([1.0, 2.0]), np.array([0.5, -1.0]), 0.25, "ab", "c")
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert "z = −1.25" in shown and f"σ(z) = {1 / (1 + np.exp(1.25)):.2f}" in shown


def test_one_scale_counts_what_is_lost():
    figure = plots.one_scale(np.geomspace(0.01, 1000, 30), step=10.0)
    assert "one int8 step, 10: 18 of 30 spread less" in figure.axes[0].get_title(loc="left")


@pytest.mark.parametrize(
    ("draw", "arguments"),
    [
        (plots.timeline, (field.EVENTS,)),
        (plots.network_sizes, (31,)),
        (plots.course_map, ()),
        (plots.losses, ()),
        (plots.descent, (X, Y, {0.5: NEURON, 2: NEURON}, NEURON[-1], ["a", "b"])),
        (plots.boundaries, (X, Y, {"0": NEURON[0], "4": NEURON[4]}, ["a", "b"])),
        (plots.boundaries, (X, Y, {str(i): HIDDEN[i % 5] for i in range(6)}, ["a", "b"])),
        (
            plots.xor,
            (
                references.predictor(NEURON[-1]),
                np.ones((2, 2)),
                np.array([-0.5, -1.5]),
                (np.array([1.0, -1.0]), -0.5),
            ),
        ),
        (plots.keras_agreement, ({"neuron": (NEURON, NEURON[:4])},)),
        (plots.thresholds, (Y == 1, RANDOM.uniform(size=30), 0.1, "ill")),
        (plots.one_scale, (np.geomspace(1e-3, 100, 784), 1.0)),
        (results.weight_bars, (RANDOM.normal(size=30), [str(i) for i in range(30)], ["a", "b"])),
    ],
)
def test_figures_are_drawn(draw, arguments, tmp_path):
    path = tmp_path / "figures" / "figure.png"
    figure = draw(*arguments, path=path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert figure.axes


@pytest.mark.parametrize(
    ("info", "x", "kernel"),
    [
        (MEASURES, RANDOM.uniform(size=(12, 30)), RANDOM.normal(size=(30, 2))),
        (IMAGES, RANDOM.integers(0, 256, (12, 4, 4, 1)), RANDOM.normal(size=(16, 3))),
    ],
)
def test_tables_and_images_have_figures_of_the_same_names(info, x, kernel, tmp_path):
    y = np.arange(12) % info.classes
    plots.show_data(x, y, info, tmp_path / "data.png")
    plots.show_weights(kernel, x, y, info, tmp_path / "weights.png")
    assert {path.name for path in tmp_path.iterdir()} == {"data.png", "weights.png"}
