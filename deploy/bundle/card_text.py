"""The figures of a card for people: one table for several bundles, one text for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deploy.compile import COMPILERS
from deploy.measure.formatting import (
    decibels,
    dense_text,
    further,
    kept_list,
    kilobytes,
    markdown,
    operator_list,
    score,
)
from deploy.measure.parity import FLOOR, below_floor
from deploy.targets import find_target
from deploy.tasks import PIPELINES, TASKS


def table(cards: Sequence[Mapping[str, Any]]) -> str:
    """The bundles' figures side by side, as Markdown that reads well in a terminal too."""
    return markdown(figures(cards))


def figures(cards: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The cells of `table`, the header first; what no bundle has gets no column."""
    metric = next((c["quality"]["metric"] for c in cards if c["quality"]), "quality")
    columns = [
        (title.format(metric=metric), [cell(card) for card in cards]) for title, cell in _COLUMNS
    ]
    shown = [(title, cells) for title, cells in columns if any(cells)]
    return [
        [title for title, _ in shown],
        *([cells[index] or "–" for _, cells in shown] for index in range(len(cards))),
    ]


# The table's columns: title, and the text of a card's cell (None: the bundle has no such figure).
_COLUMNS: tuple[tuple[str, Callable[[Mapping[str, Any]], str | None]], ...] = (
    ("target", lambda card: card["target"]),
    ("scheme", lambda card: card["scheme"]),
    ("Keras {metric}", lambda card: card["quality"] and score(card["quality"], "keras")),
    ("deployed", lambda card: card["quality"] and score(card["quality"], "deployed")),
    ("model", lambda card: kilobytes(card["size_bytes"])),
    ("latency on this CPU", lambda card: f"{card['latency_ms']['median']:.3f} ms"),
    ("arena", lambda card: card["memory"] and kilobytes(card["memory"]["arena_bytes"])),
    ("NPU cycles", lambda card: card.get("npu") and f"{card['npu']['cycles']:,}"),
)


def card_text(card: Mapping[str, Any]) -> str:
    """The card for people, in Markdown."""
    parity, latency, calibration = card["parity"], card["latency_ms"], card["calibration"]
    lines = [
        f"# {card['name']} for `{card['target']}`",
        "",
        f"Hardware: {card['hardware']}. Weights {card['weights']}; activations "
        f"{card['activations']}. Made {card['created']}, seed {card['seed']}.",
        "",
        table([card]),
        "",
        "## Inputs and outputs",
        "",
        "| | name | shape | dtype | scale | zero point |",
        "|---|---|---|---|---|---|",
        *[_tensor_line("input", entry) for entry in card["inputs"]],
        *[_tensor_line("output", entry) for entry in card["outputs"]],
        "",
        "real = scale · (integer − zero point)",
        "",
        *TASKS[card["task"]].card_lines(card),
        "## Quality",
        "",
        f"- Keras against deployed over {parity['examples']} examples ({parity['data']}): largest "
        f"error {parity['max_abs_error']:.3g}, mean error {parity['mean_abs_error']:.3g}, signal "
        f"to quantization noise {decibels(parity['sqnr_db'])}.",
        *_floor_lines(parity),
        *_quality_lines(card["quality"]),
        *_quantizer_lines(card),
        f"- Calibration: {calibration['examples']} examples, values from "
        + ", ".join(f"{low:g} to {high:g}" for low, high in calibration["ranges"])
        + "."
        if calibration
        else "- Calibration: none, the scheme needs none.",
        "",
        "## Cost",
        "",
        f"- {card['size_bytes']:,} bytes of model, {card['compressed_bytes']:,} compressed (zlib, "
        f"level 9); {card['params']:,} parameters; "
        f"{_count(card['macs'])} multiply-accumulates an inference.",
        f"- Latency {latency['median']:.3f} ms (median), {latency['p95']:.3f} ms (95th percentile) "
        f"over {latency['runs']} runs with {latency['threads']} thread(s): {latency['runtime']} on "
        f"{latency['cpu']}.",
        *_target_lines(card),
        "- Operators: " + ", ".join(f"{name} × {n}" for name, n in card["ops"].items()) + ".",
        *_recurrent_lines(card),
        "",
        "## Check it",
        "",
        "    python -m deploy.runtime selftest .      # on the device: the recorded outputs again",
        "    python -m deploy verify . --data FILE.npz # beside the Keras model: the metric again",
        "",
        f"The Keras model: `{card['source']['path']}` as seen from here, SHA-256 "
        f"{card['source']['sha256'][:16]}…; where it has moved, name it with `--model`.",
        "",
        "Tools: " + ", ".join(f"{name} {number}" for name, number in card["tools"].items()) + ".",
    ]
    return "\n".join(lines) + "\n"


def pipeline_text(whole: Mapping[str, Any], cards: Mapping[str, Mapping[str, Any]]) -> str:
    """The card for people of several models that do a task together."""
    parity, task = whole["parity"], whole["task"]
    lines = [
        f"# {task[:1].upper()}{task[1:]} for `{whole['target']}`",
        "",
        f"Models, each in a folder of its name: {', '.join(cards)}. Made {whole['created']}, seed "
        f"{whole['seed']}.",
        "",
        table(list(cards.values())),
        "",
        *PIPELINES[task].card_lines(whole[task]),
        "## Quality",
        "",
        f"- Keras and deployed give the same for {100 * parity['same']:.1f} % of "
        f"{parity['examples']} texts ({parity['data']}), found greedily.",
        *_quality_lines(whole["quality"]),
        "",
        "## Cost",
        "",
        f"- {whole['size_bytes']:,} bytes of models; {whole['params']:,} parameters.",
        f"- {whole['latency_ms']:.1f} ms a text (median) on the computer that exported it.",
        "",
        "## Check it",
        "",
        "    python -m deploy.runtime selftest .      # on the device: the recorded outputs again",
        "    python -m deploy verify . --data FILE.npz # beside the Keras models",
    ]
    return "\n".join(lines) + "\n"


def _count(number: int | None) -> str:
    return "an unknown number of" if number is None else f"{number:,}"


def _tensor_line(kind: str, entry: Mapping[str, Any]) -> str:
    shape = " × ".join(map(str, entry["shape"]))
    scale = "–" if entry["scale"] is None else f"{entry['scale']:.6g}"
    zero_point = "–" if entry["zero_point"] is None else entry["zero_point"]
    return f"| {kind} | {entry['name']} | {shape} | {entry['dtype']} | {scale} | {zero_point} |"


def _quality_lines(measured: Mapping[str, Any] | None) -> list[str]:
    if not measured:
        return ["- No labelled test data was given, so the task's metric was not measured."]
    metric = measured["metric"].replace("_", " ")
    return [
        f"- {metric[:1].upper()}{metric[1:]} over {measured['examples']} test "
        f"examples: Keras {score(measured, 'keras')}, deployed {score(measured, 'deployed')}.",
        *(
            f"- {name[:1].upper()}{name[1:]}: Keras {score(other, 'keras')}, deployed "
            f"{score(other, 'deployed')}."
            for name, other in further(measured).items()
        ),
    ]


def _floor_lines(parity: Mapping[str, Any]) -> list[str]:
    names = [f"`{entry['name']}`" for entry in below_floor(parity)]
    if not names:
        return []
    return [f"- Below the floor of {FLOOR:g} dB, and accepted: {', '.join(names)}."]


def _quantizer_lines(card: Mapping[str, Any]) -> list[str]:
    if not card["quantizer"]:
        return []
    lines = [f"- Quantized by {card['quantizer']}."]
    if card.get("dense"):
        text = dense_text(card["dense"])
        lines.append(f"- {text[:1].upper()}{text[1:]}.")
    if card.get("in_float"):
        lines.append(f"- Operators that compute in float: {kept_list(card['in_float'])}.")
    if card["kept"]:
        operators, before = card["kept"]["operators"], card["kept"]["before"]
        lines.append(
            f"- Kept in {operators[0]['scheme']}: "
            f"{kept_list(operators)}; without that "
            f"{score(card['quality'] | before, 'deployed')} in {before['size_bytes']:,} bytes."
        )
    if card["costly"]:
        lines.append(f"- The operators that cost the most: {operator_list(card['costly'])}.")
    return lines


def _recurrent_lines(card: Mapping[str, Any]) -> list[str]:
    forms = card["recurrent"]
    if not forms:
        return []
    line = "- Recurrent layers: " + ", ".join(f"`{name}` {form}" for name, form in forms.items())
    if any("unrolled" in form for form in forms.values()):
        # The one operator of an LSTM is not there in int16.
        elsewhere = " in int8" if card["scheme"] == "int16" else ""
        line += (
            f". Unrolled, each step has operators of its own, {sum(card['ops'].values())} in the "
            f"whole model; where memory is short prefer an LSTM{elsewhere} (tanh and sigmoid, no "
            "state given or returned), which is one, or deploy a single step with its state as "
            "input and output"
        )
    return [line + "."]


def _target_lines(card: Mapping[str, Any]) -> list[str]:
    compiler = find_target(card["target"]).compiler
    return COMPILERS[compiler].card_lines(card) if compiler else []
