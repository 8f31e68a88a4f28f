"""Session 3's figures: what they state in numbers, and that each one is drawn."""

import numpy as np
import pytest

from courses.s03_bias_and_variance import plots
from courses.s03_bias_and_variance.experiments import (
    leaks,
    remedies,
)


def _measured(validation):
    values = np.array(validation)
    return remedies.Measured(np.ones(2), values, np.array([0.5, 0.7]), np.ones((2, 3, 4)))


MEASURED = {
    "none": _measured([0.8, 0.9]),
    "L2": _measured([0.86, 0.9]),
    "L1": _measured([0.7, 0.8]),
}
HISTORY = {name: [0.9, 0.5] for name in ("loss", "val_loss", "accuracy", "val_accuracy")}
BARS = (np.ones(3), np.ones(3) / 2)


@pytest.mark.parametrize(
    ("draw", "arguments"),
    [
        (plots.leaks, ([leaks.Leak("a", 0.9, 0.5), leaks.Leak("b", 0.6, 0.7)],)),
        (plots.polynomials, ((1, 15), 0)),
        (plots.polynomial_errors, (range(3), *BARS)),
        (plots.histories, ({"one": HISTORY, "two": HISTORY | {"loss": [50.0, np.nan]}},)),
        (plots.data_sizes, ((10, 100), np.ones((2, 3)), np.ones((2, 3)))),
        (plots.double_descent, ((5, 10, 20), *BARS, 10)),
        (plots.ablation, (MEASURED,)),
        (plots.weight_sizes, ({"none": np.ones((2, 3)), "L1": np.zeros((2, 3))},)),
    ],
)
def test_figures_are_drawn(draw, arguments, tmp_path):
    path = tmp_path / "figures" / "figure.png"
    figure = draw(*arguments, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert figure.axes


def test_a_loss_that_is_cut_is_said_to_be():
    figure = plots.histories({"low": HISTORY, "high": HISTORY | {"loss": [50.0, 2.0]}})
    low, high = figure.axes[:2]
    assert not low.texts
    assert high.texts[0].get_text() == "cut at 4: the highest is 50"
    assert high.get_ylim()[1] == 4


def test_bars_are_stacked_up_to_the_error():
    figure = plots.decomposition(range(3), *BARS, noise=0.1, label="degree")
    tops = [bar.get_y() + bar.get_height() for bar in figure.axes[0].containers[-1]]
    assert tops == pytest.approx([1.6] * 3)


def test_every_weight_is_in_the_histogram():
    weights = np.array([0.0, 1e-9, 0.1, 5.0], dtype=np.float32)
    (patch,) = plots.weight_sizes({"none": weights}).axes[0].patches
    heights = np.unique(np.round(patch.get_xy()[:, 1], 6))
    assert heights.tolist() == [0.0, 0.25, 0.5]
