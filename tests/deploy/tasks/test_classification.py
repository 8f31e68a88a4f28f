"""Classifiers: accuracy and agreement by hand, and class names that fit none."""

import numpy as np
import pytest

from deploy import DeployError
from deploy.tasks.classification import accuracy, agreement

KERAS = [np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])]
DEPLOYED = [np.array([[0.8, 0.2], [0.4, 0.6], [0.4, 0.6], [0.3, 0.7]])]


SOFTMAX = {"activation": "softmax"}


@pytest.mark.parametrize(
    "ground_truth", [[0, 1, 0, 0], [[1, 0], [0, 1], [1, 0], [1, 0]], [[0], [1], [0], [0]]]
)
def test_accuracy_by_hand(ground_truth):
    assert accuracy(SOFTMAX, np.array(ground_truth), KERAS) == 0.75
    assert accuracy(SOFTMAX, np.array(ground_truth), DEPLOYED) == 0.5


def test_agreement_by_hand():
    assert agreement(SOFTMAX, ["a", "b"], KERAS, DEPLOYED) == {
        "a": {"examples": 2, "agreement": 0.5},
        "b": {"examples": 2, "agreement": 1.0},
    }


def test_agreement_of_pixels_by_hand():
    keras = np.array([[[0.9, 0.1], [0.8, 0.2]], [[0.3, 0.7], [0.6, 0.4]]])[None]
    received = keras.copy()
    received[0, 0, 0] = [0.2, 0.8]
    assert agreement(SOFTMAX, ["ground", "cat"], [keras], [received]) == {
        "ground": {"examples": 3, "agreement": pytest.approx(2 / 3)},
        "cat": {"examples": 1, "agreement": 1.0},
    }


@pytest.mark.parametrize(
    ("ground_truth", "message"),
    [
        ([0, 1], r"for each of the 4 examples, received y of shape \(2,\)"),
        ([0, 1, 2, 0], "from 0 to 1"),
        ([0, -1, 1, 0], "from 0 to 1"),
        ([0.5, 1, 1, 0], "from 0 to 1"),
        ([np.zeros((2, 3)), np.zeros((2, 2))], "several outputs without y"),
    ],
)
def test_ground_truth_that_fits_nothing_is_refused(ground_truth, message):
    with pytest.raises(DeployError, match=message):
        accuracy(SOFTMAX, ground_truth, KERAS)
