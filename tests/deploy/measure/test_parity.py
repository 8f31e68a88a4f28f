"""Errors of deployed outputs, and what they cost, by hand."""

import numpy as np
import pytest

from deploy import DeployError
from deploy.bundle.card_text import table
from deploy.measure.formatting import score
from deploy.measure.parity import is_fraction, metric_drop, parity, sqnr_db_of


def test_parity_by_hand():
    expected = [np.array([[3.0, 4.0]], "float32"), np.array([[1.0], [1.0]], "float32")]
    received = [np.array([[3.0, 4.5]], "float32"), np.array([[1.0], [1.0]], "float32")]
    result = parity(["a", "b"], expected, received)
    assert result["max_abs_error"] == 0.5
    # One error of 0.5 among the four values of both outputs.
    assert result["mean_abs_error"] == pytest.approx(0.125)
    # 25 of energy against 0.25 of noise is a factor of 100.
    assert result["sqnr_db"] == pytest.approx(20.0)
    assert result["outputs"][1] == {
        "name": "b",
        "max_abs_error": 0.0,
        "mean_abs_error": 0.0,
        "sqnr_db": None,
    }


def test_a_signal_of_zeros_has_no_perfect_ratio():
    result = parity(["a"], [np.zeros((1, 2))], [np.ones((1, 2))])
    assert result["sqnr_db"] < -200


def test_infinite_noise_has_a_finite_ratio():
    assert -3400 < sqnr_db_of(1.0, float("inf")) < -2900


def test_outputs_that_are_not_finite_are_refused():
    with pytest.raises(DeployError, match="NaN or infinity from 'a' of the deployed"):
        parity(["a"], [np.zeros((1, 2))], [np.array([[0.0, np.nan]])])


def quality(metric, keras, deployed):
    return {"metric": metric, "keras": keras, "deployed": deployed, "examples": 2}


@pytest.mark.parametrize(
    ("measured", "loss", "shown"),
    [
        (quality("accuracy", 0.9, 0.8), 10.0, "90.00 %"),
        (quality("mean_iou", 0.5, 0.49), 1.0, "50.00 %"),
        (quality("psnr", 30.0, 27.0), 3.0, "30.00 dB"),
        (quality("psnr", 0.9, 0.8), 0.1, "0.90 dB"),
        (quality("perplexity", 30.0, 27.0), 10.0, "30"),
        (quality("r2", 0.5, -0.5), 200.0, "0.5"),
        (quality("mean_absolute_error", 0.5, 0.6), 20.0, "0.5"),
        (quality("symbol_error_rate", 0.05, 0.06), 1.0, "5.00 %"),
        (quality("symbol_error_rate", 0.9, 1.2), 30.0, "90.00 %"),
    ],
)
def test_fractions_lose_points_and_other_metrics_percent(measured, loss, shown):
    assert metric_drop(measured) == pytest.approx(loss)
    assert score(measured, "keras") == shown
    assert is_fraction(measured["metric"], measured["keras"], measured["deployed"]) == (
        "%" in shown
    )
    card = {"target": "cpu", "scheme": "int8", "size_bytes": 1, "memory": None}
    text = table([card | {"quality": measured, "latency_ms": {"median": 1.0}}])
    assert f"Keras {measured['metric']}" in text and shown in text
