"""The denoising diffusion model: a small U-Net that finds the noise in an image."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from thinkkeras.models.arguments import check_classifier, check_size
from thinkkeras.models.blocks import conv_block, upsample
from thinkkeras.models.generative.noise import SCHEDULES, Denoise, time_embedding
from thinkkeras.models.generative.trainer import (
    GenerativeTrainer,
    check_generative,
    class_input,
)


def denoising_unet(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    *,
    classes: int = 0,
    filters: Sequence[int] = (32, 64, 96),
    time_units: int = 32,
    activation: str = "swish",
    name: str = "denoising_unet",
) -> keras.Model:
    """Builds a U-Net that predicts the noise in an image, told how noisy it is.

    At each size of maps are two convolutions; between them a vector of time and class is added. The
    last layer starts at 0. The default arguments give 555,521 parameters.

    Args:
        input_shape: `(height, width, channels)` of the images; multiples of 2 for each of the
            filters but the first.
        classes: How many the network is told; with 0 it has no third input.
        filters: Feature maps at each size, the image's first, then half of it, and so on.
        time_units: Numbers of `time_embedding`, even.
        activation: Name of a Keras activation.
        name: Name of the model.

    Returns:
        An uncompiled model: "image" `(batch, height, width, channels)`, values around -1 to 1,
        "time" `(batch, time_units)`, a row of `time_embedding`, and, with classes, "class"
        `(batch, classes)`, one-hot, to the noise, of the image's shape.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, appendix B;
        here without attention, and with batch normalization, which a device folds away.
    """
    check_classifier(input_shape, 1)
    check_generative(time_units, classes, filters)
    if not filters:
        raise ValueError("expected filters of one size or more, received none")
    check_size(input_shape[0], input_shape[1], 2 ** (len(filters) - 1))
    images, time, *labels = inputs = [
        keras.Input(input_shape, name="image"),
        keras.Input((time_units,), name="time"),
        *class_input(classes),
    ]
    condition = keras.layers.Dense(4 * filters[0], name="time_dense")(time)
    if labels:
        embedding = keras.layers.Dense(4 * filters[0], use_bias=False, name="class_embedding")
        condition = keras.layers.Add(name="with_class")([condition, embedding(labels[0])])
    condition = keras.layers.Activation(activation, name="condition")(condition)

    x = keras.layers.Conv2D(filters[0], 3, padding="same", name="stem")(images)
    skips = []
    for level, width in enumerate(filters, start=1):
        if level > 1:
            x = keras.layers.Conv2D(width, 3, strides=2, padding="same", name=f"down{level}")(x)
        x = _residual(x, condition, width, activation, f"encoder{level}")
        skips.append(x)
    for level in range(len(filters) - 1, 0, -1):
        x = upsample(x, name=f"up{level}_resize")
        x = keras.layers.Concatenate(name=f"up{level}")([x, skips[level - 1]])
        x = _residual(x, condition, filters[level - 1], activation, f"decoder{level}")
    outputs = keras.layers.Conv2D(
        input_shape[-1], 3, padding="same", kernel_initializer="zeros", name="noise"
    )(x)
    return keras.Model(inputs, outputs, name=name)


def _residual(
    x: KerasTensor, condition: KerasTensor, width: int, activation: str, name: str
) -> KerasTensor:
    shortcut = x
    if x.shape[-1] != width:
        shortcut = keras.layers.Conv2D(width, 1, name=f"{name}_shortcut")(x)
    x = conv_block(x, width, activation=activation, name=f"{name}_block1")
    moved = keras.layers.Dense(width, name=f"{name}_condition")(condition)
    moved = keras.layers.Reshape((1, 1, width), name=f"{name}_everywhere")(moved)
    x = keras.layers.Add(name=f"{name}_conditioned")([x, moved])
    x = conv_block(x, width, activation=activation, name=f"{name}_block2")
    return keras.layers.Add(name=f"{name}_add")([x, shortcut])


@keras.saving.register_keras_serializable("thinkkeras")
class Diffusion(GenerativeTrainer):
    """Trains a network to find the noise that was put into images.

    Every image gets a step of the schedule at random, and noise as that step has it. The loss,
    which `fit(images)` shows also as `noise`, is the mean squared error of the noise, 1 for a
    network that finds none. Samples are far better from weights averaged over the training: compile
    with an optimizer that has `use_ema=True`, whose average `fit` leaves in the network.

    Args:
        denoiser: As `denoising_unet` gives it.
        steps: Of the schedule.
        schedule: "cosine" or "linear".
        seed: Of steps and noise.
        name: Name of the model.

    Attributes:
        kept: What the schedule gives, `(steps,)`, for `sample_diffusion`.
        times: `time_embedding` of its steps.

    Raises:
        ValueError: The schedule is unknown, or has fewer than two steps.

    Source: Ho, Jain and Abbeel, NeurIPS 2020, algorithm 1 and equation 14.
    """

    def __init__(
        self,
        denoiser: keras.Model,
        *,
        steps: int = 1000,
        schedule: str = "cosine",
        seed: int | None = None,
        name: str = "diffusion",
    ) -> None:
        if schedule not in SCHEDULES:
            raise ValueError(
                f"expected schedule one of {', '.join(SCHEDULES)}, received {schedule!r}"
            )
        classes = sum(x.shape[1] for x in denoiser.inputs[2:])
        super().__init__({"denoiser": denoiser}, classes, ("noise",), seed, name)
        self.steps, self.schedule = steps, schedule
        self.kept = SCHEDULES[schedule](steps)
        self.times = time_embedding(steps, denoiser.inputs[1].shape[1])

    def loss_parts(
        self, images: KerasTensor, classes: list[KerasTensor], training: bool
    ) -> tuple[KerasTensor, tuple[KerasTensor, ...]]:
        images = images / 127.5 - 1
        count = ops.shape(images)[0]
        step = keras.random.randint((count,), 0, self.steps, seed=self.noise_seed)
        noise = keras.random.normal(ops.shape(images), seed=self.noise_seed)
        signal, share = (
            ops.reshape(ops.take(ops.convert_to_tensor(each, "float32"), step), (-1, 1, 1, 1))
            for each in (np.sqrt(self.kept), np.sqrt(1 - self.kept))
        )
        time = ops.take(ops.convert_to_tensor(self.times), step, axis=0)
        found = self.denoiser([signal * images + share * noise, time, *classes], training=training)
        loss = ops.mean(ops.square(found - noise))
        return loss, (loss,)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"steps": self.steps, "schedule": self.schedule}


def diffusion(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    *,
    classes: int = 0,
    filters: Sequence[int] = (32, 64, 96),
    steps: int = 1000,
    schedule: str = "cosine",
    seed: int | None = None,
    name: str = "diffusion",
) -> Diffusion:
    """Builds a `Diffusion` of a `denoising_unet`. Args, raises and sources are theirs."""
    denoiser = denoising_unet(input_shape, classes=classes, filters=filters)
    return Diffusion(denoiser, steps=steps, schedule=schedule, seed=seed, name=name)


def noise_predictor(
    denoiser: keras.Model, steps: int = 1000, labels: np.ndarray | None = None
) -> Denoise:
    """A trained network as `sample_diffusion` takes it: images and their steps to the noise.

    Args:
        denoiser: As `denoising_unet` gives it.
        steps: Of the schedule that it was trained with.
        labels: The class of each image, `(batch,)`, of a network with classes.
    """
    times = time_embedding(steps, denoiser.inputs[1].shape[1])
    rows = []
    if len(denoiser.inputs) > 2:
        rows = [np.eye(denoiser.inputs[2].shape[1], dtype=np.float32)[np.asarray(labels)]]

    def denoise(x: np.ndarray, step: np.ndarray) -> np.ndarray:
        return denoiser.predict_on_batch([x, times[step], *rows])

    return denoise
