"""Penalties, against numbers computed by hand."""

import keras
import numpy as np
import pytest

from thinkkeras.regularizers import Sparsity


def test_sparsity_is_a_divergence():
    x = np.float32([[0.1, 0.5], [0.3, 0.7]])  # means 0.2 and 0.6
    by_hand = sum(0.2 * np.log(0.2 / q) + 0.8 * np.log(0.8 / (1 - q)) for q in (0.2, 0.6))
    assert float(Sparsity(0.2, weight=3.0)(x)) == pytest.approx(3 * by_hand, rel=1e-5)
    again = keras.regularizers.deserialize(keras.regularizers.serialize(Sparsity(0.2, 3.0)))
    assert again.get_config() == {"share": 0.2, "weight": 3.0}


def test_units_that_never_or_always_speak_have_a_finite_penalty():
    assert np.isfinite(float(Sparsity()(np.float32([[0.0, 1.0]]))))


def test_a_share_is_a_share():
    with pytest.raises(ValueError, match="expected a share between 0 and 1, received 1"):
        Sparsity(1)
