"""The machine that nobody built: its sounds are what their names say."""

import numpy as np
import pytest
from scipy import signal

from thinkkeras.datasets import load_machine_sounds
from thinkkeras.datasets.machines import FAULTS, HEALTHY, RATE, machine_sound


def test_faults_are_in_the_test_set_alone():
    train, validation, test = load_machine_sounds(2)
    assert [len(part.samples) for part in (train, validation, test)] == [40, 8, 16]
    assert set(train.conditions) | set(validation.conditions) == {HEALTHY}
    assert [int(np.sum(test.conditions == fault)) for fault in FAULTS] == [2, 2, 2, 2]
    np.testing.assert_array_equal(test.anomalous, [0] * 8 + [1] * 8)
    assert train.samples.shape == (40, 32_000) and train.samples.dtype == np.float32
    assert np.abs(test.samples).max() <= 1
    again = load_machine_sounds(2)[2]
    np.testing.assert_array_equal(again.samples, test.samples)
    assert np.abs(load_machine_sounds(2, seed=1)[2].samples - test.samples).max() > 0.1


def power(condition, low, high, severity=1.0, count=12):
    """The mean power of such sounds between two frequencies, in dB."""
    found = []
    for seed in range(count):
        sound = machine_sound(condition, np.random.default_rng(seed), severity)
        frequencies, density = signal.welch(sound, RATE, nperseg=8192)
        found.append(density[(frequencies >= low) & (frequencies < high)].mean())
    return 10 * np.log10(np.mean(found))


@pytest.mark.parametrize(
    ("fault", "low", "high", "gain"),
    [("bearing", 2500, 3500, 6), ("leak", 4000, 7500, 6), ("imbalance", 20, 30, 1)],
)
def test_a_fault_is_heard_where_it_should_be(fault, low, high, gain):
    assert power(fault, low, high) > power(HEALTHY, low, high) + gain
    assert power(fault, low, high, severity=0) == pytest.approx(power(HEALTHY, low, high), abs=0.01)


def test_a_chipped_tooth_strikes_once_a_turn():
    """The envelope around twice the mesh frequency repeats with the shaft, at 22 to 28 Hz."""
    sound = machine_sound("gear", np.random.default_rng(0), severity=3.0)
    band = signal.sosfilt(signal.butter(4, (700, 1600), "bandpass", fs=RATE, output="sos"), sound)
    envelope = np.abs(signal.hilbert(band))
    spectrum = np.abs(np.fft.rfft(envelope - envelope.mean()))
    frequencies = np.fft.rfftfreq(len(envelope), 1 / RATE)
    slow = (frequencies > 5) & (frequencies < 60)
    assert 21 < frequencies[slow][spectrum[slow].argmax()] < 29


def test_what_there_is_not_is_refused():
    with pytest.raises(ValueError, match="expected a condition out of .* received 'rust'"):
        machine_sound("rust", np.random.default_rng(0))
    with pytest.raises(ValueError, match="expected each of at least 1"):
        load_machine_sounds(0)
