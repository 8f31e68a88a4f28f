"""Step 3: quantize and convert, in a child process."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from deploy import child
from deploy.errors import DeployError
from deploy.step1_load import Source, distinct, load
from deploy.step2_calibrate import Calibration


@dataclass(frozen=True)
class Scheme:
    """How numbers are stored. `tolerance` is how far the same model may be from its recorded
    outputs on another processor, whose kernels round differently: in steps of the integers, where
    a softmax makes several of a probability out of one of a logit; for float outputs as a share of
    the largest recorded value."""

    weights: str
    activations: str
    calibrated: bool
    tolerance: float


SCHEMES = {
    "float32": Scheme("float32", "float32", calibrated=False, tolerance=1e-4),
    "float16": Scheme("float16", "float32 or float16", calibrated=False, tolerance=1e-2),
    "dynamic": Scheme("int8, per channel", "float32", calibrated=False, tolerance=1e-2),
    "int8": Scheme("int8, per channel", "int8", calibrated=True, tolerance=12.0),
}


def convert(source: Source, scheme: str, calibration: Calibration | None) -> bytes:
    """`source` as a TFLite flatbuffer with batch 1 and built-in operators only.

    Raises:
        DeployError: an operator that TFLite has not, with the layer it comes from; a recurrent
            layer that can't be quantized; a crash of the converter, with the step.
    """
    if SCHEMES[scheme].calibrated and _has_recurrent(source.model):
        source = _with_whole_recurrent_layers(source)
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        saved_model, examples = Path(folder, "saved_model"), Path(folder, "calibration.npz")
        output = Path(folder, "model.tflite")
        _save(source, saved_model)
        shown = calibration if SCHEMES[scheme].calibrated else None
        if shown:
            np.savez(examples, *shown.arrays)
        try:
            child.call(
                "deploy.step3_convert:convert_saved_model",
                saved_model=str(saved_model),
                scheme=scheme,
                examples=str(examples) if shown else None,
                output=str(output),
                names=[_names(entry.name for entry in source.inputs), _names(source.outputs)],
            )
        except child.ChildError as error:
            raise _explain(error, source, scheme) from error
        return output.read_bytes()


def convert_saved_model(
    saved_model: str, scheme: str, examples: str | None, output: str, names: list[list[str]]
) -> None:
    """Convert the SavedModel folder into the file `output`; runs in the child.

    `names` are those of the signature's inputs and outputs, in the order the file shall have.
    """
    child.step("reading the model")
    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    if scheme != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if scheme == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        with np.load(str(examples), allow_pickle=False) as archive:
            arrays = {name: archive[f"arr_{index}"] for index, name in enumerate(names[0])}
        converter.representative_dataset = lambda: _one_by_one(arrays)
    child.step("converting the graph")
    Path(output).write_bytes(_in_order(converter.convert(), *names))


def _one_by_one(arrays: dict[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    child.step("calibrating and quantizing")
    for index in range(len(next(iter(arrays.values())))):
        yield {name: array[index : index + 1] for name, array in arrays.items()}


def _in_order(content: bytes, inputs: list[str], outputs: list[str]) -> bytes:
    # The converter lists inputs and outputs in an order of its own. Writing the vectors anew in
    # place keeps the alignment of the weights, which packing the whole model again would lose.
    patched = bytearray(content)
    model = schema.Model.GetRootAs(patched, 0)
    signature, graph = model.SignatureDefs(0), model.Subgraphs(0)
    for names, vector, length, entry in (
        (inputs, graph.InputsAsNumpy(), signature.InputsLength(), signature.Inputs),
        (outputs, graph.OutputsAsNumpy(), signature.OutputsLength(), signature.Outputs),
    ):
        maps = [entry(index) for index in range(length)]
        tensors = {item.Name().decode(): item.TensorIndex() for item in maps}
        vector[:] = [tensors[name] for name in names]
    return bytes(patched)


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
    failed = re.findall(r'"([^"@]*)@[^"]*"\] at .*error: \'(tf\.\w+)\' op is neither', error.log)
    if failed:
        layers = sorted({_layer_of(path, source) for path, _ in failed})
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


def _has_recurrent(model: Any) -> bool:
    return any(
        hasattr(layer, "cell") or hasattr(layer, "forward_layer") or _has_recurrent(layer)
        for layer in getattr(model, "layers", ())
    )


def _with_whole_recurrent_layers(source: Source) -> Source:
    # The converter's calibration crashes on the loops that Keras 3 makes of recurrent layers.
    from deploy.bridge import to_tf_keras

    rebuilt = load(to_tf_keras(source.model, batch_size=1))
    return replace(rebuilt, name=source.name, inputs=source.inputs, outputs=source.outputs)


def _layer_of(path: str, source: Source) -> str:
    # The graph calls a layer "model_1/layer_1/Operator"; its own name may end in digits as well.
    names = {step.name for step in getattr(source.model, "operations", ())}
    for part in path.split("/"):
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in names:
                return name
    return path.partition("/")[2] or path
