"""The training examples that show the quantizer which values flow through the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deploy.load.folder import calibration_examples, find_folder
from deploy.load.inputs import as_inputs, first_scaling, read_npz
from deploy.load.source import Source, functional
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import default_front_end, find_front_end
from deploy.schemes import SCHEMES
from deploy.targets import Target

EXAMPLES = 256

_RANDOM_EXAMPLES = 32

# Values beyond these after the model's own Rescaling or Normalization are nothing that the model
# has been trained on: pixels divided by 255 before the model, or never divided at all.
_SMALLEST_SPREAD = 0.05
_LARGEST_MAGNITUDE = 20.0


@dataclass(frozen=True)
class Calibration:
    """`arrays`: one (examples, …) array an input; `ranges`: the (min, max) seen in each."""

    arrays: tuple[np.ndarray, ...]
    ranges: tuple[tuple[float, float], ...]

    @property
    def examples(self) -> int:
        return len(self.arrays[0])


def calibrate(
    data: Any, source: Source, seed: int = 0, front_ends: Sequence[Mapping[str, Any]] = ()
) -> Calibration:
    """At most `EXAMPLES` examples of `data`, checked against the model's inputs.

    Args:
        data: an array (several inputs: a list, or a dictionary by input name), a `tf.data` pipeline
            of `x` or `(x, y)`, batched or not, the path of an `.npz` file with `x` (several inputs:
            one array under each input's name), a folder (see `load.folder`), or the name of a TFDS
            data set, whose training split is read.
        source: the model.
        seed: draws the examples from an array; of a model with state the first ones are taken, in
            their order.
        front_ends: how examples become the numbers of each input that is no state; by default they
            are arrays, and the images of a folder or a TFDS data set are resized and keep their
            0–255.

    Raises:
        DeployError: data that can't be read, is empty, has the wrong shape or dtype, NaN, or a
            range that the model was not trained on (0–1 where it takes 0–255).
    """
    if isinstance(data, str | Path):
        data = _read(data, source, seed, front_ends)
    if isinstance(data, tf.data.Dataset):
        arrays = _take(data, source, front_ends)
    else:
        arrays = _draw(as_inputs(data, source, "calibration", front_ends), source, seed)
    _check_values(arrays, source)
    return Calibration(
        arrays=tuple(arrays),
        ranges=tuple((float(array.min()), float(array.max())) for array in arrays),
    )


def random_examples(
    source: Source, seed: int = 0, front_ends: Sequence[Mapping[str, Any]] = ()
) -> Calibration:
    """Random inputs, 0–255 where the model rescales them itself, pieces of the vocabulary of a
    front end and 0–1 elsewhere: enough to run a model, and to convert it where only its size and
    operators are asked for."""
    generator = np.random.default_rng(seed)
    taken = {pair[1] for pair in source.state}
    told = iter(front_ends)
    arrays = []
    for index, entry in enumerate(source.inputs):
        front_end: Mapping[str, Any] = {} if index in taken else next(told, {})
        high = len(front_end.get("vocabulary", ())) or (255 if first_scaling(source) else 1)
        drawn = generator.uniform(0, high, (_RANDOM_EXAMPLES, *entry.shape))
        arrays.append(drawn.astype(entry.dtype))
    return Calibration(tuple(arrays), tuple((float(a.min()), float(a.max())) for a in arrays))


def _draw(arrays: list[np.ndarray], source: Source, seed: int) -> list[np.ndarray]:
    order = np.arange(len(arrays[0]))
    if not source.stateful and not source.state:
        order = np.random.default_rng(seed).permutation(order)
    chosen = order[:EXAMPLES]
    return [array[chosen] for array in arrays]


def _take(
    dataset: tf.data.Dataset, source: Source, front_ends: Sequence[Mapping[str, Any]]
) -> list[np.ndarray]:
    spec = dataset.element_spec
    inputs_spec = spec[0] if isinstance(spec, tuple) else spec
    first = tf.nest.flatten(inputs_spec)[0]
    if first.shape.rank == (0 if first.dtype == tf.string else len(source.inputs[0].shape)):
        dataset = dataset.batch(EXAMPLES)
    parts: list[Any] = []
    count = 0
    for element in dataset.as_numpy_iterator():
        inputs = element[0] if isinstance(spec, tuple) else element
        inputs = tf.nest.map_structure(_decoded, inputs)
        parts.append(as_inputs(inputs, source, "calibration", front_ends))
        count += len(parts[-1][0])
        if count >= EXAMPLES:
            break
    if not parts:
        raise DeployError("expected at least one calibration example, received an empty pipeline")
    return [np.concatenate(arrays)[:EXAMPLES] for arrays in zip(*parts, strict=True)]


def _decoded(values: Any) -> Any:
    """The texts that TensorFlow gives as bytes; anything else as it is."""
    if isinstance(values, bytes):
        return values.decode()
    return np.char.decode(values.astype(bytes)) if np.asarray(values).dtype == object else values


def _read(
    data: str | Path, source: Source, seed: int, front_ends: Sequence[Mapping[str, Any]]
) -> Any:
    path, folder = Path(data), find_folder(data)
    if folder:
        return calibration_examples(folder, source, front_ends, EXAMPLES, seed)
    if path.suffix in (".npz", ".npy") or path.exists():
        return read_npz(path, source)[0]
    import tensorflow_datasets as tfds

    name, _, split = str(data).partition(":")
    if "test" in split:
        raise DeployError(
            f"expected a training split, received '{data}': a model calibrated on test data can't "
            "be judged on it; use the training split"
        )
    print(f"reading the TFDS data set '{name}' (downloaded where it is not prepared)", flush=True)
    tfds.disable_progress_bar()
    try:
        dataset = tfds.load(name, split=split or "train", as_supervised=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise DeployError(
            f"expected an .npz file, a folder or the name of a TFDS data set that is prepared in "
            f"TFDS_DATA_DIR or can be downloaded, received '{data}': {reason}"
        ) from error
    dataset = dataset.shuffle(10 * EXAMPLES, seed=seed).take(EXAMPLES)
    shape = source.inputs[0].shape
    front_end = front_ends[0] if front_ends else default_front_end(shape)
    if front_end["kind"] == "array":
        return dataset
    # An image of the model's own size is none in its units yet.
    to_array = find_front_end({"name": source.inputs[0].name, "front_end": front_end}).to_array
    return np.stack(
        [
            to_array(_decoded(example), front_end, shape)
            for example, _ in dataset.as_numpy_iterator()
        ]
    )


def _check_values(arrays: Sequence[np.ndarray], source: Source) -> None:
    for array, entry in zip(arrays, source.inputs, strict=True):
        if array.min() == array.max():
            raise DeployError(
                f"expected calibration examples that differ, received the constant {array.min():g} "
                f"for input '{entry.name}'"
            )
    found = first_scaling(source)
    if found is None:
        return
    part, layer = found
    scaled = np.asarray(functional(part, part.inputs, layer.output)([a[:64] for a in arrays]))
    low, high = float(scaled.min()), float(scaled.max())
    given = f"{min(a.min() for a in arrays):g} to {max(a.max() for a in arrays):g}"
    if high - low < _SMALLEST_SPREAD or max(-low, high) > _LARGEST_MAGNITUDE:
        raise DeployError(
            f"expected calibration data in the model's own input units, received {given}, of which "
            f"the model's layer '{layer.name}' ({type(layer).__name__}) makes {low:.3g} to "
            f"{high:.3g}; give what the model was trained on, 0 to 255 for pixels: the model "
            "rescales them itself"
        )


def check_calibration(
    target: Target, schemes: Sequence[str], source: Source, calibration: Any
) -> None:
    """Whether there is calibration data where one of the schemes needs it.

    Raises:
        DeployError: there is none.
    """
    calibrated = [scheme for scheme in schemes if SCHEMES[scheme].calibrated]
    if calibrated and not source.trained_weights and calibration is None:
        raise DeployError(
            f"expected calibration data for the target '{target.name}', which is quantized to "
            f"{calibrated[0]}, received none; give a few hundred training examples"
        )
