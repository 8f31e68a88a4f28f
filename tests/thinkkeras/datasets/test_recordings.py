"""Recordings of words, strings of them, and their changes."""

import os

import numpy as np
import pytest

from thinkkeras.datasets import load_recordings
from thinkkeras.datasets.recordings import (
    changed_recording,
    leave_one_speaker_out,
    masked_bands,
    together,
    word_strings,
)

real = pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="needs TFDS_DATA_DIR")


def test_tones_are_ten_digits_of_five_speakers():
    parts = load_recordings()
    assert [len(part.samples) for part in parts] == [600, 200, 200]
    for part in parts:
        assert np.bincount(part.labels).tolist() == [len(part.labels) // 10] * 10
        assert len(np.unique(part.speakers)) == 5 and part.rate == 8000
        assert all(one.dtype == np.float32 and np.abs(one).max() <= 1 for one in part.samples)
    again = load_recordings()[0]
    assert all(map(np.array_equal, parts[0].samples, again.samples))
    first = {one.tobytes() for one in parts[0].samples}
    assert first.isdisjoint(one.tobytes() for one in (*parts[1].samples, *parts[2].samples))


def test_the_first_and_the_second_tone_of_a_digit_are_where_they_belong():
    train, _, _ = load_recordings()
    # Digit 0 goes up, 3 is the same pair the other way round.
    pitches = {}
    for digit in (0, 3):
        (number, *_) = np.flatnonzero((train.labels == digit) & (train.speakers == "cyd"))
        halves = np.array_split(train.samples[number], 2)
        spectra = [np.abs(np.fft.rfft(half, 8000)) for half in halves]
        pitches[digit] = [int(spectrum.argmax()) for spectrum in spectra]
    assert pitches[0] == pytest.approx([400, 620], rel=0.05)
    assert pitches[3] == pytest.approx([620, 400], rel=0.05)


def test_strings_are_one_speakers_words_with_gaps():
    train, _, _ = load_recordings()
    strings, labels = word_strings(train, 40, words=(2, 4), gap=(0.1, 0.1), seed=5)
    assert {len(one) for one in labels} == {2, 3, 4}
    known = {one.tobytes(): number for number, one in enumerate(train.samples)}
    lengths = {len(one) for one in train.samples}
    for string, words in zip(strings, labels, strict=True):
        start, found = 800, []
        while start < len(string):
            for length in lengths:
                number = known.get(string[start : start + length].tobytes())
                if number is not None:
                    found.append(number)
                    start += length + 800
                    break
            else:
                raise AssertionError("a piece that is no recording")
        assert train.labels[found].tolist() == words.tolist()
        assert len(np.unique(train.speakers[found])) == 1
    again = word_strings(train, 40, words=(2, 4), gap=(0.1, 0.1), seed=5)
    assert all(map(np.array_equal, strings, again[0]))


@pytest.mark.parametrize("options", [{"words": (0, 2)}, {"words": (3, 2)}, {"gap": (-1, 0)}])
def test_strings_that_cannot_be_are_refused(options):
    with pytest.raises(ValueError, match=r"expected recordings, words of at least 1 .*, received"):
        word_strings(load_recordings()[0], 1, **options)


def test_each_speaker_is_left_out_once():
    everything = together(*load_recordings())
    left_out = {}
    for speaker, others, own in leave_one_speaker_out(everything):
        assert set(own.speakers) == {speaker} and speaker not in others.speakers
        left_out[speaker] = len(own.samples)
        assert len(others.samples) + len(own.samples) == 1000
    assert left_out == dict.fromkeys(["ada", "bo", "cyd", "dee", "eve"], 200)


def test_a_recording_is_changed_by_as_much_as_is_asked_for():
    sound = np.sin(np.arange(8000) * 0.3).astype(np.float32)
    generator = np.random.default_rng(0)
    assert np.array_equal(changed_recording(sound, generator), sound)
    lengths = [len(changed_recording(sound, generator, speed=0.1)) for _ in range(200)]
    assert 7272 <= min(lengths) < 7400 and 8700 < max(lengths) <= 8889
    loud = [np.abs(changed_recording(sound, generator, loudness=6)).max() for _ in range(200)]
    assert 0.5 <= min(loud) < 0.55 and 1.9 < max(loud) <= 2.0
    noisy = changed_recording(sound, generator, noise=(10, 10))
    assert noisy.dtype == np.float32
    ratio = 10 * np.log10(np.mean(sound**2) / np.mean((noisy - sound) ** 2))
    assert ratio == pytest.approx(10, abs=0.3)


def test_bands_of_time_and_of_frequency_are_blank():
    spectrograms = np.random.default_rng(0).normal(3, 1, (50, 20, 12)).astype(np.float32)
    masked = masked_bands(spectrograms, np.random.default_rng(1), frames=5, bins=4)
    widest = [0, 0]
    for before, after in zip(spectrograms, masked, strict=True):
        changed = before != after
        assert after[changed] == pytest.approx(before.mean(), rel=1e-6)
        rows, columns = changed.all(axis=1).sum(), changed.all(axis=0).sum()
        assert changed.sum() == rows * 12 + columns * 20 - rows * columns
        widest = [max(widest[0], rows), max(widest[1], columns)]
    assert widest == [5, 4]
    assert spectrograms.mean() == pytest.approx(3, abs=0.05)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="expected 'tones' or 'spoken_digit', received 'speech'"):
        load_recordings("speech")


@real
def test_the_publishers_test_set_is_nobody_elses():
    train, validation, test = load_recordings("spoken_digit")
    assert [len(part.samples) for part in (train, validation, test)] == [2000, 250, 250]
    for part in (train, validation, test):
        assert np.ptp(np.bincount(part.labels)) == 0 and len(np.unique(part.speakers)) == 5
    held = {one.tobytes() for one in test.samples}
    assert held.isdisjoint(one.tobytes() for one in (*train.samples, *validation.samples))
