"""Run the inputs recorded at export and compare with the outputs recorded then."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deploy.errors import DeployError
from deploy.runtime.model import Model, load


def selftest(path: str | Path) -> list[dict[str, object]]:
    """How far each output of the bundle at `path` is from its recorded value on this device.

    Returns:
        For each output: `name`, `examples`, `max_difference` and `tolerance` (in steps of the
        output's integers; for a float output in its own units), `passed`.

    Raises:
        DeployError: no bundle at `path`, a damaged model, or no recorded inputs.
    """
    model = load(path)
    recorded = _read(Path(path) / "selftest.npz", model)
    names = [f"input_{index}" for index in range(len(model.card["inputs"]))]
    examples = len(recorded[names[0]])
    rows = [model.invoke([recorded[name][k : k + 1] for name in names]) for k in range(examples)]
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


def _read(path: Path, model: Model) -> dict[str, np.ndarray]:
    if "selftest" not in model.card or not path.is_file():
        raise DeployError(f"expected a bundle with recorded inputs, received none at '{path}'")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:
        raise DeployError(f"expected an .npz archive, received '{path}': {error}") from error
