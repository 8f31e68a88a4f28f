"""The VQ-VAE: a code of whole numbers, each the number of a vector, and what draws such codes."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from thinkkeras.models.blocks.normalization import MOMENTUM
from thinkkeras.models.generative.trainer import GenerativeTrainer, check_generative
from thinkkeras.models.representation import conv_autoencoder


@keras.saving.register_keras_serializable("thinkkeras")
class VQVAE(GenerativeTrainer):
    """Trains an encoder, a decoder and the codebook between them.

    Every vector of the encoder's map is replaced by the nearest one of the codebook; the gradient
    passes as if it were not. The loss is `reconstruction` (the mean squared error of pixels that
    count from -1 to 1) + `codebook` (which moves the codebook to the encoder's vectors) +
    commitment × the same distance (which moves them to the codebook).

    It compresses and reconstructs; to generate it needs a `code_prior`, trained on its `numbers`.

    Args:
        encoder: Images to a map of vectors `(batch, rows, columns, dimensions)`, about of mean 0
            and variance 1.
        decoder: Such a map to images, pixels in 0-255.
        codes: How many vectors the codebook has.
        commitment: Weight of the encoder's share.
        seed: Of the codebook's first vectors.
        name: Name of the model.

    Raises:
        ValueError: There are fewer than two codes, or encoder and decoder don't fit each other.

    Source:
        van den Oord, Vinyals and Kavukcuoglu, "Neural Discrete Representation Learning", NIPS 2017,
        equation 3.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        codes: int = 64,
        commitment: float = 0.25,
        seed: int | None = None,
        name: str = "vq_vae",
    ) -> None:
        maps = [encoder.outputs[0].shape[1:], decoder.inputs[0].shape[1:]]
        if codes < 2 or len(maps[0]) != 3 or maps[0] != maps[1]:
            raise ValueError(
                "expected two codes or more, and a decoder of the encoder's map, received "
                f"{codes} codes and maps of {maps}"
            )
        parts = ("reconstruction", "codebook")
        super().__init__({"encoder": encoder, "decoder": decoder}, 0, parts, seed, name)
        self.codes, self.commitment = codes, float(commitment)
        self.codebook = self.add_weight(
            shape=(codes, maps[0][-1]),
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=seed),
            name="codebook",
        )

    def loss_parts(
        self, images: KerasTensor, classes: list[KerasTensor], training: bool
    ) -> tuple[KerasTensor, tuple[KerasTensor, ...]]:
        vectors = self.encoder(images, training=training)
        nearest = ops.take(self.codebook, self.nearest(vectors), axis=0)
        straight = vectors + ops.stop_gradient(nearest - vectors)
        painted = self.decoder(straight, training=training)
        reconstruction = ops.mean(ops.square((painted - images) / 127.5))
        codebook = ops.mean(ops.square(ops.stop_gradient(vectors) - nearest))
        commitment = ops.mean(ops.square(vectors - ops.stop_gradient(nearest)))
        loss = reconstruction + codebook + self.commitment * commitment
        return loss, (reconstruction, codebook)

    def nearest(self, vectors: KerasTensor) -> KerasTensor:
        """Numbers of the nearest codes, int32 `(…,)`, of vectors `(…, dimensions)`."""
        lengths = ops.sum(ops.square(self.codebook), axis=-1)
        distances = lengths - 2 * ops.matmul(vectors, ops.transpose(self.codebook))
        return ops.cast(ops.argmin(distances, axis=-1), "int32")

    def numbers(self, images: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """The codes of images with pixels of 0-255: int32 `(examples, rows, columns)`."""
        vectors = self.encoder.predict(images, batch_size=batch_size, verbose=0)
        return ops.convert_to_numpy(self.nearest(ops.convert_to_tensor(vectors)))

    def images(self, numbers: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """The images of codes `(examples, rows, columns)`: pixels of 0-255."""
        vectors = ops.convert_to_numpy(self.codebook)[numbers]
        return self.decoder.predict(vectors, batch_size=batch_size, verbose=0)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"codes": self.codes, "commitment": self.commitment}


def vq_vae(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    dimensions: int = 16,
    *,
    codes: int = 64,
    filters: Sequence[int] = (32, 64),
    commitment: float = 0.25,
    seed: int | None = None,
    name: str = "vq_vae",
) -> VQVAE:
    """Builds a `VQVAE` of the halves of a `conv_autoencoder` whose code is a map.

    The encoder's vectors are normalized over the batch, so that the codebook, which is drawn from a
    standard normal distribution, lies among them: else most codes are never the nearest.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255; multiples of 2 for
            each of the filters.
        dimensions: Numbers of a vector.
        codes: How many vectors the codebook has.
        filters: Feature maps after each halving.
        commitment: As `VQVAE` has it.
        seed: Of the codebook.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of range.

    Source:
        van den Oord et al., NIPS 2017; Łańcucki et al., "Robust Training of Vector Quantized
        Bottleneck Models", IJCNN 2020 (the normalization).
    """
    halves = conv_autoencoder(input_shape, None, filters=filters, code_filters=dimensions)
    encoder, decoder = halves.get_layer("encoder"), halves.get_layer("decoder")
    norm = keras.layers.BatchNormalization(
        momentum=MOMENTUM, center=False, scale=False, name="code_bn"
    )
    encoder = keras.Model(encoder.inputs[0], norm(encoder.outputs[0]), name="encoder")
    return VQVAE(encoder, decoder, codes=codes, commitment=commitment, seed=seed, name=name)


@keras.saving.register_keras_serializable("thinkkeras")
class CausalConv2D(keras.layers.Conv2D):
    """A convolution that sees what is above, and in the same row what is to the left.

    Args:
        filters: Feature maps it makes.
        kernel_size: Side of the square kernel, odd.
        itself: Whether it sees its own place, too.
        **options: Of `keras.layers.Conv2D`.

    Source: van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel Recurrent Neural Networks", ICML
    2016, section 3.4.
    """

    def __init__(
        self, filters: int, kernel_size: Any, *, itself: bool = True, **options: Any
    ) -> None:
        super().__init__(filters, kernel_size, **(options | {"padding": "same"}))
        self.itself = itself
        rows, columns = self.kernel_size
        places = np.arange(rows * columns) - rows * columns // 2
        seen = places <= 0 if itself else places < 0
        self.seen = seen.reshape(rows, columns, 1, 1).astype("float32")

    def call(self, inputs: KerasTensor) -> KerasTensor:
        kernel = self.kernel * ops.cast(self.seen, self.kernel.dtype)
        x = ops.conv(inputs, kernel, padding="same", data_format="channels_last")
        x = x + self.bias if self.use_bias else x
        return self.activation(x)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"itself": self.itself}


def code_prior(
    shape: tuple[int, int] = (7, 7),
    codes: int = 64,
    *,
    units: int = 64,
    layers: int = 4,
    name: str = "code_prior",
) -> keras.Model:
    """Builds what predicts each number of a code from those before it, row by row.

    It is a classifier at every place: `compile("adam",
    keras.losses.SparseCategoricalCrossentropy(from_logits=True))` and `fit(numbers, numbers)`.

    Args:
        shape: Rows and columns of a code.
        codes: How many numbers there are.
        units: Feature maps.
        layers: Convolutions after the first, each with a way around it.
        name: Name of the model.

    Returns:
        An uncompiled model: integers `(batch, rows, columns)` to logits
        `(batch, rows, columns, codes)`, which do not depend on the number at their own place or on
        later ones.

    Raises:
        ValueError: An argument is out of range.

    Source: van den Oord et al., ICML 2016, section 3.
    """
    check_generative(min(*shape, codes), 0, (units,))
    numbers = keras.Input(shape, dtype="int32", name="numbers")
    x = keras.layers.Embedding(codes, units, name="embedding")(numbers)
    x = CausalConv2D(units, 3, itself=False, name="before")(x)
    for layer in range(1, layers + 1):
        y = keras.layers.Activation("relu", name=f"layer{layer}_relu")(x)
        y = CausalConv2D(units, 3, kernel_initializer="he_normal", name=f"layer{layer}")(y)
        x = keras.layers.Add(name=f"layer{layer}_add")([x, y])
    x = keras.layers.Activation("relu", name="relu")(x)
    return keras.Model(numbers, keras.layers.Dense(codes, name="logits")(x), name=name)


def sample_codes(prior: keras.Model, count: int, seed: int = 0) -> np.ndarray:
    """Draws codes number by number, in NumPy around the network.

    Args:
        prior: As `code_prior` gives it.
        count: How many codes.
        seed: Of the draws.

    Returns:
        int32 `(count, rows, columns)`.
    """
    generator = np.random.default_rng(seed)
    numbers = np.zeros((count, *prior.input_shape[1:]), np.int32)
    for row, column in np.ndindex(*numbers.shape[1:]):
        logits = np.asarray(prior.predict_on_batch(numbers))[:, row, column]
        # The largest of logits and Gumbel noise is drawn with the softmax's probability.
        numbers[:, row, column] = (logits + generator.gumbel(size=logits.shape)).argmax(axis=-1)
    return numbers
