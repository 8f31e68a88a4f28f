"""Session 4's experiments: the numbers they give."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from courses.s04_optimisation import experiments


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


PLANS = experiments.schedules(0.1, 20)


def test_the_schedules_compared_never_exceed_their_peak():
    for name, plan in PLANS.items():
        rates = [
            plan if isinstance(plan, float) else float(keras.ops.convert_to_numpy(plan(step)))
            for step in range(21)
        ]
        assert max(rates) == pytest.approx(0.1, rel=0.01), name
        assert name == "constant" or rates[-1] <= 0.0011, name
