"""Sounds of a machine that nobody built: a motor and its gear, healthy or with a fault."""

from typing import NamedTuple

import numpy as np

RATE = 16_000  # samples a second
SECONDS = 2.0

HEALTHY = "healthy"
# What breaks, and how it is heard.
FAULTS = (
    "bearing",  # a ball rolls over a crack: clicks that ring, some eighty a second
    "imbalance",  # the shaft's own frequency, and all sounds louder once a turn
    "gear",  # a chipped tooth: one mesh of each turn is a blow
    "leak",  # air escapes: a hiss in high frequencies
)
TEETH = 23  # of the gear wheel


class MachineSounds(NamedTuple):
    """Recordings of one machine."""

    samples: np.ndarray  # float32 (recordings, samples), -1 to 1
    conditions: np.ndarray  # HEALTHY or the fault of each, (recordings,)
    rate: int  # samples a second

    @property
    def anomalous(self) -> np.ndarray:
        """0 of a healthy machine, 1 of one with a fault: int64 `(recordings,)`."""
        return (self.conditions != HEALTHY).astype(np.int64)


def load_machine_sounds(
    each: int = 60, *, severity: float = 0.25, seed: int = 0
) -> tuple[MachineSounds, MachineSounds, MachineSounds]:
    """Makes recordings as `(train, validation, test)`: only the test set knows faults.

    They are made, not recorded: a toy with the shape of the real task, in which a machine is heard
    at changing speed, load and noise, and a fault is one more sound among all these. What a
    network reaches on them says nothing of a real machine.

    Args:
        each: Recordings of each fault in the test set, which has as many of the healthy machine as
            of all faults; the train set has five times as many as that, the validation set one.
        severity: How loud faults are: at 0 they cannot be heard, at 1 they cannot be missed.
        seed: Makes others.

    Raises:
        ValueError: `each` is below 1 or `severity` below 0.

    Source:
        The task is that of Koizumi et al., "Description and Discussion on DCASE2020 Challenge
        Task 2", DCASE 2020: unsupervised detection of anomalous machine sounds.
    """
    if each < 1 or severity < 0:
        raise ValueError(
            f"expected each of at least 1 and a severity of at least 0, received {each} and "
            f"{severity}"
        )
    healthy = each * len(FAULTS)
    parts = []
    for number, counts in enumerate(
        (
            {HEALTHY: 5 * healthy},
            {HEALTHY: healthy},
            {HEALTHY: healthy, **dict.fromkeys(FAULTS, each)},
        )
    ):
        generator = np.random.default_rng([seed, number, 640])
        conditions = np.repeat(list(counts), list(counts.values()))
        samples = np.stack([machine_sound(str(one), generator, severity) for one in conditions])
        parts.append(MachineSounds(samples, conditions, RATE))
    train, validation, test = parts
    return train, validation, test


def machine_sound(
    condition: str, generator: np.random.Generator, severity: float = 1.0
) -> np.ndarray:
    """One recording: float32 `(RATE * SECONDS,)`, -1 to 1.

    Args:
        condition: `HEALTHY` or one of the `FAULTS`.
        generator: Draws speed, load, noise and all phases.
        severity: How loud the fault is.

    Raises:
        ValueError: There is no such condition.
    """
    if condition not in (HEALTHY, *FAULTS):
        raise ValueError(
            f"expected a condition out of {(HEALTHY, *FAULTS)}, received {condition!r}"
        )
    count = round(RATE * SECONDS)
    time = np.arange(count) / RATE
    # Turns of the shaft: the speed wanders a little around that of the recording.
    speed, drift = generator.uniform(22, 28), generator.uniform(0.1, 0.5)
    wander = 0.01 * np.sin(2 * np.pi * drift * time + generator.uniform(0, 2 * np.pi))
    turns = np.cumsum(speed * (1 + wander)) / RATE
    load, noise = generator.uniform(0.6, 1.4), generator.uniform(0.5, 2.0)

    def tone(order: float, loudness: float) -> np.ndarray:
        return loudness * np.sin(2 * np.pi * order * turns + generator.uniform(0, 2 * np.pi))

    sound = np.sum([tone(order, 0.12 / order) for order in range(1, 7)], axis=0)
    sound = sound + load * np.sum(
        [tone(TEETH * order, 0.1 / order) for order in range(1, 4)], axis=0
    )
    sound = sound + 0.01 * noise * _filtered(generator.normal(size=count), 200, 3000)
    sound = sound + 0.002 * noise * generator.normal(size=count)
    if condition == "bearing":
        clicks = np.diff(np.floor(3.6 * turns + generator.uniform()), prepend=0) > 0
        sound = sound + severity * 0.12 * _ringing(clicks, generator.uniform(2500, 3500), 250)
    elif condition == "imbalance":
        once = np.sin(2 * np.pi * turns + generator.uniform(0, 2 * np.pi))
        sound = sound * (1 + 0.5 * severity * once) + severity * 0.1 * once
    elif condition == "gear":
        blows = np.diff(np.floor(turns + generator.uniform()), prepend=0) > 0
        sound = sound + severity * 0.3 * _ringing(blows, TEETH * speed * 2, 120)
    elif condition == "leak":
        hiss = _filtered(generator.normal(size=count), 4000, 7500)
        sound = sound + severity * 0.02 * hiss
    return np.clip(0.7 * sound, -1, 1).astype(np.float32)


def _filtered(noise: np.ndarray, low: float, high: float) -> np.ndarray:
    """The part of a noise between two frequencies, of deviation 1."""
    spectrum, frequencies = np.fft.rfft(noise), np.fft.rfftfreq(len(noise), 1 / RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    kept = np.fft.irfft(spectrum, len(noise))
    return kept / kept.std()


def _ringing(blows: np.ndarray, frequency: float, decay: float) -> np.ndarray:
    """What rings at a frequency after each blow; `decay` in 1/s."""
    time = np.arange(RATE // 20) / RATE
    ring = np.exp(-decay * time) * np.sin(2 * np.pi * frequency * time)
    return np.convolve(blows.astype(float), ring)[: len(blows)]
