"""The front end "array": examples are arrays in the model's own units already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deploy.runtime.errors import DeployError

NOUN = "example"
SUFFIXES = (".npy", ".npz")

open_several = None
warning = None
stream = None


def check(front_end: Mapping[str, Any], shape: Sequence[int]) -> None:
    """Whether there are no parameters; any array will do.

    Raises:
        DeployError: there are some.
    """
    unknown = sorted(set(front_end) - {"kind"})
    if unknown:
        raise DeployError(
            f"expected no parameters of the front end array, received '{unknown[0]}'; leave it out"
        )


def open_file(path: str | Path) -> np.ndarray:
    """The array of an .npy file, or `x` of an .npz archive.

    Raises:
        DeployError: no such file, or none with an array.
    """
    if not Path(path).is_file():
        raise DeployError(f"expected an array file, received '{path}', which does not exist")
    try:
        loaded = np.load(path, allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else loaded["x"]
    except Exception as error:
        raise DeployError(
            f"expected an .npy array or an .npz archive with 'x', received '{path}': "
            f"{reason(error)}"
        ) from error


def reason(error: Exception) -> str:
    """Why NumPy read no numbers from a file; what it takes for pickled objects is no advice."""
    return "it holds no plain numbers" if "pickle" in str(error) else str(error)


def is_raw(example: Any, shape: Sequence[int]) -> bool:
    """Images, by which Pillow's are meant, are none for such a model."""
    return hasattr(example, "convert")


def size(example: Any) -> tuple[int, int]:
    """Nothing to be seen."""
    return 0, 0


def to_array(example: Any, front_end: Mapping[str, Any], shape: Sequence[int]) -> np.ndarray:
    """Never possible.

    Raises:
        DeployError: always; what `is_raw` is no array.
    """
    raise DeployError(
        "expected a model that takes images (height, width, 1 or 3), received one that takes "
        f"{tuple(shape)}; give it an .npy or .npz file"
    )
