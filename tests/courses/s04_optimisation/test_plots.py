"""Session 4's figures: what they state in numbers, and that each one is drawn."""

from types import SimpleNamespace

import numpy as np
import pytest

from courses.s04_optimisation import experiments, plots, references

VALLEY, ROSENBROCK, SADDLE = references.SURFACES
WALKERS = ("SGD", "momentum", "Nesterov", "RMSprop", "Adam")


def _watch():
    return SimpleNamespace(
        steps=[1, 2], seconds=[0.0, 0.1], losses=[2.0, 1.0], accuracies=[0.1, 0.9]
    )


def _finder(last):
    return SimpleNamespace(
        learning_rates=[0.1, 1.0], losses=[2.0, last], smoothed=[2.0, last], suggestion=0.1
    )


PLANS = experiments.schedules(0.1, 20)
HISTORIES = {name: {"loss": [1.0, 0.5], "val_accuracy": [0.9]} for name in PLANS}
TRIALS = [
    {"learning_rate": 0.1, "weight_decay": 0.01, "units": 64, "loss": 0.5},
    {"learning_rate": 0.01, "weight_decay": 0.1, "units": 128, "loss": 0.3},
]


@pytest.mark.parametrize(
    ("draw", "arguments"),
    [
        (plots.trajectories, ([(VALLEY, {"Adam": references.walk("Adam", VALLEY)})],)),
        (plots.batch_sizes, ({50: ([0, 1], [0, 0.1], [2, 1]), 1: ([0, 1], [0, 3], [2, 1])},)),
        (plots.range_tests, ({"SGD": _finder(5.0), "Adam": _finder(np.nan)},)),
        (plots.races, ({"SGD": _watch(), "Adam": _watch()}, 0.95, 2)),
        (plots.schedules, (PLANS, HISTORIES, 20)),
        (plots.accuracy_by_rate, ({"without": {0.1: 0.9}, "with": {0.1: 0.9}},)),
        (plots.clipping, ({"not clipped": _watch()},)),
        (plots.search, (TRIALS,)),
    ],
)
def test_figures_are_drawn(draw, arguments, tmp_path):
    path = tmp_path / "figures" / "figure.png"
    figure = draw(*arguments, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert figure.axes


def test_the_race_is_drawn_by_epochs():
    (axes,) = plots.races({"SGD": _watch()}, 0.95, 2).axes
    assert list(axes.lines[0].get_xdata()) == [0.5, 1.0]


def test_a_schedule_of_one_epoch_is_seen():
    once = {name: {"loss": [1.0], "val_accuracy": [0.9]} for name in PLANS}
    left, right = plots.schedules(PLANS, once, 20).axes
    assert {line.get_marker() for line in right.lines} == {"o"}
    assert left.get_legend() is None and len(right.get_legend().get_texts()) == len(PLANS)


def test_a_loss_that_explodes_is_within_the_figure():
    broken, tame = _watch(), _watch()
    broken.losses = [900.0, 3.0]
    (axes,) = plots.clipping({"not clipped": broken, "global_clipnorm=1": tame}).axes
    assert axes.get_yscale() == "log" and axes.get_ylim()[1] >= 900


def test_plain_descent_is_drawn_over_the_others():
    found = {name: references.walk(name, ROSENBROCK) for name in WALKERS}
    (axes,) = plots.trajectories([(ROSENBROCK, found)]).axes
    orders = {line.get_color(): line.get_zorder() for line in axes.lines if line.get_zorder() < 9}
    assert max(orders, key=orders.get) == plots.COLOURS["SGD"] and len(orders) == 5
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [text.split(" at")[0] for text in texts] == list(WALKERS)


def test_the_chosen_trial_is_red_and_drawn_last():
    for axes in plots.search(TRIALS).axes:
        colours = [line.get_color() for line in axes.lines]
        assert colours == [plots.COLOURS["Adam"], plots.COLOURS["momentum"]]
        assert axes.lines[-1].get_ydata()[0] == 0.3
