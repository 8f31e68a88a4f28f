"""Resampling against scipy: what would alias is gone, what lies in the band stays."""

import numpy as np
import pytest
from scipy.signal import resample_poly

from deploy.runtime.inputs.resampling import resample, resampled

RATES = [(16_000, 8_000), (44_100, 8_000), (8_000, 16_000), (11_025, 16_000), (48_000, 44_100)]


def sine(frequency, rate, seconds=1.0):
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def level(samples):
    """In decibels of a sine of amplitude 1, away from the ends."""
    inner = samples[len(samples) // 10 : -len(samples) // 10]
    return 10 * np.log10(2 * np.mean(inner**2) + 1e-30)


@pytest.mark.parametrize(("rate", "to"), RATES)
def test_a_sine_in_the_band_is_the_same_sine(rate, to):
    for part in (0.01, 0.3, 0.8):
        frequency = part * min(rate, to) / 2
        received, expected = resample(sine(frequency, rate), rate, to), sine(frequency, to)
        assert len(received) == len(expected) == to
        inner = slice(to // 10, -to // 10)
        assert np.abs(received[inner] - expected[inner]).max() < 1e-3


@pytest.mark.parametrize(("rate", "to"), [pair for pair in RATES if pair[0] > pair[1]])
def test_what_would_alias_is_80_decibels_down(rate, to):
    for frequency in np.linspace(to / 2, rate / 2, 7)[:-1]:
        received = level(resample(sine(frequency, rate), rate, to))
        theirs = level(resample_poly(sine(frequency, rate), to, rate))
        assert received < -78 and received < theirs


@pytest.mark.parametrize(("rate", "to"), RATES)
def test_it_is_where_scipys_is(rate, to):
    spectrum = np.zeros(rate // 2 + 1, complex)
    generator = np.random.default_rng(0)
    # A second of noise in the lower 60 % of the band.
    band = int(0.6 * min(rate, to) / 2)
    spectrum[1:band] = generator.normal(size=band - 1) + 1j * generator.normal(size=band - 1)
    noise = np.fft.irfft(spectrum, rate)
    noise /= np.abs(noise).max()
    received, expected = resample(noise, rate, to), resample_poly(noise, to, rate)
    assert received.shape == expected.shape
    inner = slice(to // 10, -to // 10)
    # scipy's own filter, with a Kaiser window of 5, ripples by as much.
    assert np.abs(received[inner] - expected[inner]).max() < 0.01


def test_a_constant_stays_and_an_equal_rate_changes_nothing():
    received = resample(np.ones(3000), 44_100, 16_000)
    np.testing.assert_allclose(received[60:-60], 1, atol=1e-12)
    samples = np.arange(5.0)
    np.testing.assert_array_equal(resample(samples, 8000, 8000), samples)
    assert resample(samples[:0], 16_000, 8000).shape == (0,)


@pytest.mark.parametrize(("rate", "to"), [*RATES, (8_001, 8_000)])
@pytest.mark.parametrize("sizes", [[1, 2, 700, 0, 3], [512] * 4, [40, 1]])
def test_chunks_make_the_whole(rate, to, sizes):
    samples = np.random.default_rng(1).normal(size=sum(sizes))
    chunks = np.split(samples, np.cumsum(sizes)[:-1])
    received = np.concatenate(list(resampled(chunks, rate, to)))
    assert len(received) == -(-len(samples) * to // rate)
    np.testing.assert_allclose(received, resample(samples, rate, to), atol=1e-12)
