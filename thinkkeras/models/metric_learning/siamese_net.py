"""Twins with the same weights that look at an image each, and say whether they saw the same."""

import keras
from keras import ops

from thinkkeras.models.arguments import check_feature_vectors


def siamese_net(encoder: keras.Model, *, name: str = "siamese_net") -> keras.Model:
    """Builds a Siamese network around an encoder: weighted L1 distance, then a sigmoid.

    Args:
        encoder: From images to embeddings `(batch, dimensions)`; both twins are this one, and it
            is trained with the network.
        name: Name of the model.

    Returns:
        An uncompiled model: two batches of images to the probability `(batch, 1)` that they show
        the same class. Its layer `same` has a weight for each dimension of |a - b|.

    Raises:
        ValueError: The encoder has not one input, or its output is not `(batch, dimensions)`.

    Source: Koch, Zemel and Salakhutdinov, "Siamese Neural Networks for One-shot Image
    Recognition", ICML Deep Learning Workshop 2015, section 3.1.
    """
    check_feature_vectors(encoder)
    shape = encoder.input.shape[1:]
    first, second = keras.Input(shape, name="first"), keras.Input(shape, name="second")
    # One pass over both: two would give the batch normalizations two batches.
    embeddings = encoder(ops.concatenate([first, second], axis=0))
    one, other = ops.split(embeddings, 2, axis=0)
    outputs = keras.layers.Dense(1, activation="sigmoid", name="same")(ops.absolute(one - other))
    return keras.Model([first, second], outputs, name=name)
