"""Regression: the mean absolute error by hand."""

import numpy as np
import pytest

from deploy import DeployError
from deploy.tasks.regression import mean_absolute_error


def test_mean_absolute_error_by_hand():
    ground_truth = np.array([[0.0, 0.0], [1.0, 2.0]])
    assert mean_absolute_error({}, ground_truth, [np.full((2, 2), 2.0)]) == 1.25


def test_the_last_axis_of_one_may_be_missing():
    assert mean_absolute_error({}, np.zeros(2), [np.full((2, 1), 2.0)]) == 2.0


@pytest.mark.parametrize(
    ("ground_truth", "outputs", "message"),
    [
        ([1, 2, 3, 4], [np.zeros((4, 2))], r"output's shape \(4, 2\), received \(4,\)"),
        ([[1, 2]], [np.zeros((4, 2))], "a target y for each of the 4 examples"),
        (np.zeros((2, 3)), [np.zeros((2, 3))] * 2, "several outputs without y"),
        ([np.zeros((2, 3)), np.zeros((2, 2))], [np.zeros((2, 3))] * 2, "several outputs without y"),
    ],
)
def test_ground_truth_that_fits_nothing_is_refused(ground_truth, outputs, message):
    with pytest.raises(DeployError, match=message):
        mean_absolute_error({}, ground_truth, outputs)
