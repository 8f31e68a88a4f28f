"""The detection heads: their shapes, and what they predict untrained."""

import keras
import numpy as np

from thinkkeras.models.blocks import PRIOR_LOGIT, detection_head, shared_head


def test_a_head_predicts_its_bias_for_each_location():
    x = keras.Input((4, 6, 5))
    model = keras.Model(x, detection_head(x, 2, (PRIOR_LOGIT, 3), name="head"))
    names = [layer.name for layer in model.layers]
    assert names[1] == "head_block_depthwise" and names[-2:] == ["head_conv", "head_rows"]
    predicted = model(np.zeros((1, 4, 6, 5), "float32"))
    assert predicted.shape == (1, 24, 2)
    np.testing.assert_allclose(predicted, np.tile([PRIOR_LOGIT, 3], (1, 24, 1)), atol=1e-5)


def test_a_shared_head_takes_levels_of_any_size():
    head = shared_head(5, 2, 3, keras.initializers.Constant(-1), name="mine")
    assert [layer.name for layer in head.layers] == ["mine_conv1", "mine_conv2", "mine_out"]
    assert head.count_params() == 2 * (9 * 5 * 5 + 5) + 9 * 5 * 3 + 3
    for side in (4, 6):
        predicted = head(np.zeros((1, side, side, 5), "float32"))
        np.testing.assert_array_equal(predicted, np.full((1, side, side, 3), -1))
