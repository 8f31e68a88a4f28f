"""A generator that makes one image only: provoked, seen, cured."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from courses.s10_generative_models.experiments.generators import Recipe
from courses.s10_generative_models.experiments.measures import Judge
from deploy.runtime.tasks.generation import draw_noise
from thinkkeras import metrics
from thinkkeras.models import generative


class Watched(NamedTuple):
    """What a generator made of the same noise during its training."""

    epochs: list[int]
    found: list[float]  # share of the classes
    spread: list[float]  # mean deviation of the features between images, over the real images'
    images: list[np.ndarray]  # some of each time, 0-255


class Watch(keras.callbacks.Callback):
    """Looks at a GAN's images before the training and after every few epochs.

    Args:
        judge: who looks.
        count: images of each look.
        every: epochs between looks.
        shown: images that are kept of each.
        seed: of their noise.
    """

    def __init__(
        self, judge: Judge, count: int = 200, every: int = 1, shown: int = 10, seed: int = 0
    ) -> None:
        super().__init__()
        self.judge, self.every, self.shown = judge, every, shown
        self.count, self.seed = count, seed
        self.watched = Watched([], [], [], [])
        self.real = judge.real.std(axis=0).mean()

    def look(self, epoch: int) -> None:
        generator = self.model.generator
        noise = draw_noise(generator.inputs[0].shape[1:], self.count, self.seed)
        images = generator.predict(noise, batch_size=500, verbose=0)
        classes = self.judge.recognised(images)
        self.watched.epochs.append(epoch)
        self.watched.found.append(metrics.mode_coverage(classes, self.judge.classes).found)
        deviation = self.judge.of(images).std(axis=0).mean()
        self.watched.spread.append(float(deviation / self.real))
        self.watched.images.append(images[: self.shown])

    def on_train_begin(self, logs: Any = None) -> None:
        self.look(0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if (epoch + 1) % self.every == 0:
            self.look(epoch + 1)


GAMES = ("generator too fast", "DCGAN", "WGAN-GP")


def game(name: str, shape: tuple[int, int, int], recipe: Recipe, seed: int = 0) -> generative.GAN:
    """One of the `GAMES`, compiled.

    "generator too fast" has the DCGAN's networks, and a generator that takes steps fifty times as
    large as the discriminator's: it runs to whatever image is taken for real now, all its noise at
    once. The cures are equal rates, and a critic whose slope is held.
    """
    adam = keras.optimizers.Adam
    if name == "WGAN-GP":
        model = generative.wgan_gp(
            shape,
            recipe.noise,
            filters=recipe.gan_filters,
            critic_steps=recipe.critic_steps,
            seed=seed,
        )
        model.compile(adam(4e-4, beta_1=0.0, beta_2=0.9), jit_compile=False)
        return model
    model = generative.dcgan(shape, recipe.noise, filters=recipe.gan_filters, seed=seed)
    first, second = (1e-4, 5e-3) if name == "generator too fast" else (2e-4, 2e-4)
    model.compile(adam(first, beta_1=0.5), adam(second, beta_1=0.5), jit_compile=False)
    return model


def collapse_table(watched: Sequence[tuple[str, Watched]]) -> list[list[str]]:
    """Rows of text: the last look at each game, and the worst after the first."""
    rows = [["", "classes at the end", "fewest on the way", "spread at the end"]]
    for name, each in watched:
        on_the_way = min(each.found[1:] or each.found)
        rows.append(
            [name, f"{100 * each.found[-1]:.0f} %", f"{100 * on_the_way:.0f} %",
             f"{each.spread[-1]:.2f}"]
        )  # fmt: skip
    return rows
