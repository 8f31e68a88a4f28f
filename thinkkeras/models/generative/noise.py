"""Noise that comes step by step, and goes step by step: schedules and samplers, in NumPy.

The sampler takes any function that predicts noise: a Keras model, or the same one on a device.
"""

from collections.abc import Callable

import numpy as np

Denoise = Callable[[np.ndarray, np.ndarray], np.ndarray]


def cosine_schedule(steps: int = 1000, offset: float = 0.008) -> np.ndarray:
    """How much of the image's variance is left at each step: a squared cosine.

    Args:
        steps: How many steps, at least 2.
        offset: Keeps the first steps from being too small.

    Returns:
        `(steps,)`, falling from nearly 1 to nearly 0, float64: the papers' ᾱ.

    Raises:
        ValueError: There are fewer than two steps.

    Source: Nichol and Dhariwal, "Improved Denoising Diffusion Probabilistic Models", ICML 2021,
    equation 17.
    """
    _check(steps)
    angle = (np.arange(steps + 1) / steps + offset) / (1 + offset) * np.pi / 2
    share = np.cos(angle) ** 2
    return np.cumprod(1 - np.minimum(1 - share[1:] / share[:-1], 0.999))


def linear_schedule(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> np.ndarray:
    """How much of the image's variance is left at each step, where added noise grows in a line.

    Args:
        steps: How many steps, at least 2.
        first: The variance that the first of 1,000 steps adds; others' are scaled to the same end.
        last: The one that the last of them adds.

    Returns:
        `(steps,)`, falling: the papers' ᾱ.

    Raises:
        ValueError: There are fewer than two steps.

    Source: Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, section
    4.
    """
    _check(steps)
    added = np.linspace(first, last, steps) * (1000 / steps)
    return np.cumprod(1 - np.minimum(added, 0.999))


SCHEDULES: dict[str, Callable[[int], np.ndarray]] = {
    "cosine": cosine_schedule,
    "linear": linear_schedule,
}


def signal_to_noise(kept: np.ndarray) -> np.ndarray:
    """The ratio of the image's variance to the noise's, from the share that is kept: ᾱ / (1 - ᾱ).

    Source: Kingma et al., "Variational Diffusion Models", NeurIPS 2021, equation 2.
    """
    return kept / (1 - kept)


def time_embedding(steps: int, units: int = 32) -> np.ndarray:
    """A vector for each step: sines and cosines, from one wave a step and a bit to one in 10,000.

    A network takes the vector, not the step: in int8 one number could not tell 1,000 steps apart.

    Args:
        steps: How many.
        units: Numbers of each, even: the sines come first.

    Returns:
        float32 `(steps, units)`, in -1 to 1.

    Raises:
        ValueError: `units` is odd or below 4.

    Source: Vaswani et al., "Attention Is All You Need", NIPS 2017, section 3.5.
    """
    if units < 4 or units % 2:
        raise ValueError(f"expected an even number of units of at least 4, received {units}")
    half = units // 2
    angles = np.arange(steps)[:, None] * 10_000.0 ** (-np.arange(half) / (half - 1))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def taken_steps(count: int, steps: int) -> np.ndarray:
    """So many of a schedule's `count` steps, spread evenly, the last one first: int `(steps,)`."""
    return np.linspace(count - 1, 0, steps).round().astype(int)


def noised(images: np.ndarray, noise: np.ndarray, kept: np.ndarray | float) -> np.ndarray:
    """Images in -1 to 1 with noise of which `kept` tells the share: √ᾱ x + √(1 - ᾱ) ε."""
    return np.sqrt(kept) * images + np.sqrt(1 - kept) * noise


def sample_diffusion(
    denoise: Denoise,
    noise: np.ndarray,
    kept: np.ndarray,
    *,
    steps: int = 50,
    eta: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """Makes images of noise, step by step: DDIM, or DDPM.

    Every step takes out the noise that the network finds, and puts back as much as the next step
    is to have: the same noise (DDIM, `eta=0`, the same noise gives the same image), or new noise
    (`eta=1`, which with all steps is DDPM).

    Args:
        denoise: Noisy images `(batch, …)` and the step `(batch,)`, integers from 0, to the noise in
            them, of the images' shape.
        noise: `(batch, …)`, from the standard normal distribution.
        kept: As a schedule gives it, `(all steps,)`.
        steps: How many of the schedule's steps are taken, spread evenly, the last one first.
        eta: How much of the noise is drawn anew.
        seed: Of that.

    Returns:
        Images of the noise's shape, in -1 to 1, float32.

    Raises:
        ValueError: There are more steps than the schedule has, or an argument is out of range.

    Source:
        Song, Meng and Ermon, "Denoising Diffusion Implicit Models", ICLR 2021, equations 12 and 16;
        Ho, Jain and Abbeel, NeurIPS 2020, algorithm 2 and equation 7.
    """
    if not 1 <= steps <= len(kept) or not 0 <= eta <= 1:
        raise ValueError(
            f"expected between 1 and {len(kept)} steps and eta between 0 and 1, received {steps} "
            f"and {eta}"
        )
    generator = np.random.default_rng(seed)
    x = noise.astype(np.float32)
    taken = taken_steps(len(kept), steps)
    for step, following in zip(taken, [*taken[1:], None], strict=True):
        now, then = kept[step], 1.0 if following is None else kept[following]
        found = denoise(x, np.full(len(x), step))
        # Early on little of the image is left, and a small error would be a large one.
        image = np.clip((x - np.sqrt(1 - now) * found) / np.sqrt(now), -1, 1)
        found = (x - np.sqrt(now) * image) / np.sqrt(1 - now)
        new = eta * np.sqrt((1 - then) / (1 - now) * (1 - now / then))
        x = np.sqrt(then) * image + np.sqrt(1 - then - new**2) * found
        if new > 0:
            x = x + new * generator.standard_normal(x.shape)
        x = x.astype(np.float32)
    return x


def pixels(images: np.ndarray) -> np.ndarray:
    """Images in -1 to 1 as pixels of 0-255, float32, clipped."""
    return np.clip(127.5 * (images + 1), 0, 255).astype(np.float32)


def _check(steps: int) -> None:
    if steps < 2:
        raise ValueError(f"expected at least 2 steps, received {steps}")
