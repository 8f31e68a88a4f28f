"""The front end "log_mel": a recording as the logarithm of its energy in bands of the mel scale.

Parameters: `rate` (Hz), `window` and `hop` (samples), `bins`, and if they are given `lowest` and
`highest` (Hz, 20 and half the rate), `floor` (1e-6).

Each frame is `window` samples times the periodic Hann window, with zeros up to a power of two; its
power spectrum |FFT|² goes through triangles whose corners lie evenly on the HTK mel scale,
mel(f) = 1127 ln(1 + f / 700), without a norm; the logarithm is that of at least `floor`.

Source: Young et al., "The HTK Book" 3.4, 2006, section 5.4; frames, filters and their heights are
those of `tf.signal.stft` and `tf.signal.linear_to_mel_weight_matrix`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from deploy.runtime.checks import is_number, is_whole
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import sound
from deploy.runtime.inputs.resampling import resample, resampled
from deploy.runtime.inputs.sound import Recording
from deploy.runtime.inputs.streaming import Streaming

SUFFIXES = sound.SUFFIXES
NOUN = "recording"

# A file holds one recording.
open_several = None

_NEEDED = ("rate", "window", "hop", "bins")
_LOWEST = 20.0
_FLOOR = 1e-6
_RATES = (1_000, 384_000)


def check(front_end: Mapping[str, Any], shape: Sequence[int]) -> None:
    """Whether an input of this shape takes (frames, bins), with a channel or without, and the
    parameters can be.

    Raises:
        DeployError: it does not, or they can't.
    """
    known = ("kind", *_NEEDED, "lowest", "highest", "floor")
    unknown = sorted(set(front_end) - set(known))
    if unknown:
        raise DeployError(
            f"expected the parameters {', '.join(known[1:])} of the front end log_mel, received "
            f"'{unknown[0]}'; correct its name"
        )
    for name in _NEEDED:
        value = front_end.get(name)
        if not is_whole(value, 1):
            raise DeployError(
                f"expected a whole number {name} of 1 or more for the front end log_mel, received "
                f"{value!r}"
            )
    rate, window, hop = front_end["rate"], front_end["window"], front_end["hop"]
    if not _RATES[0] <= rate <= _RATES[1]:
        raise DeployError(
            f"expected a rate of {_RATES[0]:,} to {_RATES[1]:,} Hz for the front end log_mel, "
            f"received {rate}"
        )
    if not hop <= window <= 10 * rate or window < 2:
        raise DeployError(
            "expected a window of 2 samples or more and a hop of no more than it for the front end "
            f"log_mel, received {window} and {hop}"
        )
    lowest, highest = _band(front_end)
    floor = front_end.get("floor", _FLOOR)
    if not all(map(is_number, (lowest, highest, floor))) or floor <= 0:
        raise DeployError(
            "expected numbers lowest and highest, and a floor above 0, for the front end log_mel, "
            f"received {lowest!r}, {highest!r} and {floor!r}"
        )
    if not 0 <= lowest < highest <= rate / 2:
        raise DeployError(
            f"expected frequencies 0 <= lowest < highest <= {rate / 2:g} Hz for the front end "
            f"log_mel, received {lowest:g} and {highest:g}"
        )
    bins = front_end["bins"]
    if tuple(shape[1:]) not in ((bins,), (bins, 1)):
        raise DeployError(
            f"expected an input (frames, {bins}) or (frames, {bins}, 1) for the front end log_mel, "
            f"received {tuple(shape)}"
        )
    empty = np.flatnonzero(_filters(rate, window, bins, lowest, highest).sum(axis=0) == 0)
    if len(empty):
        raise DeployError(
            f"expected at most as many bins as a window of {window} samples tells apart, received "
            f"{bins}, of which number {empty[0]} holds no frequency; use fewer bins, a longer "
            "window, or a higher lowest"
        )


def open_file(path: str | Path) -> Recording:
    """The recording at `path`; see `sound.open_recording`."""
    return sound.open_recording(path)


def is_raw(example: Any, shape: Sequence[int]) -> bool:
    """Whether `example` is a `Recording`, or a pair (samples, rate); or samples alone, of which
    `to_array` says that it needs their rate."""
    if isinstance(example, np.ndarray):
        return example.ndim == 1
    pair = isinstance(example, tuple | list) and len(example) == 2
    return pair and isinstance(example[1], int | float | np.number)


def size(example: Any) -> tuple[int, int]:
    """Nothing to be seen."""
    return 0, 0


def to_array(
    example: Recording | tuple[np.ndarray, int],
    front_end: Mapping[str, Any],
    shape: Sequence[int],
) -> np.ndarray:
    """`log_mel` of the recording at the front end's rate, float32 of `shape`: in the middle of
    silence if it is shorter than the model's frames, its loudest part (of the highest energy) if it
    is longer.

    Raises:
        DeployError: as `sound.as_mono`, or samples without their rate.
    """
    samples = _samples(example, front_end)
    return log_mel(_fitted(samples, _length(front_end, shape)), front_end).reshape(tuple(shape))


def warning(
    example: Recording | tuple[np.ndarray, int],
    front_end: Mapping[str, Any],
    shape: Sequence[int],
) -> str | None:
    """Of a recording of more than twice what the model hears: it may hold several sounds."""
    heard, lasts = _length(front_end, shape) / front_end["rate"], len(example[0]) / example[1]
    if lasts > 2 * heard:
        return (
            f"the model hears the loudest {heard:.1f} of its {lasts:.1f} s; hear all with run "
            "--stream, or cut it"
        )
    return None


def windows(
    example: Recording | tuple[np.ndarray, int],
    front_end: Mapping[str, Any],
    shape: Sequence[int],
    hop: int,
) -> np.ndarray:
    """All windows of the recording, `hop` frames apart, float32 (windows, *shape); one that is
    shorter than a window stands in the middle of silence.

    Raises:
        DeployError: as `to_array`.
    """
    samples = _samples(example, front_end)
    if len(samples) < _length(front_end, shape):
        samples = _fitted(samples, _length(front_end, shape))
    frames = log_mel(samples, front_end)
    cut = np.lib.stride_tricks.sliding_window_view(frames, shape[0], axis=0)[::hop]
    return np.moveaxis(cut, -1, 1).reshape(len(cut), *shape)


def log_mel(samples: np.ndarray, front_end: Mapping[str, Any]) -> np.ndarray:
    """The frames of samples (n,) at the front end's rate: float32 (1 + (n − window) // hop, bins).

    Raises:
        DeployError: fewer samples than a window.
    """
    window, hop = front_end["window"], front_end["hop"]
    if np.ndim(samples) != 1 or len(samples) < window:
        raise DeployError(
            f"expected samples (n,) of a window of {window} or more, received "
            f"{np.shape(samples)}; add silence"
        )
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    spectrum = np.fft.rfft(frames * _hann(window), _fft_length(window))
    power = spectrum.real**2 + spectrum.imag**2
    energies = power @ _filters(front_end["rate"], window, front_end["bins"], *_band(front_end))
    return np.log(np.maximum(energies, front_end.get("floor", _FLOOR))).astype(np.float32)


def _check_stream(
    front_end: Mapping[str, Any], shape: Sequence[int], settings: Mapping[str, Any]
) -> None:
    seconds = _length(front_end, shape) / front_end["rate"]
    if settings["hop"] > seconds:
        raise DeployError(
            f"expected a hop of the stream of at most the {seconds:.3g} s that the model hears at "
            f"once, received {settings['hop']:g} s"
        )


def _chunks(
    source: str | None, front_end: Mapping[str, Any], shape: Sequence[int]
) -> Iterator[np.ndarray]:
    """Samples at the front end's rate; a file ends in a window of silence, so that its last sound
    is heard whole."""
    heard = sound.open_microphone() if source is None else sound.open_sound(source)
    yield from resampled(heard.blocks, heard.rate, front_end["rate"])
    yield np.zeros(_length(front_end, shape), np.float32)


def _windows(
    chunks: Iterable[np.ndarray],
    front_end: Mapping[str, Any],
    shape: Sequence[int],
    settings: Mapping[str, Any],
) -> Iterator[tuple[float, np.ndarray]]:
    """Windows `hop` seconds apart, to the next whole frame, with the second at which each ends;
    every frame is computed once."""
    rate, window, hop = front_end["rate"], front_end["window"], front_end["hop"]
    step = _step(front_end, settings)
    rest, kept = np.empty(0), np.empty((0, front_end["bins"]), np.float32)
    # The next window's first frame among those kept, and its last among all.
    start, end = 0, shape[0]
    for chunk in chunks:
        if np.ndim(chunk) != 1:
            raise DeployError(
                f"expected chunks of samples (n,) to stream, received one of shape "
                f"{np.shape(chunk)}; give a list of them"
            )
        rest = np.concatenate([rest, chunk])
        count = 1 + (len(rest) - window) // hop
        if count < 1:
            continue
        kept = np.concatenate([kept, log_mel(rest[: (count - 1) * hop + window], front_end)])
        rest = rest[count * hop :]
        while start + shape[0] <= len(kept):
            seconds = ((end - 1) * hop + window) / rate
            yield seconds, kept[start : start + shape[0]].reshape(tuple(shape))
            start, end = start + step, end + step
        passed = min(start, len(kept))
        kept, start = kept[passed:], start - passed


def _moment(seconds: float) -> str:
    return f"{seconds:.2f} s"


stream = Streaming(_check_stream, _chunks, _windows, _moment)


def _samples(
    example: Recording | tuple[np.ndarray, int], front_end: Mapping[str, Any]
) -> np.ndarray:
    """The samples of a recording at the front end's rate."""
    if isinstance(example, np.ndarray):
        raise DeployError(
            f"expected a recording with its rate, received samples of shape {example.shape} alone; "
            "give (samples, rate)"
        )
    samples, rate = sound.as_mono(Recording(*example))
    return resample(samples, rate, front_end["rate"])


def _fitted(samples: np.ndarray, length: int) -> np.ndarray:
    missing = length - len(samples)
    if missing >= 0:
        return np.pad(samples, (missing // 2, missing - missing // 2))
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return samples[start : start + length]


def _length(front_end: Mapping[str, Any], shape: Sequence[int]) -> int:
    """The samples of which the frames of an input are made."""
    length: int = (shape[0] - 1) * front_end["hop"] + front_end["window"]
    return length


def _step(front_end: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    return max(1, round(settings["hop"] * front_end["rate"] / front_end["hop"]))


def _band(front_end: Mapping[str, Any]) -> tuple[float, float]:
    return front_end.get("lowest", _LOWEST), front_end.get("highest", front_end["rate"] / 2)


def _fft_length(window: int) -> int:
    return 1 << (window - 1).bit_length()


@lru_cache(maxsize=8)
def _hann(window: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)


@lru_cache(maxsize=8)
def _filters(rate: int, window: int, bins: int, lowest: float, highest: float) -> np.ndarray:
    """The triangles, (frequencies, bins)."""
    length = _fft_length(window)
    mel = _mel(np.arange(length // 2 + 1) * rate / length)[:, None]
    corners = np.linspace(_mel(lowest), _mel(highest), bins + 2)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (mel - left) / (centre - left), (right - mel) / (right - centre)
    return np.maximum(0, np.minimum(rising, falling))


def _mel(frequency: Any) -> Any:
    return 1127 * np.log1p(np.asarray(frequency) / 700)
