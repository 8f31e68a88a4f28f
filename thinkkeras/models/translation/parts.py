"""What a device needs of a translator: an encoder, and a decoder of one step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras


class TranslatorParts(NamedTuple):
    """Two models that share the weights of the one that was trained, and how they fit.

    `encoder` takes tokens `(batch, source_length)`; `decoder` the token before, `(batch, 1)`, what
    the encoder gave, and its own state, and gives logits `(batch, vocabulary)` and the new state.
    `wiring` names inputs and outputs as an export of both needs them.
    """

    encoder: keras.Model
    decoder: keras.Model
    wiring: dict[str, Any]


# Makes a layer of a kind under a name, or finds the one of that name in a trained model.
LayerOf = Callable[..., keras.layers.Layer]


def new_layers() -> LayerOf:
    """Layers are made, each name once."""
    made: dict[str, keras.layers.Layer] = {}

    def layer(kind: type[keras.layers.Layer], *arguments: Any, name: str, **options: Any) -> Any:
        if name not in made:
            made[name] = kind(*arguments, name=name, **options)
        return made[name]

    return layer


def layers_of(model: keras.Model) -> LayerOf:
    """Layers are those of a trained model."""

    def layer(kind: type[keras.layers.Layer], *arguments: Any, name: str, **options: Any) -> Any:
        return model.get_layer(name)

    return layer
