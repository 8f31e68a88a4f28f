"""The tables of a report, of which both the page and the Markdown are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from deploy.bundle.card_text import figures
from deploy.compare.bundles import Bundle, by_metric, spaced
from deploy.measure.formatting import decibels, markdown, plain

# How a cell ends that tells of operators which an accelerator leaves.
ON_CPU = "on the CPU"


class Section(NamedTuple):
    """A heading, a remark under it and a table, its header first."""

    title: str
    remark: str
    rows: list[list[str]]


def sections(bundles: Sequence[Bundle]) -> list[Section]:
    """All tables that have a row."""
    tables = [
        *_figures(bundles),
        _parity(bundles),
        _memory(bundles),
        _operators(bundles),
        _left_on_cpu(bundles),
        _measured(bundles),
        _tools(bundles),
    ]
    return [table for table in tables if len(table.rows) > 1]


def _figures(bundles: Sequence[Bundle]) -> list[Section]:
    tables = []
    for metric, group in by_metric(bundles).items():
        header, *rows = figures([bundle.card for bundle in group])
        # The page is read on other computers than the one of the latency.
        header = ["bundle", *[spaced(cell.removesuffix(" on this CPU")) for cell in header[1:]]]
        cells = [[b.label, *row[1:]] for b, row in zip(group, rows, strict=True)]
        title = f"Figures: {spaced(metric)}" if metric else "Figures: no metric measured"
        remark = (
            "Keras is the model before deployment. Latency is the median on the CPU and the "
            "runtime named below, not on the target's own hardware."
        )
        tables.append(Section(title, remark, [header, *cells]))
    return tables


def _parity(bundles: Sequence[Bundle]) -> Section:
    header = ["bundle", "largest error", "mean error", "SQNR", "examples", "data"]
    rows = []
    for label, card in bundles:
        parity = card["parity"]
        errors = [f"{parity[key]:.3g}" for key in ("max_abs_error", "mean_abs_error")]
        ratio, examples = decibels(parity["sqnr_db"]), f"{parity['examples']:,}"
        rows.append([label, *errors, ratio, examples, parity.get("data", "–")])
    remark = (
        "The deployed model's outputs against the Keras model's on the same examples, in the "
        "outputs' own units; SQNR is the signal to quantization noise ratio of the worst output."
    )
    return Section("Parity with Keras", remark, [header, *rows])


def _memory(bundles: Sequence[Bundle]) -> Section:
    def npu(card: Mapping[str, Any], key: str) -> str:
        value = (card.get("npu") or {}).get(key)
        return f"{value:,}" if value else "–"

    columns: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "model, bytes": lambda card: f"{card['size_bytes']:,}",
        "parameters": lambda card: f"{card['params']:,}",
        "multiply-accumulates": lambda card: f"{card['macs']:,}" if card.get("macs") else "–",
        "arena, bytes": lambda card: (
            f"{card['memory']['arena_bytes']:,}" if card["memory"] else "–"
        ),
        "NPU SRAM, bytes": lambda card: npu(card, "sram_bytes"),
        "NPU DRAM, bytes": lambda card: npu(card, "dram_bytes"),
        "NPU flash, bytes": lambda card: npu(card, "flash_bytes"),
        "operators on the Edge TPU": lambda card: (
            f"{card['coral']['on_tpu']} of {card['coral']['on_tpu'] + card['coral']['on_cpu']}"
            if card.get("coral")
            else "–"
        ),
    }
    cells = {name: [of(card) for _, card in bundles] for name, of in columns.items()}
    shown = {name: column for name, column in cells.items() if set(column) != {"–"}}
    rows = [
        [b.label, *row] for b, row in zip(bundles, zip(*shown.values(), strict=True), strict=True)
    ]
    remark = (
        "The arena is what the interpreter works in, without the model; figures of an NPU are its "
        "compiler's estimates."
    )
    return Section("Size and memory", remark, [["bundle", *shown], *rows])


def _cpu_operators(card: Mapping[str, Any]) -> list[dict[str, str]]:
    """The operators that an accelerator leaves to the CPU, each with its `reason`."""
    coral, npu = card.get("coral") or {}, card.get("npu") or {}
    if coral.get("compiled"):
        return [
            {"operator": row["operator"], "reason": row["status"]}
            for row in coral["report"]["operators"]
            if not row["tpu"]
            for _ in range(row["count"])
        ]
    return [row for row in coral.get("operators", ()) if not row["tpu"]] + npu.get("cpu_ops", [])


def _operators(bundles: Sequence[Bundle]) -> Section:
    left = [Counter(row["operator"] for row in _cpu_operators(card)) for _, card in bundles]
    names = sorted(
        {name for _, card in bundles for name in card["ops"]} | {n for c in left for n in c}
    )
    rows = []
    for name in names:
        row = [name]
        for (_, card), on_cpu in zip(bundles, left, strict=True):
            count = card["ops"].get(name, 0)
            part = "" if on_cpu[name] == count else f"{on_cpu[name]} "
            row.append(f"{count or '–'}" + (f", {part}{ON_CPU}" if on_cpu[name] else ""))
        rows.append(row)
    remark = (
        f"How often each operator stands in the model; “{ON_CPU}” where the target's accelerator "
        "leaves it to the CPU."
    )
    return Section("Operators", remark, [["operator", *(b.label for b in bundles)], *rows])


def _left_on_cpu(bundles: Sequence[Bundle]) -> Section:
    rows = []
    for label, card in bundles:
        reasons: dict[str, Counter[str]] = {}
        for row in _cpu_operators(card):
            reasons.setdefault(row["reason"], Counter())[row["operator"]] += 1
        for reason, counts in reasons.items():
            listed = ", ".join(f"{name} × {count}" for name, count in counts.items())
            rows.append([label, listed, reason])
    remark = "What the accelerator's compiler, or its published rules, say of these operators."
    return Section("Left to the CPU", remark, [["bundle", "operators", "reason"], *rows])


def _measured(bundles: Sequence[Bundle]) -> Section:
    rows = []
    for label, card in bundles:
        latency, quality = card["latency_ms"], card["quality"]
        rows.append(
            [
                label,
                f"{spaced(quality['metric'])} over {quality['examples']:,} test examples"
                if quality
                else "not measured",
                f"median of {latency['runs']} runs, {latency['threads']} thread(s), "
                f"{latency['runtime']}, {latency['cpu']}",
                str(card.get("created", "–")),
                str(card.get("seed", "–")),
            ]
        )
    header = ["bundle", "quality", "latency", "made", "seed"]
    return Section("How it was measured", "", [header, *rows])


def _tools(bundles: Sequence[Bundle]) -> Section:
    tools = dict.fromkeys(tool for _, card in bundles for tool in card["tools"])
    versions = {tool: [card["tools"].get(tool, "–") for _, card in bundles] for tool in tools}
    if all(len(set(row)) == 1 for row in versions.values()):
        rows = [[tool, row[0]] for tool, row in versions.items()]
        return Section("Tools", "", [["tool", "all bundles"], *rows])
    rows = [[tool, *row] for tool, row in versions.items()]
    return Section("Tools", "", [["tool", *(bundle.label for bundle in bundles)], *rows])


def markdown_report(headline: Sequence[str], sections: Sequence[Section]) -> str:
    """The headline and the tables in Markdown."""
    text = "\n".join(["# Bundles compared", "", *(f"- {plain(line)}" for line in headline)])
    for section in sections:
        remark = f"{section.remark}\n\n" if section.remark else ""
        text += f"\n\n## {section.title}\n\n{remark}{markdown(section.rows)}"
    return text + "\n"
