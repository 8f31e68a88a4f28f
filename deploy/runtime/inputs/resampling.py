"""Another sampling rate: a windowed sinc, one filter for each phase between two samples.

Source: Crochiere & Rabiner, "Multirate Digital Signal Processing", 1983, section 4.3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

import numpy as np

# Zero crossings of the sinc on either side, and the Kaiser window's beta: 80 dB. The transition
# ends where what is above would alias, at half of the lower rate, and begins at 84 % of that.
_CROSSINGS = 32
_BETA = 8.0
_CUTOFF = 0.92


def resample(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    """Samples (n,) of `rate` Hz at `to` Hz, (⌈n · to / rate⌉,), without a delay; silence stands
    before and after them."""
    parts = list(resampled([samples], rate, to))
    return np.concatenate(parts) if parts else samples[:0]


def resampled(chunks: Iterable[np.ndarray], rate: int, to: int) -> Iterator[np.ndarray]:
    """`resample` of a recording that comes in chunks (n,), as far as it can be told of each."""
    if rate == to:
        yield from chunks
        return
    common = math.gcd(rate, to)
    up, down = to // common, rate // common
    reach = _reach(up, down)
    # Silence before the recording; the first sample kept is the recording's number `first`.
    kept, first, done = np.zeros(reach), -reach, 0
    for chunk in chain(chunks, [np.zeros(reach)]):
        kept = np.concatenate([kept, chunk])
        # Those that need no sample beyond the last: ⌊n · down / up⌋ + reach < first + len(kept).
        stop = -(-(first + len(kept) - reach) * up // down)
        if stop <= done:
            continue
        yield _between(kept, first, done, stop, up, down)
        done = stop
        needed = done * down // up - reach + 1
        kept, first = kept[needed - first :], needed


def _between(kept: np.ndarray, first: int, start: int, stop: int, up: int, down: int) -> np.ndarray:
    # Every up-th sample lies at the same phase, and takes the same filter.
    reach, found = _reach(up, down), np.empty(stop - start)
    windows = np.lib.stride_tricks.sliding_window_view(kept, 2 * reach)
    for offset in range(min(up, stop - start)):
        number = start + offset
        left = number * down // up - reach + 1 - first
        rows = windows[left::down][: len(range(offset, stop - start, up))]
        found[offset::up] = rows @ _taps(up, down, number * down % up)
    return found


def _reach(up: int, down: int) -> int:
    return math.ceil(_CROSSINGS * max(1.0, down / up))


@lru_cache(maxsize=1024)
def _taps(up: int, down: int, phase: int) -> np.ndarray:
    """The filter (2 · reach,) of a sample that lies phase / up behind the reach-th of its input."""
    reach, scale = _reach(up, down), min(1.0, up / down)
    distances = np.arange(1 - reach, reach + 1) - phase / up
    taps = np.sinc(_CUTOFF * scale * distances)
    inside = np.clip(1 - (distances * scale / _CROSSINGS) ** 2, 0, None)
    taps *= np.where(inside > 0, np.i0(_BETA * np.sqrt(inside)), 0)
    # A constant stays what it is.
    return taps / taps.sum()
