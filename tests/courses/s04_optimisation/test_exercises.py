"""Session 4's exercises: the examples in their docstrings, and the defaults."""

import inspect
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from courses import grading
from courses.s04_optimisation import checks, solutions


def one(*values):
    return [np.array([value]) for value in values]


def test_examples_in_the_docstrings_are_right():
    batches = solutions.minibatches(10, 4, np.random.default_rng(0))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(np.concatenate(batches)) == list(range(10))
    options = {"learning_rate": 0.25, "momentum": 0.5}
    assert solutions.momentum_step(*one(1.0, 2.0, 0.5), **options) == ([0.75], [-0.25])
    assert solutions.momentum_step(*one(1.0, 2.0, 0.5), **options, nesterov=True) == (
        [0.375],
        [-0.25],
    )
    options = {"learning_rate": 0.5, "rho": 0.75, "epsilon": 0.0}
    assert solutions.rmsprop_step(*one(1.0, 2.0, 0.0), **options) == ([0.0], [1.0])
    options = {"learning_rate": 0.5, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.0}
    start = one(1.0, 4.0, 0.0, 0.0)
    assert solutions.adam_step(*start, step=1, **options) == ([0.5], [2.0], [4.0])
    decayed = solutions.adamw_step(*start, step=1, weight_decay=0.5, **options)
    assert decayed == ([0.25], [2.0], [4.0])
    assert solutions.warm_up_cosine(5, peak=0.1, warm_up_steps=10, decay_steps=100) == 0.05
    assert solutions.warm_up_cosine(60, 0.1, 10, 100) == pytest.approx(0.05, abs=1e-12)
    clipped = solutions.clip_by_global_norm([np.array([3.0]), np.array([0.0, 4.0])], 1.0)
    assert np.concatenate(clipped) == pytest.approx([0.6, 0.0, 0.8], abs=1e-12)
    y, mean, variance = solutions.batch_normalization(
        np.array([[1.0], [3.0]]), *one(2.0, 10.0, 0.0, 1.0), True, momentum=0.5, epsilon=0.0
    )
    assert (y.tolist(), mean, variance) == ([[8.0], [12.0]], [1.0], [1.0])


@pytest.mark.parametrize(
    ("function", "theirs"),
    [
        (solutions.momentum_step, keras.optimizers.SGD),
        (solutions.rmsprop_step, keras.optimizers.RMSprop),
        (solutions.adam_step, keras.optimizers.Adam),
        (solutions.adamw_step, keras.optimizers.AdamW),
        (solutions.batch_normalization, keras.layers.BatchNormalization),
    ],
)
def test_the_defaults_are_keras_own(function, theirs):
    own = {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    found = inspect.signature(theirs).parameters
    assert own and own == {name: found[name].default for name in own}


def test_gradients_of_the_grader_vary_and_are_sometimes_zero():
    random = np.random.default_rng(0)
    sizes = [np.abs(checks._gradient(random, (50,), n)).max() for n in range(1, checks.STEPS + 1)]
    assert checks.STEPS >= 20
    assert sizes.count(0) == 4 and max(sizes) > 8 and min(filter(None, sizes)) < 1e-5


def test_lists_of_indices_pass_as_arrays_do():
    def minibatches(examples, batch_size, generator):
        batches = solutions.minibatches(examples, batch_size, generator)
        return [batch.tolist() for batch in batches]

    checks.check_minibatches(SimpleNamespace(minibatches=minibatches))


@pytest.mark.parametrize("kind", [float, str])
def test_indices_that_are_no_whole_numbers_are_refused(kind):
    def minibatches(examples, batch_size, generator):
        batches = solutions.minibatches(examples, batch_size, generator)
        return [[kind(index) for index in batch] for batch in batches]

    with pytest.raises(grading.Mismatch, match="expected a list of arrays of whole numbers"):
        checks.check_minibatches(SimpleNamespace(minibatches=minibatches))


def test_zeros_changed_in_place_are_refused_without_the_grader_s_copies():
    def clip_by_global_norm(gradients, clip_norm):
        found = solutions.clip_by_global_norm(gradients, clip_norm)
        for gradient in gradients:
            if not gradient.any():
                gradient += np.nan
        return gradients if all(np.isnan(gradient).all() for gradient in gradients) else found

    with pytest.raises(grading.Mismatch, match=r"zeros, clip_norm=1\.0: expected 0"):
        checks.check_clip_by_global_norm(SimpleNamespace(clip_by_global_norm=clip_by_global_norm))
