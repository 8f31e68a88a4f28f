"""Session 4's figures: what they state in numbers, and that each one is drawn."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from courses.s04_optimisation import experiments, plots, references

VALLEY, ROSENBROCK, SADDLE = references.SURFACES
WALKERS = ("SGD", "momentum", "Nesterov", "RMSprop", "Adam")


@pytest.mark.parametrize("surface", references.SURFACES, ids=lambda surface: surface.name)
def test_gradients_are_those_of_the_losses(surface):
    h = 1e-6
    for u, v in ((-1.1, 0.7), (0.4, -0.3), surface.start):
        du = (surface.loss(u + h, v) - surface.loss(u - h, v)) / (2 * h)
        dv = (surface.loss(u, v + h) - surface.loss(u, v - h)) / (2 * h)
        assert surface.gradient(u, v) == pytest.approx((du, dv), rel=1e-5, abs=1e-5)
    for lowest in surface.lowest:
        assert surface.loss(*lowest) == pytest.approx(0, abs=1e-12)
        assert surface.gradient(*lowest) == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize("name", WALKERS)
@pytest.mark.parametrize("surface", references.SURFACES, ids=lambda surface: surface.name)
def test_keras_takes_the_same_walk(surface, name):
    points = references.walk(name, surface)
    weights = keras.Variable(surface.start, dtype="float64")
    optimizer = references.OPTIMIZERS[name](surface.rates[name])
    for step in range(20):
        assert keras.ops.convert_to_numpy(weights) == pytest.approx(points[step], abs=1e-5)
        gradient = np.array(surface.gradient(*keras.ops.convert_to_numpy(weights)))
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float64")], [weights])


def test_the_valley_has_the_condition_number_of_its_name():
    curvatures = VALLEY.gradient(1.0, 1.0)
    assert max(curvatures) / min(curvatures) == 100 and "condition number 100" in VALLEY.name


def test_what_the_readme_says_about_the_walks():
    ends = {
        surface.name: {name: surface.loss(*references.walk(name, surface)[-1]) for name in WALKERS}
        for surface in references.SURFACES
    }
    saddle, rosenbrock, valley = ends[SADDLE.name], ends[ROSENBROCK.name], ends[VALLEY.name]
    # Below its limit plain descent creeps along the valley; all the others get further.
    assert VALLEY.rates["SGD"] < 2 / 100
    assert sorted(valley, key=valley.get)[-1] == "SGD" and min(valley, key=valley.get) == "RMSprop"
    assert all(valley["SGD"] > 2 * valley[name] for name in WALKERS if name != "SGD")
    swing = {name: np.abs(references.walk(name, VALLEY)[5:, 1]).max() for name in WALKERS}
    assert swing["RMSprop"] < 0.05 < 0.5 < swing["Nesterov"] < swing["momentum"]
    assert references.walk("Adam", VALLEY)[:, 0].max() > 1  # past the minimum
    assert sorted(rosenbrock, key=rosenbrock.get)[:2] == ["momentum", "Nesterov"]
    assert max(saddle, key=saddle.get) == "SGD" and saddle["SGD"] > 0.2
    assert max(saddle[name] for name in WALKERS if name != "SGD") < 0.03
    assert max(rosenbrock, key=rosenbrock.get) == "SGD"
    # RMSprop and Adam leave the saddle at once, up along v; SGD waits.
    after = {name: references.walk(name, SADDLE)[5][1] for name in WALKERS}
    assert after["RMSprop"] > 0.4 and after["Adam"] > 0.4 and after["SGD"] < 0.01


def test_rules_agree_with_keras_to_a_millionth():
    rows = references.agreement_table(seed=7, steps=30)
    assert [row[0] for row in rows[1:]] == list(references.RULES)
    assert all(float(row[2]) <= 1e-6 for row in rows[1:])


def test_a_row_of_the_race():
    watch = SimpleNamespace(reached=lambda target: (1.234, 60), accuracies=[0.5, 0.876])
    row = experiments.race_row("SGD", 0.0321, watch, 0.8, steps_per_epoch=40)
    assert row == ["SGD", "0.032", "1.5", "1.23", "87.6%"]
    watch.reached = lambda target: None
    row = experiments.race_row("SGD", 0.0321, watch, 0.95, steps_per_epoch=40)
    assert row == ["SGD", "0.032", "not reached", "–", "87.6%"]


def test_the_precision_policy_does_not_leak():
    def build(units, classifier_activation):
        inputs = keras.Input((3,))
        return keras.Model(inputs, keras.layers.Dense(units, classifier_activation)(inputs))

    model = experiments.in_precision("mixed_float16", build, units=2)
    assert keras.config.dtype_policy().name == "float32"
    assert [layer.compute_dtype for layer in model.layers[1:]] == ["float16", "float32"]
    experiments.compiled(model, keras.optimizers.SGD())
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    with pytest.raises(ZeroDivisionError):
        experiments.in_precision("mixed_float16", lambda **options: 1 / 0)
    assert keras.config.dtype_policy().name == "float32"


def test_the_best_rate_is_that_of_the_lowest_validation_loss():
    inputs = keras.Input((1,))
    dense = keras.layers.Dense(2, "softmax", kernel_initializer="zeros")
    model = experiments.compiled(
        keras.Model(inputs, dense(inputs)), keras.optimizers.SGD(0.5, momentum=0.5)
    )
    x, y = np.array([[-1.0], [1.0]] * 4, np.float32), np.array([0, 1] * 4)
    train = {"x": x, "y": y, "batch_size": 4, "epochs": 2, "verbose": 0}
    rates = np.array([0.01, 1.0, np.inf, 0.1])
    assert experiments.best_rate(model, rates, train, (x, y), seed=0) == 1.0
    # Left as it was, but for the rate.
    assert np.array_equal(model.get_weights()[0], np.zeros((1, 2)))
    assert float(model.optimizer.learning_rate) == 1.0 and int(model.optimizer.iterations) == 0


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


def test_the_schedules_compared_never_exceed_their_peak():
    for name, plan in PLANS.items():
        rates = [
            plan if isinstance(plan, float) else float(keras.ops.convert_to_numpy(plan(step)))
            for step in range(21)
        ]
        assert max(rates) == pytest.approx(0.1, rel=0.01), name
        assert name == "constant" or rates[-1] <= 0.0011, name


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
