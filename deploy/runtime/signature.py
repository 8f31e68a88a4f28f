"""Signed bundles: made by the owner of a key, and by nobody else.

A checksum in the card protects against accidents; who replaces the model on purpose replaces it as
well. `signature.json` names every file of the bundle with its SHA-256, and holds the Ed25519
signature of that list, which only the private key makes and anybody with the public one can check.

Needs the package `cryptography`, on the device as well.

Source: RFC 8032, "Edwards-Curve Digital Signature Algorithm (EdDSA)".
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.runtime import store
from deploy.runtime.errors import DeployError

FILE = "signature.json"
# What is signed begins so: the same key may sign other things.
_PURPOSE = b"ThinkKeras bundle, version 1\n"
_BLOCK = 2**20  # bytes


def check_signature(bundle: str | Path, public_key: str | Path) -> None:
    """Whether every file of a bundle is as the owner of the key has signed it.

    What a device has enrolled (`store.json`) is its own, and not signed: remove one that arrives
    with a bundle. An earlier bundle that the same key has signed is as good as this one.

    Args:
        bundle: the folder.
        public_key: a PEM file with an Ed25519 public key.

    Raises:
        DeployError: no signature, another key's, or a file that is changed, missing or added; no
            such key; no package `cryptography`.
    """
    folder = Path(bundle)
    if folder.is_file():
        raise DeployError(f"expected a signed bundle's folder, received the file '{folder}'")
    key = read_key(public_key, "public")
    try:
        found = json.loads((folder / FILE).read_text("utf-8"))
        listed, signature = found["files"], base64.b64decode(found["signature"], validate=True)
        message = signed_message(listed)
    except FileNotFoundError:
        raise DeployError(
            f"expected a signed bundle, received '{folder}' without {FILE}; sign it with "
            "python -m deploy sign"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DeployError(
            f"expected files and their signature in '{folder / FILE}', received something else "
            f"({type(error).__name__}); copy the bundle again"
        ) from error
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, message)
    except InvalidSignature:
        raise DeployError(
            f"expected the signature of '{public_key}' on '{folder}', received another one: the "
            "bundle is from somebody else, or was changed; don't use it"
        ) from None
    present = checksums(folder)
    for what, names in {
        "missing": listed.keys() - present.keys(),
        "added": present.keys() - listed.keys(),
        "changed": {
            name for name in listed.keys() & present.keys() if listed[name] != present[name]
        },
    }.items():
        if names:
            raise DeployError(
                f"expected the files of '{folder}' as they were signed, received {min(names)}, "
                f"which is {what}; don't use it, or copy the bundle again"
            )


def signed_message(files: Mapping[str, str]) -> bytes:
    """The bytes that are signed, of the files' checksums by their names.

    Raises:
        TypeError: these are no texts.
    """
    if not isinstance(files, dict) or not all(isinstance(each, str) for each in files.values()):
        raise TypeError("expected checksums by files' names")
    listed = json.dumps(files, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return _PURPOSE + listed.encode("ascii")


def checksums(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that a signature is about, by its name as seen from the folder.

    Raises:
        DeployError: a link among them, or a file that can't be read.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise DeployError(
                f"expected files and folders alone in '{folder}', received {name}, a link or "
                "something else that a signature can't hold; copy what it stands for into its place"
            )
        if path.is_file() and name != FILE and not _is_enrolled(path.name):
            digest = hashlib.sha256()
            try:
                with open(path, "rb") as file:
                    while block := file.read(_BLOCK):
                        digest.update(block)
            except OSError as error:
                raise DeployError(
                    f"expected files that can be read, received '{path}': {error.strerror}"
                ) from error
            found[name] = digest.hexdigest()
    return found


def _is_enrolled(name: str) -> bool:
    """Whether a file is the store, or what stands beside it while it is written."""
    return name == store.FILE or name.startswith(f".{store.FILE}.")


def missing_cryptography() -> DeployError:
    """The error where signatures are asked for and can't be computed."""
    return DeployError(
        "expected the package cryptography for signatures, received an installation without it; "
        "pip install cryptography"
    )


def read_key(path: str | Path, half: str) -> Any:
    """The Ed25519 key in a PEM file without a password.

    Args:
        path: of the file.
        half: "public" or "private".

    Raises:
        DeployError: no such key; no package `cryptography`.
    """
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError:
        raise missing_cryptography() from None
    try:
        content = Path(path).read_bytes()
        if half == "private":
            key: Any = serialization.load_pem_private_key(content, password=None)
        else:
            key = serialization.load_pem_public_key(content)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DeployError(
            f"expected a PEM file with an Ed25519 {half} key, received '{path}': {error}; make a "
            "pair with python -m deploy key"
        ) from error
    if not isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        raise DeployError(
            f"expected an Ed25519 {half} key in '{path}', received {type(key).__name__}"
        )
    return key
