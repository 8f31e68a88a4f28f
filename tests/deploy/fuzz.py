"""What the device's command line makes of spoiled bundles and inputs.

Each try spoils one file of a bundle, or one input, and runs a command in a process of its own. It
may answer, or refuse in one line. A fault is a traceback, a crash, a hang, a half-written file,
or another answer by a model or a recording that was changed and not noticed.
"""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SECONDS = 20  # of a try, from which on it hangs
MEMORY = 8 << 30  # bytes of a process
# What a checksum or a recording protects, so that another answer is a wrong one.
PROTECTED = ("model.tflite", "selftest.npz")
FAULTS = ("traceback", "crash", "hang", "half a file", "wrong answer")


class Case(NamedTuple):
    """What is run, in a folder with a `bundle` and inputs; `task` is for the table."""

    task: str
    make: Callable[[Path], None]
    commands: tuple[tuple[str, ...], ...]


def spoil(content: bytes, name: str, random: np.random.Generator) -> bytes:
    """Another content for a file: bits, pieces, or values of JSON."""
    if name.endswith(".json") and random.random() < 0.7:
        try:
            return _other_json(json.loads(content), random)
        except ValueError:
            pass
    changed = bytearray(content)
    kind = random.integers(7)
    at = int(random.integers(len(changed) + 1))
    length = int(random.integers(1, 1 + max(1, len(changed) // 4)))
    noise = random.integers(0, 256, length, dtype=np.uint8).tobytes()
    if kind == 0:
        for place in random.integers(len(changed), size=random.integers(1, 9)) if changed else ():
            changed[place] ^= 1 << random.integers(8)
    elif kind == 1:
        del changed[at:]
    elif kind == 2:
        del changed[at : at + length]
    elif kind == 3:
        changed[at:at] = changed[at : at + length]
    elif kind == 4:
        changed[at : at + length] = noise
    elif kind == 5:
        changed[at : at + length] = bytes(length)
    else:
        changed[at:at] = b"\xff\xfe\x00\n" if random.random() < 0.5 else noise
    return bytes(changed)


def _other_json(found: Any, random: np.random.Generator) -> bytes:
    """One value of it exchanged, removed, or doubled in a list."""
    places: list[tuple[Any, Any]] = []

    def visit(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                visit(node[key])

    if isinstance(found, dict | list):
        visit(found)
    numbers = [True, -1, 0, 3, 10**9, 1.5, -1e30, float("nan")]
    others = [*numbers, None, "", "x" * 100_000, "../..", "softmax", [], {}, [[]], {"": 0}, [None]]
    if places:
        node, key = places[random.integers(len(places))]
        if random.random() < 0.2:
            del node[key]
        elif isinstance(node, list) and random.random() < 0.3:
            node.append(node[key])
        else:
            node[key] = others[random.integers(len(others))]
    return json.dumps(found).encode()


def spoil_text(text: str, random: np.random.Generator) -> str:
    """Another sentence, sequence, or name on the command line."""
    others = ["", " ", "\x07", "é" * 5000, "🦆 " * 50, "ACGTNNNNacgt", "--", "-1", "1e99", "\ud800"]
    if random.random() < 0.4:
        return others[random.integers(len(others))]
    return spoil(text.encode(), "text", random).decode("utf-8", "replace").replace("\0", "")


def tried(folder: Path, command: tuple[str, ...], expected: str | None, where: Path) -> str:
    """What a command makes of a spoiled folder: "answered", "refused", "noticed", or a fault.

    Args:
        folder: the spoiled one, the process's own.
        command: the arguments.
        expected: what it printed of the whole one, where no other answer may come; else None.
        where: for what the process prints.
    """
    before = set(folder.rglob("*"))
    status = _run_alone(folder, command, where)
    printed, errors = where.read_text("utf-8", "replace").split("\0", 1)
    if status is None:
        return "hang"
    if os.WIFSIGNALED(status):
        return "crash"
    code = os.WEXITSTATUS(status)
    lines = [line for line in errors.splitlines() if _is_said(line)]
    told = code == 2 and len(lines) == 1 and " error: " in lines[0]
    if code not in (0, 1) and not told:
        return "traceback"
    left = [path for path in set(folder.rglob("*")) - before if path.is_file()]
    for path in left:
        if ".partial" in path.name or (path.suffix == ".png" and not _opens(path)):
            return "half a file"
    if code == 0 and expected is not None and _answer(printed) != expected:
        return "wrong answer"
    return {0: "answered", 1: "noticed", 2: "refused"}[code]


def _is_said(line: str) -> bool:
    # LiteRT tells of its delegate; warnings and skipped files are no errors.
    return bool(line.strip()) and not line.startswith("INFO: ") and ": warning: " not in line


def _answer(printed: str) -> str:
    return "\n".join(line for line in printed.splitlines() if "per second" not in line)


def _opens(path: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
    except Exception:  # Pillow's decoders raise anything
        return False
    return True


def _run_alone(folder: Path, command: tuple[str, ...], where: Path) -> int | None:
    """The exit status of the command in a child; None where it took too long."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.chdir(folder)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            code = _main_in_child(command, where)
        finally:
            os._exit(code)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _main_in_child(command: tuple[str, ...], where: Path) -> int:
    from deploy.runtime.__main__ import main

    printed, errors = io.StringIO(), where.with_suffix(".errors")
    descriptor = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = printed, os.fdopen(2, "w", encoding="utf-8", errors="replace")
    where.write_text("\0", "utf-8")
    try:
        code = main(list(command))
    except SystemExit as error:
        code = 2 if isinstance(error.code, int) and error.code == 2 else 70
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stderr.flush()
    kept = errors.read_bytes().decode("utf-8", "replace").replace("\0", "")
    shown = printed.getvalue().replace("\0", "").encode("utf-8", "replace").decode()
    where.write_text(f"{shown}\0{kept}", "utf-8")
    return code


def fuzz(
    cases: Path, tries: int, seed: int, told: Callable[[str], None] = print
) -> dict[str, Counter[str]]:
    """By task, how often each outcome came.

    Args:
        cases: a folder with what `make_cases` made.
        tries: how many.
        seed: of the first; each try has its own, by which it can be repeated.
        told: gets a line for each fault.
    """
    # Loaded once; a child that is forked has them.
    import PIL.Image  # noqa: F401

    import deploy.runtime.__main__  # noqa: F401

    found: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        where = Path(folder, "printed.txt")
        whole: dict[tuple[str, tuple[str, ...]], str] = {}
        for number in range(seed, seed + tries):
            random = np.random.default_rng(number)
            case = CASES[number % len(CASES)]
            command = case.commands[random.integers(len(case.commands))]
            spoiled = Path(folder, "spoiled")
            if (case.task, command) not in whole:
                _copy(cases / case.task, spoiled)
                outcome = tried(spoiled, _plain(command), None, where)
                if outcome != "answered":
                    raise RuntimeError(f"{case.task} {command}: {outcome}: {where.read_text()}")
                whole[case.task, command] = _answer(where.read_text("utf-8").split("\0")[0])
            _copy(cases / case.task, spoiled)
            files = sorted(path for path in spoiled.rglob("*") if path.is_file())
            texts = [index for index, each in enumerate(command) if each.startswith("text:")]
            expected = None
            if texts and random.random() < 0.3:
                spoken = spoil_text(command[texts[0]].removeprefix("text:"), random)
                changed = (*command[: texts[0]], spoken, *command[texts[0] + 1 :])
                what = repr(spoken[:40])
            else:
                path = files[random.integers(len(files))]
                what, changed = str(path.relative_to(spoiled)), command
                path.write_bytes(spoil(path.read_bytes(), path.name, random))
                if path.name in PROTECTED:
                    expected = whole[case.task, command]
            outcome = tried(spoiled, _plain(changed), expected, where)
            found.setdefault(case.task, Counter())[outcome] += 1
            if outcome in FAULTS:
                last = where.read_text("utf-8", "replace").strip().splitlines()[-1:]
                shown = " ".join(changed)[:120]
                told(f"{number}: {case.task}, {what}: {outcome} of {shown!r} {last}")
    return found


def _plain(command: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each.removeprefix("text:") for each in command)


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def make_cases(folder: Path) -> None:
    """The bundle and the inputs of each task, in `folder/TASK`; what is there stays."""
    for case in CASES:
        if not (folder / case.task).is_dir():
            partial = folder / f"{case.task}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            case.make(partial)
            partial.rename(folder / case.task)


def _image(path: Path, side: int, channels: int = 3, seed: int = 0) -> None:
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, channels), dtype=np.uint8)
    Image.fromarray(pixels if channels == 3 else pixels[..., 0]).save(path)


def _keras(out: Path, layers: list[Any], calibration: Any, **options: Any) -> None:
    import keras

    import deploy

    keras.utils.set_random_seed(0)
    model = keras.Sequential(layers)
    deploy.export(model, "cpu", out=out / "bundle", calibration=calibration, verbose=0, **options)


def _classifier(out: Path) -> None:
    import keras

    x = np.random.default_rng(0).uniform(0, 255, (40, 8, 8, 1)).astype("float32")
    layers = [keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    layers += [keras.layers.Dense(3, activation="softmax")]
    _keras(out, layers, x, class_names=["a", "b", "c"])
    _image(out / "image.png", 12, channels=1)
    np.save(out / "x.npy", x[:3])


def _squares(task: str) -> Callable[[Path], None]:
    def make(out: Path) -> None:
        from PIL import Image

        from tests.deploy import tiny_models

        tiny_models.export_squares(task, "cpu", out / "bundle")
        (image,), _ = tiny_models.images(1)
        Image.fromarray(image.astype("uint8")).save(out / "image.png")

    return make


def _image_to_image(out: Path) -> None:
    import keras

    x = np.random.default_rng(0).uniform(0, 255, (20, 16, 16, 3)).astype("float32")
    layers = [keras.Input((16, 16, 3)), keras.layers.Conv2D(3, 3, padding="same")]
    _keras(out, layers, x, task="image_to_image")
    _image(out / "image.png", 24)


def _tones(out: Path) -> None:
    from scipy.io import wavfile

    from tests.deploy import tones

    tones.export_tones(out / "bundle")
    samples, _ = tones.long_recording(["high", "low"])
    wavfile.write(out / "sound.wav", tones.RATE, samples.astype("float32"))


def _transcription(out: Path) -> None:
    import keras
    from scipy.io import wavfile

    from tests.deploy import tones

    x = tones.arrays(tones.recordings(20, seed=0)[0])[..., 0]
    layers = [keras.Input((24, 20)), keras.layers.Dense(4)]
    front_end = tones.FRONT_END
    task = {"task": "transcription", "blank": 0, "beam": 3}
    _keras(out, layers, x, front_end=front_end, task=task, class_names=["a", "b", "c"])
    samples, _ = tones.long_recording(["low"])
    wavfile.write(out / "sound.wav", tones.RATE, samples.astype("float32"))


def _translation(out: Path) -> None:
    import keras

    import deploy
    from tests.deploy import translators

    keras.utils.set_random_seed(0)
    models, settings = translators.gru()
    pairs = translators.pairs(20)
    deploy.export_models(
        models, "cpu-float", out=out / "bundle", pipeline=settings, calibration=pairs, verbose=0
    )
    (out / "texts.txt").write_text("\n".join(pairs[0][:3]) + "\n", "utf-8")


def _recognition(out: Path) -> None:
    import deploy
    from deploy import runtime
    from tests.deploy import strokes

    x, _ = strokes.characters(20, 4, seed=1)
    deploy.export(
        strokes.encoder(),
        "cpu",
        out=out / "bundle",
        calibration=x,
        task=strokes.TASK,
        test=strokes.characters(10, 4, seed=2),
        verbose=0,
    )
    from PIL import Image

    Image.fromarray(x[0, ..., 0].astype("uint8")).save(out / "image.png")
    runtime.enrol(runtime.load(out / "bundle"), "anna", [out / "image.png"])


def _anomaly(out: Path) -> None:
    from tests.deploy import anomalies

    anomalies.export_sensor(out / "bundle")
    rows = np.concatenate([anomalies.readings(20, 5), anomalies.broken(8, 6)])
    text = [",".join(anomalies.COLUMNS), *(",".join(f"{v:.4f}" for v in row) for row in rows)]
    (out / "rows.csv").write_text("\n".join(text) + "\n", "utf-8")


def _generation(out: Path) -> None:
    import keras

    noise = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    layers = [keras.Input((4,), name="noise"), keras.layers.Dense(64, activation="sigmoid")]
    layers += [keras.layers.Rescaling(255), keras.layers.Reshape((8, 8, 1))]
    _keras(out, layers, noise, task={"task": "generation", "noise": "noise"})


def _sequences(out: Path) -> None:
    import keras

    x = np.eye(4, dtype="float32")[np.random.default_rng(0).integers(0, 4, (40, 12))]
    front_end = {"kind": "one_hot_sequence", "letters": "ACGT", "ambiguous": {"N": "ACGT"}}
    layers = [keras.Input((12, 4)), keras.layers.Flatten()]
    layers += [keras.layers.Dense(2, activation="softmax")]
    _keras(out, layers, x, front_end=front_end, class_names=["exon", "intron"])
    (out / "genes.fasta").write_text(">one\nACGTACGTACGT\n>two\nTTTTNNNNACGT\n", "utf-8")


def _regression(out: Path) -> None:
    import keras

    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    _keras(out, [keras.Input((3,)), keras.layers.Dense(1)], x)
    np.savez(out / "x.npz", x=x[:4])


def _run(*inputs: str, draw: bool = False) -> tuple[str, ...]:
    return ("run", "bundle", *inputs, *(("--draw", "drawn.png") if draw else ()))


TEST = ("selftest", "bundle")
IMAGE = _run("image.png")
CASES = (
    Case("classification", _classifier, (IMAGE, _run("image.png", draw=True), _run("x.npy"), TEST)),
    Case("detection", _squares("detection"), (IMAGE, _run("image.png", draw=True), TEST)),
    Case("instance_segmentation", _squares("instance_segmentation"), (IMAGE, TEST)),
    Case("semantic_segmentation", _squares("semantic_segmentation"), (IMAGE, TEST)),
    Case("image_to_image", _image_to_image, (_run("image.png", draw=True), TEST)),
    Case("sounds", _tones, (_run("sound.wav"), _run("sound.wav", "--stream"), TEST)),
    Case("transcription", _transcription, (_run("sound.wav"), TEST)),
    Case("translation", _translation, (_run("texts.txt"), _run("text:a red dog"), TEST)),
    Case(
        "recognition",
        _recognition,
        (("recognise", "bundle", "image.png"), ("enrol", "bundle", "text:otto", "image.png"), TEST),
    ),
    Case("anomaly", _anomaly, (_run("rows.csv"), _run("rows.csv", "--stream"), TEST)),
    Case(
        "generation",
        _generation,
        (("generate", "bundle", "--seed", "7", "--count", "4", "--out", "sheet.png"), TEST),
    ),
    Case("sequences", _sequences, (_run("genes.fasta"), _run("text:ACGTACGTACGT"), TEST)),
    Case("regression", _regression, (_run("x.npz"), TEST)),
)
