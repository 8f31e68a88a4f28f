"""What a device was shown: names with the mean embedding of their images, in `store.json`.

The file stands in the bundle's folder and is text: the model that it belongs to, and a line a name.
It is replaced as a whole, so a loss of power leaves the earlier one; who writes holds a lock.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from deploy.runtime.errors import DeployError

FILE = "store.json"
# What is said of an image that is like none of the store, so that nobody can have that name.
UNKNOWN = "unknown"

_SCHEMA = 1
_LONGEST_NAME = 64
# Thousands of names fit; a file beyond is none that was written here.
_LARGEST = 2**26
_MOST_IMAGES = 10**9


class Prototype(NamedTuple):
    """Of how many `images` it is the `mean`, float64 (D,)."""

    images: int
    mean: np.ndarray


class Owner(NamedTuple):
    """Whose embeddings are in the store: the SHA-256 of the `model`, the `distance` that they are
    compared by, and their `dimension`."""

    model: str
    distance: str
    dimension: int


def check_name(name: str) -> str:
    """The name as the store has it: letters with accents in their composed form (NFC).

    Raises:
        DeployError: an empty or too long name, one with a path separator or what can't be printed,
            spaces at its ends, "." or "..", or the word for who is not known.
    """
    composed = unicodedata.normalize("NFC", name) if isinstance(name, str) else ""
    fits = 0 < len(composed) <= _LONGEST_NAME and composed.isprintable()
    fits &= composed == composed.strip() and not set(composed) & set("/\\")
    if not fits or composed in (".", "..", UNKNOWN):
        raise DeployError(
            f"expected a name of 1 to {_LONGEST_NAME} printable characters without / and \\, other "
            f"than {UNKNOWN}, received {name!r:.80}; choose another"
        )
    return composed


def read_store(folder: str | Path, owner: Owner) -> Mapping[str, Prototype]:
    """The prototypes by name in a bundle's folder; none where there is no store yet.

    What was read is kept until the file is replaced, so that a camera's images don't wait for it,
    and see at once what another process enrols.

    Raises:
        DeployError: a damaged file, or the store of another model.
    """
    path = Path(folder, FILE)
    try:
        status = path.stat()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unreadable(path, error) from error
    return _read(path, owner, (status.st_ino, status.st_mtime_ns, status.st_size))


def update_store(
    folder: str | Path, owner: Owner, change: Callable[[dict[str, Prototype]], None]
) -> None:
    """Let `change` change the prototypes by name, while no other process does.

    Raises:
        DeployError: as `read_store`, or a folder that can't be written; the store stays as it was.
    """
    path = Path(folder, FILE)
    try:
        with _locked(path.with_name(f".{FILE}.lock")):
            prototypes = dict(read_store(folder, owner))
            change(prototypes)
            _write(path, owner, prototypes)
    except OSError as error:
        raise DeployError(
            f"expected a bundle's folder that can be written, received '{folder}': {error}"
        ) from error
    # Two files of one size within a tick of the file system's clock look the same.
    _read.cache_clear()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # The system unlocks the file when the process ends, however that happens.
    with path.open("a+b") as file:
        _lock(file)
        yield


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


def _write(path: Path, owner: Owner, prototypes: Mapping[str, Prototype]) -> None:
    head = {"schema": _SCHEMA, **owner._asdict()}
    lines = [f"  {_json(key)}: {_json(value)}" for key, value in head.items()]
    rows = [
        # Embeddings are known to a few digits: eight are more than float32 has.
        f"    {_json(name)}: "
        + _json({"images": count, "mean": [float(f"{part:.8g}") for part in mean.tolist()]})
        for name, (count, mean) in prototypes.items()
    ]
    lines.append('  "prototypes": {\n' + ",\n".join(rows) + "\n  }")
    content = ("{\n" + ",\n".join(lines) + "\n}\n").encode()
    descriptor, partial = tempfile.mkstemp(prefix=f".{FILE}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp lets nobody else read the file.
        os.chmod(partial, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


@lru_cache(maxsize=8)
def _read(path: Path, owner: Owner, version: tuple[int, int, int]) -> Mapping[str, Prototype]:
    if version[2] > _LARGEST:
        raise _damaged(path, f"{version[2]:,} bytes")
    try:
        content = json.loads(
            path.read_text("utf-8"), object_pairs_hook=_mapping, parse_constant=_no_number
        )
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(content, dict) or content.get("schema") != _SCHEMA:
        raise _damaged(path, f"no schema {_SCHEMA}")
    for key, expected in owner._asdict().items():
        if key not in content:
            raise _damaged(path, f"no {key}")
        if content[key] != expected:
            raise DeployError(
                f"expected the store of this model ({key} {expected}) in '{path}', received that "
                f"of another ({content[key]!r:.80}); remove the file and enrol again"
            )
    prototypes = content.get("prototypes")
    if not isinstance(prototypes, dict):
        raise _damaged(path, "no prototypes")
    return {name: _prototype(path, owner, name, entry) for name, entry in prototypes.items()}


def _prototype(path: Path, owner: Owner, name: str, entry: Any) -> Prototype:
    try:
        known = check_name(name) == name
    except DeployError:
        known = False
    if not known:
        raise _damaged(path, f"the name {name!r:.80}")
    count, mean = (entry.get("images"), entry.get("mean")) if isinstance(entry, dict) else (0, 0)
    if type(count) is not int or not 1 <= count <= _MOST_IMAGES:
        raise _damaged(path, f"{count!r:.80} images of '{name}'")
    if not isinstance(mean, list) or len(mean) != owner.dimension:
        raise _damaged(path, f"no mean of {owner.dimension} numbers of '{name}'")
    # Beyond float32 the distances would be infinite.
    if not all(type(part) in (int, float) and abs(part) < 1e30 for part in mean):
        raise _damaged(path, f"a mean of '{name}' that is no list of finite numbers")
    return Prototype(count, np.array(mean, np.float64))


def _mapping(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name that stands twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text}, which is no number")


def _damaged(path: Path, received: str) -> DeployError:
    return DeployError(
        f"expected the prototypes that enrol wrote in '{path}', received a damaged file "
        f"({received}); restore it, or remove it and enrol again"
    )


def _unreadable(path: Path, error: OSError) -> DeployError:
    return DeployError(f"expected a store that can be read, received '{path}': {error}")
