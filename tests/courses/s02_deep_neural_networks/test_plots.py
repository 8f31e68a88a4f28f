"""Session 2's figures: what they state in numbers, and that each one is drawn."""

import numpy as np
import pytest

from courses.s02_deep_neural_networks import experiments, plots, solutions

FEW = np.random.default_rng(0).normal(size=(40, 5)), np.eye(3)[np.arange(40) % 3]


def test_a_floor_of_rounding_is_named_and_no_other():
    n = [5, *[64] * 20, 3]
    found = experiments.statistics_by_start(n, *FEW, ("sigmoid", "tanh"))
    assert found["sigmoid"]["too small"].deviations[-1] < 1e-13
    figure = plots.sizes_by_layer(found)
    notes = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert notes == [["(rounding)"], [], [], []]


def test_errors_of_several_sizes_have_a_logarithmic_axis():
    networks = [solutions.initialize_parameters([2, 3, 2])] * 2
    far = [experiments.EqualBudget(1, 3, 17, [0.3, 0.4], networks)]
    far.append(experiments.EqualBudget(2, 3, 29, [0.0, 0.01], networks))
    left, right = plots.errors_by_depth({"far": far, "near": _budget()}).axes
    assert (left.get_yscale(), right.get_yscale()) == ("symlog", "linear")
    assert left.get_ylim() == pytest.approx((0, 0.44))
    assert right.get_ylim() == pytest.approx((0, 0.55))
    assert left.yaxis.get_major_formatter()(0.001, 0) == "0.1 %"


def test_every_curve_is_drawn():
    errors = {name: [1e-6, 1e-4] for name in "abcde"}
    steps = np.array([1e-3, 1e-2])
    figure = plots.gradient_check(steps, errors, (1,), {"Keras": [1e-16]})
    assert len(figure.axes[0].lines) == 5


def _budget():
    networks = [solutions.initialize_parameters([2, 3, 2], seed=seed) for seed in (0, 1)]
    return [experiments.EqualBudget(1, 3, 17, [0.25, 0.5], networks)]


@pytest.mark.parametrize(
    ("draw", "arguments"),
    [
        (plots.notation, ([64, 6, 5, 10],)),
        (plots.activation_functions, (solutions.ACTIVATIONS,)),
        (
            plots.gradient_check,
            (np.array([1e-3, 1e-2]), {"float64": [1e-6, 1e-4]}, (1, 2), {"Keras": [1e-16, 1e-15]}),
        ),
        (
            plots.histograms_by_layer,
            (experiments.statistics_by_start([5, 4, 4, 3], *FEW, ["tanh"])["tanh"], (1, 2)),
        ),
        (
            plots.sizes_by_layer,
            (experiments.statistics_by_start([5, 4, 4, 3], *FEW, ["tanh", "relu"]),),
        ),
        (
            plots.training_by_start,
            ({"relu": {"He": [2.0, 1.0], "too large": [1e5, 1e4]}}, np.log(3)),
        ),
        (
            plots.approximations,
            (np.square, experiments.approximations(np.square, (2, 4), steps=2)),
        ),
        (
            plots.folding,
            ([experiments.sawtooth_network(2)], [experiments.first_teeth_network(2)], [(4, 4)]),
        ),
        (plots.decision_regions, (*experiments.spirals(20), _budget())),
        (plots.errors_by_depth, ({"spirals": _budget(), "digits": _budget()},)),
    ],
)
def test_figures_are_drawn(draw, arguments, tmp_path):
    path = tmp_path / "figures" / "figure.png"
    figure = draw(*arguments, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert figure.axes
