"""The feature pyramid: its levels, and what each of them knows of the others."""

import keras
import numpy as np
import pytest

from thinkkeras.models.blocks import feature_pyramid


@pytest.mark.parametrize("normalized", [False, True])
def test_each_level_of_the_pyramid_knows_the_coarser_ones(normalized):
    stages = [keras.Input((16 >> level, 24 >> level, 5 + level)) for level in range(3)]
    levels = feature_pyramid(stages, 4, batch_normalization=normalized)
    assert [level.shape[1:] for level in levels] == [(16, 24, 4), (8, 12, 4), (4, 6, 4)]
    model = keras.Model(stages, levels)
    rng = np.random.default_rng(0)
    maps = [rng.uniform(0, 255, (1, *stage.shape[1:])).astype("float32") for stage in stages]
    before = model(maps)
    maps[1] += 50
    after = model(maps)
    changed = [bool(np.any(a != b)) for a, b in zip(after, before, strict=True)]
    assert changed == [True, True, False]


@pytest.mark.parametrize(
    ("normalized", "names"),
    [
        (True, ["P3_lateral_conv", "P3_upsampling", "P3_add", "P3_conv", "P4_lateral_conv"]),
        (False, ["P3_lateral", "P3_up", "P3_add", "P3_out", "P4_lateral", "P4_out"]),
    ],
)
def test_layers_have_names(normalized, names):
    stages = [keras.Input((8, 8, 3)), keras.Input((4, 4, 5))]
    levels = feature_pyramid(stages, 4, batch_normalization=normalized, names=("P3", "P4"))
    kinds = (keras.layers.Conv2D, keras.layers.UpSampling2D, keras.layers.Add)
    layers = keras.Model(stages, levels).layers
    assert sorted(layer.name for layer in layers if isinstance(layer, kinds)) == sorted(names)
