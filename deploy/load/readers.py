"""Open a model, whatever it is saved as, and check that an edge device could hold it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

from deploy.load.plain_floats import in_float32, is_plain
from deploy.load.source import Source, distinct, functional, one_line, static_input
from deploy.load.split_outputs import split_outputs
from deploy.load.text_inputs import cut_text_inputs
from deploy.runtime.errors import DeployError


def load(model: keras.Model | str | Path, trust: bool = False) -> Source:
    """The model as a `Source`.

    Args:
        model: a Keras model in memory, or the path of a `.keras` file, a legacy `.h5` file or a
            SavedModel folder.
        trust: run the code that a `.keras` or `.h5` file holds (of Lambda layers, say).

    Raises:
        DeployError: no such file, no model in it, a damaged archive, code in it without `trust`, an
            input that is not static (an axis other than the batch is None) or whose dtype no device
            takes.
    """
    if keras.backend.backend() != "tensorflow":
        raise DeployError(
            f"expected Keras on its TensorFlow backend, received '{keras.backend.backend()}'; "
            "set KERAS_BACKEND=tensorflow"
        )
    if not isinstance(model, str | Path):
        return _from_keras(model, file=None)
    path = Path(model)
    if not path.exists():
        raise DeployError(
            f"expected a .keras file, a legacy .h5 file or a SavedModel folder, received '{path}', "
            "which does not exist"
        )
    if path.is_dir():
        return _from_saved_model(path)
    if path.suffix == ".keras":
        return _from_keras(_open_archive(path, trust), path)
    if path.suffix in (".h5", ".hdf5"):
        return _from_keras(_open_h5(path, trust), path)
    hint = (
        "it is converted already: use `python -m deploy.runtime run`, or give the Keras model"
        if path.suffix == ".tflite"
        else "save the model with model.save('model.keras')"
    )
    raise DeployError(
        "expected a .keras file, a legacy .h5 file or a SavedModel folder, received "
        f"'{path}'; {hint}"
    )


def _open_archive(path: Path, trust: bool) -> keras.Model:
    if not zipfile.is_zipfile(path):
        raise DeployError(
            f"expected a .keras archive (a zip file), received '{path}', which is none: it may be "
            "truncated; save the model again with model.save()"
        )
    with zipfile.ZipFile(path) as archive:
        missing = {"config.json", "model.weights.h5"} - set(archive.namelist())
        config = "" if missing else archive.read("config.json").decode(errors="replace")
    if missing:
        raise DeployError(
            f"expected config.json and model.weights.h5 in '{path}', received an archive without "
            f"{' and '.join(sorted(missing))}; save the model again with model.save()"
        )
    if '"tf_keras.' in config:
        raise DeployError(
            f"expected an archive of Keras 3, received '{path}', which tf_keras wrote; save the "
            "model with model.save('model.h5')"
        )
    return _open(path, keras.saving.load_model, trust)


def _open_h5(path: Path, trust: bool) -> Any:
    with path.open("rb") as file:
        if file.read(8) != b"\x89HDF\r\n\x1a\n":
            raise DeployError(
                f"expected an HDF5 file with a Keras model, received '{path}', which is none"
            )
    # The reader of tf_keras runs the code in such a file without asking.
    if not trust and _holds_code(path):
        raise _untrusted(path)
    try:
        return _open(path, keras.saving.load_model, trust)
    except DeployError as keras_3_error:
        # Keras 2 wrote arguments that Keras 3 refuses, DepthwiseConv2D(groups=…) among them.
        import tf_keras

        from deploy.compress import wrappers

        try:
            with wrappers.scope():
                return _open(path, tf_keras.models.load_model, trust)
        except DeployError:
            raise keras_3_error from None


def _holds_code(path: Path) -> bool:
    try:
        with h5py.File(path) as file:
            config = json.loads(file.attrs.get("model_config", "{}"))
    except (OSError, ValueError):
        return False  # Damaged; the reader says how.
    entries = [config]
    while entries:
        entry = entries.pop()
        if isinstance(entry, dict):
            if str(entry.get("class_name")).split(">")[-1] in ("Lambda", "__lambda__"):
                return True
            entries += entry.values()
        elif isinstance(entry, list):
            entries += entry
    return False


def _untrusted(path: Path) -> DeployError:
    return DeployError(
        f"expected a model without code of its own, received '{path}', which holds code (a Lambda "
        "layer); if you trust its author, load it with --trust (trust=True)"
    )


def _open(path: Path, reader: Callable[..., Any], trust: bool) -> Any:
    try:
        return reader(path, compile=False, safe_mode=not trust)
    except Exception as error:
        if not trust and "safe_mode=False" in str(error):
            raise _untrusted(path) from None
        raise DeployError(
            f"expected a Keras model in '{path}', received one that does not load: "
            f"{one_line(error)}"
        ) from error


def _from_keras(model: Any, file: Path | None) -> Source:
    trained_weights = None
    if not isinstance(model, keras.Model) and hasattr(model, "layers"):
        from deploy.compress import wrappers
        from deploy.compress.quantization_aware import trained_weights as stored_weights

        if file is not None and wrappers.is_clustered(model):
            raise DeployError(
                f"expected a model without the wrappers of cluster, received '{file}', whose "
                "clusters a file does not keep; save deploy.strip(model)"
            )
        model = wrappers.strip(model)
        if wrappers.is_quantize_aware(model):
            trained_weights = stored_weights(model)
    try:
        inputs, outputs = list(model.inputs), list(model.outputs)
    except (AttributeError, TypeError, ValueError):
        name = getattr(model, "name", type(model).__name__)
        raise DeployError(
            f"expected a functional or Sequential Keras model, received '{name}' "
            f"({type(model).__name__}), whose inputs are not defined; build it with "
            "keras.Input(shape) and keras.Model(inputs, outputs)"
        ) from None
    front_ends: dict[str, Mapping[str, Any]] = {}
    if isinstance(model, keras.Model):
        model, front_ends = cut_text_inputs(model)
        inputs, outputs = list(model.inputs), list(model.outputs)
    given = None
    if not is_plain(model):
        given, model = model, in_float32(model)
        inputs, outputs = list(model.inputs), list(model.outputs)
    # Whatever structure the model's arguments have (dictionary, nest), this one takes a flat list.
    flat = functional(model, inputs, outputs)
    names = _output_names(model, flat)
    if isinstance(model, keras.Model) and len(outputs) > 1:
        flat = keras.Model(inputs, split_outputs(outputs))

    return Source(
        name=model.name,
        inputs=tuple(
            static_input(tensor.name, tensor.shape, tf.as_dtype(tensor.dtype).name)
            for tensor in inputs
        ),
        outputs=names,
        call=_flat_call(flat),
        # TensorFlow tracks its own variables, which Keras 3 keeps inside its own.
        variables=tuple(
            variable.value if isinstance(variable, keras.Variable) else variable
            for variable in model.variables
        ),
        params=model.count_params(),
        model=model,
        given=given,
        # What a stateful model keeps is set to zero in the model that is deployed alone.
        call_given=None
        if given is None or any(_variables_of_state(model))
        else _flat_call(functional(given, list(given.inputs), list(given.outputs))),
        file=file,
        trained_weights=trained_weights,
        variables_of_state=tuple(_variables_of_state(model)),
        front_ends=front_ends,
    )


def _flat_call(flat: Any) -> Callable[..., list[tf.Tensor]]:
    def call(*tensors: tf.Tensor) -> list[tf.Tensor]:
        return tf.nest.flatten(flat(list(tensors), training=False))

    return call


def _variables_of_state(model: Any) -> Iterator[Any]:
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False):
            yield from tf.nest.flatten(getattr(layer, "states", ()))


def _output_names(model: Any, flat: Any) -> tuple[str, ...]:
    """The keys of a dictionary of outputs; of any other structure the names of the layers."""
    structure = getattr(model, "output", None)
    if isinstance(structure, dict) and len(structure) == len(flat.outputs):
        return tuple(map(str, sorted(structure)))
    return distinct(flat.output_names)


def _from_saved_model(path: Path) -> Source:
    if not (path / "saved_model.pb").exists():
        raise DeployError(
            f"expected a SavedModel folder (with saved_model.pb), received the folder '{path}' "
            "without it"
        )
    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:
        raise DeployError(
            f"expected a SavedModel in '{path}', received one that does not load: {one_line(error)}"
        ) from error
    if "serving_default" not in loaded.signatures:
        raise DeployError(
            f"expected the signature 'serving_default' in '{path}', received "
            f"{sorted(loaded.signatures)}; export the model with model.export(folder)"
        )
    signature = loaded.signatures["serving_default"]
    specs = signature.structured_input_signature[1]
    outputs = sorted(signature.structured_outputs)

    def call(*tensors: tf.Tensor) -> list[tf.Tensor]:
        result = signature(**dict(zip(specs, tensors, strict=True)))
        return [result[name] for name in outputs]

    variables = tuple(signature.variables)
    return Source(
        name=path.name,
        inputs=tuple(
            static_input(name, spec.shape, spec.dtype.name) for name, spec in specs.items()
        ),
        outputs=tuple(outputs),
        call=call,
        variables=variables,
        params=sum(int(np.prod(variable.shape)) for variable in variables),
        file=path,
    )
