"""The session's generators by name, each trained for a given time."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from deploy.runtime.tasks.generation import draw_noise
from thinkkeras.models import generative

Shape = tuple[int, int, int]


class Recipe(NamedTuple):
    """What a set of images asks for; the networks that paint have about the same size."""

    code: int  # numbers of the VAE's code
    filters: tuple[int, ...]  # of the VAE's encoder; its decoder has them the other way round
    units: tuple[int, ...]
    noise: int  # numbers of the GANs' noise
    gan_filters: tuple[int, ...]  # of the discriminator
    critic_steps: int  # of the WGAN-GP's critic for one of its generator
    unet_filters: tuple[int, ...]
    codebook: tuple[int, int]  # vectors, and the numbers of each
    prior: tuple[int, int]  # units and layers
    batch_size: int
    epochs: int  # of the lesson's own trainings
    seconds: float  # of each training that is compared
    seeds: int
    examples: int  # images that are generated and judged, at most
    likelihood: tuple[int, int]  # test images, and codes of each
    steps: int  # of the diffusion's sampling on the device


class Generator(NamedTuple):
    """A trained model that makes images."""

    trainer: keras.Model
    network: keras.Model  # what makes images of noise: one of the trainer's
    draw: Callable[[int, int], np.ndarray]  # how many, and a seed, to pixels of 0-255
    parameters: int  # of all that is needed to make images
    trained: int  # of all that was trained
    steps: int  # batches seen
    seconds: float


class TrainFor(keras.callbacks.Callback):
    """Ends the training after some seconds, counted from the end of the first batch.

    The first batch builds the graph, which a longer training would not notice.

    Args:
        seconds: until the end.
        learning_rate: falls from this along a cosine of the time; None leaves the optimizer's.

    Attributes:
        steps: batches seen.
        spent: seconds.
    """

    def __init__(self, seconds: float, learning_rate: float | None = None) -> None:
        super().__init__()
        self.seconds, self.learning_rate = seconds, learning_rate
        self.steps, self.spent = 0, 0.0
        self.started: float | None = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        now = time.perf_counter()
        self.started = self.started or now
        self.steps, self.spent = self.steps + 1, now - self.started
        share = self.spent / self.seconds
        if share >= 1:
            self.model.stop_training = True
        elif self.learning_rate is not None:
            falling = self.learning_rate * (1 + np.cos(np.pi * share)) / 2
            self.model.optimizer.learning_rate = falling


def classes_in_turn(count: int, classes: int) -> np.ndarray:
    """0, 1, 2, …, and from 0 again, `(count,)`: the device's order where no class is asked for."""
    return np.arange(count) % classes


def paint(
    network: keras.Model, noise: np.ndarray, labels: np.ndarray | None = None, steps: int = 20
) -> np.ndarray:
    """The images that a network makes of noise.

    Args:
        network: a decoder of pixels, a generator, or a denoiser, which has an input "time" and was
            trained with the cosine schedule of 1,000 steps.
        noise: `(examples, …)`, as the network's first input.
        labels: classes `(examples,)`, of a network with an input "class".
        steps: how often a denoiser is asked (DDIM).

    Returns:
        Pixels of 0-255, float32 `(examples, height, width, channels)`.
    """
    told = {x.name: x.shape[1] for x in network.inputs if x.name == "class"}
    if any(x.name == "time" for x in network.inputs):
        kept = generative.cosine_schedule()
        parts = []
        for start in range(0, len(noise), 500):
            part = slice(start, start + 500)
            denoise = generative.noise_predictor(
                network, labels=labels[part] if told and labels is not None else None
            )
            parts.append(generative.sample_diffusion(denoise, noise[part], kept, steps=steps))
        return generative.pixels(np.concatenate(parts))
    if told:
        one_hot: np.ndarray = np.eye(told["class"], dtype="float32")[labels]
        return network.predict([noise, one_hot], batch_size=500, verbose=0)
    return network.predict(noise, batch_size=500, verbose=0)


def drawing(network: keras.Model, steps: int = 20) -> Callable[[int, int], np.ndarray]:
    """A function from how many and a seed to images: the device draws the same noise of it."""

    def draw(count: int, seed: int = 0) -> np.ndarray:
        labels = None
        if network.inputs[-1].name == "class":
            labels = classes_in_turn(count, network.inputs[-1].shape[1])
        return paint(network, draw_noise(network.inputs[0].shape[1:], count, seed), labels, steps)

    return draw


def plain_dcgan(
    input_shape: Shape = (28, 28, 1), noise: int = 128, seed: int | None = None
) -> generative.GAN:
    """The yardstick: keras-io's DCGAN, its layers and their order, fitted to small images.

    Transposed convolutions of 4x4 without batch normalization, leaky ReLUs, a discriminator of 4x4
    convolutions with dropout. Its example paints 64x64 pixels with three doublings; here are two.

    Source: F. Chollet, "DCGAN to generate face images", keras.io/examples/generative, 2019.
    """
    height, width, channels = input_shape
    layers = keras.layers
    image = keras.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 255)(image)
    for filters in (64, 128):
        x = layers.Conv2D(filters, 4, strides=2, padding="same")(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Dropout(0.2)(layers.Flatten()(x))
    discriminator = keras.Model(image, layers.Dense(1)(x), name="discriminator")
    given = keras.Input((noise,), name="noise")
    x = layers.Dense(height // 4 * width // 4 * 128)(given)
    x = layers.Reshape((height // 4, width // 4, 128))(x)
    for filters in (128, 256):
        x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same")(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2D(channels, 5, padding="same", activation="sigmoid")(x)
    generator = keras.Model(given, layers.Rescaling(255.0)(x), name="generator")
    return generative.GAN(discriminator, generator, seed=seed, name="plain_dcgan")


def _vae(shape: Shape, classes: int, recipe: Recipe, seed: int) -> keras.Model:
    return generative.vae(
        shape, recipe.code, classes=classes, filters=recipe.filters, units=recipe.units, seed=seed
    )


def _dcgan(shape: Shape, classes: int, recipe: Recipe, seed: int) -> keras.Model:
    return generative.dcgan(
        shape, recipe.noise, classes=classes, filters=recipe.gan_filters, seed=seed
    )


def _wgan_gp(shape: Shape, classes: int, recipe: Recipe, seed: int) -> keras.Model:
    return generative.wgan_gp(
        shape,
        recipe.noise,
        classes=classes,
        filters=recipe.gan_filters,
        critic_steps=recipe.critic_steps,
        seed=seed,
    )


def _diffusion(shape: Shape, classes: int, recipe: Recipe, seed: int) -> keras.Model:
    return generative.diffusion(shape, classes=classes, filters=recipe.unet_filters, seed=seed)


def _vq_vae(shape: Shape, classes: int, recipe: Recipe, seed: int) -> keras.Model:
    vectors, dimensions = recipe.codebook
    return generative.vq_vae(shape, dimensions, codes=vectors, filters=recipe.filters, seed=seed)


class Method(NamedTuple):
    """How a model is built and trained."""

    build: Callable[[Shape, int, Recipe, int], keras.Model]
    optimizer: Callable[[], keras.optimizers.Optimizer]
    conditional: bool = False
    learning_rate: float | None = None  # falls from this along a cosine


def _adam(learning_rate: float, **options: Any) -> Callable[[], keras.optimizers.Optimizer]:
    return lambda: keras.optimizers.Adam(learning_rate, **options)


_OF_GANS = _adam(2e-4, beta_1=0.5)
_OF_CRITICS = _adam(4e-4, beta_1=0.0, beta_2=0.9)
_AVERAGED = _adam(2e-3, use_ema=True, ema_momentum=0.99)

METHODS = {
    "VAE": Method(_vae, _adam(2e-3), learning_rate=2e-3),
    "conditional VAE": Method(_vae, _adam(2e-3), True, 2e-3),
    "plain DCGAN": Method(
        lambda shape, classes, recipe, seed: plain_dcgan(shape, seed=seed), _adam(1e-4)
    ),
    "DCGAN": Method(_dcgan, _OF_GANS),
    "WGAN-GP": Method(_wgan_gp, _OF_CRITICS),
    "conditional GAN": Method(_dcgan, _OF_GANS, True),
    "diffusion": Method(_diffusion, _AVERAGED, learning_rate=2e-3),
    "conditional diffusion": Method(_diffusion, _AVERAGED, True, 2e-3),
    "VQ-VAE": Method(_vq_vae, _adam(2e-3), learning_rate=2e-3),
}


def painter(trainer: keras.Model) -> keras.Model:
    """Which of a trainer's networks makes images of noise, in pixels; of a VQ-VAE the decoder."""
    if isinstance(trainer, generative.VAE):
        return generative.pixel_decoder(trainer.decoder)
    if isinstance(trainer, generative.GAN):
        return trainer.generator
    return trainer.denoiser if isinstance(trainer, generative.Diffusion) else trainer.decoder


def make(
    name: str,
    images: np.ndarray,
    labels: np.ndarray,
    recipe: Recipe,
    seed: int = 0,
) -> Generator:
    """Trains one of the `METHODS` for the recipe's seconds.

    A VQ-VAE gets half of them, its prior the other half.

    Args:
        name: of the method.
        images: pixels of 0-255, `(examples, height, width, channels)`.
        labels: `(examples,)`, 0 and on; only conditional models look at them.
        recipe: for these images.
        seed: of weights, noise and order.
    """
    keras.utils.set_random_seed(seed)
    method = METHODS[name]
    classes = int(labels.max()) + 1 if method.conditional else 0
    trainer = method.build(images.shape[1:], classes, recipe, seed)
    trainer.compile(method.optimizer(), jit_compile=False)
    seconds = recipe.seconds / 2 if name == "VQ-VAE" else recipe.seconds
    given = (images.astype("float32"), *([labels] if classes else []))
    steps, spent = _fit(trainer, given, recipe, seconds, method.learning_rate)
    network = painter(trainer)
    trained = sum(int(np.prod(w.shape)) for w in trainer.trainable_variables)
    if name != "VQ-VAE":
        draw = drawing(network, recipe.steps)
        return Generator(trainer, network, draw, network.count_params(), trained, steps, spent)

    numbers = trainer.numbers(given[0])
    units, layers = recipe.prior
    prior = generative.code_prior(numbers.shape[1:], recipe.codebook[0], units=units, layers=layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    prior.compile(method.optimizer(), loss, jit_compile=False)
    more, longer = _fit(prior, (numbers, numbers), recipe, seconds, method.learning_rate)

    def draw_codes(count: int, seed: int = 0) -> np.ndarray:
        return trainer.images(generative.sample_codes(prior, count, seed))

    parameters = (
        network.count_params()
        + prior.count_params()
        + trainer.codebook.shape[0] * int(trainer.codebook.shape[1])
    )
    return Generator(
        trainer,
        network,
        draw_codes,
        parameters,
        trained + prior.count_params(),
        steps + more,
        spent + longer,
    )


def _fit(
    model: keras.Model,
    given: tuple[np.ndarray, ...],
    recipe: Recipe,
    seconds: float,
    learning_rate: float | None,
) -> tuple[int, float]:
    """Batches seen, and seconds."""
    clock = TrainFor(seconds, learning_rate)
    model.fit(
        *given,
        batch_size=recipe.batch_size,
        epochs=1_000_000,
        callbacks=[clock],
        verbose=0,
    )
    return clock.steps, clock.spent
