"""Contrastive learning: two views of an image shall be closer than those of any two images."""

from collections.abc import Sequence

import keras
from keras import ops

from thinkkeras.models.arguments import check_feature_vectors


def projection_head(
    x: keras.KerasTensor, *, units: Sequence[int] = (128, 64), name: str = "projection"
) -> keras.KerasTensor:
    """The small network between a representation and the loss that compares; later thrown away.

    Args:
        x: Representations `(batch, features)`.
        units: Of its dense layers; all but the last have ReLU.
        name: Prefix of the layers' names.

    Returns:
        Vectors of length 1, `(batch, units[-1])`.

    Source:
        Chen, Kornblith, Norouzi and Hinton, "A Simple Framework for Contrastive Learning of Visual
        Representations", ICML 2020, section 4.2.
    """
    for layer, width in enumerate(units, start=1):
        activation = "relu" if layer < len(units) else None
        x = keras.layers.Dense(width, activation=activation, name=f"{name}{layer}")(x)
    return keras.layers.UnitNormalization(name=f"{name}_unit")(x)


def contrastive_net(
    encoder: keras.Model,
    augmentation: keras.Model | keras.layers.Layer,
    *,
    units: Sequence[int] = (128, 64),
    name: str = "contrastive_net",
) -> keras.Model:
    """Builds what trains an encoder by contrast: two views of each image, projected.

    The views are made in the graph, so `fit(images, images)` with `thinkkeras.losses.NTXent` is
    the training; the second argument isn't looked at.

    Args:
        encoder: A model of one input, images `(batch, height, width, channels)`, and one output
            `(batch, features)`; what is learned is in its weights.
        augmentation: Draws another view of each image every time it is called in training.
        units: Of the `projection_head`.
        name: Name of the model.

    Returns:
        An uncompiled model: images to the two views' vectors of length 1,
        `(batch, 2, units[-1])`.

    Raises:
        ValueError: The encoder does not make one vector of one input.

    Source: Chen et al., ICML 2020, figure 2.
    """
    check_feature_vectors(encoder)
    images = keras.Input(encoder.input_shape[1:], name="image")
    features = keras.Input(encoder.output_shape[1:], name="features")
    head = keras.Model(features, projection_head(features, units=units), name="projection_head")
    views = [head(encoder(augmentation(images))) for _ in range(2)]
    return keras.Model(images, ops.stack(views, axis=1), name=name)
