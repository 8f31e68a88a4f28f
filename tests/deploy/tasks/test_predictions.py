"""The predictions of a model's outputs are the runtime's."""

import numpy as np
import pytest

from deploy.tasks.predictions import predictions
from tests.deploy.detections_by_hand import BOXES, CARD, SCORES


def test_predictions_are_the_runtimes_and_in_pixels():
    received = predictions(CARD, [BOXES, SCORES], ["a", "b"])
    assert len(received) == 2
    assert received[0]["names"] == ["a", "b"] and received[-1]["names"] == ["a", "a"]
    np.testing.assert_allclose(received[0]["boxes"], [[0, 0, 10, 5], [10, 5, 20, 10]])
    assert [len(each["scores"]) for each in predictions(CARD, [BOXES, SCORES], [], 0.01)] == [3, 2]
    assert [len(each["scores"]) for each in received[:1]] == [2]
    with pytest.raises(IndexError):
        received[2]
