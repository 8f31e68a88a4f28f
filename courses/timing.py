"""How long a lesson's trainings take."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


@contextlib.contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Writes how long the block took into `seconds[name]`, and prints it.

    Args:
        seconds: of each training, by its name.
        name: of this one.
    """
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started
    print(f"{name}: {seconds[name]:.0f} s of training")
