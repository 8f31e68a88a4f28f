"""Signed bundles: what the owner of the key has made, and nothing else."""

import hashlib
import json
import shutil
import stat

import pytest

import deploy
from deploy import DeployError, runtime
from deploy.__main__ import main
from deploy.runtime.__main__ import main as device

cryptography = pytest.importorskip("cryptography")


@pytest.fixture
def signed(exported, tmp_path):
    """A signed copy of the digits classifier, and the public key."""
    bundle = tmp_path / "bundle"
    shutil.copytree(exported("convnet", "cpu"), bundle)
    public = deploy.new_key(tmp_path / "signing.pem")
    deploy.sign(bundle, tmp_path / "signing.pem")
    return bundle, public


def test_keys_and_signature(signed, tmp_path):
    bundle, public = signed
    assert public == tmp_path / "signing.public.pem"
    assert stat.S_IMODE((tmp_path / "signing.pem").stat().st_mode) == 0o600
    found = json.loads((bundle / "signature.json").read_text("utf-8"))
    names = {path.name for path in bundle.iterdir()} - {"signature.json"}
    assert set(found["files"]) == names >= {"card.json", "model.tflite", "labels.txt"}
    runtime.check_signature(bundle, public)
    (bundle / "store.json").write_text("{}")  # a device's own
    runtime.check_signature(bundle, public)
    deploy.sign(bundle, tmp_path / "signing.pem")
    runtime.check_signature(bundle, public)


def test_what_is_left_of_an_earlier_signature_is_not_signed(signed, tmp_path):
    bundle, public = signed
    (bundle / "signature.json.partial").write_text("half")
    deploy.sign(bundle, tmp_path / "signing.pem")
    runtime.check_signature(bundle, public)


def test_links_are_neither_signed_nor_accepted(signed, tmp_path):
    bundle, public = signed
    (tmp_path / "elsewhere").mkdir()
    (bundle / "encoder").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DeployError, match="received encoder, a link"):
        deploy.sign(bundle, tmp_path / "signing.pem")
    with pytest.raises(DeployError, match="received encoder, a link"):
        runtime.check_signature(bundle, public)


def changed(bundle, _):
    content = bytearray((bundle / "model.tflite").read_bytes())
    content[-1] ^= 1
    (bundle / "model.tflite").write_bytes(content)


def replaced_with_its_checksum(bundle, _):
    changed(bundle, _)
    digest = hashlib.sha256((bundle / "model.tflite").read_bytes()).hexdigest()
    for name in ("signature.json", "card.json"):
        found = json.loads((bundle / name).read_text("utf-8"))
        (found["files"] if name == "signature.json" else found).update(
            {"model.tflite" if name == "signature.json" else "sha256": digest}
        )
        (bundle / name).write_text(json.dumps(found), "utf-8")


def added(bundle, _):
    (bundle / "vocabulary.txt").write_text("hello")


def missing(bundle, _):
    (bundle / "labels.txt").unlink()


def of_another_key(bundle, tmp_path):
    deploy.new_key(tmp_path / "other.pem")
    deploy.sign(bundle, tmp_path / "other.pem")


def unsigned(bundle, _):
    (bundle / "signature.json").unlink()


def damaged(bundle, _):
    (bundle / "signature.json").write_text('{"files": [], "signature": 3}')


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (changed, "received model.tflite, which is changed"),
        (replaced_with_its_checksum, "from somebody else, or was changed"),
        (added, "received vocabulary.txt, which is added"),
        (missing, "received labels.txt, which is missing"),
        (of_another_key, "from somebody else, or was changed"),
        (unsigned, "sign it with python -m deploy sign"),
        (damaged, "copy the bundle again"),
    ],
)
def test_what_is_not_as_it_was_signed_is_refused(attack, words, signed, tmp_path, capsys):
    bundle, public = signed
    attack(bundle, tmp_path)
    with pytest.raises(DeployError, match=words):
        runtime.check_signature(bundle, public)
    assert device(["selftest", str(bundle), "--require-signature", str(public)]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and not printed.out


def test_the_command_line(exported, tmp_path, capsys):
    bundle, key = tmp_path / "bundle", str(tmp_path / "signing.pem")
    shutil.copytree(exported("convnet", "cpu"), bundle)
    assert main(["key", key]) == main(["sign", str(bundle), "--key", key]) == 0
    public = str(tmp_path / "signing.public.pem")
    assert device(["selftest", str(bundle), "--require-signature", public]) == 0
    capsys.readouterr()
    assert main(["key", key]) == 2  # never over a key
    assert main(["sign", str(bundle), "--key", public]) == 2
    assert main(["sign", str(tmp_path), "--key", key]) == 2
    assert device(["selftest", str(bundle), "--require-signature", key]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 4 and "expected a new file" in errors[0]
