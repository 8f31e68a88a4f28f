"""Words of a language that nobody speaks: each digit is two tones, one after the other."""

import numpy as np

RATE = 8000  # samples a second

# Every digit is an ordered pair of these, so that some differ in the order alone.
PITCHES = (400.0, 620.0, 950.0, 1450.0)  # Hz
PAIRS = [(a, b) for a in range(4) for b in range(4) if a != b][:10]
SPEAKERS = {"ada": 0.9, "bo": 0.95, "cyd": 1.0, "dee": 1.05, "eve": 1.1}  # their pitch


def tone_words(each: int, seed: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Recordings of all digits by all speakers.

    Args:
        each: How often each speaker says each digit.
        seed: Which recordings.

    Returns:
        Samples of each, float32 `(samples,)`; the digits; the speakers' names.
    """
    generator = np.random.default_rng([seed, 1697])
    samples, labels, speakers = [], [], []
    for speaker, pitch in SPEAKERS.items():
        for digit, pair in enumerate(PAIRS):
            for _ in range(each):
                samples.append(_word(generator, pair, pitch))
                labels.append(digit)
                speakers.append(speaker)
    return samples, np.array(labels), np.array(speakers)


def _word(generator: np.random.Generator, pair: tuple[int, int], pitch: float) -> np.ndarray:
    pace, loudness = generator.uniform(0.8, 1.3), 10 ** generator.uniform(-0.8, -0.1)
    pitch *= generator.uniform(0.97, 1.03)
    parts = []
    for number in pair:
        time = np.arange(round(0.16 * RATE / pace)) / RATE
        phase = 2 * np.pi * pitch * PITCHES[number] * time
        # Some overtones, and an end that fades, as voices have.
        sound = np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)
        parts.append(sound * np.sqrt(np.abs(np.sin(np.pi * time / time[-1]))))
    word = loudness / 1.6 * np.concatenate(parts)
    return (word + generator.normal(0, 0.01, len(word))).astype(np.float32)
