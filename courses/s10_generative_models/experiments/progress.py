"""What a model paints of the same noise while it is trained."""

from typing import Any

import keras
import numpy as np

from courses.s10_generative_models.experiments.generators import drawing, painter


class Snapshots(keras.callbacks.Callback):
    """Keeps images of one seed: before the training, and after every few epochs.

    A model of averaged weights shows those of the moment, since the average comes at the end.

    Args:
        count: images of each time.
        every: epochs between.
        seed: of the noise.

    Attributes:
        epochs: when the images were painted.
        images: pixels of 0-255, `(count, height, width, channels)` each.
    """

    def __init__(self, count: int = 10, every: int = 1, seed: int = 0) -> None:
        super().__init__()
        self.count, self.every, self.seed = count, every, seed
        self.epochs: list[int] = []
        self.images: list[np.ndarray] = []

    def keep(self, epoch: int) -> None:
        self.epochs.append(epoch)
        self.images.append(self.draw(self.count, self.seed))

    def on_train_begin(self, logs: Any = None) -> None:
        self.draw = drawing(painter(self.model))
        self.keep(0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if (epoch + 1) % self.every == 0:
            self.keep(epoch + 1)
