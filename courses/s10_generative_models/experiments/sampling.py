"""How many steps a diffusion model needs, and what images look like on their way."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

from courses.s10_generative_models.experiments.generators import classes_in_turn
from courses.s10_generative_models.experiments.measures import Judge, frechet
from deploy.runtime.tasks.generation import draw_noise
from thinkkeras.models import generative
from thinkkeras.models.generative.noise import Denoise


class Sampled(NamedTuple):
    """A way to sample, and what it gives."""

    steps: int
    eta: float  # 0 is DDIM, 1 is DDPM
    frechet: float
    seconds: float


def _denoise(denoiser: keras.Model, count: int) -> Denoise:
    told = [x.shape[1] for x in denoiser.inputs if x.name == "class"]
    labels = classes_in_turn(count, told[0]) if told else None
    return generative.noise_predictor(denoiser, labels=labels)


def by_steps(
    denoiser: keras.Model, judge: Judge, steps: Sequence[int], count: int, seed: int = 0
) -> list[Sampled]:
    """The Fréchet distance of the same noise by the number of steps, DDIM and DDPM.

    Args:
        denoiser: trained with the cosine schedule of 1,000 steps.
        judge: who looks.
        steps: numbers of steps that are tried.
        count: images of each.
        seed: of the noise.
    """
    noise = draw_noise(denoiser.inputs[0].shape[1:], count, seed)
    denoise, kept = _denoise(denoiser, count), generative.cosine_schedule()
    found = []
    for eta in (0.0, 1.0):
        for number in steps:
            started = time.perf_counter()
            images = generative.sample_diffusion(
                denoise, noise, kept, steps=number, eta=eta, seed=seed
            )
            spent = time.perf_counter() - started
            distance = frechet(judge, generative.pixels(images))
            found.append(Sampled(number, eta, distance, spent))
    return found


def on_the_way(
    denoiser: keras.Model, count: int = 6, steps: int = 50, shown: int = 9, seed: int = 0
) -> np.ndarray:
    """The images that the denoiser thinks of on the way from noise, the last one the result.

    Returns:
        Pixels of 0-255, `(count, shown, height, width, channels)`.
    """
    noise = draw_noise(denoiser.inputs[0].shape[1:], count, seed)
    denoise, kept = _denoise(denoiser, count), generative.cosine_schedule()
    seen: list[np.ndarray] = []

    def watched(x: np.ndarray, step: np.ndarray) -> np.ndarray:
        found = denoise(x, step)
        now = kept[step[0]]
        seen.append(np.clip((x - np.sqrt(1 - now) * found) / np.sqrt(now), -1, 1))
        return found

    generative.sample_diffusion(watched, noise, kept, steps=steps)
    taken = np.linspace(0, steps - 1, min(shown, steps)).round().astype(int)
    return generative.pixels(np.stack([seen[number] for number in taken], axis=1))


def steps_table(found: Sequence[Sampled]) -> list[list[str]]:
    """Rows of text: by steps the distance with DDIM and DDPM."""
    rows = [["steps", "DDIM, Fréchet", "DDPM, Fréchet", "s for all images"]]
    for steps in sorted({each.steps for each in found}):
        ddim, ddpm = (next(x for x in found if (x.steps, x.eta) == (steps, eta)) for eta in (0, 1))
        rows.append(
            [str(steps), f"{ddim.frechet:.2f}", f"{ddpm.frechet:.2f}", f"{ddim.seconds:.1f}"]
        )
    return rows
