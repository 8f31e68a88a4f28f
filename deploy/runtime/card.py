"""The schema of a bundle's card, `card.json`, by sections, shared by all that write or read it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from deploy.runtime.errors import DeployError


class FrontEnd(TypedDict):
    """How an example becomes the numbers of an input: `kind` is a key of `inputs.FRONT_ENDS`, whose
    module says which parameters stand beside it.

    "image": `size` (height, width), `channels`, `black` and `white` in the model's units (None:
    not known). "array": `columns`, the names of the last axis. "log_mel": `rate`, `window`, `hop`,
    `bins`, `lowest`, `highest`, `floor`. "one_hot_sequence": `letters`, `ambiguous`. "tokens": see
    `inputs.tokens`; in a file the `vocabulary` is named by `inputs.vocabulary`.
    """

    kind: str
    size: NotRequired[list[int]]
    channels: NotRequired[int]
    black: NotRequired[float | None]
    white: NotRequired[float | None]
    rate: NotRequired[int]
    window: NotRequired[int]
    hop: NotRequired[int]
    bins: NotRequired[int]
    lowest: NotRequired[float]
    highest: NotRequired[float]
    floor: NotRequired[float]
    columns: NotRequired[list[str]]
    letters: NotRequired[str]
    ambiguous: NotRequired[dict[str, str]]
    unit: NotRequired[str]
    lower: NotRequired[bool]
    strip_punctuation: NotRequired[bool]
    vocabulary: NotRequired[list[str] | dict[str, Any]]
    unknown: NotRequired[int]
    start: NotRequired[int | None]
    end: NotRequired[int | None]
    padding: NotRequired[int]
    side: NotRequired[str]


class Tensor(TypedDict):
    """An input or output; real = scale · (integer − zero_point), without a scale real = integer."""

    name: str
    shape: list[int]
    dtype: str
    scale: float | None
    zero_point: int | None
    front_end: NotRequired[FrontEnd]


class State(TypedDict):
    """What a model carries from one call to the next: `variables`, LiteRT's own, inside of fused
    recurrent operators; `tensors`, pairs of an output's position and that of the input which takes
    it at the next call (zeros at the first)."""

    variables: bool
    tensors: list[list[int]]


class FurtherMetric(TypedDict):
    """Another metric of both models."""

    keras: float
    deployed: float


class Quality(TypedDict):
    """The task's metric on the same labelled examples; `further`: others, by their names."""

    metric: str
    keras: float
    deployed: float
    examples: int
    further: NotRequired[dict[str, FurtherMetric]]


class OutputParity(TypedDict):
    """Errors of one output; `sqnr_db` is None where there is no error at all; `same`: the share of
    equal values, 0 to 1, of whole numbers that differ."""

    name: str
    max_abs_error: float
    mean_abs_error: float
    sqnr_db: float | None
    same: NotRequired[float]


class Parity(TypedDict):
    """The deployed outputs against Keras's: of all outputs, and of each."""

    max_abs_error: float
    mean_abs_error: float
    sqnr_db: float | None
    examples: int
    outputs: list[OutputParity]
    data: NotRequired[str]


class ClassAgreement(TypedDict):
    """How often both models say the same of a class that Keras predicts `examples` times, 0–1; or
    how alike their images are, 0–1 or in a `unit`."""

    examples: int
    agreement: float
    unit: NotRequired[str]


class LayerError(TypedDict):
    """An operator, its layer, and the SQNR of its output (None: no error)."""

    layer: str
    operator: str
    sqnr_db: float | None
    tensor: NotRequired[str]
    scheme: NotRequired[str]


class FloatOperator(TypedDict):
    """An operator that computes in float, and its layer."""

    operator: str
    layer: str


class Kept(TypedDict):
    """Operators left in another scheme, and what the model was `before` that."""

    operators: list[LayerError]
    before: dict[str, Any]


class Calibration(TypedDict):
    """How many examples, and the least and largest value in each input."""

    examples: int
    ranges: list[list[float]]


class Latency(TypedDict):
    """Milliseconds of an inference on the computer `cpu`."""

    median: float
    p95: float
    runs: int
    threads: int
    runtime: str
    cpu: str


class Memory(TypedDict):
    """What an interpreter works in."""

    arena_bytes: int


class LeftOnCpu(TypedDict):
    """An operator that an NPU's compiler leaves to the CPU."""

    operator: str
    layer: str
    reason: str


class Npu(TypedDict):
    """Vela's estimate of an inference."""

    accelerator: str
    system_config: str
    memory_mode: str
    vela: str
    cycles: int
    inferences_per_second: float
    clock_hz: int
    macs: int
    sram_bytes: int
    dram_bytes: int
    flash_bytes: int
    model_bytes: int
    npu_ops: int
    cpu_ops: list[LeftOnCpu]


class SelfTest(TypedDict):
    """How many examples `selftest.npz` holds, and each output's tolerance."""

    examples: int
    tolerance: list[float]


class Origin(TypedDict):
    """The Keras model: its path as seen from the bundle, and its SHA-256."""

    path: str
    sha256: str


class Description(TypedDict):
    """What the model is, and how its numbers are read."""

    name: str
    target: str
    hardware: str
    task: str
    activation: str | None
    detector: NotRequired[dict[str, Any] | None]
    black: NotRequired[float]
    white: NotRequired[float]
    recognition: NotRequired[dict[str, Any]]
    transcription: NotRequired[dict[str, Any]]
    anomaly: NotRequired[dict[str, Any]]
    generation: NotRequired[dict[str, Any]]
    windows: NotRequired[int]
    stream: NotRequired[dict[str, Any]]
    metric: NotRequired[str]
    inputs: list[Tensor]
    outputs: list[Tensor]
    state: State | None


class DenseLayer(TypedDict):
    """How a dense layer's weights are stored: with one scale for its kernel, in which the largest
    integer is `largest`, or (None) with one for each channel; `bits` that a weight takes once
    compressed, by its values' entropy."""

    layer: str
    largest: int | None
    bits: float


class DenseLayers(TypedDict):
    """What was chosen for the dense layers; `equalized`: channels between them were scaled first;
    the SQNR of the outputs on calibration examples, and what it is with a scale for each channel
    (None: no error)."""

    layers: list[DenseLayer]
    equalized: bool
    sqnr_db: float | None
    per_channel_sqnr_db: float | None


class Storage(TypedDict):
    """How its numbers are stored, and what found their ranges. `recurrent` is the form of each
    recurrent layer: "fused" (one operator), "unrolled" over its steps, or "loop"; `in_float`: the
    operators that compute in float although the activations are integers."""

    scheme: str
    weights: str
    activations: str
    quantization_aware: bool
    quantizer: str | None
    mixed: dict[str, str]
    recurrent: dict[str, str]
    dense: NotRequired[DenseLayers | None]
    in_float: NotRequired[list[FloatOperator]]
    calibration: Calibration | None


class Cost(TypedDict):
    """What it takes on any device."""

    size_bytes: int
    compressed_bytes: int
    params: int
    macs: int | None
    ops: dict[str, int]
    latency_ms: Latency


class Accuracy(TypedDict):
    """How good it is, and where it loses what."""

    quality: Quality | None
    parity: Parity
    agreement: dict[str, ClassAgreement] | None
    layers: list[LayerError]
    costly: list[LayerError]
    kept: Kept | None


class Toolchain(TypedDict):
    """What the target's compiler says of it; None and absent where it says nothing."""

    memory: Memory | None
    npu: Npu | None
    firmware: NotRequired[dict[str, Any]]
    coral: NotRequired[dict[str, Any]]
    mediapipe: NotRequired[dict[str, Any]]


class Provenance(TypedDict):
    """Where it comes from, and how it is checked."""

    source: Origin
    selftest: SelfTest
    sha256: str
    tools: dict[str, str]
    created: str
    seed: int


class Card(Description, Storage, Cost, Accuracy, Toolchain, Provenance):
    """`card.json` of one model."""


class PipelineParity(TypedDict):
    """The share of the texts, 0 to 1, of which both give the same, found greedily."""

    same: float
    examples: int
    data: str


class PipelineCard(TypedDict):
    """`card.json` of several models (`models`: their folders' names) that do a `task` together; a
    section called like the task says how they fit."""

    models: list[str]
    task: str
    target: str
    translation: NotRequired[dict[str, Any]]
    quality: Quality | None
    parity: PipelineParity
    size_bytes: int
    params: int
    latency_ms: float
    created: str
    seed: int


def without_state(card: Mapping[str, Any]) -> dict[str, Any]:
    """The card without the inputs and outputs that hold the state: what a caller sees."""
    return {
        **card,
        "inputs": seen_inputs(card, card["inputs"]),
        "outputs": seen_outputs(card, card["outputs"]),
    }


def seen_inputs(card: Mapping[str, Any], inputs: Sequence[Any]) -> list[Any]:
    """Of what there is for each input of the model that of those which hold no state."""
    taken = {pair[1] for pair in _carried_on(card)}
    return [each for index, each in enumerate(inputs) if index not in taken]


def seen_outputs(card: Mapping[str, Any], outputs: Sequence[Any]) -> list[Any]:
    """Of what there is for each output of the model that of those which hold no state."""
    carried = {pair[0] for pair in _carried_on(card)}
    return [each for index, each in enumerate(outputs) if index not in carried]


def _carried_on(card: Mapping[str, Any]) -> Sequence[Sequence[int]]:
    return (card.get("state") or {}).get("tensors", ())


# What the runtime needs of a card, and its type.
_NEEDED = {
    "target": str,
    "task": str,
    "activation": str | None,
    "inputs": list,
    "outputs": list,
    "size_bytes": int,
    "sha256": str,
    "selftest": dict,
    "source": dict,
    "detector": dict | None,
    "state": dict | None,
}

# What tasks were called in the bundles of version 0.1.
EARLIER_TASKS = {
    "other": "regression",
    "segmentation": "semantic_segmentation",
    "instance": "instance_segmentation",
}


def read_card(folder: str | Path) -> dict[str, Any]:
    """The `Card` of the bundle `folder`, one of an earlier version in today's terms.

    Raises:
        DeployError: no such folder, no card in it, one of several models, or one that is damaged.
    """
    path = Path(folder) / "card.json"
    card = _read_json(path)
    if isinstance(card, dict) and "models" in card:
        raise DeployError(
            f"expected the bundle of one model, received '{folder}', which holds several; name one "
            f"of them: {', '.join(str(Path(folder, name)) for name in model_names(folder))}"
        )
    wrong = [
        key
        for key, kind in _NEEDED.items()
        if not isinstance(card, dict) or not isinstance(card.get(key), kind)
    ]
    if wrong:
        raise DeployError(
            f"expected a card with {', '.join(wrong)}, received '{path}' without; copy or export "
            "the bundle again"
        )
    return _in_todays_terms(card)


def read_pipeline(folder: str | Path) -> dict[str, Any] | None:
    """The `PipelineCard` of a bundle of several models that do a task together; None of any other
    bundle.

    Raises:
        DeployError: no such folder, no card in it, or one that is damaged.
    """
    card = _read_json(Path(folder) / "card.json")
    return card if isinstance(card, dict) and "models" in card and "task" in card else None


def model_names(folder: str | Path) -> list[str]:
    """The names of the models in the bundle `folder`, each a bundle in a folder of that name;
    none where the bundle is that of one model.

    Raises:
        DeployError: no such folder, no card in it, or one that is damaged.
    """
    path = Path(folder) / "card.json"
    card = _read_json(path)
    names = card.get("models", []) if isinstance(card, dict) else []
    if not isinstance(names, list) or not all(map(is_folder_name, names)):
        raise DeployError(
            f"expected the folders' names of several models in '{path}', received {names!r}; copy "
            "or export the bundle again"
        )
    return names


def is_folder_name(name: Any) -> bool:
    """Whether a folder within a bundle can have this name: one part of a path."""
    return isinstance(name, str) and name not in ("", ".", "..") and Path(name).name == name


def _read_json(path: Path) -> Any:
    if not path.is_file():
        raise DeployError(
            f"expected a bundle folder with card.json, or a .tflite file, received '{path.parent}'"
        )
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DeployError(f"expected JSON in '{path}', received a damaged file: {error}") from error


def _in_todays_terms(card: dict[str, Any]) -> dict[str, Any]:
    card["task"] = EARLIER_TASKS.get(card["task"], card["task"])
    for entry in card["inputs"]:
        if isinstance(entry, dict) and "pixels" in entry and "front_end" not in entry:
            # Black and white stood alone, None where they were not known.
            black, white = entry.pop("pixels") or (None, None)
            entry["front_end"] = {"kind": "image", "black": black, "white": white}
    return card
