"""Examples for a model's inputs: arrays, files, folders, checked against shapes, dtypes, units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deploy.load.folder import find_folder, labelled_examples
from deploy.load.source import Input, Source
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import find_front_end, prepare
from deploy.runtime.inputs.array import reason
from deploy.runtime.inputs.image import is_image_shape


def as_inputs(
    data: Any, source: Source, what: str, front_ends: Sequence[Mapping[str, Any]] = ()
) -> list[np.ndarray]:
    """`data` as one (examples, …) array an input, in the dtype of the model's input.

    Of a model with state as inputs the data are one sequence without it; the state that the Keras
    model carries along it is added.

    Args:
        data: an array (several inputs: a list, or a dictionary by input name); where an input has a
            front end a list of what it takes (images, texts, the paths of files) will do.
        source: the model.
        what: what the data are, for the errors.
        front_ends: one for each input that is no state; none: arrays alone.

    Raises:
        DeployError: a missing or surplus input, the wrong shape or dtype, no example, unequal
            numbers of examples, or values that are not finite.
    """
    seen = source.without_state()
    names = [entry.name for entry in seen.inputs]
    if isinstance(data, dict):
        if set(data) != set(names):
            raise DeployError(
                f"expected {what} arrays called {names}, received {sorted(data)}; name each array "
                "after its input"
            )
        data = [data[name] for name in names]
    elif len(names) == 1 and not _is_list_of_one_array(data):
        data = [data]
    if not isinstance(data, list | tuple) or len(data) != len(names):
        count = len(data) if isinstance(data, list | tuple) else 1
        raise DeployError(
            f"expected {len(names)} {what} arrays, for the inputs {names}, received {count}"
        )
    for index, (entry, told) in enumerate(zip(seen.inputs, front_ends, strict=False)):
        data = [*data[:index], _prepared(data[index], entry, told), *data[index + 1 :]]
    arrays = [_checked(array, entry, what) for array, entry in zip(data, seen.inputs, strict=True)]
    if len({len(array) for array in arrays}) > 1:
        raise DeployError(
            f"expected as many examples for each of the inputs {names}, received "
            f"{[len(array) for array in arrays]} in the {what} data"
        )
    return _with_state(arrays, source) if source.state else arrays


def read_test(
    path: str | Path,
    source: Source,
    front_ends: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
) -> tuple[Any, np.ndarray | None]:
    """The inputs and, where there are any, the labels, of an `.npz` file or a folder.

    Args:
        path: of the file or the folder, `FOLDER:SPLIT` too.
        source: the model.
        front_ends: of its inputs, for the files of a folder; none: images become 0 to 255.
        class_names: by which a folder's sub-folders are numbered.

    Raises:
        DeployError: as `read_npz` and `folder.labelled_examples`.
    """
    folder = find_folder(path)
    if folder:
        return labelled_examples(folder, source, front_ends, class_names)
    return read_npz(Path(path), source)


def read_npz(path: Path, source: Source) -> tuple[Any, np.ndarray | None]:
    """The inputs and, where the file has it, `y`, of an `.npz` file.

    Raises:
        DeployError: no such file, no `.npz` archive, or no array for an input.
    """
    if not path.is_file() or path.suffix != ".npz":
        state = "is none" if path.exists() else "does not exist"
        raise DeployError(
            f"expected an .npz file, received '{path}', which {state}; write it with "
            "np.savez(path, x=…, y=…)"
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:
        raise DeployError(
            f"expected an .npz archive of numbers, received '{path}', which is none: "
            f"{reason(error)}; write it with np.savez(path, x=…, y=…)"
        ) from error
    targets = arrays.pop("y", None)
    if len(source.inputs) == 1 and "x" in arrays:
        return arrays["x"], targets
    return arrays, targets


def _checked(array: Any, entry: Input, what: str) -> np.ndarray:
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise DeployError(
            f"expected {what} examples of one shape for input '{entry.name}', received a ragged "
            "list; pad or crop them to the model's shape"
        ) from error
    expected = ("examples", *entry.shape)
    if array.dtype.kind not in "fiub" or (array.dtype.kind == "f" and entry.dtype[0] in "iub"):
        raise DeployError(
            f"expected {entry.dtype} {what} data for input '{entry.name}', received {array.dtype}"
        )
    if array.shape[1:] != entry.shape or array.ndim == 0:
        shown = ", ".join(map(str, expected))
        raise DeployError(
            f"expected {what} data of shape ({shown}) for input '{entry.name}', received "
            f"{array.shape}"
        )
    if len(array) == 0:
        raise DeployError(f"expected at least one {what} example, received none")
    with np.errstate(over="ignore"):
        array = array.astype(entry.dtype)
    if not np.isfinite(array).all():
        raise DeployError(
            f"expected finite {what} data for input '{entry.name}', received "
            f"{int((~np.isfinite(array)).sum())} values that are NaN or infinite; remove those "
            "examples"
        )
    return array


def first_scaling(source: Source) -> tuple[Any, Any] | None:
    """The layer by which the model rescales or normalizes its input, after the (nested) model that
    it stands in; None where there is none."""
    shapes = [entry.shape for entry in source.inputs]
    part = source.model
    while part is not None:
        for layer in part.layers:
            # Quantization-aware layers are wrapped, and begin with one that quantizes the input.
            kept = getattr(layer, "layer", layer)
            kind = type(kept).__name__
            if kind in ("Rescaling", "Normalization"):
                return (part, layer) if tuple(layer.output.shape[1:]) in shapes else None
            if hasattr(layer, "layers") and len(source.inputs) == 1:
                part = layer
                break
            # Nothing but augmentation may come between, or the values are no longer the input's.
            if kind == "Activation" and kept.activation.__name__ == "linear":
                continue
            if kind != "InputLayer" and not kind.startswith("Random"):
                return None
        else:
            return None
    return None


def find_front_ends(
    source: Source, given: Any, arrays: Sequence[np.ndarray] | None
) -> list[dict[str, Any]]:
    """How an example becomes the numbers of each input, `runtime.inputs` says what that is.

    Args:
        source: the model.
        given: what `export` is told: one front end, or a list of one for each input that is no
            state; None: what the model itself tells, and images where shape and values allow it.
        arrays: examples of the user's own, by which black and white are known; None: there are
            none.

    Raises:
        DeployError: not one front end for each input, an unknown kind, or parameters that don't
            fit.
    """
    taken = {pair[1] for pair in source.state}
    told = [given] if isinstance(given, Mapping) else list(given or ())
    if told and len(told) != len(source.inputs) - len(taken):
        raise DeployError(
            f"expected a front end for each of {len(source.inputs) - len(taken)} inputs, received "
            f"{len(told)}"
        )
    front_ends = []
    for index, entry in enumerate(source.inputs):
        found = _guess(source, entry, None if arrays is None else arrays[index])
        if index in taken:
            found = {"kind": "array"}
        elif told:
            given = dict(told.pop(0))
            # What is not told of an image may be known.
            found = found | given if given.get("kind", found["kind"]) == found["kind"] else given
        if found["kind"] == "tokens" and entry.dtype.startswith("float"):
            raise DeployError(
                f"expected an input of whole numbers for the front end tokens, received "
                f"{entry.dtype} for '{entry.name}', of which integers would keep 256; build it "
                "with keras.Input(shape, dtype='int32')"
            )
        find_front_end({"name": entry.name, "front_end": found}).check(found, entry.shape)
        front_ends.append(found)
    return front_ends


def told_front_ends(source: Source, given: Any) -> list[dict[str, Any]]:
    """The front ends that `export` or the model itself tells, one for each input that is no state;
    none where neither tells any.

    Raises:
        DeployError: as `find_front_ends`.
    """
    taken = {pair[1] for pair in source.state}
    found = find_front_ends(source, given, None) if given or source.front_ends else []
    return [front_end for index, front_end in enumerate(found) if index not in taken]


def _is_list_of_one_array(data: Any) -> bool:
    return isinstance(data, list | tuple) and len(data) == 1 and not isinstance(data[0], str)


def _prepared(examples: Any, entry: Input, front_end: Mapping[str, Any]) -> Any:
    if isinstance(examples, np.ndarray) and examples.shape[1:] == entry.shape:
        return examples
    if not isinstance(examples, list | tuple | np.ndarray):
        return examples
    if find_front_end({"name": entry.name, "front_end": front_end}).is_raw(examples, entry.shape):
        # A single one, a recording with its rate say.
        examples = [examples]
    return [prepare(example, front_end, entry.shape) for example in examples]


def _guess(source: Source, entry: Input, shown: np.ndarray | None) -> dict[str, Any]:
    if entry.name in source.front_ends:
        return dict(source.front_ends[entry.name])
    if not is_image_shape(entry.shape):
        return {"kind": "array"}
    height, width, channels = entry.shape
    black, white = _black_and_white(source, shown)
    size = [int(height), int(width)]
    return {"kind": "image", "size": size, "channels": channels, "black": black, "white": white}


def _black_and_white(
    source: Source, shown: np.ndarray | None
) -> tuple[int, int] | tuple[None, None]:
    # In the model's units, so that the runtime can feed it an image file; None where the examples
    # are no pixels, or there are none.
    if first_scaling(source):
        return 0, 255
    if shown is None:
        return None, None
    low, high = float(shown.min()), float(shown.max())
    for black, white in ((0, 1), (-1, 1), (0, 255)):
        if black <= low and high <= white:
            return black, white
    return None, None


def _with_state(arrays: Sequence[np.ndarray], source: Source) -> list[np.ndarray]:
    taken = {pair[1] for pair in source.state}
    given = iter(arrays)
    inputs = [None if k in taken else next(given) for k in range(len(source.inputs))]
    carried = {k: np.zeros((1, *source.inputs[k].shape), np.float32) for k in taken}
    steps: list[list[np.ndarray]] = []
    for step in range(len(arrays[0])):
        steps.append(
            [
                carried[k] if array is None else array[step : step + 1]
                for k, array in enumerate(inputs)
            ]
        )
        outputs = source.predict(steps[-1])
        carried = {k: outputs[position] for position, k in source.state}
    return [np.concatenate(column) for column in zip(*steps, strict=True)]
