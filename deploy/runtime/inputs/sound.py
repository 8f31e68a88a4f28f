"""Recordings: WAV files, other formats through soundfile, the microphone through sounddevice; both
libraries are loaded only when they are needed."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from deploy.runtime.errors import DeployError

SUFFIXES = (".wav", ".wave", ".aif", ".aiff", ".flac", ".mp3", ".ogg", ".opus")

# Seconds of a recording that is one example; a longer one is a stream.
LONGEST = 120

_HIGHEST_RATE = 1_000_000
_BLOCK = 1.0
_MICROPHONE_BLOCK = 0.1

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# Who writes into a pipe does not know how long it will be, and gives a length near these.
_UNKNOWN_LENGTH = 0x7FFF0000


class Recording(NamedTuple):
    """`samples`, (n,) or (n, channels): floats from −1 to 1, or the integers of uint8, int16 or
    int32; and their `rate` in Hz."""

    samples: np.ndarray
    rate: int


class Sound(NamedTuple):
    """A sound's `rate` in Hz, the `seconds` that it lasts (of a microphone inf), and its samples in
    blocks of one channel, float32 (n,), from −1 to 1."""

    rate: int
    seconds: float
    blocks: Iterator[np.ndarray]


def open_recording(path: str | Path) -> Recording:
    """The recording at `path`, the mean of its channels, float32.

    Raises:
        DeployError: as `open_sound`, or one of more than `LONGEST` seconds.
    """
    sound = open_sound(path)
    _check_length(sound.seconds, f"'{path}'")
    return Recording(np.concatenate(list(sound.blocks)), sound.rate)


def open_sound(path: str | Path) -> Sound:
    """The sound at `path`, read as its blocks are taken: WAV of 8, 16, 24 or 32 bits or of floats,
    and what soundfile reads where it is installed.

    Raises:
        DeployError: no such file, no sound or one of another kind, a truncated or an empty one;
            while it is read: samples that are NaN or infinite.
    """
    if not Path(path).is_file():
        raise DeployError(f"expected a recording, received '{path}', which does not exist")
    try:
        with open(path, "rb") as file:
            layout = _read_layout(file, path)
    except OSError as error:
        raise DeployError(f"expected a recording, received '{path}': {error}") from error
    if layout is None and not Path(path).stat().st_size:
        raise DeployError(
            f"expected a recording, received '{path}', an empty file; copy or record it again"
        )
    if layout is None:
        return _open_with_soundfile(path)
    if not layout.frames:
        raise DeployError(f"expected a recording, received '{path}' without a sample")
    blocks = _checked(_wav_blocks(path, layout), path)
    return Sound(layout.rate, layout.frames / layout.rate, blocks)


def open_microphone() -> Sound:
    """What the microphone hears, at its own rate, until the program ends.

    Raises:
        DeployError: no sounddevice, or no microphone.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        # On Linux its wheel has no PortAudio, the library that it stands on.
        advice = (
            "install sounddevice with pip install '.[sound]' in the project's folder"
            if isinstance(error, ImportError)
            else "install PortAudio, on Debian and Raspberry Pi OS with apt install libportaudio2"
        )
        raise DeployError(
            "expected sounddevice and PortAudio to hear a microphone, received an installation "
            f"without ({_line(error)}); {advice}, or name a recording"
        ) from error
    try:
        rate = round(sounddevice.query_devices(kind="input")["default_samplerate"])
        stream = sounddevice.InputStream(samplerate=rate, channels=1, dtype="float32")
    except Exception as error:
        raise DeployError(
            f"expected a microphone, received none that can be heard ({_line(error)}); plug one "
            "in, or name a recording"
        ) from error
    return Sound(rate, float("inf"), _heard(stream, round(rate * _MICROPHONE_BLOCK)))


def as_mono(recording: Recording) -> tuple[np.ndarray, int]:
    """The mean of a recording's channels, float32 (n,) from −1 to 1, and the rate.

    Raises:
        DeployError: samples of another shape or dtype, none at all, more than `LONGEST` seconds,
            NaN or infinite ones; no rate.
    """
    samples, rate = np.asarray(recording[0]), recording[1]
    if not _is_rate(rate):
        raise DeployError(
            f"expected a recording with its rate in Hz, 1 to {_HIGHEST_RATE:,}, received {rate!r}"
        )
    if samples.ndim not in (1, 2) or not (samples.dtype.kind == "f" or samples.dtype in _SCALES):
        raise DeployError(
            "expected samples (n,) or (n, channels), floats from -1 to 1 or the integers of uint8, "
            f"int16 or int32, received {samples.dtype} of shape {samples.shape}"
        )
    if not samples.size:
        raise DeployError(
            f"expected a recording, received samples of shape {samples.shape}, without one"
        )
    _check_length(len(samples) / int(rate), "samples")
    mono = _to_mono(samples.reshape(len(samples), -1))
    if not np.isfinite(mono).all():
        raise _not_finite("samples")
    return mono, int(rate)


class _Layout(NamedTuple):
    rate: int
    channels: int
    # Of one sample of one channel, as it stands in the file.
    dtype: str
    frames: int
    start: int


def _read_layout(file: IO[bytes], path: str | Path) -> _Layout | None:
    """Where a WAV file's samples are and how they are written; None of any other file, and of one
    of compressed samples."""
    if len(head := file.read(12)) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    size = Path(path).stat().st_size
    form: bytes | None = None
    while len(head := file.read(8)) == 8:
        kind, length = struct.unpack("<4sI", head)
        start = file.tell()
        if kind == b"data" and form is not None:
            unknown = length >= _UNKNOWN_LENGTH and start + length > size
            length = size - start if unknown else length
            if start + length > size:
                raise DeployError(
                    f"expected {length:,} bytes of samples in '{path}', received "
                    f"{size - start:,}: truncated; copy or record it again"
                )
            return _layout_of(form, start, length, path)
        if kind == b"fmt ":
            form = file.read(min(length, 64))
        # Chunks begin at even positions.
        file.seek(start + length + length % 2)
    raise DeployError(
        f"expected a WAV file with a format and samples, received '{path}' without: truncated; "
        "copy or record it again"
    )


def _layout_of(form: bytes, start: int, length: int, path: str | Path) -> _Layout | None:
    if len(form) < 16:
        raise DeployError(f"expected a WAV file with a format, received '{path}' with half of one")
    kind, channels, rate, _, align, _ = struct.unpack("<HHIIHH", form[:16])
    if kind == _EXTENSIBLE and len(form) >= 26:
        kind = struct.unpack("<H", form[24:26])[0]
    if kind not in (_PCM, _FLOAT):
        # Compressed, by the μ-law say.
        return None
    width = align // channels if channels else 0
    dtype = _DTYPES.get((kind, width))
    if dtype is None or align != channels * width or not _is_rate(rate):
        raise DeployError(
            f"expected a WAV file of 8, 16, 24 or 32 bits or of floats, received '{path}' with "
            f"{channels} channels of {8 * width} bits at {rate} Hz; convert it"
        )
    return _Layout(rate, channels, dtype, length // align, start)


def _wav_blocks(path: str | Path, layout: _Layout) -> Iterator[np.ndarray]:
    width = 3 if layout.dtype == "int24" else np.dtype(layout.dtype).itemsize
    most, left = max(1, round(_BLOCK * layout.rate)), layout.frames
    with open(path, "rb") as file:
        file.seek(layout.start)
        while left:
            content = file.read(min(most, left) * layout.channels * width)
            if len(content) < layout.channels * width:
                raise DeployError(
                    f"expected {left:,} more samples in '{path}', received its end; copy it again"
                )
            content = content[: len(content) // (layout.channels * width) * layout.channels * width]
            samples = _decoded(content, layout.dtype).reshape(-1, layout.channels)
            left -= len(samples)
            yield _to_mono(samples)


def _decoded(content: bytes, dtype: str) -> np.ndarray:
    if dtype != "int24":
        return np.frombuffer(content, dtype)
    wide = np.zeros((len(content) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
    return wide.view("<i4")


_DTYPES = {
    (_PCM, 1): "u1",
    (_PCM, 2): "<i2",
    (_PCM, 3): "int24",
    (_PCM, 4): "<i4",
    (_FLOAT, 4): "<f4",
    (_FLOAT, 8): "<f8",
}

# What stands for silence, and what for 1.
_SCALES = {
    np.dtype(np.uint8): (128, 2.0**7),
    np.dtype(np.int16): (0, 2.0**15),
    np.dtype(np.int32): (0, 2.0**31),
}


def _to_mono(samples: np.ndarray) -> np.ndarray:
    silence, one = _SCALES.get(samples.dtype, (0, 1.0))
    with np.errstate(invalid="ignore", over="ignore"):
        mean = samples.mean(axis=1, dtype=np.float64)
        return ((mean - silence) / one).astype(np.float32)


def _checked(blocks: Iterator[np.ndarray], path: str | Path) -> Iterator[np.ndarray]:
    for block in blocks:
        if not np.isfinite(block).all():
            raise _not_finite(f"'{path}'")
        yield block


def _open_with_soundfile(path: str | Path) -> Sound:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise DeployError(
            f"expected a WAV file of 8, 16, 24 or 32 bits or of floats, received '{path}', which "
            "is none; other formats need soundfile: install it with pip install '.[sound]' in the "
            "project's folder"
        ) from error
    try:
        opened = soundfile.SoundFile(str(path))
    except Exception as error:
        raise DeployError(
            f"expected a recording (WAV, FLAC, …), received '{path}', which is none: {_line(error)}"
        ) from error
    if not opened.frames:
        opened.close()
        raise DeployError(f"expected a recording, received '{path}' without a sample")
    blocks = _checked(_soundfile_blocks(opened, path), path)
    return Sound(opened.samplerate, opened.frames / opened.samplerate, blocks)


def _soundfile_blocks(opened: Any, path: str | Path) -> Iterator[np.ndarray]:
    most = max(1, round(_BLOCK * opened.samplerate))
    with closing(opened):
        try:
            while len(block := opened.read(most, dtype="float32", always_2d=True)):
                yield _to_mono(block)
        except RuntimeError as error:
            raise DeployError(
                f"expected a recording, received '{path}', which is damaged: {_line(error)}"
            ) from error


def _heard(stream: Any, size: int) -> Iterator[np.ndarray]:
    with stream:
        while True:
            block, _ = stream.read(size)
            yield _to_mono(block)


def _is_rate(rate: Any) -> bool:
    number = isinstance(rate, int | np.integer) and not isinstance(rate, bool)
    return number and 1 <= rate <= _HIGHEST_RATE


def _check_length(seconds: float, what: str) -> None:
    if seconds > LONGEST:
        raise DeployError(
            f"expected a recording of at most {LONGEST} s, received {what} of {seconds:.1f} s; "
            "hear it with run --stream, or cut it"
        )


def _not_finite(what: str) -> DeployError:
    return DeployError(f"expected finite samples, received NaN or infinity in {what}; record again")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
