"""Recorded figures: smaller files of the same look."""

import numpy as np
from PIL import Image

from benchmarks.record import reduce_colours


def test_colours_are_reduced(tmp_path):
    file = tmp_path / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    pixels[:40] = 255  # a page's margin
    Image.fromarray(pixels).save(file)
    before = file.stat().st_size
    reduce_colours(file)
    few = np.asarray(Image.open(file).convert("RGB")).astype(float)
    assert len(np.unique(few.reshape(-1, 3), axis=0)) <= 256
    assert (few[:40] == 255).all()
    assert file.stat().st_size < before / 2
    # Noise is spread evenly over the cube of colours: 256 cells of it have a side of about 40.
    assert np.sqrt(np.mean((few - pixels) ** 2)) < 20
