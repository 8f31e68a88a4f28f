"""The learning-rate finder and timed evaluation, on problems whose numbers are known."""

import itertools

import keras
import numpy as np
import pytest

from thinkkeras import callbacks
from thinkkeras.callbacks import LearningRateFinder, TimedEvaluation, suggest_learning_rate
from thinkkeras.schedules import OneCycle


def parabola(optimizer, start=2.0):
    """One weight w; the loss is w squared, its gradient 2 w."""
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(1, use_bias=False)(inputs)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer, "mse", jit_compile=False)
    model.set_weights([np.array([[start]])])
    return model


ONES, ZEROS = np.ones((10, 1), np.float32), np.zeros((10, 1), np.float32)


def find(model, finder, epochs=None):
    epochs = epochs or finder.epochs(10, batch_size=2)
    model.fit(ONES, ZEROS, batch_size=2, epochs=epochs, callbacks=[finder], verbose=0)
    return finder


def test_rates_rise_by_a_factor_and_losses_are_those_of_each_batch():
    finder = find(parabola(keras.optimizers.SGD(0.3)), LearningRateFinder(0.001, 0.1, steps=7))
    assert finder.learning_rates == pytest.approx(list(np.geomspace(0.001, 0.1, 7)))
    # Each step multiplies the weight by 1 - 2 * rate; the loss is its square before the step.
    weights = 2.0 * np.cumprod([1.0, *(1 - 2 * np.geomspace(0.001, 0.1, 7)[:-1])])
    assert finder.losses == pytest.approx(list(weights**2), rel=1e-5)


def test_the_smoothed_loss_is_corrected_for_its_start():
    finder = find(parabola("sgd"), LearningRateFinder(0.001, 0.1, steps=3, smoothing=0.5))
    a, b, c = finder.losses
    expected = [a, (0.25 * a + 0.5 * b) / 0.75, (0.125 * a + 0.25 * b + 0.5 * c) / 0.875]
    assert finder.smoothed == pytest.approx(expected)


def test_it_stops_when_the_loss_diverges():
    finder = LearningRateFinder(0.01, 1e4, steps=100, smoothing=0.0, divergence=4.0)
    losses = find(parabola("sgd"), finder).losses
    too_high = [loss > 4 * min(losses[: step + 1]) for step, loss in enumerate(losses)]
    assert 10 < len(losses) < 100 and too_high == [False] * (len(losses) - 1) + [True]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_it_stops_at_a_loss_that_is_not_finite(value):
    x = ONES.copy()
    x[4:] = value  # the third batch
    model, finder = parabola("sgd"), LearningRateFinder(1e-5, 1e-4, steps=50)
    model.fit(x, ZEROS, batch_size=2, epochs=50, shuffle=False, callbacks=[finder], verbose=0)
    assert len(finder.losses) == 3 and not np.isfinite(finder.losses[2])
    assert model.get_weights()[0][0, 0] == 2.0
    assert finder.suggestion == pytest.approx(1e-5)


def optimizers():
    return [
        keras.optimizers.SGD(0.25),
        keras.optimizers.SGD(0.25, momentum=0.5, nesterov=True),
        keras.optimizers.RMSprop(0.25),
        keras.optimizers.AdamW(0.25),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.25)),
    ]


@pytest.mark.parametrize("index", range(5))
def test_weights_rate_and_slots_are_put_back(index):
    model = parabola(optimizers()[index])
    model.fit(ONES, ZEROS, batch_size=5, verbose=0)  # two steps: the slots hold something
    optimizer = model.optimizer
    before = [keras.ops.convert_to_numpy(v).copy() for v in optimizer.variables]
    weights = model.get_weights()
    finder = find(model, LearningRateFinder(0.001, 1.0, steps=20))
    assert len(finder.losses) >= 3
    after = [keras.ops.convert_to_numpy(v) for v in optimizer.variables]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert np.array_equal(weights[0], model.get_weights()[0])
    assert float(keras.ops.convert_to_numpy(optimizer.learning_rate)) == 0.25


def test_normalization_statistics_are_put_back():
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(1)(keras.layers.BatchNormalization()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", jit_compile=False)
    before = model.get_weights()
    find(model, LearningRateFinder(steps=10))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_seeds_of_dropout_are_put_back():
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(1)(keras.layers.Dropout(0.5, seed=3)(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", jit_compile=False)
    before = [keras.ops.convert_to_numpy(v).copy() for v in model.variables]
    assert len(before) > len(model.weights)
    find(model, LearningRateFinder(steps=10))
    after = [keras.ops.convert_to_numpy(v) for v in model.variables]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_an_interrupted_fit_is_put_back_by_hand():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations >= 4:
                raise KeyboardInterrupt

    model, finder = parabola(keras.optimizers.SGD(0.25)), LearningRateFinder(0.01, 0.1, steps=10)
    finder.restore()
    with pytest.raises(KeyboardInterrupt):
        model.fit(ONES, ZEROS, batch_size=2, callbacks=[finder, Interrupt()], verbose=0)
    assert model.get_weights()[0][0, 0] < 1.9
    finder.restore()
    assert model.get_weights()[0][0, 0] == 2.0
    assert float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)) == 0.25


def test_no_suggestion_after_too_few_epochs():
    finder = find(parabola("sgd"), LearningRateFinder(1e-4, 1e-3, steps=100), epochs=1)
    with pytest.raises(ValueError, match=r"of 100 steps, received one that ended after 5; give"):
        _ = finder.suggestion


@pytest.mark.parametrize(
    "callback",
    [LearningRateFinder(), TimedEvaluation(ONES, np.zeros(10, int))],
    ids=["finder", "watch"],
)
def test_several_steps_per_execution_are_refused(callback):
    model = parabola("sgd")
    model.compile("sgd", "mse", jit_compile=False, steps_per_execution=5)
    with pytest.raises(ValueError, match="steps_per_execution=1, received 5"):
        model.fit(ONES, ZEROS, batch_size=2, callbacks=[callback], verbose=0)


def test_a_finder_can_be_used_again():
    finder = LearningRateFinder(0.001, 0.1, steps=5)
    first = find(parabola("sgd"), finder).losses
    assert find(parabola("sgd"), finder).losses == first and len(first) == 5


def test_epochs_hold_the_steps():
    assert LearningRateFinder(steps=100).epochs(1257, batch_size=32) == 3
    assert LearningRateFinder(steps=100).epochs(3200, batch_size=32) == 1
    assert LearningRateFinder(steps=100).epochs(5, batch_size=32) == 100


def test_a_schedule_is_refused():
    model = parabola(keras.optimizers.SGD(OneCycle(0.1, 10)))
    with pytest.raises(ValueError, match="received a schedule; compile with a float"):
        find(model, LearningRateFinder())
    assert model.get_weights()[0][0, 0] == 2.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lowest": 1.0, "highest": 0.1}, "0 < lowest < highest, received 1.0 and 0.1"),
        ({"lowest": 0.0}, "0 < lowest < highest, received 0.0"),
        ({"steps": 1}, "steps of at least 2, received 1"),
        ({"smoothing": 1.0}, "0 <= smoothing < 1, received 1.0"),
        ({"divergence": 1.0}, "divergence above 1, received 1.0"),
    ],
)
def test_errors_say_what_was_expected(options, message):
    with pytest.raises(ValueError, match=message):
        LearningRateFinder(**options)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([3.0, 2.0, 1.0, 5.0], 1.0),  # lowest at 10
        ([3.0, 2.0, 1.0, np.nan], 1.0),
        ([3.0, np.nan, 4.0, -np.inf], 0.1),  # lowest at the first rate: no lower than that
        ([3.0, 2.0, 2.5, np.inf], 0.1),
    ],
)
def test_the_suggestion_is_a_tenth_of_the_rate_with_the_lowest_loss(losses, expected):
    assert suggest_learning_rate([0.1, 1.0, 10.0, 100.0], losses) == pytest.approx(expected)


@pytest.mark.parametrize("losses", [[], [1.0], [1.0, np.nan, np.nan], [1.0, 2.0]])
def test_a_suggestion_needs_losses(losses):
    with pytest.raises(ValueError, match="at least two finite losses, received 3 rates"):
        suggest_learning_rate([0.1, 1.0, 10.0], losses)


def classifier():
    """Probabilities softmax(w x) of two classes, w = (0, 0) at first."""
    inputs = keras.Input((1,))
    dense = keras.layers.Dense(2, "softmax", use_bias=False, kernel_initializer="zeros")
    model = keras.Model(inputs, dense(inputs))
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy", jit_compile=False)
    return model


def test_timed_evaluation_counts_only_what_lies_within_steps(monkeypatch):
    # Each look at the clock comes a second after the last one: a step lasts one second, however
    # often the callback evaluates and however long validation takes.
    monkeypatch.setattr(callbacks.time, "perf_counter", map(float, itertools.count()).__next__)
    x, y = np.array([[1.0]] * 8, np.float32), np.ones(8, int)
    timed = TimedEvaluation(x, y, every=3)
    classifier().fit(
        x, y, batch_size=1, epochs=2, validation_data=(x, y), callbacks=[timed], verbose=0
    )
    assert timed.steps == [1, 3, 6, 9, 12, 15]
    assert timed.seconds == [0.0, 2.0, 5.0, 8.0, 11.0, 14.0]


def test_timed_evaluation_has_loss_and_accuracy():
    x, y = np.array([[1.0]] * 4, np.float32), np.ones(4, int)
    timed = TimedEvaluation(x, np.array([1, 1, 1, 0]))
    classifier().fit(x, y, batch_size=4, epochs=2, callbacks=[timed], verbose=0)
    # One step from (0, 0) at rate 1 leads to (-1/2, 1/2): probabilities 1 / (1 + e^±1).
    right, wrong = np.log(1 + np.exp(-1)), np.log(1 + np.exp(1))
    assert timed.losses[0] == pytest.approx((3 * right + wrong) / 4, abs=1e-6)
    assert timed.accuracies == [0.75, 0.75]


def test_the_first_evaluation_that_found_the_accuracy():
    timed = TimedEvaluation(np.zeros((1, 1)), np.zeros(1, int))
    timed.steps, timed.seconds = [1, 2, 3, 4], [0.0, 1.5, 2.5, 4.0]
    timed.accuracies = [0.1, 0.5, 0.9, 0.8]
    assert timed.reached(0.5) == (1.5, 2)
    assert timed.reached(0.85) == (2.5, 3)
    assert timed.reached(0.95) is None


@pytest.mark.parametrize("shape", [(4, 1), (3,), ()])
def test_timed_evaluation_wants_one_class_for_each_example(shape):
    with pytest.raises(ValueError, match=r"shape \(4,\), one for each example, received shape"):
        TimedEvaluation(np.zeros((4, 1)), np.zeros(shape, int))


def test_nothing_is_reached_before_a_fit():
    assert TimedEvaluation(np.zeros((1, 1)), np.zeros(1, int)).reached(0.0) is None


def test_timed_evaluation_is_every_step_or_less_often():
    with pytest.raises(ValueError, match="expected every=1 or more steps, received 0"):
        TimedEvaluation(np.zeros((1, 1)), np.zeros(1, int), every=0)
