"""The commands of `python -m deploy`: bad input is one line, exit code 2 and nothing written."""

import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from deploy.__main__ import main
from deploy.targets import TARGETS

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def files(trained, digits, tmp_path, monkeypatch):
    """A folder with a model, data and their broken relatives; the working directory."""
    monkeypatch.chdir(tmp_path)
    content = trained("convnet").read_bytes()
    Path("model.keras").write_bytes(content)
    Path("cut.keras").write_bytes(content[:-300])
    with zipfile.ZipFile("model.keras") as whole, zipfile.ZipFile("light.keras", "w") as light:
        light.writestr("config.json", whole.read("config.json"))
    for name in ("text.keras", "text.npz", "text.h5"):
        Path(name).write_text("hello")
    any_size = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(2, 3)])
    any_size.save("any_size.keras")
    x, y = digits.train
    np.savez("x.npz", x=x)
    np.savez("test.npz", x=digits.test[0], y=digits.test[1])
    np.savez("flat.npz", x=x[..., 0])
    np.savez("words.npz", x=np.full(x.shape, "a"))
    np.savez("small.npz", x=x / 255.0)
    np.savez("empty.npz", x=x[:0])
    np.savez("nan.npz", x=np.where(x > 200, np.nan, x))
    Path("labels.txt").write_text("\n".join(digits.class_names))
    Path("more.txt").write_text("\n".join([*digits.class_names, "ten"]))
    Path("exists").mkdir()
    return tmp_path


def export(model="model.keras", target="cpu", calibration="x.npz", out="bundle", **options):
    arguments = ["export", model, "--target", target, "--out", out]
    for name, value in {"calibration": calibration, **options}.items():
        arguments += [f"--{name}", value] if value else []
    return main(arguments)


BAD = {
    "no such file": (dict(model="no.keras"), "'no.keras', which does not exist"),
    "no model": (dict(model="text.keras"), "expected a .keras archive"),
    "no HDF5": (dict(model="text.h5"), "expected an HDF5 file"),
    "a truncated archive": (dict(model="cut.keras"), "expected a .keras archive"),
    "missing weights": (dict(model="light.keras"), "without model.weights.h5"),
    "a dynamic axis": (dict(model="any_size.keras"), "axis 1 is dynamic"),
    "the wrong shape": (dict(calibration="flat.npz"), "(examples, 8, 8, 1)"),
    "the wrong dtype": (dict(calibration="words.npz"), "received <U1"),
    "the wrong range": (dict(calibration="small.npz"), "received 0 to 1"),
    "no example": (dict(calibration="empty.npz"), "at least one calibration example"),
    "NaN": (dict(calibration="nan.npz"), "NaN"),
    "no archive": (dict(calibration="text.npz"), "expected an .npz archive"),
    "no calibration": (dict(calibration=None), "expected calibration data for the target 'cpu'"),
    "more names than classes": (dict(labels="more.txt"), "expected 10 class names"),
    "an unknown target": (dict(target="cortexm"), "did you mean 'cortex-m'?"),
    "an existing folder": (dict(out="exists"), "which exists"),
    "a file in the way": (dict(out="x.npz/bundle"), "that can be written"),
    "no test targets": (dict(test="x.npz"), "x and y, received no y"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_exit_code_2(name, files, capfd):
    options, message = BAD[name]
    before = sorted(files.rglob("*"))
    assert export(**options) == 2
    error = capfd.readouterr().err
    assert error.startswith("deploy: error: expected") and message in error
    assert error.count("\n") == 1
    assert sorted(files.rglob("*")) == before


def test_export_verify_and_benchmark(files, capsys):
    assert export(labels="labels.txt", test="test.npz") == 0
    assert "7 bundle     bundle" in capsys.readouterr().out
    assert main(["verify", "bundle", "--data", "test.npz", "--tolerance", "0.3"]) == 0
    assert capsys.readouterr().out.endswith("passed\n")
    assert main(["verify", "bundle", "--data", "test.npz", "--tolerance", "-5"]) == 1
    assert "FAILED      accuracy loses" in capsys.readouterr().out
    assert main(["verify", "bundle", "--data", "x.npz", "--min-sqnr", "99"]) == 1
    assert main(["benchmark", "bundle", "bundle"]) == 0
    assert capsys.readouterr().out.count("bundle: median") == 2
    arguments = ["export", "model.keras", "--target", "cpu-float", "--out", "bundle"]
    assert main(arguments) == 2
    assert main([*arguments, "--overwrite"]) == 0


def test_a_file_with_code_goes_through_with_trust(files, capfd):
    x = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(keras.layers.Lambda(lambda value: value / 255)(x))
    keras.Model(x, keras.layers.Dense(10, "softmax")(flat)).save("code.keras")
    arguments = ["export", "code.keras", "--target", "cpu-float", "--out", "bundle"]
    assert main(arguments) == 2
    assert "load it with --trust" in capfd.readouterr().err
    assert main([*arguments, "--trust"]) == 0
    arguments = ["verify", "bundle", "--data", "x.npz"]
    assert main(arguments) == 2
    assert "load it with --trust" in capfd.readouterr().err
    assert main([*arguments, "--trust"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "exists"], "expected a bundle folder"),
        (["verify", "no"], "expected a bundle folder"),
        (["benchmark", "exists"], "expected a bundle folder"),
    ],
)
def test_what_is_no_bundle_is_refused(arguments, message, files, capfd):
    assert main(arguments) == 2
    assert message in capfd.readouterr().err


def test_targets_are_printed(capsys):
    assert main(["targets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["target", *TARGETS]
    assert lines[1].split()[:3] == ["cpu", "int8", "litert"]


def test_the_program_itself(files):
    """As a user starts it: one line of error from a whole process, TensorFlow's start included."""
    command = [sys.executable, "-m", "deploy", "export", "text.keras", "--target", "cpu-float"]
    result = subprocess.run(
        [*command, "--out", "bundle"],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("deploy: error: expected")


def test_a_missing_package_is_one_line(files):
    packages = ["litert_quantizer", "tensorflow_model_optimization"]
    program = """if True:
        import sys
        import deploy
        from deploy.__main__ import main
        import tf_keras
        inputs = tf_keras.Input((4,))
        model = tf_keras.Model(inputs, inputs)
        for package in sys.argv[1:]:
            sys.modules[package] = None
            try:
                deploy.export(model, "cpu-float", out="bundle")
            except deploy.DeployError as error:
                print(error)
            code = main(["export", "text.h5", "--target", "cpu-float", "--out", "bundle"])
            print(code, flush=True)
            del sys.modules[package]"""
    result = subprocess.run(
        [sys.executable, "-c", program, *packages],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
    )
    lines = result.stdout.splitlines()
    assert len(lines) == 4, result.stdout + result.stderr
    for package, line, code in zip(packages, lines[::2], lines[1::2], strict=True):
        message = f"expected the package {package}, received an installation without it; install"
        assert line.startswith(message) and code == "2"
    errors = [line for line in result.stderr.splitlines() if line.startswith("deploy: error: ")]
    assert len(errors) == 2 and all(": expected" in error for error in errors)


@pytest.mark.parametrize(
    "command",
    [["targets", "--for", "none.keras"], ["export", "none.keras", "--target", "cpu", "--out", "b"]],
)
def test_the_worker_starts_while_tensorflow_loads(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    order = []
    monkeypatch.setattr("deploy.worker.start", lambda: order.append("worker"))
    monkeypatch.setattr("deploy.__main__.load_tensorflow", lambda: order.append("tensorflow"))
    assert main(command) == 2
    assert order == ["worker", "tensorflow"]


@pytest.mark.parametrize("module", ["deploy", "deploy.runtime", "courses"])
def test_wrong_arguments_are_told_in_one_line(module, capsys):
    main = importlib.import_module(f"{module}.__main__").main
    for arguments in ([], ["dance"], ["run"], ["targets", "--board"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        printed = capsys.readouterr().err
        assert ended.value.code == 2
        assert printed.startswith(f"python -m {module}") and printed.count("\n") == 1


def test_what_is_quoted_breaks_no_line(tmp_path, capsys):
    from deploy.runtime.__main__ import main

    assert main(["selftest", str(tmp_path / "a\nb")]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("deploy.runtime: error: expected") and printed.count("\n") == 1
