"""Log-mel frames against scipy and TensorFlow; what a recording of any length and rate becomes."""

import numpy as np
import pytest
import scipy.signal
import tensorflow as tf

from deploy import DeployError, runtime
from deploy.runtime.inputs import log_mel as front_end_module
from deploy.runtime.inputs import prepare, sound
from deploy.runtime.inputs.log_mel import check, log_mel, stream, to_array

CARD = {"kind": "log_mel", "rate": 8000, "window": 256, "hop": 128, "bins": 40, "floor": 1e-6}
SHAPE = (20, 40)
LENGTH = 19 * 128 + 256
CARDS = [
    CARD,
    CARD | {"lowest": 125, "highest": 3800, "floor": 1e-10, "bins": 20},
    CARD | {"rate": 16_000, "window": 400, "hop": 160},
]


def noise(count, seed=0):
    samples = np.random.default_rng(seed).normal(0, 0.1, count)
    return (samples + np.sin(np.arange(count) ** 1.5 / 300)).astype("float32")


@pytest.mark.parametrize("card", CARDS)
def test_the_frames_are_those_of_scipy_and_a_matrix_by_hand(card):
    samples = noise(3000).astype("float64")
    window, hop, bins = card["window"], card["hop"], card["bins"]
    length = 2 ** int(np.ceil(np.log2(window)))
    frequencies, _, spectrum = scipy.signal.stft(
        samples, card["rate"], "hann", window, window - hop, length, boundary=None, padded=False
    )
    # scipy divides by the sum of the window.
    power = np.abs(spectrum * scipy.signal.get_window("hann", window).sum()) ** 2

    def mel(frequency):
        return 2595 * np.log10(1 + frequency / 700)

    lowest, highest = card.get("lowest", 20), card.get("highest", card["rate"] / 2)
    corners = np.linspace(mel(lowest), mel(highest), bins + 2)
    matrix = np.array(
        [np.interp(mel(frequencies), corners[k : k + 3], [0, 1, 0]) for k in range(bins)]
    )
    expected = np.log(np.maximum(matrix @ power, card["floor"])).T
    received = log_mel(samples, card)
    assert received.dtype == np.float32
    assert received.shape == (1 + (3000 - window) // hop, bins)
    np.testing.assert_allclose(received, expected, atol=1e-4)


@pytest.mark.parametrize("card", CARDS)
def test_the_frames_are_tensorflows(card):
    samples = noise(3000)
    spectrum = tf.signal.stft(samples, card["window"], card["hop"])
    matrix = tf.signal.linear_to_mel_weight_matrix(
        card["bins"],
        spectrum.shape[-1],
        card["rate"],
        card.get("lowest", 20),
        card.get("highest", card["rate"] / 2),
    )
    energies = tf.abs(spectrum) ** 2 @ matrix
    expected = np.log(np.maximum(energies, card["floor"]))
    received = log_mel(samples, card)
    assert received.shape == expected.shape
    # Both round: where much larger energies stand beside small ones, in float32.
    np.testing.assert_allclose(received, expected, atol=1e-3)
    assert np.abs(received - expected).mean() < 1e-5
    assert runtime.log_mel is log_mel


def test_silence_is_the_floor_and_too_little_is_refused():
    assert (log_mel(np.zeros(256), CARD) == np.float32(np.log(1e-6))).all()
    with pytest.raises(DeployError, match="a window of 256 or more, received .255,.; add silence"):
        log_mel(np.zeros(255), CARD)


def test_a_short_recording_stands_in_the_middle_of_silence():
    samples = noise(1001)
    for shape in (SHAPE, (*SHAPE, 1)):
        received = to_array((samples, 8000), CARD, shape)
        padded = np.pad(samples, (843, 844))
        assert len(padded) == LENGTH
        np.testing.assert_array_equal(received, log_mel(padded, CARD).reshape(shape))


def test_of_a_long_recording_the_loudest_part_is_taken():
    samples = 0.01 * noise(20_000)
    samples[9000 : 9000 + LENGTH] += noise(LENGTH, 1)
    energies = np.convolve(samples.astype("float64") ** 2, np.ones(LENGTH), "valid")
    start = energies.argmax()
    assert abs(start - 9000) < 30
    expected = log_mel(samples[start : start + LENGTH], CARD)
    np.testing.assert_allclose(to_array((samples, 8000), CARD, SHAPE), expected, atol=1e-6)


def test_another_rate_gives_nearly_the_same_frames():
    def tone(rate):
        time = np.arange(rate) / rate
        return np.sin(2 * np.pi * 300 * time) + 0.3 * np.sin(2 * np.pi * 2100 * time)

    card, shape = CARD | {"floor": 1e-2}, (60, 40)
    expected = log_mel(np.r_[tone(8000)][: 59 * 128 + 256], card)
    for rate in (16_000, 44_100):
        samples = np.stack([tone(rate), tone(rate)], 1)
        received = log_mel(
            front_end_module.resample(sound.as_mono((samples, rate))[0], rate, 8000), card
        )[:60]
        # The ends ring.
        np.testing.assert_allclose(received[2:-2], expected[2:-2], atol=0.02)
        assert to_array((samples, rate), card, shape).shape == shape


def test_it_is_prepared_from_a_file_a_pair_or_an_array(tmp_path):
    scipy.io.wavfile.write(tmp_path / "a.wav", 8000, noise(LENGTH))
    expected = log_mel(noise(LENGTH), CARD)
    for example in (tmp_path / "a.wav", str(tmp_path / "a.wav"), (noise(LENGTH), 8000)):
        np.testing.assert_allclose(prepare(example, CARD, SHAPE), expected, atol=1e-6)
    assert prepare(expected, CARD, SHAPE) is expected
    with pytest.raises(DeployError, match=r"received samples of shape \(9,\) alone; give"):
        prepare(np.zeros(9), CARD, SHAPE)


@pytest.mark.parametrize(
    ("changed", "shape", "message"),
    [
        ({"rate": None}, SHAPE, "a whole number rate of 1 or more .* received None"),
        ({"hop": 0}, SHAPE, "a whole number hop of 1 or more .* received 0"),
        ({"bins": True}, SHAPE, "a whole number bins"),
        ({"window": 25.6}, SHAPE, "a whole number window"),
        ({"rate": 10**9}, SHAPE, "a rate of 1,000 to 384,000 Hz"),
        ({"hop": 257}, SHAPE, "a hop of no more than it .* received 256 and 257"),
        ({"floor": 0}, SHAPE, "a floor above 0, .* 0$"),
        ({"lowest": float("nan")}, SHAPE, "numbers lowest and highest"),
        ({"highest": 4001}, SHAPE, "highest <= 4000 Hz .* received 20 and 4001"),
        ({"lowest": 4000}, SHAPE, "received 4000 and 4000"),
        ({"mels": 3}, SHAPE, "the parameters rate, .*, received 'mels'"),
        ({}, (40, 20), r"an input \(frames, 40\) or \(frames, 40, 1\) .* received \(40, 20\)"),
        ({}, (20, 40, 3), r"received \(20, 40, 3\)"),
        ({}, (40,), r"received \(40,\)"),
        ({"bins": 120}, (20, 120), "received 120, of which number [0-9] holds no frequency"),
    ],
)
def test_parameters_that_cannot_be_are_refused(changed, shape, message):
    check(CARD, SHAPE)
    with pytest.raises(DeployError, match=message):
        check(CARD | changed, shape)


@pytest.mark.parametrize("hop", [0.016, 0.1, 0.3, 0.33])
@pytest.mark.parametrize("chunk", [100, 1000, 30_000])
def test_windows_of_a_stream_are_those_of_the_same_samples(hop, chunk):
    samples, settings = noise(30_000), {"hop": hop}
    chunks = [samples[start : start + chunk] for start in range(0, 30_000, chunk)]
    stream.check(CARD, SHAPE, settings)
    windows = list(stream.examples(iter(chunks), CARD, SHAPE, settings))
    step = max(1, round(hop * 8000 / 128)) * 128
    assert len(windows) == 1 + (30_000 - LENGTH) // step
    for number, (seconds, window) in enumerate(windows):
        start = number * step
        assert seconds == pytest.approx((start + LENGTH) / 8000)
        expected = to_array((samples[start : start + LENGTH], 8000), CARD, SHAPE)
        np.testing.assert_allclose(window, expected, atol=1e-5)


def test_each_frame_of_a_stream_is_computed_once(monkeypatch):
    counted = []

    def counting(samples, card):
        frames = log_mel(samples, card)
        counted.append(len(frames))
        return frames

    monkeypatch.setattr(front_end_module, "log_mel", counting)
    samples = noise(30_000)
    list(stream.examples(np.split(samples, 30), CARD, (20, 40, 1), {"hop": 0.016}))
    assert sum(counted) == 1 + (30_000 - 256) // 128


def test_a_streams_hop_is_no_longer_than_what_is_heard_at_once():
    with pytest.raises(DeployError, match=r"at most the 0.336 s .* received 0.5 s"):
        stream.check(CARD, SHAPE, {"hop": 0.5})


def test_a_file_is_streamed_at_the_models_rate_and_ends_in_silence(tmp_path):
    scipy.io.wavfile.write(tmp_path / "a.wav", 16_000, noise(50_000))
    chunks = list(stream.chunks(str(tmp_path / "a.wav"), CARD, SHAPE))
    assert len(chunks) > 3 and sum(map(len, chunks)) == 25_000 + LENGTH
    assert not chunks[-1].any() and len(chunks[-1]) == LENGTH
    expected = front_end_module.resample(noise(50_000), 16_000, 8000)
    np.testing.assert_allclose(np.concatenate(chunks)[:25_000], expected, atol=1e-6)
    assert stream.moment(1.2358) == "1.24 s"
