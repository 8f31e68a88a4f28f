"""The masked autoencoder: a Transformer that paints in what is hidden."""

import keras
from keras import ops

from thinkkeras.models.arguments import check_classifier, check_size
from thinkkeras.models.blocks.attention import PositionEmbedding, transformer_block


@keras.saving.register_keras_serializable("thinkkeras")
class VisiblePatches(keras.layers.Layer):
    """Draws which patches of each image stay visible: their numbers, int32 `(batch, visible)`.

    Args:
        visible: How many.
        seed: Of the draws.
    """

    def __init__(self, visible: int, seed: int | None = None, **options: object) -> None:
        super().__init__(**options)
        self.visible, self.seed = visible, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, tokens: keras.KerasTensor) -> keras.KerasTensor:
        drawn = keras.random.uniform(ops.shape(tokens)[:2], seed=self.generator)
        return ops.cast(ops.argsort(drawn, axis=-1)[:, : self.visible], "int32")

    def get_config(self) -> dict[str, object]:
        return super().get_config() | {"visible": self.visible, "seed": self.seed}


@keras.saving.register_keras_serializable("thinkkeras")
class HiddenTokens(keras.layers.Layer):
    """Puts tokens in their places, and one learned token in all others."""

    def build(self, input_shape: tuple[int | None, ...], *_: object) -> None:
        self.token = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="token",
        )

    def call(self, tokens: keras.KerasTensor, places: keras.KerasTensor) -> keras.KerasTensor:
        """Tokens `(batch, visible, units)`, and rows `(batch, visible, all)`, 1 in their places."""
        shown = ops.expand_dims(ops.sum(places, axis=1), axis=-1)
        return ops.matmul(ops.swapaxes(places, 1, 2), tokens) + (1 - shown) * self.token


def masked_autoencoder(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    *,
    patch_size: int = 4,
    masked: float = 0.75,
    units: int = 64,
    layers: int = 3,
    decoder_units: int = 32,
    decoder_layers: int = 1,
    heads: int = 4,
    seed: int | None = None,
    name: str = "masked_autoencoder",
) -> keras.Model:
    """Builds a Transformer over the patches of an image of which most are hidden.

    The encoder sees the visible patches alone, which is why it is fast; the decoder puts one
    learned token in the places of the others, and paints them. In the output the visible patches
    are the input's own, so the mean squared error of `fit(images, images)` is that of the hidden
    ones, times their share. What is hidden is drawn at every call, at inference too; what was
    learned is in `masked_encoder(model)`.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255; multiples of
            `patch_size`.
        patch_size: Height and width of a patch, in pixels.
        masked: Fraction of the patches that is hidden.
        units: Size of a patch's vector in the encoder.
        layers: Of the encoder.
        decoder_units: Size of a patch's vector in the decoder.
        decoder_layers: Of the decoder.
        heads: Of each layer's attention, a divisor of both sizes.
        seed: Of the masks.
        name: Name of the model.

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to images of the same shape
        and range.

    Raises:
        ValueError: An argument is out of range.

    Source:
        He et al., "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022, section 3.
    """
    check_classifier(input_shape, 1)
    check_size(input_shape[0], input_shape[1], patch_size)
    if units % heads or decoder_units % heads:
        raise ValueError(
            f"expected units of which the heads are a divisor, received {units} and "
            f"{decoder_units} for {heads} heads"
        )
    height, width, channels = input_shape
    rows, columns = height // patch_size, width // patch_size
    count = rows * columns
    visible = round(count * (1 - masked))
    if not 0 < visible < count:
        raise ValueError(
            f"expected a fraction that hides some of {count} patches and not all, received {masked}"
        )

    images = keras.Input(input_shape, name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(images)
    x = ops.reshape(x, (-1, rows, patch_size, columns, patch_size, channels))
    patches = ops.reshape(
        ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, count, patch_size**2 * channels)
    )
    x = keras.layers.Dense(units, name="projection")(patches)
    x = PositionEmbedding(name="places")(x)
    embedding = keras.Model(images, [patches, x], name="embedding")

    # Of any number of tokens: what is learned on few patches serves for all of them.
    tokens = x = keras.Input((None, units), name="tokens")
    for layer in range(1, layers + 1):
        x = transformer_block(x, heads=heads, hidden=2 * units, name=f"layer{layer}")
    x = keras.layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
    transformer = keras.Model(tokens, x, name="transformer")

    images = keras.Input(input_shape, name="image")
    patches, tokens = embedding(images)
    places = ops.one_hot(VisiblePatches(visible, seed, name="visible")(tokens), count)
    x = transformer(ops.matmul(places, tokens))
    x = keras.layers.Dense(decoder_units, name="decoder_projection")(x)
    x = HiddenTokens(name="hidden")(x, places)
    x = PositionEmbedding(name="decoder_places")(x)
    for layer in range(1, decoder_layers + 1):
        x = transformer_block(x, heads=heads, hidden=2 * decoder_units, name=f"decoder{layer}")
    x = keras.layers.LayerNormalization(epsilon=1e-6, name="decoder_norm")(x)
    painted = keras.layers.Dense(patches.shape[-1], name="painted")(x)
    shown = ops.expand_dims(ops.sum(places, axis=1), axis=-1)
    x = shown * patches + (1 - shown) * painted
    x = ops.reshape(x, (-1, rows, columns, patch_size, patch_size, channels))
    x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, *input_shape))
    outputs = keras.layers.Rescaling(127.5, offset=127.5, name="pixels")(x)
    return keras.Model(images, outputs, name=name)


def masked_encoder(model: keras.Model) -> keras.Model:
    """The encoder of a `masked_autoencoder`: all patches visible, the mean of its outputs.

    It shares the model's weights.

    Args:
        model: As the builder gives it, trained or not.

    Returns:
        A model from images `(batch, height, width, channels)` to features `(batch, units)`.
    """
    images = keras.Input(model.input_shape[1:], name="image")
    _, tokens = model.get_layer("embedding")(images)
    x = model.get_layer("transformer")(tokens)
    outputs = keras.layers.GlobalAveragePooling1D(name="average")(x)
    return keras.Model(images, outputs, name="masked_encoder")
