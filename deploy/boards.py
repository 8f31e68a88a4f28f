"""Real boards and the memory they have: one entry a board."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.targets import Target, look_up

_KIB, _MIB, _GIB = 2**10, 2**20, 2**30


@dataclass(frozen=True)
class Board:
    """One board, as its maker describes it.

    Attributes:
        name: as on the command line.
        title: as on the box.
        targets: what it runs, by the names of `deploy.TARGETS`; 'cortex-m' (LiteRT Micro on the
            processor) stands for 'cortex-m-…' as well, 'cpu' for 'cpu-…'.
        ram_bytes: on-chip RAM that a program may use.
        block_bytes: its largest piece, in which the whole arena must lie.
        store_bytes: flash, or the DRAM in its place, that holds the program and the model.
        source: where these figures stand.
    """

    name: str
    title: str
    targets: tuple[str, ...]
    ram_bytes: int
    block_bytes: int
    store_bytes: int
    source: str

    @property
    def linux(self) -> bool:
        """Whether LiteRT itself runs on the board, and not only LiteRT Micro."""
        return "cpu" in self.targets

    def runs(self, target: Target) -> bool:
        """Whether the board has what `target` is made for."""
        return any(
            target.name == name or target.name.startswith(f"{name}-") for name in self.targets
        )


_BOARDS = (
    Board(
        "nano-33-ble", "Arduino Nano 33 BLE", ("cortex-m",),
        256 * _KIB, 256 * _KIB, 1 * _MIB,
        "Arduino Nano 33 BLE, product page (nRF52840)",
    ),
    Board(
        "pico", "Raspberry Pi Pico", ("cortex-m",),
        264 * _KIB, 264 * _KIB, 2 * _MIB,
        "Raspberry Pi Pico datasheet; RP2040 datasheet, 2.6 Memory",
    ),
    Board(
        "pico-2", "Raspberry Pi Pico 2", ("cortex-m",),
        520 * _KIB, 520 * _KIB, 4 * _MIB,
        "Raspberry Pi Pico 2 datasheet; RP2350 datasheet",
    ),
    Board(
        "esp32-s3", "ESP32-S3-DevKitC-1 with 8 MB of flash", ("cortex-m",),
        512 * _KIB, 416 * _KIB, 8 * _MIB,
        "ESP32-S3 technical reference manual, Internal SRAM 0 to 2; ESP32-S3-DevKitC-1 user guide",
    ),
    Board(
        "stm32h743", "ST NUCLEO-H743ZI", ("cortex-m",),
        1 * _MIB, 512 * _KIB, 2 * _MIB,
        "STM32H743xI datasheet (DS12110): 1 MB of RAM, of which AXI SRAM 512 KB; 2 MB of flash",
    ),
    Board(
        "grove-vision-ai-v2", "Seeed Grove Vision AI V2 (Himax WiseEye2)",
        ("cortex-m", "ethos-u55-64"),
        1924 * _KIB, 1924 * _KIB, 16 * _MIB,
        "Seeed's SDK for the board: its linker script leaves 1924 KB of 2 MB of SRAM; wiki: 16 MB",
    ),
    Board(
        "alif-e7", "Alif Ensemble E7 development kit",
        ("cortex-m", "ethos-u55-128", "ethos-u55-256"),
        27 * _MIB // 2, 4 * _MIB, 11 * _MIB // 2,
        "Alif Ensemble E7 datasheet: 13.5 MB of SRAM, SRAM0 of 4 MB; 5.5 MB of MRAM",
    ),
    Board(
        "corstone-300", "Arm Corstone-300 on MPS3 or as an FVP",
        ("cortex-m", "ethos-u55"),
        4 * _MIB, 4 * _MIB, 256 * _MIB,
        "Arm ML embedded evaluation kit, corstone-sse-300.cmake: two ISRAM banks of 2 MiB; DDR4",
    ),
    Board(
        "corstone-320", "Arm Corstone-320 as an FVP", ("cortex-m", "ethos-u85"),
        4 * _MIB, 4 * _MIB, 256 * _MIB,
        "Zephyr, mps4_corstone320_fvp.dts: 4 MiB of ISRAM; a DDR4 region of 256 MiB",
    ),
    Board(
        "imx93", "NXP i.MX 93 evaluation kit", ("cpu", "ethos-u65-256"),
        640 * _KIB, 640 * _KIB, 2 * _GIB,
        "NXP i.MX 93 datasheet (640 KB of OCRAM) and MCIMX93-EVK page (2 GB of LPDDR4X)",
    ),
)  # fmt: skip
BOARDS = {board.name: board for board in _BOARDS}


def find_board(name: str) -> Board:
    """The board called `name`.

    Raises:
        DeployError: no such board; the message suggests the nearest name.
    """
    return look_up(name, BOARDS, "a board that deploy knows")
