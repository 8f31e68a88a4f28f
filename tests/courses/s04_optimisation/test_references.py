"""Session 4's references: the numbers they give."""

import keras
import numpy as np
import pytest

from courses.s04_optimisation import references

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
