"""Step 3: quantize and convert, in a child process."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from ai_edge_litert.tools import flatbuffer_utils

from deploy import child, quantizer
from deploy.errors import DeployError
from deploy.flatbuffer import pack
from deploy.layers import layer_name
from deploy.step1_load import Source, distinct
from deploy.step2_calibrate import Calibration


@dataclass(frozen=True)
class Scheme:
    """How numbers are stored. `calibrated`: activations are integers, whose ranges examples show.
    `tolerance` is how far the same model may be from its recorded outputs on another processor,
    whose kernels round differently: in steps of the integers, where a softmax makes several of a
    probability out of one of a logit; for float outputs as a share of the largest recorded value.
    """

    weights: str
    activations: str
    calibrated: bool
    tolerance: float


SCHEMES = {
    "float32": Scheme("float32", "float32", calibrated=False, tolerance=1e-4),
    "float16": Scheme("float16", "float32 or float16", calibrated=False, tolerance=1e-2),
    "dynamic": Scheme("int8, per channel", "float32", calibrated=False, tolerance=1e-2),
    "int4": Scheme("int4, per channel", "float32", calibrated=False, tolerance=1e-2),
    "int8": Scheme("int8, per channel", "int8", calibrated=True, tolerance=12.0),
    "int8-per-tensor": Scheme("int8, per tensor", "int8", calibrated=True, tolerance=12.0),
    "int16": Scheme("int8, per channel", "int16", calibrated=True, tolerance=64.0),
}


class Converted(NamedTuple):
    """`content`: the flatbuffer; `floats`: the same before quantization; `quantizer`: the package
    that quantized it."""

    content: bytes
    floats: bytes
    quantizer: str


def convert(source: Source, scheme: str, calibration: Calibration | None) -> Converted:
    """`source` as a TFLite flatbuffer with batch 1 and built-in operators only.

    Raises:
        DeployError: an operator that TFLite has not, with the layer it comes from; a crash of the
            converter, with the step and the layers it is known to happen with.
    """
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        saved_model, examples = Path(folder, "saved_model"), Path(folder, "calibration.npz")
        _save(source, saved_model)
        shown = calibration if SCHEMES[scheme].calibrated else None
        names = [_names(entry.name for entry in source.inputs), _names(source.outputs)]
        if shown:
            np.savez(examples, allow_pickle=False, **dict(zip(names[0], shown.arrays, strict=True)))
        try:
            quantizer, _ = child.call(
                "deploy.step3_convert:convert_saved_model",
                saved_model=str(saved_model),
                scheme=scheme,
                examples=str(examples) if shown else None,
                names=names,
                folder=folder,
            )
        except child.ChildError as error:
            raise _explain(error, source, scheme) from error
        content, floats = (Path(folder, name).read_bytes() for name in _FILES)
        return Converted(content, floats, quantizer)


_FILES = ("model.tflite", "floats.tflite")


def convert_saved_model(
    saved_model: str, scheme: str, examples: str | None, names: list[list[str]], folder: str
) -> str:
    """Convert the SavedModel folder into the files `_FILES` of `folder`; runs in the child.

    `names` are those of the signature's inputs and outputs, in the order the files shall have.
    Returns the name of the package that quantized.
    """
    arrays = {}
    if examples:
        with np.load(examples, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in names[0]}
    child.step("converting the graph")
    floats = _in_order(tf.lite.TFLiteConverter.from_saved_model(saved_model).convert(), *names)
    child.step("calibrating and quantizing")
    content, package = quantizer.quantize_all(floats, scheme, arrays), "litert-quantizer"
    if content is None:
        content, package = _quantized_by_converter(saved_model, scheme, arrays), "tensorflow"
    for name, data in zip(_FILES, (_in_order(content, *names), floats), strict=True):
        Path(folder, name).write_bytes(data)
    return package


def _quantized_by_converter(
    saved_model: str, scheme: str, arrays: Mapping[str, np.ndarray]
) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: quantizer.one_by_one(arrays)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        if scheme == "int16"
        else tf.lite.OpsSet.TFLITE_BUILTINS_INT8
    ]
    integers = tf.int16 if scheme == "int16" else tf.int8
    converter.inference_input_type = converter.inference_output_type = integers
    converter._experimental_disable_per_channel = scheme == "int8-per-tensor"
    return converter.convert()


def _in_order(content: bytes, inputs: list[str], outputs: list[str]) -> bytes:
    # The converter lists inputs and outputs in an order of its own. The quantizer puts the weights
    # of larger models behind the flatbuffer, where LiteRT Micro does not look; reading it so
    # brings them back.
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    (signature,), graph = model.signatureDefs, model.subgraphs[0]
    for names, maps, which in (
        (inputs, signature.inputs, "inputs"),
        (outputs, signature.outputs, "outputs"),
    ):
        tensors = {item.name.decode(): item.tensorIndex for item in maps}
        setattr(graph, which, [tensors[name] for name in names])
    return pack(model)


def _names(names: Iterable[str]) -> list[str]:
    """Names that a signature can have: letters, digits and underscores, none twice."""
    return list(distinct(re.sub(r"\W", "_", name) for name in names))


def _save(source: Source, folder: Path) -> None:
    # A SavedModel needs no Python class to load, so models with layers of the user's own convert
    # in a process that does not know them.
    module = tf.Module()
    module.variables_of_the_model = source.variables
    specs = [
        tf.TensorSpec((1, *entry.shape), entry.dtype, name=name)
        for entry, name in zip(
            source.inputs, _names(entry.name for entry in source.inputs), strict=True
        )
    ]

    @tf.function
    def serve(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(_names(source.outputs), source.call(*tensors), strict=True))

    tf.saved_model.save(module, str(folder), signatures=serve.get_concrete_function(*specs))


def _explain(error: child.ChildError, source: Source, scheme: str) -> DeployError:
    recurrent = [
        f"'{layer.name}' ({type(layer).__name__})"
        for layer in getattr(source.model, "layers", ())
        if hasattr(layer, "cell") or hasattr(layer, "forward_layer")
    ]
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
    if recurrent and SCHEMES[scheme].calibrated:
        return DeployError(
            f"expected a model that the int8 quantizer can run, received the recurrent "
            f"{'layer' if len(recurrent) == 1 else 'layers'} {', '.join(recurrent)}, which Keras 3 "
            f"turns into a loop ({message[:160]}); use the target cpu-float or cpu-dynamic, or a "
            "convolution over time in its place"
        )
    return DeployError(
        f"conversion of '{source.name}' to {scheme} failed while {error.step}: {message[:400]}"
    )
