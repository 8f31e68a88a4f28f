"""How long the session's networks learn on which data, and with which optimizer."""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import keras


class Plan(NamedTuple):
    """A data set's recipe."""

    image_size: tuple[int, int]
    epochs: dict[str, int]  # of each network
    learning_rate: float  # the highest
    augment: bool = True
    masks: bool = True
    examples: int | None = None  # training images; None: all there are
    scenes_first: bool = False


PLANS = {
    "balloon_scenes": Plan(
        (256, 256),
        {"classifier": 4, "semantic": 1, "detector": 4, "instance": 2},
        learning_rate=4e-3,
        augment=False,
        examples=7200,
    ),
    "balloon": Plan(
        (320, 320),
        {"classifier": 20, "semantic": 80, "detector": 80, "instance": 100},
        learning_rate=1e-3,
        scenes_first=True,
    ),
}
# Any other set with boxes; `epochs` says for how many.
# So many images each network sees of such a set: all of them, and again where they are fewer.
SEEN = {"classifier": 2_000, "detector": 28_000}
BOXES_ALONE = Plan((320, 416), {}, learning_rate=4e-3, masks=False, examples=SEEN["detector"])


def epochs(plan: Plan, examples: int, asked: int | None) -> dict[str, int]:
    """Of each network: as many as are asked for, or those of the plan."""
    chosen = plan.epochs or {name: -(-seen // examples) for name, seen in SEEN.items()}
    return {name: asked or count for name, count in chosen.items()}


def optimizer(steps: int, learning_rate: float) -> keras.Optimizer:
    """AdamW, whose rate warms up over a tenth of the steps and falls along a cosine.

    The weights that `fit` leaves are averages over the last hundred steps or so.
    """
    warm_up = max(1, steps // 10)
    falling = max(1, steps - warm_up)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, falling, alpha=0.02, warmup_target=learning_rate, warmup_steps=warm_up
    )
    return keras.optimizers.AdamW(
        schedule, weight_decay=0.02, clipnorm=10.0, use_ema=True, ema_momentum=0.99
    )


@contextlib.contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Writes how long the block took into `seconds[name]`."""
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started
    print(f"{name}: {seconds[name]:.0f} s of training")


def scenes_first(settings: argparse.Namespace) -> Path:
    """The folder of a run on scenes, whose networks the photographs' begin with: `OUT/scenes`,
    made there unless an earlier run with this seed and as many epochs has.

    Raises:
        subprocess.CalledProcessError: That run failed.
    """
    folder = settings.out / "scenes"
    asked = {"seed": settings.seed, "asked_epochs": settings.epochs}
    record = folder / "metrics.json"
    done = json.loads(record.read_text("utf-8")) if record.exists() else {}
    if {key: done.get(key, "none") for key in asked} != asked:
        print(f"first the lesson on drawn scenes, kept in {folder}", flush=True)
        command = [sys.executable, "-m", "courses", "run", "s08", "--out", str(folder)]
        command += ["--target", "cpu", "--seed", str(settings.seed)]
        command += ["--epochs", str(settings.epochs)] if settings.epochs else []
        subprocess.run(command, check=True)
    return folder
