"""Quantize and convert a model to a TFLite flatbuffer, in a worker process."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deploy import worker
from deploy.convert import in_worker
from deploy.convert.builtin_forms import builtin_forms
from deploy.load.layer_names import layer_name
from deploy.load.readers import load
from deploy.load.source import Source, one_line, signature_names
from deploy.quantize import recipes
from deploy.quantize.calibration import Calibration
from deploy.runtime.errors import DeployError
from deploy.schemes import SCHEMES


class Converted(NamedTuple):
    """`content`: the flatbuffer; `floats`: the same before quantization; `quantizer`: the package
    that quantized it, None where there was nothing to quantize; `recurrent`: the form of each
    recurrent layer, as of `recurrent.forms`."""

    content: bytes
    floats: bytes
    quantizer: str | None
    recurrent: dict[str, str]


def convert(
    source: Source, scheme: str, calibration: Calibration | None, *, by_converter: bool = False
) -> Converted:
    """`source` as a TFLite flatbuffer with batch 1 and built-in operators only: what
    `Conversions` gives for one scheme."""
    return Conversions(source, calibration, by_converter=by_converter).to(scheme)


class Conversions:
    """What one model converts to: flatbuffers with batch 1 and built-in operators only.

    The model is converted to float once, the ranges of its tensors are found once, and each scheme
    quantizes that once; only recurrent and embedding layers need another graph for integers.

    Args:
        source: the model.
        calibration: examples, which the schemes with integer activations need.
        by_converter: quantize in TensorFlow's converter, as is done anyway where LiteRT's quantizer
            can't, or where the model brings the ranges of quantization-aware training.
    """

    def __init__(
        self, source: Source, calibration: Calibration | None, *, by_converter: bool = False
    ):
        self._source, self._calibration = source, calibration
        self._by_converter = by_converter or source.trained_weights is not None
        self._graphs: dict[str, _Graph] = {}
        self._converted: dict[str, Converted] = {}

    def to(self, scheme: str) -> Converted:
        """The model in the numbers of `scheme`, a key of `SCHEMES`.

        Raises:
            DeployError: an operator that TFLite has not, with the layer it comes from; a recurrent
                layer that can't be quantized; a crash of the converter, with the step.
        """
        if scheme not in self._converted:
            _check_trained(self._source, scheme)
            try:
                self._converted[scheme] = self._convert(scheme)
            except worker.WorkerError as error:
                raise _explain(error, self._source, scheme) from error
        return self._converted[scheme]

    def ranges(self, scheme: str) -> dict[str, Any] | None:
        """The ranges by which `scheme` quantizes the tensors of its float flatbuffer, as of
        `recipes.find_ranges`; None without calibration, or where only the converter can quantize
        the model."""
        return self._graph(scheme).ranges if self._calibration else None

    def _convert(self, scheme: str) -> Converted:
        graph = self._graph(scheme)
        floats, content, package = graph.floats, None, recipes.PACKAGE
        if scheme == "float32":
            return Converted(floats, floats, None, graph.recurrent)
        # A quantization-aware model brings the ranges that it was trained with.
        calibrated = SCHEMES[scheme].calibrated and not self._source.trained_weights
        if not self._by_converter:
            content = graph.quantize(scheme, calibrated)
        if content is None:
            content, package = graph.quantize_by_converter(scheme, calibrated), "tensorflow"
        return Converted(content, floats, package, graph.recurrent)

    def _graph(self, scheme: str) -> _Graph:
        """The graph that `scheme` quantizes."""
        source, integers = self._source, SCHEMES[scheme].calibrated
        recurrent = _has(source.model, _is_recurrent)
        embedding = integers and _has(source.model, _is_embedding)
        key = "integers" if integers else "floats"
        if not recurrent:
            key = key if embedding else "as it is"
        elif scheme == "int16":
            key = scheme
        if key not in self._graphs:
            forms: dict[str, str] = {}
            if recurrent or embedding:
                # Keras 3 makes loops of recurrent layers, on which the converter's calibration
                # crashes, and compares positions with an embedding's length first, in operators
                # that few devices have. A model that can't be rebuilt keeps them where that works,
                # but not its state, which is that of an operator which only tf_keras becomes.
                try:
                    source, forms = _of_tf_keras(source, scheme, integers)
                except DeployError:
                    if recurrent and (integers or source.stateful):
                        raise
                    forms = {layer.name: "loop" for layer in _all(source.model, _is_recurrent)}
            self._graphs[key] = _Graph(source, forms, self._calibration)
        return self._graphs[key]


class _Graph:
    """One form of the model in a folder of its own, which goes with this object: its SavedModel,
    and what the worker process makes of it."""

    def __init__(self, source: Source, recurrent: dict[str, str], calibration: Calibration | None):
        self.recurrent = recurrent
        self._folder = tempfile.mkdtemp(prefix="deploy-")
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._names, self._calibration = signature_names(source), calibration
        self._stateful = source.stateful
        _save(source, Path(self._folder, in_worker.SAVED_MODEL))

    @cached_property
    def floats(self) -> bytes:
        """The float flatbuffer."""
        self._call("convert_to_float", names=self._names)
        return Path(self._folder, in_worker.FLOATS).read_bytes()

    @cached_property
    def ranges(self) -> dict[str, Any] | None:
        """See `Conversions.ranges`."""
        assert self._calibration is not None and self.floats
        self._write_examples()
        self._call("find_ranges", inputs=self._names[0])
        return recipes.read_ranges(Path(self._folder, in_worker.RANGES).read_text())

    def quantize(self, scheme: str, calibrated: bool) -> bytes | None:
        """The float flatbuffer in the numbers of `scheme`; None where LiteRT's quantizer can't."""
        if calibrated:
            self._write_examples()
        made = self._call("quantize", scheme=scheme, calibrated=calibrated, names=self._names)
        return Path(self._folder, in_worker.QUANTIZED).read_bytes() if made else None

    def quantize_by_converter(self, scheme: str, calibrated: bool) -> bytes:
        """The model in the numbers of `scheme` by TensorFlow's converter."""
        if calibrated:
            assert self.floats
            self._write_examples()
        self._call(
            "quantize_by_converter",
            scheme=scheme,
            calibrated=calibrated,
            names=self._names,
            stateful=self._stateful,
        )
        return Path(self._folder, in_worker.QUANTIZED).read_bytes()

    def _write_examples(self) -> None:
        path = Path(self._folder, in_worker.EXAMPLES)
        if not path.exists():
            assert self._calibration is not None
            arrays = dict(zip(self._names[0], self._calibration.arrays, strict=True))
            np.savez(path, allow_pickle=False, **arrays)

    def _call(self, function: str, **arguments: Any) -> Any:
        name = f"deploy.convert.in_worker:{function}"
        return worker.call(name, folder=self._folder, **arguments)[0]


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

    try:
        with builtin_forms():
            traced = serve.get_concrete_function(*specs)
        tf.saved_model.save(module, str(folder), signatures=traced)
    except Exception as error:
        raise DeployError(
            f"conversion of '{source.name}' failed while tracing it: {one_line(error)}"
        ) from error


def _check_trained(source: Source, scheme: str) -> None:
    if source.trained_weights and not SCHEMES[scheme].activations.startswith("int8"):
        raise DeployError(
            f"expected a target with int8 activations for the quantization-aware model "
            f"'{source.name}', received the scheme {scheme}; export it in int8, in which its "
            "weights keep the numbers they were trained in, or the model from before quantize_aware"
        )


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
    return any(_all(model, what))


def _all(model: Any, what: Callable[[Any], bool]) -> Iterator[Any]:
    for layer in getattr(model, "layers", ()):
        if what(layer):
            yield layer
        yield from _all(layer, what)


def _is_recurrent(layer: Any) -> bool:
    return hasattr(layer, "cell") or hasattr(layer, "forward_layer")


def _is_embedding(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Embedding)


def _of_tf_keras(source: Source, scheme: str, integers: bool) -> tuple[Source, dict[str, str]]:
    """The source rebuilt for a scheme, and the forms of its recurrent layers."""
    from deploy.convert.recurrent import for_device, forms
    from deploy.to_tf_keras import to_tf_keras

    model = for_device(to_tf_keras(source.model), scheme, integers)
    rebuilt = replace(
        load(model),
        name=source.name,
        inputs=source.inputs,
        outputs=source.outputs,
        variables_of_state=source.variables_of_state,
    )
    return rebuilt, forms(model)
