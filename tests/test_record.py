"""Recorded figures: smaller files of the same look."""

import subprocess

import numpy as np
import pytest
from PIL import Image

from benchmarks import __main__ as everything
from benchmarks import tables
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


def test_every_record_is_made_anew_and_a_run_that_broke_off_goes_on(tmp_path, monkeypatch):
    expected = everything.record_commands()
    made = {f"{each.stem}" for each in tables.RECORDS.glob("*.json")}
    sessions = {name for name in made if name.startswith("s") and "-" in name}
    assert len(expected) == len(sessions) + 1 + len(everything.MODULES)
    assert made - sessions - {"quantizers"} <= set(everything.MODULES)
    assert "record s02 --dataset fashion_mnist --target cpu --target cortex-m --figures" in expected
    ran, broken = [], expected[2].split()

    def run(command, **_):
        ran.append([command[2].removeprefix("benchmarks."), *command[3:]])
        if ran[-1] == broken:
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(everything.subprocess, "run", run)
    monkeypatch.setattr(everything, "DONE", tmp_path / "done.txt")
    monkeypatch.setattr(everything, "record_commands", lambda: expected[:4])
    with pytest.raises(subprocess.CalledProcessError):
        everything.main(["record"])
    broken.clear()
    everything.main(["record"])
    # The third came twice, the two before it once.
    assert [" ".join(words) for words in ran] == [*expected[:3], *expected[2:4]]
