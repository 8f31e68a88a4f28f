"""Run the inputs recorded at export and compare with the outputs recorded then."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deploy.runtime.bundle import bundle_folders, load_model
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs.array import reason
from deploy.runtime.model import Model


def selftest(path: str | Path) -> list[dict[str, object]]:
    """How far each output of the bundle at `path` is from its recorded value on this device.

    Returns:
        For each output, of a bundle of several models of each of them: `model`, its folder's name;
        `name`, `examples`, `max_difference` and `tolerance` (in steps of the output's integers; for
        a float output in its own units), `passed`.

    Raises:
        DeployError: no bundle at `path`, a damaged model, or no recorded inputs.
    """
    if Path(path).is_file():
        raise DeployError(f"expected a bundle folder with recorded inputs, received '{path}'")
    return [
        {"model": name} | result
        for name, folder in bundle_folders(path).items()
        for result in _test_model(folder)
    ]


def _test_model(folder: Path) -> list[dict[str, object]]:
    model = load_model(folder)
    recorded = read_recorded(folder, model)
    inputs = [recorded[f"input_{index}"] for index in range(len(model.card["inputs"]))]
    examples = len(inputs[0])
    rows = [model.invoke([array[k : k + 1] for array in inputs]) for k in range(examples)]
    results: list[dict[str, object]] = []
    for index, (entry, column) in enumerate(
        zip(model.card["outputs"], zip(*rows, strict=True), strict=True)
    ):
        received = np.concatenate(column).astype(np.float64)
        difference = float(np.abs(received - recorded[f"output_{index}"].astype(np.float64)).max())
        tolerance = model.card["selftest"]["tolerance"][index]
        results.append(
            {
                "name": entry["name"],
                "examples": examples,
                "max_difference": difference,
                "tolerance": tolerance,
                "passed": difference <= tolerance,
            }
        )
    return results


def read_recorded(path: str | Path, model: Model) -> dict[str, np.ndarray]:
    """The arrays of the bundle's `selftest.npz`: what went in (`input_0`, …) and came out
    (`output_0`, …), both in the device's numbers, and what Keras gave (`keras_0`, …).

    Raises:
        DeployError: no such file, a damaged one, or one of another model.
    """
    file = Path(path) / "selftest.npz"
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:
        raise DeployError(
            f"expected recorded inputs and outputs in '{file}', received none: {reason(error)}"
        ) from error
    tolerances = model.card["selftest"].get("tolerance")
    whole = isinstance(tolerances, list) and len(tolerances) == len(model.card["outputs"])
    count = len(np.atleast_1d(arrays.get("input_0", [])))
    for kind, tensors in (("input", "inputs"), ("output", "outputs"), ("keras", "outputs")):
        for index, entry in enumerate(model.card[tensors]):
            array = arrays.get(f"{kind}_{index}", np.empty(()))
            whole &= array.ndim > 0 and 0 < len(array) == count
            whole &= list(array.shape[1:]) == entry["shape"][1:]
            whole &= kind == "keras" or array.dtype == entry["dtype"]
    if not whole:
        raise DeployError(
            f"expected the recorded inputs and outputs of this model, received others in '{file}'; "
            "copy or export the bundle again"
        )
    return arrays
