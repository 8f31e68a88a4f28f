"""The rules that session 4 compares, by name: in NumPy, in Keras, and how they walk on a surface.

The NumPy ones are the exercises' solutions; with `exercises` in their place they are your own.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import keras
import numpy as np

from courses.s04_optimisation import solutions

# Near the defaults, and exact in float32: Keras rounds what an optimizer is told to that.
MOMENTUM, BETA_1, BETA_2 = 0.90625, 0.90625, 1 - 2**-10

# (weights, gradient, state, number of the step, learning rate) to (weights, *state).
Rule = Callable[..., tuple[np.ndarray, ...]]
RULES: dict[str, Rule] = {
    "SGD": lambda w, g, state, step, rate: solutions.momentum_step(w, g, state[0], rate),
    "momentum": lambda w, g, state, step, rate: solutions.momentum_step(
        w, g, state[0], rate, MOMENTUM
    ),
    "Nesterov": lambda w, g, state, step, rate: solutions.momentum_step(
        w, g, state[0], rate, MOMENTUM, nesterov=True
    ),
    "RMSprop": lambda w, g, state, step, rate: solutions.rmsprop_step(w, g, state[0], rate),
    "Adam": lambda w, g, state, step, rate: solutions.adam_step(
        w, g, state[0], state[1], step, rate, BETA_1, BETA_2
    ),
    "AdamW": lambda w, g, state, step, rate: solutions.adamw_step(
        w, g, state[0], state[1], step, rate, beta_1=BETA_1, beta_2=BETA_2
    ),
}
OPTIMIZERS: dict[str, Callable[[float], keras.Optimizer]] = {
    "SGD": lambda rate: keras.optimizers.SGD(rate),
    "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=MOMENTUM),
    "Nesterov": lambda rate: keras.optimizers.SGD(rate, momentum=MOMENTUM, nesterov=True),
    "RMSprop": lambda rate: keras.optimizers.RMSprop(rate),
    "Adam": lambda rate: keras.optimizers.Adam(rate, BETA_1, BETA_2),
    "AdamW": lambda rate: keras.optimizers.AdamW(rate, beta_1=BETA_1, beta_2=BETA_2),
}


def agreement_table(seed: int, steps: int = 100) -> list[list[str]]:
    """Each rule beside Keras's optimizer, on equal gradients, both in double precision.

    Args:
        seed: of the first weights and of the gradients.
        steps: how many.

    Returns:
        Rows of text, the header first: the largest difference of any weight at any step.
    """
    rows = [["rule", "keras.optimizers", f"largest difference of a weight in {steps} steps"]]
    rate = 2**-7
    for name, rule in RULES.items():
        random = np.random.default_rng(seed)
        weights, state = random.normal(size=20), first_state(name, 20)
        variable = keras.Variable(weights, dtype="float64")
        optimizer = OPTIMIZERS[name](rate)
        optimizer.build([variable])
        furthest = 0.0
        for step in range(1, steps + 1):
            gradient = random.normal(size=20)
            weights, *state = rule(weights, gradient, state, step, rate)
            optimizer.apply([keras.ops.convert_to_tensor(gradient, "float64")], [variable])
            theirs = keras.ops.convert_to_numpy(variable)
            furthest = max(furthest, float(np.abs(weights - theirs).max()))
        rows.append([name, type(optimizer).__name__, f"{furthest:.0e}"])
    return rows


def first_state(name: str, size: int) -> list[np.ndarray]:
    """What the rule `name` keeps, before the first step of `size` weights."""
    return [np.zeros(size)] * (2 if name.startswith("Adam") else 1)


class Surface(NamedTuple):
    """A loss of two weights, and where a walk on it starts."""

    name: str
    loss: Callable[[np.ndarray, np.ndarray], np.ndarray]
    gradient: Callable[[float, float], tuple[float, float]]
    start: tuple[float, float]
    steps: int
    rates: Mapping[str, float]  # each rule's learning rate
    lowest: tuple[tuple[float, float], ...]  # where the loss has its minimum
    limits: tuple[tuple[float, float], tuple[float, float]]  # of both weights, for the figure


SURFACES = (
    Surface(
        "a valley, condition number 100",
        lambda u, v: (u**2 + 100 * v**2) / 2,
        lambda u, v: (u, 100 * v),
        (-9.0, 1.6),
        40,
        {"SGD": 0.0125, "momentum": 0.0025, "Nesterov": 0.0025, "RMSprop": 0.3, "Adam": 0.5},
        ((0.0, 0.0),),
        ((-10.0, 3.5), (-2.4, 2.4)),
    ),
    Surface(
        "Rosenbrock's valley",
        lambda u, v: (1 - u) ** 2 + 100 * (v - u**2) ** 2,
        lambda u, v: (-2 * (1 - u) - 400 * u * (v - u**2), 200 * (v - u**2)),
        (-1.2, 1.0),
        200,
        {"SGD": 0.001, "momentum": 0.0005, "Nesterov": 0.0005, "RMSprop": 0.02, "Adam": 0.1},
        ((1.0, 1.0),),
        ((-1.7, 1.7), (-0.6, 2.0)),
    ),
    Surface(
        "a saddle between two minima",
        lambda u, v: (u**2 - v**2) / 2 + v**4 / 4 + 1 / 4,
        lambda u, v: (u, v**3 - v),
        (-1.8, 0.001),
        50,
        dict.fromkeys(("SGD", "momentum", "Nesterov", "RMSprop", "Adam"), 0.1),
        ((0.0, 1.0), (0.0, -1.0)),
        ((-2.0, 1.2), (-1.5, 1.5)),
    ),
)


def walk(name: str, surface: Surface) -> np.ndarray:
    """The weights at each step of a rule that descends a surface.

    Args:
        name: of the rule, in `RULES`.
        surface: where it walks, at that surface's rate for it.

    Returns:
        An array of shape (steps + 1, 2), the start first.
    """
    weights, state = np.array(surface.start), first_state(name, 2)
    points = [weights]
    for step in range(1, surface.steps + 1):
        gradient = np.array(surface.gradient(*weights))
        weights, *state = RULES[name](weights, gradient, state, step, surface.rates[name])
        points.append(weights)
    return np.array(points)
