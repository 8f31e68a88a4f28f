"""Generative adversarial networks: DCGAN and Wasserstein with gradient penalty, also by class."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import KerasTensor, ops

from thinkkeras.losses import minimax_loss, non_saturating_loss, wasserstein_loss
from thinkkeras.models.arguments import check_classifier, check_size
from thinkkeras.models.blocks import growing_maps, maps_from_code
from thinkkeras.models.generative.gradients import input_gradient
from thinkkeras.models.generative.trainer import (
    GenerativeTrainer,
    check_generative,
    class_input,
    one_or_all,
)
from thinkkeras.optimizers import Alternating

# By name: logits of real and fake examples to the losses of discriminator and generator.
LOSSES = {
    "non_saturating": non_saturating_loss,
    "minimax": minimax_loss,
    "wasserstein": wasserstein_loss,
}


def gan_generator(
    output_shape: tuple[int, int, int] = (28, 28, 1),
    noise: int = 64,
    *,
    classes: int = 0,
    filters: Sequence[int] = (128, 64),
    name: str = "generator",
) -> keras.Model:
    """Builds what paints noise: maps whose height and width double, with batch normalization.

    The way up is bilinear, then convolved, where DCGAN transposes convolutions: what every target
    has, and no checkerboard. The class is embedded into as many numbers as the noise has, and
    multiplied with it. The default arguments give 649,025 parameters.

    Args:
        output_shape: `(height, width, channels)` of the images; multiples of 2 for each of the
            filters.
        noise: Numbers of noise, from the standard normal distribution.
        classes: How many the generator is told; with 0 it has no second input.
        filters: Feature maps after each doubling; the first is also what the maps begin with.
        name: Name of the model.

    Returns:
        An uncompiled model: "noise" `(batch, noise)` and, with classes, "class" `(batch, classes)`,
        one-hot, to images `(batch, height, width, channels)`, pixels in 0-255.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep Convolutional
        Generative Adversarial Networks", ICLR 2016, section 3; Odena, Dumoulin and Olah,
        "Deconvolution and Checkerboard Artifacts", Distill 2016.
    """
    _check(output_shape, noise, classes, filters)
    height, width, channels = output_shape
    inputs = [keras.Input((noise,), name="noise"), *class_input(classes)]
    x = inputs[0]
    if classes:
        embedding = keras.layers.Dense(
            noise,
            use_bias=False,
            kernel_initializer=keras.initializers.RandomNormal(1.0, 0.5),
            name="class_embedding",
        )
        x = keras.layers.Multiply(name="with_class")([x, embedding(inputs[1])])
    stride = 2 ** len(filters)
    shape = (height // stride, width // stride, filters[0])
    x = maps_from_code(x, shape, batch_normalization=True)
    x = growing_maps(x, filters)
    x = keras.layers.Conv2D(channels, 3, padding="same", activation="tanh", name="outputs")(x)
    x = keras.layers.Rescaling(127.5, offset=127.5, name="pixels")(x)
    return keras.Model(one_or_all(inputs), x, name=name)


def gan_discriminator(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    *,
    classes: int = 0,
    filters: Sequence[int] = (64, 128),
    dropout: float = 0.0,
    name: str = "discriminator",
) -> keras.Model:
    """Builds what tells real from fake: strided convolutions, leaky ReLUs, one number.

    It has no batch normalization, under which a gradient penalty of single examples would have no
    meaning. The class is embedded into as many numbers as there are features, and their product
    with the features is added to the output. The default arguments give 212,865 parameters.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255.
        classes: How many the discriminator is told; with 0 it has no second input.
        filters: Feature maps after each halving.
        dropout: Fraction of each stage's activations dropped in training.
        name: Name of the model.

    Returns:
        An uncompiled model: "image" `(batch, height, width, channels)` and, with classes, "class"
        `(batch, classes)`, one-hot, to logits `(batch, 1)`.

    Raises:
        ValueError: An argument is out of range.

    Source:
        Radford, Metz and Chintala, ICLR 2016, section 3; Miyato and Koyama, "cGANs with Projection
        Discriminator", ICLR 2018, equation 4 (the class).
    """
    _check(input_shape, 1, classes, filters)
    inputs = [keras.Input(input_shape, name="image"), *class_input(classes)]
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs[0])
    for stage, width in enumerate(filters, start=1):
        x = keras.layers.Conv2D(width, 5, strides=2, padding="same", name=f"down{stage}")(x)
        # A leaky ReLU. Of Keras's own, TensorFlow's graph optimizer makes an error and says so.
        x = ops.maximum(x, 0.2 * x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"down{stage}_dropout")(x)
    features = keras.layers.Flatten(name="features")(x)
    x = keras.layers.Dense(1, name="logit")(features)
    if classes:
        embedding = keras.layers.Dense(features.shape[1], use_bias=False, name="class_embedding")
        product = keras.layers.Dot(axes=1, name="projection")([features, embedding(inputs[1])])
        x = keras.layers.Add(name="with_class")([x, product])
    return keras.Model(one_or_all(inputs), x, name=name)


@keras.saving.register_keras_serializable("thinkkeras")
class GAN(GenerativeTrainer):
    """Trains a generator and a discriminator against each other, in one pass.

    One loss holds both: the discriminator's, in which the fakes are constants, and the generator's,
    in which the discriminator's weights are. Its gradient is that of two separate losses at the
    same weights, and `compile` gives each network an optimizer of its own. `fit(images)` shows
    both losses as `discriminator` and `generator`; with a gradient penalty, as `penalty`, the
    unweighted one, which `discriminator` doesn't hold.

    Args:
        discriminator: As `gan_discriminator` gives it.
        generator: As `gan_generator` gives it.
        loss: A name in `LOSSES`: "non_saturating", "wasserstein", or "minimax", which theory has
            and nobody trains with.
        gradient_penalty: Weight of the penalty on the discriminator's slope between real and fake
            images, in which pixels count from -1 to 1; 0 is none.
        critic_steps: The generator takes the last one of so many steps of the discriminator.
        seed: Of noise, and of the places where the slope is measured.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of range, or the networks don't fit each other.

    Source:
        Goodfellow et al., "Generative Adversarial Nets", NIPS 2014; Gulrajani et al., "Improved
        Training of Wasserstein GANs", NIPS 2017, equation 3 and algorithm 1.
    """

    def __init__(
        self,
        discriminator: keras.Model,
        generator: keras.Model,
        *,
        loss: str = "non_saturating",
        gradient_penalty: float = 0.0,
        critic_steps: int = 1,
        seed: int | None = None,
        name: str = "gan",
    ) -> None:
        if loss not in LOSSES:
            raise ValueError(f"expected loss one of {', '.join(LOSSES)}, received {loss!r}")
        if gradient_penalty < 0 or critic_steps < 1:
            raise ValueError(
                "expected gradient_penalty of at least 0 and critic_steps of at least 1, received "
                f"{gradient_penalty} and {critic_steps}"
            )
        shapes = [generator.outputs[0].shape, discriminator.inputs[0].shape]
        classes = [[x.shape[1] for x in part.inputs[1:]] for part in (generator, discriminator)]
        if shapes[0] != shapes[1] or classes[0] != classes[1]:
            raise ValueError(
                "expected a discriminator of what the generator makes, for the same classes, "
                f"received images of {shapes} and classes {classes}"
            )
        reported = ("discriminator", "generator", *(["penalty"] if gradient_penalty else []))
        super().__init__(
            {"discriminator": discriminator, "generator": generator},
            sum(classes[0]),
            reported,
            seed,
            name,
        )
        self.game = loss
        self.gradient_penalty, self.critic_steps = float(gradient_penalty), critic_steps

    def compile(
        self,
        optimizer: Any = "adam",
        generator_optimizer: Any = None,
        **options: Any,
    ) -> None:
        """Configures training.

        Args:
            optimizer: The discriminator's.
            generator_optimizer: The generator's; None is another one like the discriminator's.
            **options: Of `keras.Model.compile`: `jit_compile`, say.
        """
        if isinstance(optimizer, Alternating):
            super().compile(optimizer, **options)
            return
        first = keras.optimizers.get(optimizer)
        second = keras.optimizers.get(
            generator_optimizer or type(first).from_config(first.get_config())
        )
        count = len(self.discriminator.trainable_variables)
        super().compile(Alternating(first, second, count, self.critic_steps), **options)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def loss_parts(
        self, images: KerasTensor, classes: list[KerasTensor], training: bool
    ) -> tuple[KerasTensor, tuple[KerasTensor, ...]]:
        shape = (ops.shape(images)[0], self.generator.inputs[0].shape[1])
        noise = keras.random.normal(shape, seed=self.noise_seed)
        fakes = self.generator(one_or_all([noise, *classes]), training=training)
        fixed = ops.stop_gradient(fakes)
        real = self.discriminator(one_or_all([images, *classes]), training=training)
        fake = self.discriminator(one_or_all([fixed, *classes]), training=training)
        judged = constant_call(self.discriminator, one_or_all([fakes, *classes]), training=training)
        discriminator, _ = LOSSES[self.game](real, fake)
        _, generator = LOSSES[self.game](ops.stop_gradient(real), judged)
        loss = discriminator + generator
        parts: tuple[KerasTensor, ...] = (discriminator, generator)
        if self.gradient_penalty:
            penalty = self.penalty(images, fixed, classes, training)
            loss, parts = loss + self.gradient_penalty * penalty, (*parts, penalty)
        return loss, parts

    def penalty(
        self,
        images: KerasTensor,
        fakes: KerasTensor,
        classes: list[KerasTensor],
        training: bool,
    ) -> KerasTensor:
        """How far the norm of the discriminator's slope is from 1, squared, in the batch's mean."""
        share = keras.random.uniform((ops.shape(images)[0], 1, 1, 1), seed=self.noise_seed)
        between = (share * images + (1 - share) * fakes) / 127.5 - 1

        def logits(scaled: KerasTensor) -> KerasTensor:
            return self.discriminator(
                one_or_all([127.5 * (scaled + 1), *classes]), training=training
            )

        slopes = ops.sum(ops.square(input_gradient(logits, between)), axis=(1, 2, 3))
        # The square root has no slope at 0.
        return ops.mean(ops.square(ops.sqrt(slopes + 1e-12) - 1))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "loss": self.game,
            "gradient_penalty": self.gradient_penalty,
            "critic_steps": self.critic_steps,
        }


def dcgan(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    noise: int = 64,
    *,
    classes: int = 0,
    filters: Sequence[int] = (64, 128),
    dropout: float = 0.3,
    loss: str = "non_saturating",
    seed: int | None = None,
    name: str = "dcgan",
) -> GAN:
    """Builds a `GAN` with the non-saturating loss; `filters` are the discriminator's.

    The generator has them the other way round. The paper trains both with Adam, learning rate 2e-4
    and `beta_1=0.5`. Args, raises and sources are those of the networks.
    """
    return GAN(
        gan_discriminator(input_shape, classes=classes, filters=filters, dropout=dropout),
        gan_generator(input_shape, noise, classes=classes, filters=filters[::-1]),
        loss=loss,
        seed=seed,
        name=name,
    )


def wgan_gp(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    noise: int = 64,
    *,
    classes: int = 0,
    filters: Sequence[int] = (64, 128),
    gradient_penalty: float = 10.0,
    critic_steps: int = 5,
    seed: int | None = None,
    name: str = "wgan_gp",
) -> GAN:
    """Builds a `GAN` with the Wasserstein loss and a gradient penalty; `filters` are the critic's.

    The generator has them the other way round, and takes every `critic_steps`-th step. The paper
    trains both with Adam, learning rate 1e-4, `beta_1=0` and `beta_2=0.9`. Args, raises and sources
    are those of `GAN` and the networks.
    """
    return GAN(
        gan_discriminator(input_shape, classes=classes, filters=filters, name="critic"),
        gan_generator(input_shape, noise, classes=classes, filters=filters[::-1]),
        loss="wasserstein",
        gradient_penalty=gradient_penalty,
        critic_steps=critic_steps,
        seed=seed,
        name=name,
    )


def constant_call(model: keras.Model, inputs: Any, training: bool) -> KerasTensor:
    """What a model makes of inputs, its weights constants: the gradient flows to the inputs alone.

    What the model keeps besides (averages of a normalization, seeds of a dropout) stays as it was.
    """
    weights = [ops.stop_gradient(variable) for variable in model.trainable_variables]
    state = [variable.value for variable in model.non_trainable_variables]
    outputs, _ = model.stateless_call(weights, state, inputs, training=training)
    return outputs


def _check(shape: tuple[int, int, int], noise: int, classes: int, filters: Sequence[int]) -> None:
    check_classifier(shape, 1)
    check_generative(noise, classes, filters)
    if not filters:
        raise ValueError("expected filters of one stage or more, received none")
    check_size(shape[0], shape[1], 2 ** len(filters))
