"""Noise schedules and samplers, against the papers' equations."""

import numpy as np
import pytest

from thinkkeras.models import generative
from thinkkeras.models.generative.noise import SCHEDULES


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [50, 1000])
def test_the_signal_falls_from_nearly_all_to_nearly_nothing(name, steps):
    kept = SCHEDULES[name](steps)
    assert kept.shape == (steps,) and (np.diff(kept) < 0).all()
    ratio = generative.signal_to_noise(kept)
    np.testing.assert_allclose(kept, ratio / (1 + ratio))
    assert ratio[0] > 100 and ratio[-1] < 1e-4


def test_the_schedules_are_the_papers():
    kept = generative.linear_schedule()
    assert kept[0] == pytest.approx(1 - 1e-4)
    assert kept[1] == pytest.approx((1 - 1e-4) * (1 - 1e-4 - (0.02 - 1e-4) / 999))
    assert kept[-1] == pytest.approx(4.036e-5, rel=1e-3)  # Ho et al.'s ᾱ_T
    cosine = generative.cosine_schedule()

    def f(t):
        return np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2

    # Nichol and Dhariwal, equation 17, at half time; the last step alone is cut.
    assert cosine[499] == pytest.approx(f(0.5) / f(0))
    assert cosine[-2] == pytest.approx(f(0.999) / f(0))
    assert cosine[-1] == pytest.approx(0.001 * cosine[-2])


def test_noised_images_keep_a_variance_of_one():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 100_000))
    for kept in (0.9, 0.5, 0.01):
        mixed = generative.noised(x, noise, kept)
        assert mixed.var() == pytest.approx(1, abs=0.02)
        assert np.corrcoef(mixed, x)[0, 1] ** 2 == pytest.approx(kept, abs=0.02)


def test_time_is_a_vector_that_tells_steps_apart():
    times = generative.time_embedding(1000, 8)
    assert times.shape == (1000, 8) and np.abs(times).max() <= 1
    np.testing.assert_array_equal(times[0], [0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(times[3, [0, 4]], [np.sin(3), np.cos(3)], rtol=1e-6)
    np.testing.assert_allclose(times[500, [3, 7]], [np.sin(0.05), np.cos(0.05)], rtol=1e-5)
    apart = np.linalg.norm(times[:, None] - times, axis=-1) + 9 * np.eye(1000)
    assert apart.min() > 0.01


def perfect(images, kept):
    """The noise that there must be if these are the images."""

    def denoise(x, step):
        share = kept[step].reshape(-1, *[1] * (x.ndim - 1))
        return (x - np.sqrt(share) * images) / np.sqrt(1 - share)

    return denoise


@pytest.mark.parametrize("steps", [1, 7, 100])
@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_perfect_denoiser_gives_the_image_back(name, eta, steps):
    rng = np.random.default_rng(0)
    images, noise = rng.uniform(-1, 1, (3, 4, 4, 1)), rng.normal(size=(3, 4, 4, 1))
    kept = SCHEDULES[name](100)
    found = generative.sample_diffusion(
        perfect(images, kept), noise, kept, steps=steps, eta=eta, seed=1
    )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, images, atol=1e-4)


def test_all_steps_with_new_noise_are_the_papers_posterior():
    """Ho et al., equations 6 and 7, for the one step from the second to the first."""
    kept = np.array([0.8, 0.3])
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(200_000, 1))
    images = np.full_like(noise, 0.4)
    seen = []

    def denoise(x, step):
        seen.append((int(step[0]), x))
        return perfect(images, kept)(x, step)

    generative.sample_diffusion(denoise, noise, kept, steps=2, eta=1.0)
    assert [step for step, _ in seen] == [1, 0]
    added = 1 - 0.3 / 0.8
    mean = np.sqrt(0.8) * added / 0.7 * images + np.sqrt(0.3 / 0.8) * (1 - 0.8) / 0.7 * noise
    left = seen[1][1] - mean
    assert left.mean() == pytest.approx(0, abs=2e-3)
    assert left.var() == pytest.approx((1 - 0.8) / (1 - 0.3) * added, rel=0.02)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_ideal_denoiser_of_a_gaussian_samples_it(eta):
    """Data N(0.2, 0.25²): the noise to be expected has a closed form, and so has what comes."""
    kept = generative.cosine_schedule(500)

    def denoise(x, step):
        share = kept[step][:, None]
        variance = share * 0.25**2 + 1 - share
        image = 0.2 + np.sqrt(share) * 0.25**2 / variance * (x - np.sqrt(share) * 0.2)
        return (x - np.sqrt(share) * image) / np.sqrt(1 - share)

    noise = np.random.default_rng(0).normal(size=(20_000, 1))
    few, all_steps = (
        generative.sample_diffusion(denoise, noise, kept, steps=steps, eta=eta)
        for steps in (10, 500)
    )
    assert all_steps.mean() == pytest.approx(0.2, abs=0.006)
    assert all_steps.std() == pytest.approx(0.25, rel=0.03)
    # Few steps make too little of the variety.
    assert few.std() < 0.2


def test_the_same_noise_gives_the_same_image_and_new_noise_another():
    kept = generative.cosine_schedule(20)
    noise = np.random.default_rng(0).normal(size=(4, 2))

    def sample(**options):
        return generative.sample_diffusion(
            lambda x, step: 0.5 * x, noise, kept, steps=10, **options
        )

    np.testing.assert_array_equal(sample(seed=0), sample(seed=1))
    np.testing.assert_array_equal(sample(eta=1.0, seed=1), sample(eta=1.0, seed=1))
    assert np.abs(sample(eta=1.0, seed=0) - sample(eta=1.0, seed=1)).max() > 0.01


def test_pixels_are_clipped():
    found = generative.pixels(np.array([-2.0, -1, 0, 1, 3]))
    np.testing.assert_array_equal(found, [0, 0, 127.5, 255, 255])
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: generative.cosine_schedule(1), "at least 2 steps, received 1"),
        (lambda: generative.time_embedding(10, 7), "even number of units"),
        (
            lambda: generative.sample_diffusion(None, np.ones((1, 1)), np.ones(5), steps=6),
            "between 1 and 5 steps",
        ),
        (
            lambda: generative.sample_diffusion(None, np.ones((1, 1)), np.ones(9), steps=6, eta=2),
            "eta between 0 and 1, received 6 and 2",
        ),
    ],
)
def test_bad_arguments_are_named(call, expected):
    with pytest.raises(ValueError, match=expected):
        call()
