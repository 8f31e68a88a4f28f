"""What the worker process does with the folder of a model's graph: TensorFlow's converter, which
may crash, the calibration, which runs the model, and the quantization."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deploy import worker
from deploy.flatbuffer import in_order
from deploy.quantize import recipes
from deploy.quantize.fused_lstm import as_in_keras, largest_cells
from deploy.quantize.whole_numbers import keep_whole_numbers
from deploy.schemes import SCHEMES

# What a folder holds: the model, calibration examples, the float flatbuffer with its tensors in the
# order of the model, the ranges of its tensors, and the flatbuffer that was made last.
SAVED_MODEL = "saved_model"
EXAMPLES = "calibration.npz"
FLOATS = "floats.tflite"
RANGES = "ranges.json"
QUANTIZED = "model.tflite"


def convert_to_float(folder: str, names: list[list[str]]) -> None:
    """Convert the SavedModel to float. `names` are those of the signature's inputs and outputs, in
    the order the flatbuffer shall have."""
    worker.step("converting the graph")
    content = tf.lite.TFLiteConverter.from_saved_model(str(Path(folder, SAVED_MODEL))).convert()
    Path(folder, FLOATS).write_bytes(as_in_keras(in_order(content, *names)))


def find_ranges(folder: str, inputs: list[str]) -> None:
    """Find the ranges of all tensors on the examples, one array for each of the `inputs`."""
    worker.step("calibrating and quantizing")
    _ranges(folder, inputs)


def quantize(folder: str, scheme: str, calibrated: bool, names: list[list[str]]) -> bool:
    """Quantize the float flatbuffer to `scheme`, `calibrated` on the examples; whether LiteRT's
    quantizer can."""
    worker.step("calibrating and quantizing")
    floats, ranges = Path(folder, FLOATS).read_bytes(), None
    if calibrated:
        ranges = _ranges(folder, names[0]) if recipes.knows_all(floats) else None
        if ranges is None:
            return False
    content = recipes.quantize_all(floats, scheme, ranges)
    if content is not None:
        Path(folder, QUANTIZED).write_bytes(in_order(content, *names))
    return content is not None


def quantize_by_converter(
    folder: str, scheme: str, calibrated: bool, names: list[list[str]], stateful: bool
) -> None:
    """Convert the SavedModel to `scheme` in TensorFlow's converter, `calibrated` on the examples
    (`stateful`: one sequence) or by the ranges that the graph itself has."""
    worker.step("calibrating and quantizing")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(Path(folder, SAVED_MODEL)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    cells: list[float] = []
    if calibrated:
        arrays = _examples(folder, names[0])
        cells = largest_cells(Path(folder, FLOATS).read_bytes(), arrays, stateful)
        converter.representative_dataset = lambda: recipes.one_by_one(arrays)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            if scheme == "int16"
            else tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        ]
    ends = {"int16": tf.int16, "int8-float-ends": tf.float32}.get(scheme, tf.int8)
    converter.inference_input_type = converter.inference_output_type = ends
    converter._experimental_disable_per_channel = scheme == "int8-per-tensor"
    converter._experimental_disable_per_channel_quantization_for_dense_layers = SCHEMES[
        scheme
    ].dense_per_tensor
    content = keep_whole_numbers(as_in_keras(in_order(converter.convert(), *names), cells))
    Path(folder, QUANTIZED).write_bytes(content)


def _ranges(folder: str, inputs: list[str]) -> dict[str, Any] | None:
    path = Path(folder, RANGES)
    if not path.exists():
        ranges = recipes.find_ranges(Path(folder, FLOATS).read_bytes(), _examples(folder, inputs))
        path.write_text(recipes.write_ranges(ranges))
    return recipes.read_ranges(path.read_text())


def _examples(folder: str, inputs: list[str]) -> dict[str, np.ndarray]:
    with np.load(Path(folder, EXAMPLES), allow_pickle=False) as archive:
        return {name: archive[name] for name in inputs}
