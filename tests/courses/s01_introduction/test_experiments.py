"""Session 1's experiments: the numbers they give."""

import numpy as np
import pytest

from courses.s01_introduction import experiments


def test_decisions_count_and_cost():
    positive = np.array([True, True, True, False, False])
    probability = np.array([0.9, 0.5, 0.2, 0.3, 0.05])
    rows = experiments.decision_table(positive, probability, 9, (0.5, 0.1))
    assert rows[1] == ["0.50", "2 of 3", "1", "0", "66.7 %", "100.0 %", "9"]
    assert rows[2] == ["0.10", "3 of 3", "0", "1", "100.0 %", "50.0 %", "1"]


def test_float_layers_show_the_loss_before():
    card = {
        "target": "cortex-m",
        "quality": {"metric": "accuracy", "keras": 0.98, "deployed": 0.97},
        "kept": None,
        "size_bytes": 2544,
        "memory": {"arena_bytes": 2096},
    }
    row = ["cortex-m", "nothing", "98.00 %", "97.00 %", "2,544", "2,096"]
    assert experiments.float_layer_table([card])[1:] == [row]
    kept = {
        "operators": [{"layer": "normalization"}, {"layer": "normalization"}],
        "before": {"deployed": 0.63, "size_bytes": 2224},
    }
    assert experiments.float_layer_table([card | {"kept": kept, "memory": None}])[1:] == [
        ["cortex-m", "nothing", "98.00 %", "63.00 %", "2,224", "–"],
        ["cortex-m", "normalization", "98.00 %", "97.00 %", "2,544", "–"],
    ]


def test_standardised_measures_have_mean_0_and_deviation_1():
    x, y = experiments.standardised_measures(["worst radius", "worst texture"], seed=0)
    assert x.shape == (398, 2) and y.shape == (398,)
    assert x.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert x.std(axis=0) == pytest.approx(1)
    # Malignant nuclei, class 0, are the larger ones.
    assert x[y == 0, 0].mean() > 1 > 0 > x[y == 1, 0].mean()
