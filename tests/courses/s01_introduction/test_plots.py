"""Session 1's figures: what they state in numbers, and that each one is drawn."""

import numpy as np
import pytest

from courses import SESSIONS
from courses.s01_introduction import plots, references
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
