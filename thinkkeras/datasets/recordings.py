"""Spoken words: recordings by class and speaker, and strings of them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from thinkkeras.datasets.tfds import prepared_builder
from thinkkeras.datasets.tones import RATE as TONE_RATE
from thinkkeras.datasets.tones import tone_words

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

# A speaker recorded each digit fifty times. The publisher's test set are the first five.
SPOKEN_TEST, SPOKEN_VALIDATION = range(5), range(5, 10)


class Recordings(NamedTuple):
    """Recordings of one word each."""

    samples: list[np.ndarray]  # float32 (samples,), -1 to 1
    labels: np.ndarray  # the class of each, (recordings,)
    speakers: np.ndarray  # the speaker's name of each, (recordings,)
    rate: int  # samples a second
    class_names: list[str]

    def of(self, chosen: np.ndarray) -> "Recordings":
        """Those that `chosen` names, by a mask or by their numbers."""
        numbers = np.arange(len(self.samples))[chosen]
        samples = [self.samples[number] for number in numbers]
        return self._replace(
            samples=samples, labels=self.labels[numbers], speakers=self.speakers[numbers]
        )


def load_recordings(name: str = "tones") -> tuple[Recordings, Recordings, Recordings]:
    """Loads recordings of the ten digits as `(train, validation, test)`.

    Args:
        name: `"tones"`, whose digits are two tones one after the other and need no download (a
            toy: five "speakers" differ in pitch, pace and noise); or `"spoken_digit"`, the Free
            Spoken Digit Dataset, read through TFDS: 2,500 recordings of five speakers at 8 kHz,
            of which 250 are the publisher's test set, and 250 others the validation set.

    Raises:
        ValueError: The name is another.
        FileNotFoundError: TFDS could neither find the set nor download and prepare it.

    Source: Jackson et al., Free Spoken Digit Dataset, CC BY-SA 4.0.
    """
    if name == "tones":
        parts = []
        for seed, each in ((0, 12), (1, 4), (2, 4)):
            samples, labels, speakers = tone_words(each, seed)
            parts.append(Recordings(samples, labels, speakers, TONE_RATE, DIGITS))
        train, validation, test = parts
        return train, validation, test
    if name == "spoken_digit":
        return _spoken_digit()
    raise ValueError(f"expected 'tones' or 'spoken_digit', received {name!r}")


def _spoken_digit() -> tuple[Recordings, Recordings, Recordings]:
    builder = prepared_builder("spoken_digit", offline=["tones"])
    samples, labels, speakers, takes = [], [], [], []
    for example in builder.as_dataset(split="train").as_numpy_iterator():
        digit, speaker, take = example["audio/filename"].decode().split(".")[0].split("_")
        samples.append((example["audio"] / 32_768).astype(np.float32))
        labels.append(int(digit))
        speakers.append(speaker)
        takes.append(int(take))
    everything = Recordings(samples, np.array(labels), np.array(speakers), 8000, DIGITS)
    tested, validated = np.isin(takes, SPOKEN_TEST), np.isin(takes, SPOKEN_VALIDATION)
    return everything.of(~tested & ~validated), everything.of(validated), everything.of(tested)


def together(*parts: Recordings) -> Recordings:
    """All the recordings of several sets of the same classes and rate."""
    return parts[0]._replace(
        samples=[samples for part in parts for samples in part.samples],
        labels=np.concatenate([part.labels for part in parts]),
        speakers=np.concatenate([part.speakers for part in parts]),
    )


def leave_one_speaker_out(
    recordings: Recordings,
) -> Iterator[tuple[str, Recordings, Recordings]]:
    """For each speaker the name, the recordings of all others, and the speaker's own."""
    for speaker in np.unique(recordings.speakers):
        own = recordings.speakers == speaker
        yield str(speaker), recordings.of(~own), recordings.of(own)


def word_strings(
    recordings: Recordings,
    count: int,
    *,
    words: tuple[int, int] = (1, 5),
    gap: tuple[float, float] = (0.0, 0.3),
    seed: int = 0,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Words of one speaker joined at random, as somebody who reads out a number.

    A string is of one speaker alone; strings of one split hold none of another's recordings.

    Args:
        recordings: What to draw from.
        count: How many strings.
        words: The fewest and the most words of a string.
        gap: The shortest and the longest silence before, between and after words, in seconds.
        seed: Seeds all draws.

    Returns:
        The samples of each string, float32 `(samples,)`, and its labels, int64 `(words,)`.

    Raises:
        ValueError: There is nothing to draw, or a range is none.
    """
    if not recordings.samples or not 1 <= words[0] <= words[1] or not 0 <= gap[0] <= gap[1]:
        raise ValueError(
            "expected recordings, words of at least 1 and a gap of at least 0, received "
            f"{len(recordings.samples)} recordings, words={words} and gap={gap}"
        )
    generator = np.random.default_rng(seed)
    speakers = np.unique(recordings.speakers)
    by_speaker = {each: np.flatnonzero(recordings.speakers == each) for each in speakers}
    strings, labels = [], []
    for _ in range(count):
        own = by_speaker[speakers[generator.integers(len(speakers))]]
        chosen = own[generator.integers(0, len(own), generator.integers(words[0], words[1] + 1))]
        pieces = []
        for number in chosen:
            pieces += [_silence(generator, gap, recordings.rate), recordings.samples[number]]
        pieces.append(_silence(generator, gap, recordings.rate))
        strings.append(np.concatenate(pieces))
        labels.append(recordings.labels[chosen].astype(np.int64))
    return strings, labels


def _silence(generator: np.random.Generator, gap: tuple[float, float], rate: int) -> np.ndarray:
    return np.zeros(round(generator.uniform(*gap) * rate), np.float32)


def changed_recording(
    samples: np.ndarray,
    generator: np.random.Generator,
    *,
    speed: float = 0.0,
    loudness: float = 0.0,
    noise: tuple[float, float] | None = None,
) -> np.ndarray:
    """A recording as it might have been: faster or slower, louder or softer, in noise.

    Args:
        samples: float32 `(samples,)`.
        generator: Draws the changes.
        speed: By how much, at most, it is faster or slower, as a part of its speed; pitch follows.
        loudness: By how much, at most, it is louder or softer, in decibels.
        noise: The least and the highest signal-to-noise ratio of white noise, in decibels; None
            adds none.

    Returns:
        float32 `(another number of samples,)`.
    """
    if speed:
        count = max(1, round(len(samples) / generator.uniform(1 - speed, 1 + speed)))
        places = np.linspace(0, len(samples) - 1, count)
        samples = np.interp(places, np.arange(len(samples)), samples)
    if loudness:
        samples = samples * 10 ** (generator.uniform(-loudness, loudness) / 20)
    if noise is not None:
        power = np.mean(np.square(samples)) / 10 ** (generator.uniform(*noise) / 10)
        samples = samples + generator.normal(0, np.sqrt(power), len(samples))
    return samples.astype(np.float32)


def masked_bands(
    spectrograms: np.ndarray, generator: np.random.Generator, *, frames: int, bins: int
) -> np.ndarray:
    """SpecAugment without warping: a stretch of time and a band of frequencies of each are blank.

    Args:
        spectrograms: `(examples, frames, bins)`.
        generator: Draws the bands.
        frames: The longest stretch.
        bins: The widest band.

    Returns:
        A changed copy; what is blank has the mean of its spectrogram.

    Source: Park et al., "SpecAugment", Interspeech 2019, section 2.
    """
    masked = spectrograms.copy()
    _, length, height = masked.shape
    for spectrogram in masked:
        mean = spectrogram.mean()
        for most, size, axis in ((frames, length, 0), (bins, height, 1)):
            width = generator.integers(0, min(most, size) + 1)
            start = generator.integers(0, size - width + 1)
            band = slice(start, start + width)
            spectrogram[(band, slice(None)) if axis == 0 else (slice(None), band)] = mean
    return masked
