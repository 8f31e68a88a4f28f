"""Which targets a model fits: real compilers on small models, and the limits of boards."""

import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

import deploy
from deploy.__main__ import main
from deploy.boards import BOARDS, find_board
from deploy.commands import targets as fit
from deploy.compile.compiled import Compiled
from deploy.convert.converter import Conversions, Converted
from deploy.load.readers import load as load_source
from deploy.measure.interpreters import micro_arena
from deploy.quantize.calibration import random_examples
from deploy.targets import TARGETS

KIB = 1024


def small():
    inputs = keras.Input((16, 16, 1))
    x = layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)), name="small")


def hungry():
    """Few weights and 160 × 160 × 16 values: 400 KiB, between its input and its output."""
    inputs = keras.Input((160, 160, 1))
    x = layers.Conv2D(16, 3, padding="same")(inputs)
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x))


def largest():
    """Ends in an operator that no NPU and no LiteRT Micro has."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Flatten()(layers.Conv2D(8, 3)(inputs))
    return keras.Model(inputs, keras.ops.top_k(x, 3)[0])


def by_target(verdicts):
    return {verdict.target: verdict for verdict in verdicts}


@pytest.fixture
def converted(monkeypatch):
    """`converted(scheme)`: the flatbuffer that `check_targets` made last."""
    made = []

    def remember(source, examples):
        made.append(Conversions(source, examples))
        return made[-1]

    monkeypatch.setattr(fit, "Conversions", remember)
    return lambda scheme: made[-1].to(scheme).content


def test_a_small_model_fits_every_kind_of_target(converted, capsys):
    names = ("cpu", "cpu-float", "mobile", "coral", "cortex-m", "ethos-u55-128", "ethos-u65-256")
    model = small()
    verdicts = by_target(deploy.check_targets(model, targets=names))
    assert list(verdicts) == list(names)
    assert all(verdict.fits for verdict in verdicts.values())
    assert verdicts["cpu"].ram is None
    assert verdicts["cpu-float"].store == len(converted("float32"))
    assert verdicts["cpu"].store == verdicts["cortex-m"].store == len(converted("int8"))
    assert verdicts["cortex-m"].ram == micro_arena(converted("int8"))
    cycles = {name: verdicts[name].cycles for name in ("cortex-m", "ethos-u55-128")}
    assert cycles["cortex-m"] is None
    assert f", {cycles['ethos-u55-128']:,} cycles (" in verdicts["ethos-u55-128"].text
    assert verdicts["ethos-u65-256"].text.startswith("SRAM ")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"'small', {model.count_params():,} parameters"
    assert "accuracy is not measured" in lines[1]
    assert [line.split()[:2] for line in lines[2:]] == [[name, "yes"] for name in names]


@pytest.mark.slow
def test_the_operator_that_stops_a_model_is_named(capsys):
    names = ("cortex-m", "ethos-u55-128", "ethos-u65-256", "coral")
    model = largest()
    verdicts = by_target(deploy.check_targets(model, targets=names, verbose=0))
    assert not verdicts["cortex-m"].fits
    assert "LiteRT Micro has, received TOPK_V2" in verdicts["cortex-m"].text
    assert not verdicts["ethos-u55-128"].fits
    assert verdicts["ethos-u55-128"].text.startswith(
        "LiteRT Micro lacks TOPK_V2, which is left on the CPU ("
    )
    assert verdicts["coral"].fits
    assert "; 1 operator on the CPU: TOPK_V2 '" in verdicts["coral"].text
    # Linux runs on that board, and LiteRT has the operator.
    (verdict,) = deploy.check_targets(model, board="imx93", targets=names, verbose=0)
    assert verdict.target == "ethos-u65-256" and verdict.fits
    assert "TOPK_V2 '" in verdict.text and "(Unsupported opType)" in verdict.text
    assert capsys.readouterr().out == ""


def test_what_can_not_be_converted_is_a_verdict():
    inputs = keras.Input((4, 4))
    model = keras.Model(inputs, keras.ops.qr(inputs)[0])
    (verdict,) = deploy.check_targets(model, targets=["cpu-float"], verbose=0)
    assert not verdict.fits
    assert "Qr" in verdict.text


@pytest.mark.parametrize(
    ("board", "arena", "model", "text"),
    [
        ("nano-33-ble", 224 * KIB, 1, None),
        ("nano-33-ble", 224 * KIB + 16, 1,
         "arena 224 KiB and firmware 32 KiB of 256 KiB of RAM"),
        ("nano-33-ble", 310_000, 1, "arena 302.7 KiB and firmware 32 KiB of 256 KiB of RAM"),
        # 1 MB of RAM, but no piece above 512 KiB.
        ("stm32h743", 512 * KIB, 1, None),
        ("stm32h743", 513 * KIB, 1, "arena 513 KiB of 512 KiB of RAM in one piece"),
        ("nano-33-ble", 16, 896 * KIB, None),
        ("nano-33-ble", 16, 897 * KIB,
         "model 897 KiB and firmware 128 KiB of 1,024 KiB of flash or DRAM"),
        ("nano-33-ble", 225 * KIB, 897 * KIB,
         "arena 225 KiB and firmware 32 KiB of 256 KiB of RAM; "
         "model 897 KiB and firmware 128 KiB of 1,024 KiB of flash or DRAM"),
    ],
)  # fmt: skip
def test_the_limits_of_a_board(board, arena, model, text, monkeypatch):
    made = SimpleNamespace(to=lambda scheme: Converted(bytes(model), b"", None, {}))
    monkeypatch.setattr(fit, "Conversions", lambda *_: made)
    monkeypatch.setattr(fit, "describe", lambda *_: {})
    facts = {"memory": {"arena_bytes": arena}}
    monkeypatch.setattr(
        fit, "COMPILERS", {"c-array": SimpleNamespace(compile=lambda *_: Compiled({}, facts))}
    )
    (verdict,) = deploy.check_targets(small(), board=board, targets=["cortex-m"], verbose=0)
    assert verdict.fits == (text is None)
    if text:
        assert verdict.text == text
    assert (verdict.ram, verdict.store) == (arena, model)


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_the_boards(board):
    for name in board.targets:
        assert any(row == name or row.startswith(f"{name}-") for row in TARGETS)
    assert [row.name for row in TARGETS.values() if board.runs(row)]
    assert 0 < board.block_bytes <= board.ram_bytes
    assert board.store_bytes >= 1024 * KIB
    assert board.source and board.title
    assert find_board(board.name) is board


def test_what_boards_run():
    runs = {
        name: [row for row in TARGETS if BOARDS[name].runs(TARGETS[row])]
        for name in ("grove-vision-ai-v2", "imx93", "corstone-300")
    }
    assert {"cortex-m", "ethos-u55-64"} <= set(runs["grove-vision-ai-v2"])
    assert "ethos-u55-128" not in runs["grove-vision-ai-v2"]
    assert {"cpu", "cpu-float", "ethos-u65-256"} <= set(runs["imx93"])
    assert "ethos-u65-512" not in runs["imx93"]
    assert {f"ethos-u55-{size}" for size in (32, 64, 128, 256)} <= set(runs["corstone-300"])


def test_random_examples_have_the_models_units():
    examples = random_examples(load_source(small()), seed=1)
    assert examples.arrays[0].shape == (32, 16, 16, 1)
    assert examples.ranges[0][1] > 250
    again = random_examples(load_source(small()), seed=1)
    assert np.array_equal(examples.arrays[0], again.arrays[0])
    assert random_examples(load_source(largest())).ranges[0][1] < 1


def test_the_command_line(tmp_path, capfd):
    path, board = str(tmp_path / "hungry.keras"), ["--board", "pico"]
    hungry().save(path)
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).uniform(0, 1, (4, 160, 160, 1)))
    calibration = ["--calibration", str(tmp_path / "x.npz")]
    assert main(["targets", "--for", path, "--target", "cortex-m", *board, *calibration]) == 1
    out = capfd.readouterr().out
    assert "Raspberry Pi Pico: 264 KiB of RAM" in out and "judged" not in out
    last = r"cortex-m  no   arena (\d+)[.\d]* KiB and firmware 32 KiB of 264 KiB of RAM"
    arena = re.fullmatch(last, out.splitlines()[-1])
    assert 400 <= int(arena[1]) < 1000
    assert main(["targets", "--for", path, "--target", "cpu-float"]) == 0
    assert capfd.readouterr().out.splitlines()[-1].startswith("cpu-float  yes  model ")


def test_a_file_with_code_is_tried_with_trust(tmp_path, capfd):
    path, x = str(tmp_path / "code.keras"), keras.Input((4,))
    keras.Model(x, keras.layers.Lambda(lambda value: value / 255)(x)).save(path)
    assert main(["targets", "--for", path, "--target", "cpu-float"]) == 2
    assert "load it with --trust" in capfd.readouterr().err
    assert main(["targets", "--for", path, "--target", "cpu-float", "--trust"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--for", "none.keras"], "which does not exist"),
        (["--trust"], "name it with --for"),
        (["--board", "picco"], "received 'picco'; did you mean 'pico'?"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capfd):
    assert main(["targets", *arguments]) == 2
    error = capfd.readouterr().err
    assert error.startswith("deploy: error: expected") and message in error
    assert error.count("\n") == 1


def test_the_targets_of_a_board_are_printed(capsys):
    assert main(["targets", "--board", "alif-e7"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {"cortex-m", "ethos-u55-128", "ethos-u55-256"} <= set(names)
    assert "cpu" not in names
