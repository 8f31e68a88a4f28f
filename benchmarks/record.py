"""Run a session in full and keep what it measured for the documents.

    python -m benchmarks.record s06 --target cpu --target cortex-m         # the default data set
    python -m benchmarks.record s06 --dataset fashion_mnist --figures      # every target, figures

The run goes to `runs/record-…`; its `metrics.json` is kept as `benchmarks/records/NAME.json`, and
with `--figures` its figures become those of the session's README.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import tables
from courses import find_session
from deploy.targets import TARGETS

LARGE = 100_000  # bytes of a figure, above which its colours are reduced
WHITE = 244  # of 255: from here on a reduced colour is white


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.record")
    parser.add_argument("session")
    parser.add_argument("--dataset", help="default: the session's own")
    parser.add_argument("--figures", action="store_true", help="keep the figures for the README")
    parser.add_argument("--target", action="append", help="may be given several times")
    options = parser.parse_args()
    session = find_session(options.session)
    out = tables.ROOT / "runs" / f"record-{session.key}-{short(options.dataset or 'default')}"
    command = [sys.executable, "-m", "courses", "run", session.key, "--out", str(out)]
    command += ["--dataset", options.dataset] if options.dataset else []
    for target in options.target or TARGETS:
        command += ["--target", target]
    subprocess.run(command, cwd=tables.ROOT, check=True)
    keep(out, session.key, session.path / "figures" if options.figures else None)
    return tables.main([])


def keep(out: Path, session: str, figures: Path | None) -> None:
    """Keep the record of the run in `out`, and its figures where `figures` is a folder."""
    run = out / "metrics.json"
    dataset = json.loads(run.read_text("utf-8"))["dataset"]
    shutil.copyfile(run, tables.RECORDS / f"{session}-{short(dataset)}.json")
    if figures is not None:
        shutil.rmtree(figures, ignore_errors=True)
        shutil.copytree(out / "figures", figures)
        for figure in figures.iterdir():
            if figure.stat().st_size > LARGE:
                reduce_colours(figure)


def short(dataset: str) -> str:
    """A data set's name in that of a file: of "glue/sst2" the last part."""
    return dataset.rpartition("/")[2]


def reduce_colours(figure: Path) -> None:
    """Write a PNG again in 256 colours, which takes a quarter of the room."""
    with Image.open(figure) as file:
        drawn = file.convert("RGB")
    # One pixel in sixteen tells the colours that k-means chooses.
    few = drawn.resize((drawn.width // 4, drawn.height // 4), Image.Resampling.NEAREST)
    palette = few.quantize(256, kmeans=1)
    # The means of k-means would tint a page's white.
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    colours[(colours >= WHITE).all(axis=1)] = 255
    palette.putpalette(colours.ravel().tolist())
    # Without a dither, whose dots compress badly.
    drawn.quantize(palette=palette, dither=Image.Dither.NONE).save(figure, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
