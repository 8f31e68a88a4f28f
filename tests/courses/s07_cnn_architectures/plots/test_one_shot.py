"""The figures of one-shot learning: what they state in numbers, and that each one is drawn."""

import numpy as np
import pytest

from courses.s07_cnn_architectures.plots import one_shot as plots
from thinkkeras.metrics import FewShotAccuracy

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 3, 28, 28, 1)).astype(np.uint8)
PREDICTED = np.array([[0, 0], [1, 3], [2, 2], [1, 3]])
ACCURACY = FewShotAccuracy(0.9, 0.01, np.array([0.9]))


def test_episode_counts_what_is_right():
    figure = plots.episode(IMAGES[:, 0], IMAGES[:, 1:], PREDICTED)
    assert figure.get_suptitle() == "4-way 1-shot: 6 of 8 queries right"
    notes = [axes.get_xlabel() for axes in figure.axes]
    assert sorted(filter(None, notes)) == ["taken for 2", "taken for 4"]


def test_distances_state_both_errors():
    figure = plots.distances(np.array([1.0, 2, 3, 9]), np.arange(1, 11.0), 2.5)
    title = figure.axes[0].get_title()
    assert title == (
        '"unknown" beyond 2.5: 20.0 % of pairs of different characters are nearer, '
        "50.0 % of the same are farther"
    )


@pytest.mark.parametrize(
    ("draw", "arguments"),
    [
        (plots.episode, (IMAGES[:, 0], IMAGES[:, 1:], PREDICTED)),
        (plots.accuracy_by_ways, ([2, 5], {"1 shot": [ACCURACY, ACCURACY]})),
        (plots.embedding_map, (np.random.default_rng(0).normal(size=(4, 3, 2)), IMAGES)),
        (plots.distances, (np.ones(5), np.arange(9.0), 1.0)),
    ],
)
def test_figures_are_drawn(draw, arguments, tmp_path):
    path = tmp_path / "figures" / "figure.png"
    figure = draw(*arguments, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert figure.axes
