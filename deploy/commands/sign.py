"""`deploy.sign`: a bundle with the signature of a key's owner, and such keys."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from deploy.runtime.bundle import bundle_folders
from deploy.runtime.errors import DeployError
from deploy.runtime.signature import (
    FILE,
    checksums,
    missing_cryptography,
    read_key,
    signed_message,
)


def new_key(path: str | Path) -> Path:
    """Makes an Ed25519 key pair: the private key at `path`, readable by its owner alone, and the
    public one beside it.

    Args:
        path: of the private key's PEM file, which does not exist yet: `signing.pem`.

    Returns:
        The path of the public key, `signing.public.pem`: what goes onto the devices.

    Raises:
        DeployError: one of the files exists or can't be written; no package `cryptography`.
    """
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ModuleNotFoundError:
        raise missing_cryptography() from None
    private = Path(path)
    if not private.name:
        raise DeployError(f"expected the name of a file for the key, received '{path}'")
    public = private.with_suffix(f".public{private.suffix}")
    key = Ed25519PrivateKey.generate()
    contents = {
        private: key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        public: key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    }
    if public.exists():
        raise DeployError(f"expected a new file, received '{public}', which exists")
    for file, content in contents.items():
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise DeployError(
                f"expected a new file that can be written, received '{file}': {error.strerror}"
            ) from error
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
    return public


def sign(bundle: str | Path, private_key: str | Path) -> None:
    """Writes `signature.json` into a bundle; an earlier signature is replaced.

    Args:
        bundle: the folder, as it goes onto the device.
        private_key: a PEM file with an Ed25519 private key, without a password.

    Raises:
        DeployError: no bundle, no such key, or no package `cryptography`.
    """
    folder = Path(bundle)
    for each in bundle_folders(folder).values():
        if not (each / "model.tflite").is_file():
            raise DeployError(f"expected a bundle, received '{folder}' without model.tflite")
    key = read_key(private_key, "private")
    partial = folder / f"{FILE}.partial"
    partial.unlink(missing_ok=True)
    files = checksums(folder)
    signature = base64.b64encode(key.sign(signed_message(files))).decode("ascii")
    content = {"algorithm": "Ed25519", "files": files, "signature": signature}
    try:
        partial.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        partial.replace(folder / FILE)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DeployError(
            f"expected a bundle that can be written, received '{folder}': {error.strerror}"
        ) from error
