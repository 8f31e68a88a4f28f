"""Session 4, checks: what each exercise must compute (graded by `courses.grading`).

The optimizers run side by side with Keras's own, both in double precision, on the same 24
gradients: some large, some so small that an epsilon shows, some zero.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from courses.grading import expect, expect_equal

STEPS, SEED = 24, 4
SHAPES = ((3,), (2, 4))
# Whatever the variables' dtype, Keras rounds rates and betas to float32 on their way: these it
# holds exactly. (beta_2=0.999 would cost 1e-6 of the weights within ten steps.)
RATE, BETA_1, BETA_2 = 0.0625, 0.90625, 1 - 2**-10
ADAM = ({"beta_1": BETA_1, "beta_2": BETA_2}, {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25})

schedules = keras.optimizers.schedules


def check_minibatches(answers: Any) -> None:
    """Sizes, completeness, order: of one epoch, and of several."""
    for examples, batch_size in ((10, 4), (12, 4), (3, 8), (7, 1), (50, 16)):
        case = f"minibatches({examples}, {batch_size}, generator)"
        batches = answers.minibatches(examples, batch_size, np.random.default_rng(SEED))
        expect(
            isinstance(batches, list | tuple) and all(map(_whole, batches)),
            case=case,
            expected="a list of arrays of whole numbers",
            received=batches,
        )
        full, rest = divmod(examples, batch_size)
        sizes = [batch_size] * full + [rest] * (rest > 0)
        expect_equal([len(batch) for batch in batches], sizes, case=f"{case}, sizes")
        seen = np.sort(np.concatenate(batches))
        expect_equal(seen, np.arange(examples), case=f"{case}, all indices in order of size")

    def order(generator: np.random.Generator) -> list[int]:
        return np.concatenate(answers.minibatches(50, 16, generator)).tolist()

    generator = np.random.default_rng(SEED)
    first, second = order(generator), order(generator)
    mixed = sum(a != b for a, b in zip(first, range(50), strict=True)) > 25
    expect(mixed, case="first epoch of 50", expected="a random order", received=first[:16])
    within = any(np.any(np.diff(first[start : start + 16]) < 0) for start in range(0, 48, 16))
    expect(within, case="first batches of 50", expected="random examples", received=first[:16])
    far = max(abs(np.array(first[:16]) - np.mean(first[:16]))) > 16
    expect(far, case="first batch of 50", expected="examples from everywhere", received=first[:16])
    expect(first != second, case="second epoch of 50", expected="a new order", received=second[:16])
    again = order(np.random.default_rng(SEED))
    expect_equal(again[:16], first[:16], case="an equal generator, first batch of 50")


def check_momentum_step(answers: Any) -> None:
    """Against `keras.optimizers.SGD`: plain, with momentum, Nesterov."""
    for options in ({}, {"momentum": 0.875}, {"momentum": 0.75, "nesterov": True}):
        _compare(
            lambda weights, gradient, state, step, options=options: answers.momentum_step(
                weights, gradient, *state, learning_rate=RATE, **options
            ),
            keras.optimizers.SGD(RATE, **options),
            case=f"learning_rate={RATE}, {_named(options)}".rstrip(", "),
            slots=("velocity",),
            # Keras's plain SGD keeps nothing.
            kept=bool(options),
        )


def check_rmsprop_step(answers: Any) -> None:
    """Against `keras.optimizers.RMSprop`; a large epsilon tells where it stands."""
    for options in ({}, {"rho": 0.5, "epsilon": 0.25}):
        _compare(
            lambda weights, gradient, state, step, options=options: answers.rmsprop_step(
                weights, gradient, *state, learning_rate=RATE, **options
            ),
            keras.optimizers.RMSprop(RATE, **options),
            case=f"learning_rate={RATE}, {_named(options)}".rstrip(", "),
            slots=("velocity",),
        )


def check_adam_step(answers: Any) -> None:
    """Against `keras.optimizers.Adam`; a large epsilon tells where it stands."""
    for options in ADAM:
        _compare(
            lambda weights, gradient, state, step, options=options: answers.adam_step(
                weights, gradient, *state, step, learning_rate=RATE, **options
            ),
            keras.optimizers.Adam(RATE, **options),
            case=f"learning_rate={RATE}, {_named(options)}".rstrip(", "),
            slots=("momentum", "velocity"),
        )


def check_adamw_step(answers: Any) -> None:
    """Against `keras.optimizers.AdamW`."""
    for options in (ADAM[0], {"weight_decay": 0.5} | ADAM[0], {"weight_decay": 0.25} | ADAM[1]):
        _compare(
            lambda weights, gradient, state, step, options=options: answers.adamw_step(
                weights, gradient, *state, step, learning_rate=RATE, **options
            ),
            keras.optimizers.AdamW(RATE, **options),
            case=f"learning_rate={RATE}, {_named(options)}".rstrip(", "),
            slots=("momentum", "velocity"),
        )


def check_warm_up_cosine(answers: Any) -> None:
    """Against Keras's own schedule: both ends of each phase, between them, and after the last."""
    for peak, warm_up, decay, alpha in (
        (0.1, 10, 100, 0.0),
        (0.008, 7, 20, 0.1),
        (2.0, 0, 12, 0.5),
    ):
        schedule = schedules.CosineDecay(
            0.0, decay, alpha, warmup_target=peak, warmup_steps=warm_up
        )
        end = warm_up + decay
        for step in sorted({0, 1, warm_up // 2, warm_up, warm_up + 1, end // 2, end - 1, end, 150}):
            expected = float(keras.ops.convert_to_numpy(schedule(step)))
            case = f"step={step}, peak={peak}, warm_up_steps={warm_up}, decay_steps={decay}"
            case += f", alpha={alpha}"
            try:
                received = answers.warm_up_cosine(step, peak, warm_up, decay, alpha)
            except ZeroDivisionError as error:  # the case says what was zero
                expect(False, case=case, expected=expected, received=f"an error: {error}")
            # Keras computes it in float32.
            expect_equal(received, expected, tolerance=2e-7, case=case)
    received = answers.warm_up_cosine(60, 0.1, 10, 100)
    expect_equal(received, 0.05, case="warm_up_cosine(60, 0.1, 10, 100), without alpha")


def check_clip_by_global_norm(answers: Any) -> None:
    """Against what `keras.optimizers.SGD(1.0, global_clipnorm=...)` takes off the weights."""
    random = np.random.default_rng(SEED)
    mixed = [random.normal(size=shape) for shape in ((4,), (2, 3), ())]
    zeros = [np.zeros(3), np.zeros((2, 2))]
    for name, gradients, clip_norm in (
        ("norm above clip_norm", mixed, 0.5),
        ("norm above clip_norm, each array's below", [np.array([0.75]), np.array([-1.0])], 1.125),
        ("norm below clip_norm", mixed, 64.0),
        ("norm equal to clip_norm", [np.array([3.0]), np.array([0.0, 4.0])], 5.0),
    ):
        weights = [_variable(np.zeros_like(gradient)) for gradient in gradients]
        optimizer = keras.optimizers.SGD(1.0, global_clipnorm=clip_norm)
        optimizer.apply([_variable(gradient).value for gradient in gradients], weights)
        expected = [-keras.ops.convert_to_numpy(weight) for weight in weights]
        # Copies, whoever calls: what an answer changes in place must not be what is expected.
        received = answers.clip_by_global_norm([array.copy() for array in gradients], clip_norm)
        expect_equal(received, expected, case=f"{name}, clip_norm={clip_norm}")
    received = answers.clip_by_global_norm([array.copy() for array in zeros], 1.0)
    expect_equal(received, zeros, case="zeros, clip_norm=1.0")


def check_batch_normalization(answers: Any) -> None:
    """Against Keras's layer, batch after batch, in training and at inference."""
    random = np.random.default_rng(SEED)
    for options in ({}, {"momentum": 0.5, "epsilon": 0.25}):
        layer = keras.layers.BatchNormalization(dtype="float64", **options)
        layer.build((None, 3))
        gamma, beta, mean = random.normal(size=(3, 3))
        variance = random.uniform(0.5, 2, size=3)
        layer.set_weights([gamma, beta, mean, variance])
        for index, training in enumerate((False, True, True, False)):
            x = random.normal(1.0, 3.0, size=(5, 3))
            y = keras.ops.convert_to_numpy(layer(x, training=training))
            received = answers.batch_normalization(
                x, gamma, beta, mean, variance, training, **options
            )
            case = f"batch {index + 1}, training={training}, {_named(options)}".rstrip(", ")
            moving = [keras.ops.convert_to_numpy(value) for value in layer.non_trainable_variables]
            _expect_tuple(received, 3, case, "(y, moving_mean, moving_variance)")
            for name, value, expected in zip(
                ("y", "moving_mean", "moving_variance"), received, (y, *moving), strict=True
            ):
                expect_equal(value, expected, case=f"{case}, {name}")
            mean, variance = moving


def _compare(
    step: Callable[..., Any],
    optimizer: keras.Optimizer,
    *,
    case: str,
    slots: tuple[str, ...],
    kept: bool = True,
) -> None:
    """The learner's step and Keras's, each from its own weights and state, on equal gradients.

    Args:
        step: the learner's function, of (weights, gradient, state, number of the step).
        optimizer: Keras's.
        case: options, for the message.
        slots: what the state is called, in the order in which it is returned.
        kept: whether Keras keeps the state too, for a comparison.
    """
    random = np.random.default_rng(SEED)
    for shape in SHAPES:
        start = random.normal(size=shape)
        optimizer = type(optimizer).from_config(optimizer.get_config())
        variable = _variable(start)
        optimizer.build([variable])
        weights, state = start, [np.zeros(shape) for _ in slots]
        for number in range(1, STEPS + 1):
            gradient = _gradient(random, shape, number)
            optimizer.apply([_variable(gradient).value], [variable])
            received = step(weights, gradient, state, number)
            name = f"step {number}, weights of shape {shape}, {case}"
            _expect_tuple(received, 1 + len(slots), name, f"(weights, {', '.join(slots)})")
            weights, *state = received
            expect_equal(weights, keras.ops.convert_to_numpy(variable), case=f"{name}, weights")
            theirs = _slots(optimizer, slots) if kept else state
            for slot, mine, expected in zip(slots, state, theirs, strict=True):
                expect_equal(mine, expected, case=f"{name}, {slot}")


def _whole(batch: Any) -> bool:
    """Whether `batch` is an array, or a list, of whole numbers."""
    return isinstance(batch, np.ndarray | list) and np.asarray(batch).dtype.kind in "iu"


def _gradient(random: np.random.Generator, shape: tuple[int, ...], number: int) -> np.ndarray:
    """Ever other sizes: 1, a hundred times smaller, eight times larger, now and then zero."""
    size = (1.0, 0.01, 8.0, 1e-6, 1.0, 0.0)[number % 6]
    return size * random.normal(size=shape)


def _slots(optimizer: keras.Optimizer, names: tuple[str, ...]) -> list[np.ndarray]:
    # SGD calls the velocity of momentum "momentum": there is one slot then, whatever its name.
    found = [variable for variable in optimizer.variables if len(variable.shape)]
    assert len(found) == len(names) and all(str(slot.dtype) == "float64" for slot in found)
    return [keras.ops.convert_to_numpy(slot) for slot in found]


def _variable(values: np.ndarray) -> keras.Variable:
    return keras.Variable(values, dtype="float64")


def _expect_tuple(received: Any, length: int, case: str, expected: str) -> None:
    right = isinstance(received, tuple | list) and len(received) == length
    expect(right, case=case, expected=f"a tuple {expected}", received=received)


def _named(options: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())
