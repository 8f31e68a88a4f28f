"""Regression: the outputs by their names, in words the long ones cut short."""

import numpy as np

from deploy.runtime.tasks.regression import predict, to_text


def test_outputs_have_their_names():
    card = {"outputs": [{"name": "mean"}, {"name": "all"}]}
    prediction = predict(card, [np.float32([0.5]), np.arange(100)], [], (0, 0))
    assert list(prediction["outputs"]) == ["mean", "all"]
    text = to_text(prediction, [])
    assert text.startswith("mean = [0.5]; all = [ 0  1  2 ...") and text.endswith("97 98 99]")
