"""The variational autoencoder: a code that is a distribution, and a likelihood with a bound."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from thinkkeras.losses import bernoulli_log_likelihood, gaussian_kl, gaussian_log_density
from thinkkeras.models.arguments import check_classifier, check_size
from thinkkeras.models.blocks import conv_relu, growing_maps, maps_from_code
from thinkkeras.models.blocks.normalization import MOMENTUM
from thinkkeras.models.generative.trainer import (
    GenerativeTrainer,
    check_generative,
    class_input,
    one_or_all,
)

LIKELIHOODS = ("bernoulli", "gaussian")
# Of the Gaussian's variance: a quarter of a grey level's square, so that no likelihood is endless.
LEAST_VARIANCE = (0.5 / 255) ** 2


def vae_encoder(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    code: int = 32,
    *,
    classes: int = 0,
    filters: Sequence[int] = (32, 64),
    units: Sequence[int] = (256,),
    name: str = "encoder",
) -> keras.Model:
    """Builds what tells of an image where in the code it may lie: a mean and a log variance.

    Convolutions that halve height and width, then dense layers; `filters=()` leaves the dense ones
    alone, which is enough for 8×8 pixels. The default arguments give 838,336 parameters.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255; multiples of 2 for
            each of the filters.
        code: Numbers of the code.
        classes: How many the encoder is told; with 0 it has no second input.
        filters: Feature maps after each halving.
        units: Of the dense layers.
        name: Name of the model.

    Returns:
        An uncompiled model: "image" `(batch, height, width, channels)` and, with classes, "class"
        `(batch, classes)`, one-hot, to "mean" and "log_variance", `(batch, code)` each.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, appendix C; Sohn, Lee and
        Yan, "Learning Structured Output Representation using Deep Conditional Generative Models",
        NIPS 2015 (the class).
    """
    _check(input_shape, code, classes, filters, units)
    inputs = [keras.Input(input_shape, name="image"), *class_input(classes)]
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs[0])
    for stage, width in enumerate(filters, start=1):
        x = conv_relu(x, width, 3, strides=2, name=f"down{stage}")
    x = keras.layers.Flatten(name="flatten")(x)
    x = _with_class(x, inputs[1:])
    for layer, width in enumerate(units, start=1):
        x = keras.layers.Dense(width, activation="relu", name=f"layer{layer}")(x)
    outputs = [keras.layers.Dense(code, name=name)(x) for name in ("mean", "log_variance")]
    return keras.Model(one_or_all(inputs), outputs, name=name)


def vae_decoder(
    output_shape: tuple[int, int, int] = (28, 28, 1),
    code: int = 32,
    *,
    classes: int = 0,
    filters: Sequence[int] = (64, 32),
    units: Sequence[int] = (256,),
    name: str = "decoder",
) -> keras.Model:
    """Builds what paints a code: logits of the pixels, for a loss; `pixel_decoder` gives pixels.

    Dense layers, then maps whose height and width double, bilinearly, before each convolution;
    `filters=()` leaves the dense layers alone. The default arguments give 870,081 parameters.

    Args:
        output_shape: `(height, width, channels)` of the images; multiples of 2 for each of the
            filters.
        code: Numbers of the code.
        classes: How many the decoder is told; with 0 it has no second input.
        filters: Feature maps after each doubling; the first is also what the maps begin with.
        units: Of the dense layers.
        name: Name of the model.

    Returns:
        An uncompiled model: "code" `(batch, code)` and, with classes, "class" `(batch, classes)`,
        one-hot, to logits `(batch, height, width, channels)`.

    Raises:
        ValueError: An argument is out of range.

    Source: as `vae_encoder`.
    """
    _check(output_shape, code, classes, filters, units)
    inputs = [keras.Input((code,), name="code"), *class_input(classes)]
    x = _with_class(inputs[0], inputs[1:])
    for layer, width in enumerate(units, start=1):
        x = keras.layers.Dense(width, activation="relu", name=f"layer{layer}")(x)
    height, width, channels = output_shape
    if filters:
        stride = 2 ** len(filters)
        x = maps_from_code(x, (height // stride, width // stride, filters[0]))
        x = growing_maps(x, filters, batch_normalization=False)
        x = keras.layers.Conv2D(channels, 3, padding="same", name="logits")(x)
    else:
        x = keras.layers.Dense(prod(output_shape), name="logits")(x)
        x = keras.layers.Reshape(output_shape, name="reshape")(x)
    return keras.Model(one_or_all(inputs), x, name=name)


def pixel_decoder(decoder: keras.Model, *, name: str = "pixel_decoder") -> keras.Model:
    """A decoder that gives pixels of 0-255 in the place of logits: what generates, and is deployed.

    Args:
        decoder: As `vae_decoder` gives it; the weights stay shared.
        name: Name of the model.

    Returns:
        A model from the decoder's inputs to images `(batch, height, width, channels)`, each pixel
        the mean of its distribution.
    """
    x = keras.layers.Activation("sigmoid", name="sigmoid")(decoder.outputs[0])
    return keras.Model(
        one_or_all(decoder.inputs), keras.layers.Rescaling(255.0, name="pixels")(x), name=name
    )


@keras.saving.register_keras_serializable("thinkkeras")
class VAE(GenerativeTrainer):
    """Trains an encoder and a decoder by the evidence lower bound.

    The loss is `reconstruction` + β `kl`, in nats per image; with β = 1 it is minus the bound.
    `reconstruction` is minus the log likelihood of the image, given one code that the encoder's
    distribution draws: mean + deviation × noise, so that the gradient reaches both. As in
    `fit(images)`, `evaluate(images)` shows all three.

    Args:
        encoder: Images to mean and log variance of a code, as `vae_encoder` gives it.
        decoder: Codes to logits, as `vae_decoder` gives it.
        likelihood: Of the pixels. "bernoulli": each is black or white, and is drawn anew at every
            call, white with the probability of its grey value (dynamic binarisation; images that
            are binary already stay as they are). "gaussian": grey values in 0-1, independent,
            around the decoder's sigmoid, with one variance for all: the mean squared error, which
            is the likeliest, as a moving average over the batches.
        beta: Weight of the KL, a number or a schedule over training steps, such as
            `thinkkeras.schedules.warm_up`.
        seed: Of codes and binarisation.
        name: Name of the model.

    Raises:
        ValueError: The likelihood is unknown, or encoder and decoder don't fit each other.

    Source:
        Kingma and Welling, ICLR 2014, equation 10; Higgins et al., "beta-VAE", ICLR 2017;
        Salakhutdinov and Murray, "On the Quantitative Analysis of Deep Belief Networks", ICML 2008
        (dynamic binarisation); Rybkin, Daniilidis and Levine, "Simple and Effective VAE Training
        with Calibrated Decoders", ICML 2021 (the shared variance, equation 4).
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        likelihood: str = "bernoulli",
        beta: float | keras.optimizers.schedules.LearningRateSchedule = 1.0,
        seed: int | None = None,
        name: str = "vae",
    ) -> None:
        if likelihood not in LIKELIHOODS:
            raise ValueError(
                f"expected likelihood={' or '.join(map(repr, LIKELIHOODS))}, received "
                f"{likelihood!r}"
            )
        codes = [*(output.shape[1:] for output in encoder.outputs), decoder.inputs[0].shape[1:]]
        classes = [[x.shape[1] for x in part.inputs[1:]] for part in (encoder, decoder)]
        if len(codes) != 3 or len(set(codes)) > 1 or classes[0] != classes[1]:
            raise ValueError(
                "expected an encoder to mean and log variance of the decoder's code, for the same "
                f"classes, received codes of {codes} and classes {classes}"
            )
        super().__init__(
            {"encoder": encoder, "decoder": decoder},
            sum(classes[0]),
            ("reconstruction", "kl"),
            seed,
            name,
        )
        self.likelihood, self.beta = likelihood, beta
        self.steps = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="steps"
        )
        if likelihood == "gaussian":
            self.variance = self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(0.1),
                trainable=False,
                name="variance",
            )

    def loss_parts(
        self, images: KerasTensor, classes: list[KerasTensor], training: bool
    ) -> tuple[KerasTensor, tuple[KerasTensor, ...]]:
        images = self.binarized(images)
        mean, log_variance = self.encoder(one_or_all([images, *classes]), training=training)
        code = self.sampled(mean, log_variance)
        logits = self.decoder(one_or_all([code, *classes]), training=training)
        reconstruction = -ops.mean(self.log_likelihood(images, logits))
        kl = ops.mean(gaussian_kl(mean, log_variance))
        if training and self.likelihood == "gaussian":
            error = ops.mean(ops.square(images / 255 - ops.sigmoid(logits)))
            variance = MOMENTUM * self.variance + (1 - MOMENTUM) * ops.stop_gradient(error)
            self.variance.assign(ops.maximum(variance, LEAST_VARIANCE))
        beta = self.beta(self.steps) if callable(self.beta) else self.beta
        if training:
            self.steps.assign_add(1)
        return reconstruction + beta * kl, (reconstruction, kl)

    def binarized(self, images: KerasTensor) -> KerasTensor:
        """Pixels of 0-255 as this likelihood sees them: drawn black or white, or as they are."""
        if self.likelihood == "gaussian":
            return images
        drawn = keras.random.uniform(ops.shape(images), seed=self.noise_seed)
        return 255 * ops.cast(255 * drawn < images, images.dtype)

    def sampled(self, mean: KerasTensor, log_variance: KerasTensor) -> KerasTensor:
        """A code that the Gaussian draws, with a gradient to mean and log variance."""
        noise = keras.random.normal(ops.shape(mean), seed=self.noise_seed)
        return mean + ops.exp(0.5 * log_variance) * noise

    def log_likelihood(self, images: KerasTensor, logits: KerasTensor) -> KerasTensor:
        """Nats `(batch,)` of images in 0-255, given the decoder's logits."""
        if self.likelihood == "gaussian":
            return gaussian_log_density(images / 255, ops.sigmoid(logits), ops.log(self.variance))
        return bernoulli_log_likelihood(images / 255, logits)

    def get_config(self) -> dict[str, Any]:
        beta = keras.saving.serialize_keras_object(self.beta) if callable(self.beta) else self.beta
        return super().get_config() | {"likelihood": self.likelihood, "beta": beta}


def vae(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    code: int = 32,
    *,
    classes: int = 0,
    filters: Sequence[int] = (32, 64),
    units: Sequence[int] = (256,),
    likelihood: str = "bernoulli",
    beta: float | keras.optimizers.schedules.LearningRateSchedule = 1.0,
    seed: int | None = None,
    name: str = "vae",
) -> VAE:
    """Builds a `VAE` of a `vae_encoder` and a `vae_decoder` that mirrors it.

    Args, raises and sources are theirs; `filters` and `units` are the encoder's.
    """
    encoder = vae_encoder(input_shape, code, classes=classes, filters=filters, units=units)
    decoder = vae_decoder(
        input_shape, code, classes=classes, filters=filters[::-1], units=units[::-1]
    )
    return VAE(encoder, decoder, likelihood=likelihood, beta=beta, seed=seed, name=name)


def log_weights(
    model: VAE,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    samples: int = 500,
    at_once: int = 10,
    batch_size: int = 64,
) -> Iterator[np.ndarray]:
    """Draws codes and tells how much each explains its image: log p(x, z) - log q(z | x).

    `thinkkeras.metrics.importance_weighted_bound` makes the likelihood of them; their mean is the
    evidence lower bound.

    Args:
        model: A trained `VAE`.
        images: Pixels of 0-255, `(examples, height, width, channels)`; for a Bernoulli likelihood
            of 0 and 255 alone (`binarized` draws such ones), since each sample is to see the same.
        labels: `(examples,)` of a model with classes.
        samples: Codes of each image.
        at_once: Codes of each image that are decoded together; a divisor of `samples`.
        batch_size: Images of a batch.

    Yields:
        Nats, `(examples, at_once)`, `samples / at_once` times.

    Raises:
        ValueError: The images are not binary where they must be; `at_once` is no divisor.

    Source: Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016,
    equation 7.
    """
    if model.likelihood == "bernoulli" and not np.isin(images, (0, 255)).all():
        raise ValueError(
            "expected binary images, of 0 and 255, received grey values; draw them once with "
            "binarized(images)"
        )
    if at_once < 1 or samples < 1 or samples % at_once:
        raise ValueError(
            f"expected at_once to be a divisor of samples, received {at_once} and {samples}"
        )
    inputs = [images.astype("float32"), *map(ops.convert_to_numpy, model.one_hot(labels))]
    weights = _LogWeights(model, at_once)
    for _ in range(samples // at_once):
        yield weights.predict(inputs, batch_size=batch_size, verbose=0)


def binarized(images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Pixels of 0-255 drawn as 0 or 255, white with the probability of the grey value: float32."""
    drawn = np.random.default_rng(seed).random(images.shape)
    return np.where(255 * drawn < images, 255, 0).astype(np.float32)


class _LogWeights(keras.Model):
    """A model only because Keras compiles its `predict` on every backend."""

    def __init__(self, vae: VAE, count: int) -> None:
        super().__init__(name="log_weights")
        self.vae, self.count = vae, count
        self.built = True
        self.jit_compile = vae.jit_compile

    def call(self, inputs: list[KerasTensor]) -> KerasTensor:
        images, *_ = repeated = [ops.repeat(x, self.count, axis=0) for x in inputs]
        moments = self.vae.encoder(one_or_all(inputs), training=False)
        mean, log_variance = (ops.repeat(x, self.count, axis=0) for x in moments)
        code = self.vae.sampled(mean, log_variance)
        logits = self.vae.decoder(one_or_all([code, *repeated[1:]]), training=False)
        weights = (
            self.vae.log_likelihood(images, logits)
            + gaussian_log_density(code, 0.0, ops.zeros_like(code))
            - gaussian_log_density(code, mean, log_variance)
        )
        return ops.reshape(weights, (-1, self.count))


def _with_class(x: KerasTensor, classes: list[KerasTensor]) -> KerasTensor:
    return keras.layers.Concatenate(name="with_class")([x, *classes]) if classes else x


def _check(
    shape: tuple[int, int, int],
    code: int,
    classes: int,
    filters: Sequence[int],
    units: Sequence[int],
) -> None:
    check_classifier(shape, 1)
    check_generative(code, classes, filters, units)
    check_size(shape[0], shape[1], 2 ** len(filters))
