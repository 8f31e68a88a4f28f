"""Generators on the device: how they are described, and what they paint there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import deploy.runtime
from courses.s10_generative_models.experiments.measures import Judge, frechet
from deploy.runtime.tasks.generation import draw_noise
from thinkkeras.models import generative


def task(network: keras.Model, steps: int) -> dict[str, Any]:
    """What `deploy.export` is told of a network: which input is what, and a denoiser's steps.

    Args:
        network: a decoder of pixels, a generator or a denoiser of the cosine schedule.
        steps: how often a denoiser is asked, spread evenly over the schedule.
    """
    names = [x.name for x in network.inputs]
    told: dict[str, Any] = {"task": "generation", "noise": names[0]}
    if "class" in names:
        told["class"] = "class"
    if "time" in names:
        kept, times, taken = _schedule(network, steps)
        told |= {
            "time": "time",
            "steps": [{"kept": float(kept[step]), "time": times[step].tolist()} for step in taken],
        }
    return told


def calibration(
    network: keras.Model, images: np.ndarray, labels: np.ndarray, steps: int, seed: int = 0
) -> Any:
    """Inputs as the device will see them: noise and classes; of a denoiser noisy images.

    A denoiser's come from training images with the noise of the steps that are taken, as many of
    each.

    Args:
        network: as `task` takes it.
        images: training images, 0-255: as many as examples are wanted.
        labels: their classes.
        steps: as `task`.
        seed: of the noise.
    """
    count = len(images)
    noise = draw_noise(network.inputs[0].shape[1:], count, seed)
    given = [noise]
    if any(x.name == "time" for x in network.inputs):
        kept, times, taken = _schedule(network, steps)
        each: np.ndarray = np.resize(taken, count)
        share = kept[each].reshape(-1, 1, 1, 1)
        noisy = generative.noised(images / 127.5 - 1, noise, share)
        given = [noisy.astype("float32"), times[each]]
    if network.inputs[-1].name == "class":
        given.append(np.eye(network.inputs[-1].shape[1], dtype="float32")[labels])
    return given if len(given) > 1 else given[0]


def _schedule(network: keras.Model, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    kept = generative.cosine_schedule()
    times = generative.time_embedding(len(kept), network.inputs[1].shape[1])
    return kept, times, generative.taken_steps(len(kept), steps)


def painted(bundle: Path, count: int, channels: int, seed: int = 0) -> np.ndarray:
    """Images that a bundle paints of a seed, uint8 `(count, height, width, channels)`."""
    images = deploy.runtime.generate(deploy.runtime.load(bundle), count, seed=seed)
    return images[..., :channels]


def device_table(
    cards: Mapping[str, Sequence[Mapping[str, Any]]],
    images: Mapping[str, Mapping[str, np.ndarray]],
    judge: Judge,
) -> list[list[str]]:
    """Rows of text: by network and target size, time of an image and Fréchet distance.

    Args:
        cards: by network those of its targets.
        images: by network those of "Keras" and of each target, of the same seed, as many.
        judge: who looks.
    """
    rows = [["", "target", "scheme", "model", "an image takes", "Fréchet in Keras", "deployed",
             "rise"]]  # fmt: skip
    for name, each in cards.items():
        keras_distance = frechet(judge, images[name]["Keras"])
        for card in each:
            asked = len(card["generation"]["steps"] or [None])
            distance = frechet(judge, images[name][card["target"]])
            rows.append(
                [
                    name,
                    card["target"],
                    card["scheme"],
                    f"{card['size_bytes'] / 1000:.1f} kB",
                    f"{asked * card['latency_ms']['median']:.3f} ms",
                    f"{keras_distance:.2f}",
                    f"{distance:.2f}",
                    f"{100 * (distance / keras_distance - 1):+.0f} %",
                ]
            )
    return rows
