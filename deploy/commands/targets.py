"""`deploy.check_targets`: which targets a model fits, and what stops it where it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import keras

from deploy.boards import Board, find_board
from deploy.bundle.card import describe
from deploy.compile import COMPILERS
from deploy.compile.compiled import cpu_text
from deploy.convert.converter import Conversions
from deploy.load.inputs import find_front_ends, told_front_ends
from deploy.load.readers import load as load_source
from deploy.load.source import Source
from deploy.quantize.calibration import calibrate, random_examples
from deploy.runtime.errors import DeployError
from deploy.targets import TARGETS, Target, find_target
from deploy.tasks import infer_task

# What a firmware takes beside the model: stack, buffers and drivers in RAM; the program with LiteRT
# Micro and its kernels in flash. An allowance for a small program, not a measurement.
FIRMWARE_RAM = 32 * 2**10
FIRMWARE_STORE = 128 * 2**10

_UNMEASURED = (
    "calibrated on random inputs: sizes, memory and operators hold, accuracy is not measured"
)


@dataclass(frozen=True)
class Verdict:
    """Whether the model fits `target`; `text` says what it needs there, or what stops it. `ram`
    (None where the target has no arena) and `store` are the bytes that the model itself takes,
    `cycles` (None where there is no NPU) are those of one inference, by the compiler's estimate."""

    target: str
    fits: bool
    text: str
    ram: int | None = None
    store: int | None = None
    cycles: int | None = None


def check_targets(
    model: keras.Model | str | Path,
    *,
    board: str | None = None,
    targets: Sequence[str] | None = None,
    calibration: Any = None,
    seed: int = 0,
    trust: bool = False,
    verbose: int = 1,
) -> list[Verdict]:
    """Whether `model` fits each target of the table, by converting and compiling it.

    It is converted once for each scheme, then handed to each target's compiler. Nothing is written.

    Args:
        model: as for `deploy.export`.
        board: a name of `deploy.boards.BOARDS`: only its targets are tried, and its memory
            counts, `FIRMWARE_RAM` and `FIRMWARE_STORE` of which go to the firmware. None: every
            target is tried, and what it needs is said without a limit.
        targets: the names of those to try, in their order; None: every one that the board has.
        calibration: as for `deploy.export`; without it the model is calibrated on random inputs,
            by which its accuracy can't be measured.
        seed: draws the calibration examples.
        trust: as for `deploy.export`.
        verbose: 1 prints a line a target as soon as it is known, 0 nothing.

    Raises:
        DeployError: the model can't be loaded, no such board or target, bad calibration data.
    """
    found = None if board is None else find_board(board)
    source = load_source(model, trust)
    told = told_front_ends(source, None)
    if calibration is None:
        examples = random_examples(source, seed, told)
    else:
        examples = calibrate(calibration, source, seed, told)
    arrays = list(examples.arrays)
    task = infer_task(source, source.predict(arrays), [], None)
    front_ends = find_front_ends(source, None, arrays)
    tried = [find_target(name) for name in targets or TARGETS]
    tried = [target for target in tried if found is None or found.runs(target)]
    if verbose:
        print(_heading(source, found, calibration is None), flush=True)
    width = max((len(target.name) for target in tried), default=0)
    conversions, verdicts = Conversions(source, examples), []

    @cache
    def converted(scheme: str) -> bytes | DeployError:
        try:
            return conversions.to(scheme).content
        except DeployError as error:
            return error

    for target in tried:
        verdict = _check(target, source, converted, task, front_ends, found)
        verdicts.append(verdict)
        if verbose:
            print(
                f"{target.name:{width}}  {'yes' if verdict.fits else 'no ':3}  {verdict.text}",
                flush=True,
            )
    return verdicts


def _check(
    target: Target,
    source: Source,
    converted: Callable[[str], bytes | DeployError],
    task: dict[str, Any],
    front_ends: list[dict[str, Any]],
    board: Board | None,
) -> Verdict:
    content = converted(target.scheme)
    if isinstance(content, DeployError):
        return Verdict(target.name, False, str(content))
    facts: dict[str, Any] = {"npu": None, "memory": None}
    if target.compiler:
        try:
            description = describe(content, source, target, task, front_ends)
            facts |= COMPILERS[target.compiler].compile(content, description, []).card
        except DeployError as error:
            return Verdict(target.name, False, str(error))
    return _weigh(target, content, facts, board)


def _weigh(target: Target, content: bytes, facts: dict[str, Any], board: Board | None) -> Verdict:
    """The verdict from what the compiler says of the model, and the board's memory."""
    npu, memory = facts["npu"], facts["memory"]
    if npu and npu["dram_bytes"]:
        # The SRAM is the NPU's alone; the arena lies in DRAM beside the model.
        ram, store = npu["sram_bytes"], npu["model_bytes"] + memory["arena_bytes"]
        names = ("SRAM", "model and arena")
    else:
        ram = memory and memory["arena_bytes"]
        store, names = npu["model_bytes"] if npu else len(content), ("arena", "model")
    needs = [
        f"{name} {_size(size)}"
        for name, size in zip(names, (ram, store), strict=True)
        if size is not None
    ]
    if npu:
        needs.append(
            f"{npu['cycles']:,} cycles ({npu['inferences_per_second']:,.0f} inferences/s at "
            f"{npu['clock_hz'] / 1e6:g} MHz)"
        )
    left, on_chip = _left_on_cpu(facts)
    stops = [] if on_chip else ["none of the operators runs on it"]
    missing = facts.get("firmware", {}).get("missing")
    if missing and not (board and board.linux):
        stops.append(f"LiteRT Micro lacks {missing}, which is left on the CPU (Linux has it)")
    stops += _exceeded(names, ram, store, board) if board else []
    text = "; ".join([*(stops or [", ".join(needs)]), *([cpu_text(left)] if left else [])])
    return Verdict(target.name, not stops, text, ram, store, npu and npu["cycles"])


def _exceeded(names: tuple[str, str], ram: int | None, store: int, board: Board) -> list[str]:
    texts = []
    if ram is not None and ram + FIRMWARE_RAM > board.ram_bytes:
        texts.append(
            f"{names[0]} {_size(ram)} and firmware {_size(FIRMWARE_RAM)} of "
            f"{_size(board.ram_bytes)} of RAM"
        )
    elif ram is not None and ram > board.block_bytes:
        texts.append(f"{names[0]} {_size(ram)} of {_size(board.block_bytes)} of RAM in one piece")
    if store + FIRMWARE_STORE > board.store_bytes:
        texts.append(
            f"{names[1]} {_size(store)} and firmware {_size(FIRMWARE_STORE)} of "
            f"{_size(board.store_bytes)} of flash or DRAM"
        )
    return texts


def _left_on_cpu(facts: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """The operators that the accelerator leaves to the CPU, and whether it runs any."""
    if facts["npu"]:
        return facts["npu"]["cpu_ops"], True
    if facts.get("coral"):
        left = [each for each in facts["coral"]["operators"] if not each["tpu"]]
        return left, facts["coral"]["on_tpu"] > 0
    return [], True


def _heading(source: Source, board: Board | None, random: bool) -> str:
    lines = [f"'{source.name}', {source.params:,} parameters"]
    if board:
        lines.append(
            f"{board.title}: {_size(board.ram_bytes)} of RAM ({_size(board.block_bytes)} in one "
            f"piece), {_size(board.store_bytes)} of flash or DRAM; {_size(FIRMWARE_RAM)} and "
            f"{_size(FIRMWARE_STORE)} are counted for the firmware"
        )
    if random:
        lines.append(_UNMEASURED)
    return "\n".join(lines)


def _size(count: int) -> str:
    value, unit = count / 2**10, "KiB"
    for larger in ("MiB", "GiB"):
        if value >= 10 * 2**10:
            value, unit = value / 2**10, larger
    return f"{round(value, 1):,g} {unit}"
