"""Quantize and convert a model to a TFLite flatbuffer, in a worker process."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deploy import worker
from deploy.flatbuffer import in_order
from deploy.load.layer_names import layer_name
from deploy.load.readers import load
from deploy.load.source import Source, signature_names
from deploy.quantize import recipes as quantizer
from deploy.quantize.calibration import Calibration
from deploy.runtime.errors import DeployError
from deploy.schemes import SCHEMES


class Converted(NamedTuple):
    """`content`: the flatbuffer; `floats`: the same before quantization; `quantizer`: the package
    that quantized it, None where there was nothing to quantize."""

    content: bytes
    floats: bytes
    quantizer: str | None


def convert(
    source: Source, scheme: str, calibration: Calibration | None, *, by_converter: bool = False
) -> Converted:
    """`source` as a TFLite flatbuffer with batch 1 and built-in operators only.

    Args:
        source: the model.
        scheme: a key of `SCHEMES`.
        calibration: examples, which the schemes with integer activations need.
        by_converter: quantize in TensorFlow's converter, as is done anyway where LiteRT's quantizer
            can't, or where the model brings the ranges of quantization-aware training.

    Raises:
        DeployError: an operator that TFLite has not, with the layer it comes from; a recurrent
            layer that can't be quantized; a crash of the converter, with the step.
    """
    if source.trained_weights and not SCHEMES[scheme].activations.startswith("int8"):
        raise DeployError(
            f"expected a target with int8 activations for the quantization-aware model "
            f"'{source.name}', received the scheme {scheme}; export it in int8, in which its "
            "weights keep the numbers they were trained in, or the model from before quantize_aware"
        )
    if SCHEMES[scheme].calibrated and _has(source.model, _is_recurrent):
        source = _of_tf_keras(source, unroll=scheme == "int16")
    elif SCHEMES[scheme].calibrated and _has(source.model, _is_embedding):
        # Keras 3 compares the positions with the table's length first, in operators that few
        # devices have; a model that can't be rebuilt keeps them.
        with contextlib.suppress(DeployError):
            source = _of_tf_keras(source)
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        saved_model, examples = Path(folder, "saved_model"), Path(folder, "calibration.npz")
        _save(source, saved_model)
        # A quantization-aware model brings the ranges that it was trained with.
        calibrated = SCHEMES[scheme].calibrated and not source.trained_weights
        shown = calibration if calibrated else None
        names = signature_names(source)
        if shown:
            np.savez(examples, allow_pickle=False, **dict(zip(names[0], shown.arrays, strict=True)))
        try:
            package, _ = worker.call(
                "deploy.convert.converter:convert_saved_model",
                saved_model=str(saved_model),
                scheme=scheme,
                examples=str(examples) if shown else None,
                names=names,
                folder=folder,
                by_converter=by_converter or source.trained_weights is not None,
            )
        except worker.WorkerError as error:
            raise _explain(error, source, scheme) from error
        content, floats = (Path(folder, name).read_bytes() for name in _FILES)
        return Converted(content, floats, package)


_FILES = ("model.tflite", "floats.tflite")


def convert_saved_model(
    saved_model: str,
    scheme: str,
    examples: str | None,
    names: list[list[str]],
    folder: str,
    by_converter: bool,
) -> str | None:
    """Convert the SavedModel folder into the files `_FILES` of `folder`; runs in the worker.

    `names` are those of the signature's inputs and outputs, in the order the files shall have.
    Returns the name of the package that quantized, if any.
    """
    arrays = {}
    if examples:
        with np.load(examples, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in names[0]}
    worker.step("converting the graph")
    floats = in_order(tf.lite.TFLiteConverter.from_saved_model(saved_model).convert(), *names)
    worker.step("calibrating and quantizing")
    content = None if by_converter else quantizer.quantize_all(floats, scheme, arrays)
    package = quantizer.PACKAGE
    if content is None:
        content, package = _quantized_by_converter(saved_model, scheme, arrays), "tensorflow"
    for name, data in zip(_FILES, (in_order(content, *names), floats), strict=True):
        Path(folder, name).write_bytes(data)
    return None if scheme == "float32" else package


def _quantized_by_converter(
    saved_model: str, scheme: str, arrays: Mapping[str, np.ndarray]
) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if arrays:
        converter.representative_dataset = lambda: quantizer.one_by_one(arrays)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            if scheme == "int16"
            else tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        ]
    ends = {"int16": tf.int16, "int8-float-ends": tf.float32}.get(scheme, tf.int8)
    converter.inference_input_type = converter.inference_output_type = ends
    converter._experimental_disable_per_channel = scheme == "int8-per-tensor"
    return converter.convert()


def _save(source: Source, folder: Path) -> None:
    # A SavedModel needs no Python class to load, so models with layers of the user's own convert
    # in a process that does not know them.
    module = tf.Module()
    module.variables_of_the_model = source.variables
    inputs, outputs = signature_names(source)
    specs = [
        tf.TensorSpec((1, *entry.shape), entry.dtype, name=name)
        for entry, name in zip(source.inputs, inputs, strict=True)
    ]

    @tf.function
    def serve(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(outputs, source.call(*tensors), strict=True))

    tf.saved_model.save(module, str(folder), signatures=serve.get_concrete_function(*specs))


def _explain(error: worker.WorkerError, source: Source, scheme: str) -> DeployError:
    failed = re.findall(r'"([^"@]*)@[^"]*"\] at .*error: \'(tf\.\w+)\' op is neither', error.log)
    if failed:
        layers = sorted(
            {layer_name(path, source) or path.partition("/")[2] or path for path, _ in failed}
        )
        operators = sorted({operator for _, operator in failed})
        return DeployError(
            f"expected layers that TFLite's built-in operators can express, received "
            f"{', '.join(repr(layer) for layer in layers)}, which "
            f"needs {', '.join(operators)}; replace it, or leave it to the program around the model"
        )
    message = " ".join(str(error).split())
    return DeployError(
        f"conversion of '{source.name}' to {scheme} failed while {error.step}: {message[:400]}"
    )


def _has(model: Any, what: Callable[[Any], bool]) -> bool:
    return any(what(layer) or _has(layer, what) for layer in getattr(model, "layers", ()))


def _is_recurrent(layer: Any) -> bool:
    return hasattr(layer, "cell") or hasattr(layer, "forward_layer")


def _is_embedding(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Embedding)


def _of_tf_keras(source: Source, unroll: bool = False) -> Source:
    # The converter's calibration crashes on the loops that Keras 3 makes of recurrent layers, and
    # has no int16 form of a whole LSTM.
    from deploy.to_tf_keras import to_tf_keras

    rebuilt = load(to_tf_keras(source.model, batch_size=1, unroll=unroll))
    return replace(rebuilt, name=source.name, inputs=source.inputs, outputs=source.outputs)


class Conversions:
    """TEMP"""

    def __init__(self, source: Source, calibration: Calibration | None):
        self._source, self._calibration = source, calibration
        self._made: dict[str, Converted] = {}

    def to(self, scheme: str) -> Converted:
        if scheme not in self._made:
            self._made[scheme] = convert(self._source, scheme, self._calibration)
        return self._made[scheme]
