"""Models that compute in halves, or whose layers Keras has quantized, rebuilt in float32.

A device's numbers are chosen at conversion, from float32. `mixed_float16` keeps its weights in
float32 anyway. What `model.quantize("int8")` has rounded stays as rounded: the largest weight of a
channel is 127 steps in Keras as in TFLite, so that the scheme int8 stores the same integers again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from deploy.load.source import one_line
from deploy.runtime.errors import DeployError

_POLICIES = ("DTypePolicy", "Policy", "QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy")


def is_plain(model: Any) -> bool:
    """Whether all layers compute in float32, with weights in it."""
    return all(_is_plain(layer) for layer in model._flatten_layers())


def _is_plain(layer: Any) -> bool:
    half = "float16" in str(getattr(layer, "compute_dtype", ""))
    return not half and not getattr(layer, "quantization_mode", None)


def in_float32(model: Any) -> Any:
    """The same model, of Keras 3 or tf_keras, in float32, with the weights that it computes with.

    Raises:
        DeployError: a layer that can't be built again from its configuration, or whose quantized
            weights can't be told.
    """
    try:
        rebuilt = _clone(model)
        pairs = list(zip(_leaves(model), _leaves(rebuilt), strict=True))
        for layer, plain in pairs:
            values = _weights(layer, plain)
            for variable, value in zip(_own(plain), values, strict=True):
                variable.assign(np.asarray(value, np.float32) if _is_float(variable) else value)
    except DeployError:
        raise
    except Exception as error:
        odd = next(layer for layer in model._flatten_layers() if not _is_plain(layer))
        raise DeployError(
            f"expected a model that computes in float32, received layer '{odd.name}' in "
            f"{_numbers(odd)}, and could not build '{model.name}' again in float32: "
            f"{one_line(error)}; build it under keras.config.set_dtype_policy('float32') and copy "
            "the weights over with set_weights(get_weights())"
        ) from error
    return rebuilt


def _numbers(layer: Any) -> str:
    return str(getattr(layer, "quantization_mode", None) or layer.compute_dtype)


def _is_float(variable: Any) -> bool:
    return "float" in str(variable.dtype)


def _clone(model: Any) -> Any:
    def plain(layer: Any) -> Any:
        return type(layer).from_config(_plain_config(layer.get_config()))

    if isinstance(model, keras.Model):
        return keras.models.clone_model(model, clone_function=plain, recursive=True)
    import tf_keras

    return tf_keras.models.clone_model(model, clone_function=plain)


def _plain_config(config: Any, key: str = "") -> Any:
    if isinstance(config, dict):
        if config.get("class_name") in _POLICIES or "DTypePolicy" in str(config.get("class_name")):
            name = str(config.get("config", {}).get("name", ""))
            whole = config["class_name"] in ("DTypePolicy", "Policy") and "float16" not in name
            return config if whole else "float32"
        return {
            name: None if name == "quantization_config" else _plain_config(value, name)
            for name, value in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(_plain_config(value, key) for value in config)
    half = key in ("dtype", "dtype_policy") and isinstance(config, str) and "float16" in config
    return "float32" if half else config


def _leaves(model: Any) -> Iterator[Any]:
    """The layers, within others as well, that hold weights of their own."""
    return (layer for layer in model._flatten_layers(include_self=False) if _own(layer))


def _own(layer: Any) -> list[Any]:
    """The variables of the layer that are not those of a layer within it."""
    inner = {
        id(variable)
        for other in layer._flatten_layers(include_self=False)
        for variable in other.weights
    }
    return [variable for variable in layer.weights if id(variable) not in inner]


def _weights(layer: Any, plain: Any) -> Sequence[Any]:
    """The values of the layer's own variables, in the order and the form of the `plain` layer's."""
    if not getattr(layer, "quantization_mode", None):
        return [keras.ops.convert_to_numpy(variable) for variable in _own(layer)]
    bias = getattr(layer, "bias", None)
    biases = [] if bias is None else [keras.ops.convert_to_numpy(bias)]
    if isinstance(layer, keras.layers.Embedding) and not hasattr(layer, "reverse_embeddings"):
        return [np.asarray(layer(np.arange(layer.input_dim)), np.float32)]
    if isinstance(layer, keras.layers.Dense):
        return [_responses(layer, np.eye(plain.kernel.shape[0], dtype="float32")), *biases]
    if isinstance(layer, keras.layers.EinsumDense):
        return [_einsum_kernel(layer, tuple(plain.kernel.shape)), *biases]
    raise DeployError(
        f"expected quantized layers of the kinds Dense, EinsumDense and Embedding, received "
        f"'{layer.name}' ({type(layer).__name__}); export the model from before model.quantize"
    )


def _responses(layer: Any, inputs: np.ndarray) -> np.ndarray:
    """What the layer makes of the inputs without its bias and activation. One number at a time is
    exact in every quantization of inputs."""
    activation = layer.activation
    layer.activation = None
    try:
        outputs, zeros = layer(inputs), layer(np.zeros_like(inputs[:1]))
    finally:
        layer.activation = activation
    return np.asarray(outputs, np.float32) - np.asarray(zeros, np.float32)


def _einsum_kernel(layer: Any, kernel_shape: tuple[int, ...]) -> np.ndarray:
    """The kernel, by what each of the numbers that it is multiplied with adds to the output."""
    left, result = layer.equation.split("->")
    taken, kernel = left.split(",")
    sizes = dict(zip(kernel, kernel_shape, strict=True))
    summed = [letter for letter in taken if letter in kernel]
    shape = [sizes[letter] for letter in summed]
    count = math.prod(shape)
    ones = [sizes.get(letter, 1) for letter in taken[1:]]
    responses = _responses(layer, np.eye(count, dtype="float32").reshape(count, *ones))
    given = [letter for letter in result if letter in kernel]
    values = responses.reshape(*shape, *(sizes[letter] for letter in given))
    order = [*summed, *given]
    return values.transpose([order.index(letter) for letter in kernel])
