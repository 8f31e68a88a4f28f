"""A Keras 3 model rebuilt in tf_keras (Keras 2), layer by layer, with its weights.

Quantization-aware training, pruning and clustering (tfmot) take tf_keras models only, and only
those have recurrent layers that the int8 converter can serve.
"""

from __future__ import annotations

import inspect
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tf_keras

from deploy.runtime.errors import DeployError

# Activations that mean the same under this name in both; tf_keras' hard_sigmoid is another
# function than that of Keras 3.
_ACTIVATIONS = {
    "elu": "elu",
    "exponential": "exponential",
    "gelu": "gelu",
    "linear": "linear",
    "mish": "mish",
    "relu": "relu",
    "selu": "selu",
    "sigmoid": "sigmoid",
    "silu": "swish",
    "softmax": "softmax",
    "softplus": "softplus",
    "softsign": "softsign",
    "tanh": "tanh",
}

# Arguments that only Keras 3 has, and that change nothing here.
_WITHOUT_EFFECT = ("autocast", "dtype", "quantization_config", "seed")

# Arguments that tf_keras takes without naming them.
_UNNAMED = ("trainable", "zero_output_for_mask")

# Arguments that only say how weights begin or are trained.
_OF_TRAINING = ("_initializer", "_regularizer", "_constraint")

_RENAMED = {("LeakyReLU", "negative_slope"): "alpha"}

# Layers that hand their input on at inference.
_AUGMENTATIONS = ("AugMix", "CutMix", "MixUp", "RandAugment")

_TENSOR = tf_keras.__internal__.KerasTensor


def to_tf_keras(model: Any) -> Any:
    """`model` as a flat functional tf_keras model that computes the same.

    Nested models are flattened (the names of their layers get the model's as a prefix), random
    augmentation is left out, and inputs and outputs are flat lists in the order of `model.inputs`
    and `model.outputs`.

    Args:
        model: a functional or Sequential Keras 3 model; one of tf_keras is returned as it is.

    Raises:
        DeployError: a layer that has no equivalent, by its name and class.
    """
    return _rebuild(model) if isinstance(model, keras.Model) else model


def _rebuild(model: Any) -> Any:
    _graph(model)
    counterparts: dict[int, tuple[Any, Any]] = {}
    names = {tensor.name for tensor in model.inputs}

    def counterpart_of(operation: Any, prefix: str, arguments: tuple) -> Any:
        if id(operation) not in counterparts:
            name = prefix + operation.name
            while name in names:
                name += "_1"
            names.add(name)
            counterparts[id(operation)] = operation, _counterpart(operation, name, arguments)
        return counterparts[id(operation)][1]

    def run(part: Any, inputs: Sequence[Any], prefix: str, training: bool | None) -> Any:
        def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
            given = {key: value for key, value in kwargs.items() if value is not None}
            if _is_model(operation):
                flat = _flat_inputs(operation, *args, **kwargs)
                mode = given.get("training", training)
                return run(operation, flat, f"{prefix}{operation.name}_", mode)
            if _is_augmentation(operation):
                return args[0]
            counterpart = counterpart_of(operation, prefix, (args, given))
            return _call(operation, counterpart, args, given, training)

        def bound(operation: Any) -> Callable[..., Any]:
            return lambda *args, **kwargs: call(operation, *args, **kwargs)

        return keras.tree.flatten(_graph(part)._run_through_graph(list(inputs), bound))

    inputs = [
        tf_keras.Input(
            tuple(tensor.shape[1:]),
            batch_size=tensor.shape[0],
            name=tensor.name,
            dtype=tensor.dtype,
        )
        for tensor in model.inputs
    ]
    result = tf_keras.Model(inputs, run(model, inputs, "", None), name=model.name)
    for operation, counterpart in counterparts.values():
        if isinstance(operation, keras.Layer) and not isinstance(counterpart, KerasOperation):
            _copy_weights(operation, counterpart)
    return result


@tf_keras.saving.register_keras_serializable("deploy", "KerasOperation")
class KerasOperation(tf_keras.layers.Layer):
    """An operation of `keras.ops` (or a Keras 3 layer without weights) in a tf_keras model.

    `operation` and `arguments` (args and kwargs, with a marker for each tensor) are JSON, so that
    the layer can be cloned and saved.
    """

    def __init__(self, operation: str, arguments: str, **config: Any):
        super().__init__(autocast=False, **config)
        self._config = {"operation": operation, "arguments": arguments}
        self.operation = keras.saving.deserialize_keras_object(json.loads(operation))
        self._arguments = keras.saving.deserialize_keras_object(json.loads(arguments))

    def call(self, tensors: Any) -> Any:
        tensors = keras.tree.flatten(tensors)
        marked = {_marker(index): tensor for index, tensor in enumerate(tensors)}

        def fill(value: Any) -> Any:
            return marked.get(value, value) if isinstance(value, str) else value

        args, kwargs = keras.tree.map_structure(fill, self._arguments)
        return self.operation(*args, **kwargs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self._config


def _register_activations() -> None:
    # Under these names tf_keras models with activations of Keras 3 can be cloned and saved.
    for name in dir(keras.activations):
        function = getattr(keras.activations, name)
        if inspect.isfunction(function) and name == function.__name__ and name not in _ACTIVATIONS:
            tf_keras.saving.register_keras_serializable("deploy", name)(function)


_register_activations()


def _graph(model: Any) -> Any:
    graph = getattr(model, "_functional", None) or model
    owner = next(kind for kind in type(model).__mro__ if "call" in vars(kind))
    if owner.__module__.startswith("keras.src.") and not hasattr(graph, "_run_through_graph"):
        raise DeployError(
            f"expected a functional or Sequential model, received '{model.name}' "
            f"({type(model).__name__}), whose inputs are not defined; begin it with "
            "keras.Input(shape)"
        )
    if not owner.__module__.startswith("keras.src."):
        raise DeployError(
            f"expected a functional or Sequential model, received '{model.name}' "
            f"({type(model).__name__}), which has a call() of its own; build it with "
            "keras.Model(inputs, outputs)"
        )
    return graph


def _is_model(operation: Any) -> bool:
    return isinstance(operation, keras.Model)


def _is_augmentation(operation: Any) -> bool:
    kind = type(operation)
    return kind.__module__.startswith("keras.src.layers.preprocessing") and (
        kind.__name__ in _AUGMENTATIONS
        or (kind.__name__.startswith("Random") and kind.__name__ != "RandomCrop")
    )


def _flat_inputs(model: Any, inputs: Any, **options: Any) -> list[Any]:
    if isinstance(inputs, Mapping) and set(inputs) >= {entry.name for entry in model.inputs}:
        return [inputs[entry.name] for entry in model.inputs]
    return keras.tree.flatten(inputs)


def _counterpart(operation: Any, name: str, arguments: tuple) -> Any:
    """The tf_keras layer for one Keras 3 operation; `arguments` are those of its first call."""
    if not isinstance(operation, keras.Layer):
        return _counterpart_of_operation(operation, name, arguments)
    try:
        return _counterpart_of_layer(operation, name)
    except DeployError:
        own = isinstance(operation, keras.layers.RandomCrop) or _holds_function(operation)
        if own or operation.variables or not _is_built_in(operation):
            raise
        return _wrapped(operation, name, arguments)


def _is_built_in(operation: Any) -> bool:
    return type(operation).__module__.startswith("keras.src.")


def _holds_function(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Lambda) or hasattr(layer, "activation")


def _counterpart_of_layer(layer: Any, name: str) -> Any:
    kind = getattr(tf_keras.layers, type(layer).__name__, None)
    if kind is None or not _is_built_in(layer) or isinstance(layer, keras.layers.Lambda):
        raise _no_counterpart(layer, "build that part from Keras' own layers or keras.ops")
    if isinstance(layer, keras.layers.RandomCrop):
        raise _no_counterpart(layer, "crop in the data pipeline, or with CenterCrop")
    if isinstance(layer, keras.layers.Normalization):
        return _normalization(layer, name)
    config = _translate(layer, kind) | {"name": name, "dtype": _policy(layer)}
    for key in ("layer", "forward_layer", "backward_layer", "cell"):
        inner = getattr(layer, key, None)
        if isinstance(inner, keras.Layer) and (key in config or key == "forward_layer"):
            config["layer" if key == "forward_layer" else key] = _inner_counterpart(inner)
    if "cells" in config:
        config["cells"] = [_inner_counterpart(cell) for cell in layer.cells]
    try:
        return kind(**config)
    except Exception as error:
        raise _no_counterpart(layer, f"tf_keras does not take its arguments: {error}") from error


def _inner_counterpart(layer: Any) -> Any:
    if _is_model(layer):
        return to_tf_keras(layer)
    # Bidirectional puts the prefixes before the names itself, here as there.
    name = layer.name.removeprefix("forward_").removeprefix("backward_")
    return _counterpart_of_layer(layer, name)


def _translate(layer: Any, kind: Any) -> dict[str, Any]:
    accepted = _parameters(kind)
    defaults = _parameters(type(layer))
    config: dict[str, Any] = {}
    for key, value in layer.get_config().items():
        name = _RENAMED.get((type(layer).__name__, key), key)
        if key.endswith(_OF_TRAINING) or key in _WITHOUT_EFFECT:
            continue
        if key.endswith("activation"):
            config[name] = _activation(getattr(layer, key, None), layer)
        elif name in accepted or name in _UNNAMED:
            config[name] = value
        elif key == "data_format" and value == tf_keras.backend.image_data_format():
            continue
        elif value != defaults[key].default if key in defaults else value:
            raise _no_counterpart(
                layer, f"tf_keras has no argument {key} (here {value!r}); leave it out"
            )
    return config


def _parameters(kind: Any) -> dict[str, inspect.Parameter]:
    """The arguments of a layer class and its bases; the class's own come last, and win."""
    found: dict[str, inspect.Parameter] = {}
    for base in reversed(kind.__mro__):
        if "__init__" in vars(base) and base is not object:
            found |= inspect.signature(base.__init__).parameters
    return found


def _policy(layer: Any) -> str:
    policy = layer.dtype_policy.name
    if policy not in ("float32", "mixed_float16", "mixed_bfloat16"):
        raise _no_counterpart(layer, f"its dtype is {policy}; build it in float32")
    return policy


def _activation(function: Any, layer: Any) -> Any:
    name = getattr(function, "__name__", None)
    if function is None or function is getattr(keras.activations, str(name), None):
        return _ACTIVATIONS.get(str(name), function)
    # ops.gelu is another function than activations.gelu.
    if function is getattr(keras.ops, str(name), None) and name in _ACTIVATIONS.keys() - {"gelu"}:
        return _ACTIVATIONS[str(name)]
    raise _no_counterpart(layer, f"its activation is {function!r}; use one of keras.activations")


def _normalization(layer: Any, name: str) -> Any:
    # Statistics as constants: adapted or given, they are no weights to be trained.
    config = layer.get_config()
    axes = (config["axis"],) if isinstance(config["axis"], int) else tuple(config["axis"] or ())
    mean, variance = np.broadcast_arrays(layer.mean, layer.variance)
    shape = [mean.shape[axis] for axis in sorted(a % mean.ndim for a in axes if mean.ndim)]
    return tf_keras.layers.Normalization(
        axis=config["axis"],
        mean=mean.reshape(shape).tolist(),
        variance=variance.reshape(shape).tolist(),
        invert=config["invert"],
        name=name,
    )


def _counterpart_of_operation(operation: Any, name: str, arguments: tuple) -> Any:
    if not _is_built_in(operation):
        raise _no_counterpart(operation, "use an operation of keras.ops")
    return _wrapped(operation, name, arguments)


def _wrapped(operation: Any, name: str, arguments: tuple) -> Any:
    markers = iter(range(len(keras.tree.flatten(arguments))))

    def mark(value: Any) -> Any:
        return _marker(next(markers)) if isinstance(value, _TENSOR) else value

    try:
        return KerasOperation(
            json.dumps(keras.saving.serialize_keras_object(operation)),
            json.dumps(
                keras.saving.serialize_keras_object(keras.tree.map_structure(mark, arguments))
            ),
            name=name,
        )
    except Exception as error:
        raise _no_counterpart(operation, f"it can't be copied: {error}") from error


def _marker(index: int) -> str:
    return f"<tensor {index}>"


def _call(
    operation: Any, counterpart: Any, args: tuple, kwargs: dict[str, Any], training: bool | None
) -> Any:
    try:
        if isinstance(counterpart, KerasOperation):
            tensors = keras.tree.flatten((args, kwargs))
            return counterpart([value for value in tensors if isinstance(value, _TENSOR)])
        taken = inspect.signature(counterpart.call).parameters
        if training is not None:
            kwargs = {"training": training} | kwargs
        # Keras 3 hands masks and the training mode to layers that have no use for them as well.
        idle = {"mask", "training"} - set(taken)
        outputs = counterpart(
            *args, **{key: value for key, value in kwargs.items() if key not in idle}
        )
    except Exception as error:
        raise _no_counterpart(operation, f"tf_keras can't call it: {error}") from error
    # The masks of Keras 3 are tensors of its graph; where it gives a layer none (an LSTM that takes
    # its state as well, say), tf_keras shall not either.
    for tensor in keras.tree.flatten(outputs):
        tensor._keras_mask = None
    return outputs


def _copy_weights(layer: Any, counterpart: Any) -> None:
    """Weights are matched by the last part of their name and, within it, by their order."""
    if isinstance(layer, keras.layers.Normalization):
        return
    given, wanted = defaultdict(list), defaultdict(list)
    for weight in layer.weights:
        given[weight.path.split("/")[-1]].append(weight)
    for weight in counterpart.weights:
        wanted[weight.name.split("/")[-1].split(":")[0]].append(weight)
    if "depthwise_kernel" in wanted.keys() - given.keys():
        wanted["kernel"] = wanted.pop("depthwise_kernel")
    for name in given.keys() | wanted.keys():
        shapes = [[tuple(weight.shape) for weight in side[name]] for side in (given, wanted)]
        if shapes[0] != shapes[1]:
            raise _no_counterpart(
                layer, f"its weights '{name}' have the shapes {shapes[0]}, in tf_keras {shapes[1]}"
            )
        for weight, target in zip(given[name], wanted[name], strict=True):
            target.assign(np.asarray(weight))


def _no_counterpart(operation: Any, advice: str) -> DeployError:
    text = " ".join(str(advice).split())
    return DeployError(
        f"expected layers that tf_keras has as well, received '{operation.name}' "
        f"({type(operation).__name__}); {text if len(text) <= 400 else text[:400] + '…'}"
    )
