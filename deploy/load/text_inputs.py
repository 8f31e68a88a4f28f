"""A TextVectorization behind an input is cut off the model: the front end "tokens" takes its place,
on the device as well as here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from deploy.runtime.errors import DeployError

# What the layer calls `split` and `standardize`, in the front end's words.
_UNITS = {"whitespace": "word", "character": "character"}
_STANDARDIZED: dict[str | None, tuple[bool, bool]] = {
    None: (False, False),
    "lower": (True, False),
    "strip_punctuation": (False, True),
    "lower_and_strip_punctuation": (True, True),
}


def cut_text_inputs(model: keras.Model) -> tuple[keras.Model, dict[str, Mapping[str, Any]]]:
    """The model behind its TextVectorization layers, and the front ends that stand for them, by the
    names of the inputs.

    The inputs keep their names and become int32, (length,). A model without inputs of text stays
    as it is.

    Raises:
        DeployError: a text that enters anything but a TextVectorization, or one of a mode that the
            front end has not.
    """
    texts = [tensor for tensor in model.inputs if tf.as_dtype(tensor.dtype) == tf.string]
    if not texts:
        return model, {}
    flat = keras.Model(list(model.inputs), list(model.outputs))
    cuts, given = [], []
    front_ends: dict[str, Mapping[str, Any]] = {}
    for tensor in flat.inputs:
        if any(tensor is text for text in texts):
            layer, after = _vectorization(flat, tensor)
            front_ends[tensor.name] = _front_end(layer)
            cuts.append(after)
            given.append(keras.Input(after.shape[1:], dtype="int32", name=tensor.name))
        else:
            cuts.append(tensor)
            given.append(keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name))
    rest = keras.Model(cuts, list(flat.outputs))
    # The same layers on the new inputs: no copy, and no model within a model.
    outputs = keras.models.clone_model(
        rest, input_tensors=given, clone_function=lambda layer: layer
    ).outputs
    structure = getattr(model, "output", None)
    if isinstance(structure, dict) and len(structure) == len(outputs):
        outputs = tf.nest.pack_sequence_as(structure, outputs)
    return keras.Model(given, outputs, name=model.name), front_ends


def _vectorization(flat: keras.Model, text: Any) -> tuple[Any, Any]:
    """The layer that the text enters, and what it gives."""
    nodes = [
        node
        for level in flat._nodes_by_depth.values()
        for node in level
        if any(tensor is text for tensor in node.input_tensors)
    ]
    layers = [node.operation for node in nodes]
    if len(nodes) != 1 or not isinstance(layers[0], keras.layers.TextVectorization):
        found = ", ".join(f"'{layer.name}' ({type(layer).__name__})" for layer in layers) or "none"
        raise DeployError(
            f"expected one TextVectorization layer behind the text '{text.name}', received "
            f"{found}; let the text enter it at once, or leave that part to the program around "
            "the model"
        )
    return layers[0], nodes[0].output_tensors[0]


def _front_end(layer: Any) -> dict[str, Any]:
    """The front end that does what the layer does.

    Raises:
        DeployError: there is none.
    """
    config = layer.get_config()
    _check(layer, "output_mode", config["output_mode"], ("int",))
    _check(layer, "split", config["split"], tuple(_UNITS))
    _check(layer, "standardize", config["standardize"], tuple(_STANDARDIZED))
    _check(layer, "ngrams", config["ngrams"], (None,))
    _check(layer, "ragged", config["ragged"], (False,))
    _check(layer, "encoding", config["encoding"], ("utf-8",))
    if config["output_sequence_length"] is None:
        raise DeployError(
            f"expected a TextVectorization of a fixed length, received '{layer.name}' without; set "
            "its output_sequence_length, as edge models allocate their memory once"
        )
    vocabulary = [str(piece) for piece in layer.get_vocabulary()]
    if len(vocabulary) < 3:
        raise DeployError(
            f"expected a TextVectorization with a vocabulary, received '{layer.name}' without; "
            "adapt it to the training texts, or set its vocabulary"
        )
    lower, strip_punctuation = _STANDARDIZED[config["standardize"]]
    return {
        "kind": "tokens",
        "unit": _UNITS[config["split"]],
        "lower": lower,
        "strip_punctuation": strip_punctuation,
        "vocabulary": vocabulary,
        "unknown": 1,
        "start": None,
        "end": None,
        "padding": 0,
        "side": "after",
    }


def _check(layer: Any, name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    plain = value is None or isinstance(value, str | bool | int)
    if not plain or value not in allowed:
        shown = repr(value) if plain else "a function or a list"
        raise DeployError(
            f"expected a TextVectorization with {name} {' or '.join(map(repr, allowed))}, received "
            f"{shown} in '{layer.name}'; build it so, or leave it to the program around the model, "
            "which then takes numbers"
        )
