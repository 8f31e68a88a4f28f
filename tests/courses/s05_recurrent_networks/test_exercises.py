"""Session 5's exercises: the examples in their docstrings, and what they are held against."""

import numpy as np
import pytest

from courses.s05_recurrent_networks import solutions
from courses.s05_recurrent_networks.references import ordered_sequences, path_loss


def test_examples_in_the_docstrings_are_right():
    kernel, recurrent, bias = np.zeros((3, 8)), np.zeros((2, 8)), np.zeros(8)
    h, c = solutions.lstm_step(
        np.ones((1, 3)), np.zeros((1, 2)), np.full((1, 2), 2.0), kernel, recurrent, bias
    )
    assert c == pytest.approx(1) and h == pytest.approx(0.3808, abs=5e-5)
    h = solutions.gru_step(
        np.ones((1, 3)), np.full((1, 2), 2.0), kernel[:, :6], recurrent[:, :6], np.zeros((2, 6))
    )
    assert h == pytest.approx(1)
    one, nothing = np.ones((1, 1)), np.zeros((1, 1))
    gradients = solutions.backpropagation_through_time(one, nothing, nothing, 3 * one)
    assert gradients[0].tolist() == [[3]] and gradients[1].tolist() == [[0]]
    values, valid = np.array([[1.0], [5.0], [7.0]]), np.array([True, True, False])
    outputs, _ = solutions.attention(np.zeros((1, 2)), np.ones((3, 2)), values, valid)
    assert outputs == pytest.approx(3)
    assert solutions.ctc_collapse([0, 3, 3, 0, 3, 5, 5, 0]) == [3, 3, 5]
    assert solutions.ctc_loss(np.log(np.full((2, 2), 0.5)), [1]) == pytest.approx(-np.log(3 / 4))
    assert solutions.word_error_rate(["five one nine"], ["five nine"]) == 0.5
    score = solutions.bleu(["the cat sat on the mat"], ["the cat sat on a mat"])
    assert score == pytest.approx(53.73, abs=5e-3)
    silence = solutions.log_mel(np.zeros(100), 64, 16, np.ones((33, 5)), 1e-6)
    assert silence.shape == (3, 5) and silence == pytest.approx(-13.8155, abs=5e-5)
    assert solutions.recurrent_parameters("lstm", 40, [32]) == 9_344


def test_no_path_has_an_infinite_loss():
    scores = np.log(np.full((2, 3), 1 / 3))
    assert path_loss(scores, [1, 1], blank=0) == float("inf")
    assert solutions.ctc_loss(scores, [1, 1]) == float("inf")


def test_sequences_of_another_class_hold_the_same_frames():
    x, y = ordered_sequences(2000, (16, 8), 4, seed=0)
    assert x.shape == (2000, 16, 8) and np.bincount(y).min() > 400
    # The means over time of each class differ by no more than noise does.
    means = np.stack([x[y == label].mean(axis=(0, 1)) for label in range(4)])
    assert np.ptp(means, axis=0).max() < 0.03
    again = ordered_sequences(2000, (16, 8), 4, seed=0)
    assert np.array_equal(again[0], x) and np.array_equal(again[1], y)
