"""The metrics of label maps, against cases computed by hand."""

import keras
import numpy as np
import pytest

from thinkkeras.metrics import dice, mean_iou

TRUE = np.array([[[0, 0, 0], [1, 1, 255]]])
PREDICTED = np.array([[[0, 0, 1], [1, 0, 2]]])


def test_mean_iou_and_dice_by_hand():
    # Class 0: 2 of 4 pixels agree, 2 · 2 / 6; class 1: 1 of 3, 2 / 4; class 2: predicted on void.
    assert mean_iou(TRUE, PREDICTED, 4, 255) == pytest.approx((2 / 4 + 1 / 3) / 2)
    assert dice(TRUE, PREDICTED, 4, 255) == pytest.approx((2 / 3 + 1 / 2) / 2)
    # An id among the classes can be left out too: of the two pixels of class 1, one agrees.
    assert mean_iou(TRUE % 255, PREDICTED, 3, 0) == pytest.approx(1 / 2 / 2)
    assert dice(TRUE % 255, PREDICTED, 3, 0) == pytest.approx(2 / 3 / 2)
    assert mean_iou(PREDICTED, PREDICTED, 4) == dice(PREDICTED, PREDICTED, 4) == pytest.approx(1)
    true = np.where(TRUE == 255, 0, TRUE)
    # Class 2 now counts, with 0; class 0 has 2 of 5.
    assert mean_iou(true, PREDICTED, 4) == pytest.approx((2 / 5 + 1 / 3) / 3)
    assert dice(true, PREDICTED, 4) == pytest.approx((4 / 7 + 1 / 2) / 3)


def test_probabilities_count_as_their_largest():
    generator = np.random.default_rng(0)
    true = generator.integers(0, 3, (4, 8, 8))
    probabilities = generator.dirichlet(np.ones(3), (4, 8, 8))
    value = mean_iou(true, probabilities, 3)
    assert value == mean_iou(true, probabilities.argmax(axis=-1), 3)
    metric = keras.metrics.MeanIoU(3, sparse_y_pred=False)
    metric.update_state(true, probabilities)
    assert value == pytest.approx(float(metric.result()))


@pytest.mark.parametrize("function", [mean_iou, dice])
@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        (TRUE, PREDICTED[:, :1], r"received \(1, 2, 3\) and \(1, 1, 3\)"),
        (TRUE[:0], PREDICTED[:0], "at least one"),
        (TRUE, PREDICTED, r"expected true ids from 0 to 2, received \[255\]; name an id"),
        (TRUE * 0, PREDICTED + 1, r"expected predicted ids from 0 to 2, received \[3\]"),
    ],
)
def test_strange_label_maps_are_refused(function, true, predicted, message):
    with pytest.raises(ValueError, match=message):
        function(true, predicted, 3)
