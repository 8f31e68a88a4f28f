"""Recordings: every kind of WAV, what is none, the microphone, other formats by other libraries."""

import io
import struct
import sys
import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.io import wavfile

from deploy import DeployError
from deploy.runtime.inputs import sound

TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(800) / 8000)
# The step of each kind of sample.
STEPS = {"u1": 2**-7, "<i2": 2**-15, "<i3": 2**-23, "<i4": 2**-31, "<f4": 2**-24, "<f8": 2**-24}


def encode(samples, dtype):
    if dtype.startswith("<f"):
        return samples.astype(dtype).tobytes()
    scaled = np.round(samples / STEPS[dtype]).astype(np.int64)
    if dtype == "u1":
        return (scaled + 128).astype(np.uint8).tobytes()
    width = int(dtype[-1])
    return b"".join(int(value).to_bytes(width, "little", signed=True) for value in scaled.ravel())


def wav(samples, dtype="<i2", rate=8000, extensible=False, extra=b"", length=None, kind=None):
    """The bytes of a WAV file of samples (n,) or (n, channels), written by hand."""
    channels, width = (1 if samples.ndim == 1 else samples.shape[1]), int(dtype[-1])
    code = kind or (3 if dtype.startswith("<f") else 1)
    numbers = (channels, rate, rate * channels * width, channels * width, 8 * width)
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else code, *numbers)
    if extensible:
        guid = struct.pack("<H", code) + bytes.fromhex("000000001000800000aa00389b71")
        form += struct.pack("<HHI", 22, 8 * width, 0) + guid
    content = encode(samples, dtype)
    body = b"WAVE" + extra + b"fmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(content) if length is None else length) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.fixture
def write(tmp_path):
    def write(content, name="a.wav"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("dtype", STEPS)
def test_every_kind_of_wav_is_read(dtype, extensible, write):
    samples, rate = sound.open_recording(write(wav(TONE, dtype, 11_025, extensible)))
    assert (rate, samples.dtype, samples.shape) == (11_025, np.float32, (800,))
    np.testing.assert_allclose(samples, TONE, atol=STEPS[dtype])


@pytest.mark.parametrize("dtype", ["<i2", "<f4"])
def test_scipy_writes_what_is_read(dtype, tmp_path):
    samples = TONE.astype("f4") if dtype == "<f4" else (TONE * 2**15).round().astype(dtype)
    wavfile.write(tmp_path / "a.wav", 16_000, samples)
    received, rate = sound.open_recording(tmp_path / "a.wav")
    assert rate == 16_000
    np.testing.assert_allclose(received, TONE, atol=2**-15)


@pytest.mark.parametrize("dtype", ["u1", "<i3", "<f8"])
def test_channels_become_their_mean(dtype, write):
    stereo = np.stack([TONE, -TONE / 2], axis=1)
    received = sound.open_recording(write(wav(stereo, dtype))).samples
    np.testing.assert_allclose(received, TONE / 4, atol=STEPS[dtype])


def test_other_chunks_and_unknown_lengths_are_passed(write):
    extra = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    for length in (None, 0xFFFFFFFF, 0x7FFFF000):
        received = sound.open_recording(write(wav(TONE, extra=extra, length=length))).samples
        assert len(received) == 800


def test_long_recordings_come_in_blocks(write):
    opened = sound.open_sound(write(wav(np.tile(TONE, 35))))
    assert (opened.rate, opened.seconds) == (8000, 3.5)
    assert [len(block) for block in opened.blocks] == [8000, 8000, 8000, 4000]


NAN = np.array([0.0, np.nan, 0.0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello", "expected a WAV file of .*, which is none; other formats need soundfile"),
        (b"", "received '.*', an empty file; copy or record it again"),
        (b"RIFF", "which is none"),
        (wav(TONE)[:-1], "expected 1,600 bytes of samples in .*, received 1,599: truncated"),
        (wav(TONE)[:30], "with half of one|truncated"),
        (wav(TONE)[:40], "without: truncated"),
        (wav(TONE[:0]), "without a sample"),
        (wav(NAN, "<f4"), "expected finite samples, received NaN or infinity in '"),
        (wav(np.full(3, 1e300), "<f8"), "expected finite samples"),
        (wav(TONE, kind=7), "which is none; other formats need soundfile"),
        (wav(TONE, "<i2", kind=3), "with 1 channels of 16 bits at 8000 Hz; convert it"),
        (wav(TONE, rate=0), "at 0 Hz"),
        (wav(np.zeros(8000 * 121), "u1"), "at most 120 s, received '.* of 121.0 s; hear it with"),
    ],
)
def test_what_is_no_recording_is_told(content, message, write, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    path = write(content)
    with pytest.raises(DeployError, match=message) as told:
        sound.open_recording(path)
    assert "\n" not in str(told.value)
    with pytest.raises(DeployError, match="which does not exist"):
        sound.open_recording(path.with_name("none.wav"))
    with pytest.raises(DeployError, match="which does not exist"):
        sound.open_recording(path.parent)


def test_every_cut_of_a_file_is_refused_or_read(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    content = wav(TONE[:20], "<i3", extensible=True)
    for length in range(len(content)):
        with pytest.raises(DeployError):
            sound.open_recording(write(content[:length]))


def test_mutated_files_raise_nothing_else(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    generator, content = np.random.default_rng(0), wav(TONE[:20], "<f4", extensible=True)
    for _ in range(300):
        mutated = bytearray(content)
        for position in generator.integers(0, 68, 3):
            mutated[position] = generator.integers(256)
        try:
            samples, rate = sound.open_recording(write(bytes(mutated)))
            assert len(samples) and np.isfinite(samples).all() and rate > 0
        except DeployError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int16", "int32"])
def test_arrays_come_with_their_rate(dtype):
    scale, silence = {"uint8": (2**7, 128), "int16": (2**15, 0), "int32": (2**31, 0)}.get(
        dtype, (1, 0)
    )
    samples = (TONE * scale + silence).astype(dtype)
    mono, rate = sound.as_mono(sound.Recording(np.stack([samples, samples], 1), np.int64(8000)))
    assert (mono.dtype, rate) == (np.float32, 8000)
    np.testing.assert_allclose(mono, TONE, atol=2**-7)


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (TONE, 0, "rate in Hz, 1 to 1,000,000, received 0"),
        (TONE, 8000.5, "received 8000.5"),
        (TONE.astype("int64"), 8000, "received int64 of shape"),
        (TONE[None, None], 8000, r"received float64 of shape \(1, 1, 800\)"),
        (np.array(["a"]), 8000, "received <U1"),
        (TONE[:0], 8000, r"shape \(0,\), without one"),
        (NAN, 8000, "expected finite samples"),
        (np.zeros(1210), 10, "at most 120 s, received samples of 121.0 s"),
    ],
)
def test_arrays_that_are_no_recording_are_told(samples, rate, message):
    with pytest.raises(DeployError, match=message):
        sound.as_mono(sound.Recording(samples, rate))


def test_other_formats_go_through_soundfile(write, monkeypatch):
    """By a module in its place that knows one format, the bytes "TONE"."""

    class SoundFile(io.BytesIO):
        samplerate, frames = 22_050, 800

        def __init__(self, path):
            if Path(path).read_bytes() != b"TONE":
                raise RuntimeError(f"Error opening {path!r}:\nformat not recognised.")
            self.left = TONE.astype("f4")

        def read(self, most, dtype, always_2d):
            assert dtype == "float32" and always_2d
            block, self.left = self.left[:most], self.left[most:]
            return np.stack([block, block], 1)

    monkeypatch.setitem(sys.modules, "soundfile", SimpleNamespace(SoundFile=SoundFile))
    samples, rate = sound.open_recording(write(b"TONE", "a.flac"))
    assert rate == 22_050
    np.testing.assert_array_equal(samples, TONE.astype("f4"))
    with pytest.raises(DeployError, match="which is none: Error opening .*: format not recog"):
        sound.open_recording(write(b"hello", "b.flac"))


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("a.flac", {}, 2**-14),
        ("a.aiff", {}, 2**-14),
        ("a.ogg", {}, 0.03),
        ("law.wav", {"subtype": "ULAW"}, 0.03),
    ],
)
def test_soundfile_reads_what_it_wrote(name, options, error, tmp_path):
    soundfile = pytest.importorskip("soundfile")
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(20_000) / 8000)
    soundfile.write(tmp_path / name, np.stack([tone, tone / 2], 1), 8000, **options)
    opened = sound.open_sound(tmp_path / name)
    assert (opened.rate, opened.seconds) == (8000, 2.5)
    blocks = list(opened.blocks)
    assert [len(block) for block in blocks] == [8000, 8000, 4000]
    np.testing.assert_allclose(np.concatenate(blocks), 0.75 * tone, atol=error)


def test_what_soundfile_cannot_read_is_one_line(write):
    soundfile = pytest.importorskip("soundfile")
    with pytest.raises(DeployError, match="which is none: Error opening") as told:
        sound.open_recording(write(b"hello", "text.wav"))
    assert "\n" not in str(told.value)
    path = write(b"", "a.flac")
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 30_000)
    soundfile.write(path, noise, 8000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DeployError, match="which is damaged: ") as told:
        sound.open_recording(path)
    assert "\n" not in str(told.value)


class Microphone:
    """Hears three blocks of the tone, then the key that ends the program."""

    def __init__(self, samplerate, channels, dtype):
        assert (samplerate, channels, dtype) == (16_000, 1, "float32")
        self.blocks = 3

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    def read(self, size):
        self.blocks -= 1
        if self.blocks < 0:
            raise KeyboardInterrupt
        return np.full((size, 1), 0.25, np.float32), False


def test_the_microphone_is_heard_at_its_own_rate(monkeypatch):
    device = {"default_samplerate": 16_000.0}
    fake = SimpleNamespace(query_devices=lambda kind: device, InputStream=Microphone)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    heard = sound.open_microphone()
    assert heard.rate == 16_000
    block = next(heard.blocks)
    assert block.shape == (1600,) and (block == 0.25).all()


def test_no_microphone_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DeployError, match=r"pip install '.\[sound\]'"):
        sound.open_microphone()

    class WithoutPortAudio:
        def find_spec(self, name, path=None, target=None):
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice")
    monkeypatch.setattr(sys, "meta_path", [WithoutPortAudio(), *sys.meta_path])
    with pytest.raises(DeployError, match="PortAudio library not found.*apt install libportaudio2"):
        sound.open_microphone()

    def nothing(kind):
        raise RuntimeError("Error querying device -1")

    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(query_devices=nothing))
    with pytest.raises(DeployError, match="received none that can be heard .Error querying"):
        sound.open_microphone()


def test_the_standard_library_writes_what_is_read(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(encode(TONE, "<i2"))
    np.testing.assert_allclose(sound.open_recording(tmp_path / "a.wav").samples, TONE, atol=2**-15)
