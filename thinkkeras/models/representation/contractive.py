"""The contractive autoencoder: a code that hardly moves when the input does."""

import keras
from keras import ops

from thinkkeras.models.arguments import check_feature_vectors


@keras.saving.register_keras_serializable("thinkkeras")
class Contraction(keras.layers.Layer):
    """Adds to the loss how much a code moves with its input; passes the code on.

    Args:
        weight: Of the penalty.
        deviation: Of the noise that moved the second code's input.
    """

    def __init__(self, weight: float, deviation: float, **options: object) -> None:
        super().__init__(**options)
        self.weight, self.deviation = weight, deviation

    def call(self, code: keras.KerasTensor, moved: keras.KerasTensor) -> keras.KerasTensor:
        change = ops.sum(ops.square((moved - code) / self.deviation), axis=-1)
        self.add_loss(self.weight * ops.mean(change))
        return code

    def get_config(self) -> dict[str, object]:
        return super().get_config() | {"weight": self.weight, "deviation": self.deviation}


def contractive_autoencoder(
    model: keras.Model, weight: float = 0.1, *, deviation: float = 1e-2, seed: int = 0
) -> keras.Model:
    """Adds the penalty of a contractive autoencoder to any autoencoder: the same weights.

    The penalty is the squared Frobenius norm of the code's Jacobian, in the mean of the batch. It
    is estimated: for noise of deviation 1, the mean square of the Jacobian times the noise is that
    norm, and for a little noise the product is the difference of two codes.

    Args:
        model: As `autoencoder` and `conv_autoencoder` give it, its code a vector.
        weight: Of the penalty in the loss, in units of the loss times input over code squared.
        deviation: Of the noise, in the input's units.
        seed: Of the noise.

    Returns:
        An uncompiled model with the same inputs, outputs and weights. After training, `model` is
        trained.

    Raises:
        ValueError: The model has no encoder that makes vectors, or a number is not positive.

    Source:
        Rifai, Vincent, Muller, Glorot and Bengio, "Contractive Auto-Encoders", ICML 2011, equation
        7; the estimate is Hutchinson's.
    """
    if weight < 0 or deviation <= 0:
        raise ValueError(
            f"expected a weight of at least 0 and a positive deviation, received {weight} and "
            f"{deviation}"
        )
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    check_feature_vectors(encoder)
    inputs = keras.Input(model.input_shape[1:], name=model.inputs[0].name)
    noise = keras.layers.GaussianNoise(deviation, seed=seed, name="noise")
    contraction = Contraction(weight, deviation, name="contraction")
    code = contraction(encoder(inputs), encoder(noise(inputs)))
    return keras.Model(inputs, decoder(code), name=f"contractive_{model.name}")
