"""Session 2's references: the numbers they give."""

import numpy as np

from courses.s02_deep_neural_networks import references

FEW = np.random.default_rng(0).normal(size=(40, 5)), np.eye(3)[np.arange(40) % 3]


def test_finite_differences_are_best_in_the_middle():
    errors = references.step_errors(*FEW, [5, 4, 3], np.array([1e-12, 1e-6, 1e-1]))
    small, good, large = errors["float64"]
    assert good < 1e-7 < min(small, large)
    assert min(errors["float32"]) > 1e-5
