"""Several bundles on one page: what each costs, how good it is, and where it runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from deploy.bundle.card_text import figures
from deploy.bundle.write import write_folder
from deploy.compare.charts import (
    COLOURS,
    STYLE,
    Axis,
    Level,
    Point,
    Series,
    marker,
    profile,
    scatter,
)
from deploy.measure.formatting import decibels, markdown, plain, score
from deploy.measure.parity import is_fraction, metric_drop
from deploy.runtime.bundle import load
from deploy.runtime.errors import DeployError

# How much a metric may lose against Keras, as in `verify`.
_TOLERANCE = 0.5

# Differences above this are no matter of quantization.
_MOST_DB = 90

_PAGE, _TEXT = "compare.html", "compare.md"
_GENERATOR = '<meta name="generator" content="deploy.compare.page">'

# What is read of a card beyond what the runtime checks.
_CARD = ("name", "scheme", "ops", "params", "quality", "parity", "latency_ms", "memory", "tools")

_ON_CPU = "on the CPU"


class _Bundle(NamedTuple):
    label: str
    card: dict[str, Any]


class _Section(NamedTuple):
    """A heading, a remark under it and a table, its header first."""

    title: str
    remark: str
    rows: list[list[str]]


class _Cost(NamedTuple):
    """What quality is plotted against; `of` gives None where a card has no such figure."""

    axis: Axis
    of: Callable[[Mapping[str, Any]], float | None]
    text: Callable[[float], str]


_COSTS = (
    _Cost(
        Axis("model size, kB", log=True),
        lambda card: card["size_bytes"] / 1000,
        lambda size: f"{size:.1f} kB",
    ),
    _Cost(
        Axis("median latency on the exporting CPU, ms", log=True),
        lambda card: card["latency_ms"]["median"],
        lambda milliseconds: f"{milliseconds:.3f} ms",
    ),
    _Cost(
        Axis("NPU cycles, estimated by its compiler", log=True),
        lambda card: (card.get("npu") or {}).get("cycles"),
        lambda cycles: f"{cycles:,.0f} cycles",
    ),
)


def compare(bundles: Sequence[str | Path], out: str | Path) -> Path:
    """One page about several bundles: `compare.html`, which needs no other file, and `compare.md`.

    Args:
        bundles: folders that `export` wrote, of one model or of several.
        out: the folder of the report: a new one, an empty one or that of an earlier report.

    Returns:
        The path of the page.

    Raises:
        DeployError: no bundle, a damaged one, or a folder `out` that holds anything else.
    """
    out = Path(out)
    _check_output(out)
    found = _read(bundles)
    try:
        headline, sections = _headline(found), _sections(found)
        page, text = _html(found, headline, sections), _markdown(headline, sections)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DeployError(
            f"expected the cards that export wrote, received one that has been changed "
            f"({type(error).__name__}: {error}); export the bundle again"
        ) from error
    write_folder(out, {_PAGE: page.encode(), _TEXT: text.encode()}, "the report")
    return out / _PAGE


def _check_output(out: Path) -> None:
    try:
        names = {path.name for path in out.iterdir()} if out.is_dir() else set()
        page = (out / _PAGE).read_text("utf-8", "replace") if _PAGE in names else _GENERATOR
    except OSError as error:
        raise DeployError(f"expected a folder for the report, received '{out}': {error}") from error
    known = names <= {_PAGE, _TEXT} and _GENERATOR in page
    if out.is_symlink() or (out.exists() and not out.is_dir()) or not known:
        raise DeployError(
            f"expected a new folder or an earlier report's for the report, received '{out}', which "
            "is or holds something else; choose another with --out"
        )


def _read(bundles: Sequence[str | Path]) -> list[_Bundle]:
    if not bundles:
        raise DeployError("expected at least one bundle to compare, received none; name folders")
    paths = list({path.resolve(): path for path in map(Path, bundles)}.values())
    cards = [_read_card(path) for path in paths]
    models = {card["name"] for card in cards}
    labels = [
        f"{card['name']} · {card['target']}" if len(models) > 1 else card["target"]
        for card in cards
    ]
    # What tells them apart: the target, else the scheme too, else only the folder.
    for details in ([card["scheme"] for card in cards], paths):
        labels = [
            label if labels.count(label) == 1 else f"{label} ({detail})"
            for label, detail in zip(labels, details, strict=True)
        ]
    return list(map(_Bundle, labels, cards))


def _read_card(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise DeployError(f"expected the folder of a bundle, received '{path}', which is none")
    card = load(path).card
    missing = [key for key in _CARD if key not in card]
    if missing:
        raise DeployError(
            f"expected a card with {', '.join(missing)}, received '{path}' without; export the "
            "bundle again"
        )
    return card


def _metric(card: Mapping[str, Any]) -> str | None:
    return card["quality"]["metric"] if card["quality"] else None


def _by_metric(found: Sequence[_Bundle]) -> dict[str | None, list[_Bundle]]:
    metrics = dict.fromkeys(_metric(bundle.card) for bundle in found)
    return {
        metric: [bundle for bundle in found if _metric(bundle.card) == metric] for metric in metrics
    }


def _in_percent(bundles: Sequence[_Bundle]) -> bool:
    """Whether the quality of all of them is measured, and a share."""
    measured = [bundle.card["quality"] for bundle in bundles]
    return all(m and is_fraction(m["metric"], m["keras"], m["deployed"]) for m in measured)


def _words(name: str) -> str:
    return name.replace("_", " ")


# The headline: what the reader wants to know first.


def _headline(found: Sequence[_Bundle]) -> list[str]:
    sentences = []
    for metric, bundles in _by_metric(found).items():
        within = bundles
        if metric is None:
            sentences.append(_closest(bundles))
        else:
            sentences.append(_most_accurate(bundles, metric))
            within = [b for b in bundles if metric_drop(b.card["quality"]) <= _TOLERANCE]
        unit = "points" if _in_percent(bundles) else "%"
        limit = f"{_TOLERANCE} {unit} of {_words(metric or '')} against Keras"
        if not within:
            sentences.append(f"None keeps within {limit}.")
        elif len(bundles) > 1:
            among = "" if metric is None else f" of those that lose at most {limit}"
            sentences.append(f"Smallest{among}: {_least(within, _COSTS[0])}.")
            # The CPU's time says nothing of a model that an accelerator shall run.
            timed = [b for b in within if not b.card.get("npu") and not b.card.get("coral")]
            timed = timed or within
            cpus = sorted({bundle.card["latency_ms"]["cpu"] for bundle in timed})
            fastest = f"Fastest{among and ' of them'} on the CPU it was exported on"
            sentences.append(f"{fastest} ({', '.join(cpus)}): {_least(timed, _COSTS[1])}.")
            if any(_COSTS[2].of(bundle.card) for bundle in within):
                sentences.append(f"Fewest NPU cycles: {_least(within, _COSTS[2])}.")
    return sentences


def _most_accurate(bundles: Sequence[_Bundle], metric: str) -> str:
    rises = metric_drop({"metric": metric, "keras": 1.0, "deployed": 2.0}) < 0
    values = [bundle.card["quality"]["deployed"] for bundle in bundles]
    best = max(values) if rises else min(values)
    names = [b.label for b, value in zip(bundles, values, strict=True) if value == best]
    measured = next(b.card["quality"] for b in bundles if b.card["quality"]["deployed"] == best)
    text = score(measured, "deployed")
    what = "Most accurate" if metric == "accuracy" else f"Best {_words(metric)}"
    return f"{what}: {_listed(names)} with {text}."


def _closest(bundles: Sequence[_Bundle]) -> str:
    ratios = [bundle.card["parity"]["sqnr_db"] for bundle in bundles]
    best = None if None in ratios else max(ratios)
    names = [b.label for b, ratio in zip(bundles, ratios, strict=True) if ratio == best]
    return f"Closest to Keras: {_listed(names)}, {decibels(best)}."


def _least(bundles: Sequence[_Bundle], cost: _Cost) -> str:
    costs = [(cost.of(bundle.card), bundle.label) for bundle in bundles]
    least = min(value for value, _ in costs if value is not None)
    return f"{_listed([name for value, name in costs if value == least])} with {cost.text(least)}"


def _listed(names: Sequence[str]) -> str:
    if len(names) > 3:
        return f"{', '.join(names[:2])} and {len(names) - 2} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


# The tables, of which both the page and the Markdown are made.


def _sections(found: Sequence[_Bundle]) -> list[_Section]:
    sections = [
        *_figures(found),
        _parity(found),
        _memory(found),
        _operators(found),
        _left_on_cpu(found),
        _measured(found),
        _tools(found),
    ]
    return [section for section in sections if len(section.rows) > 1]


def _figures(found: Sequence[_Bundle]) -> list[_Section]:
    sections = []
    for metric, bundles in _by_metric(found).items():
        header, *rows = figures([bundle.card for bundle in bundles])
        # The page is read on other computers than the one of the latency.
        header = ["bundle", *[_words(cell.removesuffix(" on this CPU")) for cell in header[1:]]]
        cells = [[b.label, *row[1:]] for b, row in zip(bundles, rows, strict=True)]
        title = f"Figures: {_words(metric)}" if metric else "Figures: no metric measured"
        remark = (
            "Keras is the model before deployment. Latency is the median on the CPU and the "
            "runtime named below, not on the target's own hardware."
        )
        sections.append(_Section(title, remark, [header, *cells]))
    return sections


def _parity(found: Sequence[_Bundle]) -> _Section:
    header = ["bundle", "largest error", "mean error", "SQNR", "examples", "data"]
    rows = []
    for label, card in found:
        parity = card["parity"]
        errors = [f"{parity[key]:.3g}" for key in ("max_abs_error", "mean_abs_error")]
        ratio, examples = decibels(parity["sqnr_db"]), f"{parity['examples']:,}"
        rows.append([label, *errors, ratio, examples, parity.get("data", "–")])
    remark = (
        "The deployed model's outputs against the Keras model's on the same examples, in the "
        "outputs' own units; SQNR is the signal to quantization noise ratio of the worst output."
    )
    return _Section("Parity with Keras", remark, [header, *rows])


def _memory(found: Sequence[_Bundle]) -> _Section:
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
    cells = {name: [of(card) for _, card in found] for name, of in columns.items()}
    shown = {name: column for name, column in cells.items() if set(column) != {"–"}}
    rows = [
        [b.label, *row] for b, row in zip(found, zip(*shown.values(), strict=True), strict=True)
    ]
    remark = (
        "The arena is what the interpreter works in, without the model; figures of an NPU are its "
        "compiler's estimates."
    )
    return _Section("Size and memory", remark, [["bundle", *shown], *rows])


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


def _operators(found: Sequence[_Bundle]) -> _Section:
    left = [Counter(row["operator"] for row in _cpu_operators(card)) for _, card in found]
    names = sorted(
        {name for _, card in found for name in card["ops"]} | {n for c in left for n in c}
    )
    rows = []
    for name in names:
        row = [name]
        for (_, card), on_cpu in zip(found, left, strict=True):
            count = card["ops"].get(name, 0)
            part = "" if on_cpu[name] == count else f"{on_cpu[name]} "
            row.append(f"{count or '–'}" + (f", {part}{_ON_CPU}" if on_cpu[name] else ""))
        rows.append(row)
    remark = (
        f"How often each operator stands in the model; “{_ON_CPU}” where the target's accelerator "
        "leaves it to the CPU."
    )
    return _Section("Operators", remark, [["operator", *(b.label for b in found)], *rows])


def _left_on_cpu(found: Sequence[_Bundle]) -> _Section:
    rows = []
    for label, card in found:
        reasons: dict[str, Counter[str]] = {}
        for row in _cpu_operators(card):
            reasons.setdefault(row["reason"], Counter())[row["operator"]] += 1
        for reason, counts in reasons.items():
            listed = ", ".join(f"{name} × {count}" for name, count in counts.items())
            rows.append([label, listed, reason])
    remark = "What the accelerator's compiler, or its published rules, say of these operators."
    return _Section("Left to the CPU", remark, [["bundle", "operators", "reason"], *rows])


def _measured(found: Sequence[_Bundle]) -> _Section:
    rows = []
    for label, card in found:
        latency, quality = card["latency_ms"], card["quality"]
        rows.append(
            [
                label,
                f"{_words(quality['metric'])} over {quality['examples']:,} test examples"
                if quality
                else "not measured",
                f"median of {latency['runs']} runs, {latency['threads']} thread(s), "
                f"{latency['runtime']}, {latency['cpu']}",
                str(card.get("created", "–")),
                str(card.get("seed", "–")),
            ]
        )
    header = ["bundle", "quality", "latency", "made", "seed"]
    return _Section("How it was measured", "", [header, *rows])


def _tools(found: Sequence[_Bundle]) -> _Section:
    tools = dict.fromkeys(tool for _, card in found for tool in card["tools"])
    versions = {tool: [card["tools"].get(tool, "–") for _, card in found] for tool in tools}
    if all(len(set(row)) == 1 for row in versions.values()):
        rows = [[tool, row[0]] for tool, row in versions.items()]
        return _Section("Tools", "", [["tool", "all bundles"], *rows])
    rows = [[tool, *row] for tool, row in versions.items()]
    return _Section("Tools", "", [["tool", *(bundle.label for bundle in found)], *rows])


def _markdown(headline: Sequence[str], sections: Sequence[_Section]) -> str:
    text = "\n".join(["# Bundles compared", "", *(f"- {plain(line)}" for line in headline)])
    for section in sections:
        remark = f"{section.remark}\n\n" if section.remark else ""
        text += f"\n\n## {section.title}\n\n{remark}{markdown(section.rows)}"
    return text + "\n"


# The page.


def _html(found: Sequence[_Bundle], headline: Sequence[str], sections: Sequence[_Section]) -> str:
    models = list(dict.fromkeys(bundle.card["name"] for bundle in found))
    targets = list(dict.fromkeys(bundle.card["target"] for bundle in found))
    names = ", ".join(models)
    body = [
        f"<h1>{escape(names)}: {len(found)} bundles compared</h1>",
        "<ul class='headline'>",
        *(f"<li>{_unbroken(escape(sentence))}</li>" for sentence in headline),
        "</ul>",
        "<div class='legend'>",
        *(
            f"<span class='c{k % COLOURS}'><i></i>{escape(model)}</span>"
            for k, model in enumerate(models)
        ),
        *(
            f"<span><svg viewBox='-7 -7 14 14'>{marker(k)}</svg>{escape(target)}</span>"
            for k, target in enumerate(targets)
        ),
        "</div>",
        "<div class='charts'>",
        *_charts(found, models, targets),
        *_profiles(found, models),
        "</div>",
        *map(_table, sections),
    ]
    title = escape(f"{names}: bundles compared")
    return _FRAME.format(
        generator=_GENERATOR, title=title, style=_STYLE + STYLE, body="\n".join(body)
    )


def _unbroken(sentence: str) -> str:
    """Figures stay with their units at a line's end."""
    return re.sub(r"(?<=\d) (?=%|kB|ms|dB)", "\N{NO-BREAK SPACE}", sentence)


def _charts(found: Sequence[_Bundle], models: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Quality, or SQNR where there is none, against each cost."""
    charts = []
    for metric, bundles in _by_metric(found).items():
        percent = metric is not None and _in_percent(bundles)
        for cost in _COSTS:
            points, missing = [], []
            for bundle in bundles:
                value, height = cost.of(bundle.card), _height(bundle.card, percent)
                if not value:
                    continue
                if height is None:
                    missing.append(bundle.label)
                    continue
                model, target = bundle.card["name"], bundle.card["target"]
                title = f"{bundle.label}: {_height_text(bundle.card)}, {cost.text(value)}"
                label = bundle.label.removeprefix(f"{model} · ")
                colour, shape = models.index(model), targets.index(target)
                points.append(Point(value, height, colour, shape, label, title))
            if not points:
                continue
            y = Axis("SQNR against Keras, dB")
            if metric:
                label = f"deployed {_words(metric)}" + (", %" if percent else "")
                y = Axis(label, most=100 if percent else None)
            chart = scatter(points, _levels(bundles, models, percent), cost.axis, y)
            note = f"Without any error, so not in the chart: {', '.join(missing)}."
            charts.append(_figure(chart, note if missing else ""))
    return charts


def _height(card: Mapping[str, Any], percent: bool, which: str = "deployed") -> float | None:
    measured = card["quality"]
    if not measured:
        return card["parity"]["sqnr_db"]
    return measured[which] * (100 if percent else 1)


def _height_text(card: Mapping[str, Any]) -> str:
    if card["quality"]:
        return f"{_words(card['quality']['metric'])} {score(card['quality'], 'deployed')}"
    return f"SQNR {decibels(card['parity']['sqnr_db'])}"


def _levels(bundles: Sequence[_Bundle], models: Sequence[str], percent: bool) -> list[Level]:
    """The Keras models' own quality; nothing where none is measured."""
    levels = {}
    for _, card in bundles:
        height = _height(card, percent, "keras") if card["quality"] else None
        if height is not None:
            text = "Keras" if len(models) == 1 else f"{card['name']} in Keras"
            levels[card["name"]] = Level(height, models.index(card["name"]), text)
    return list(levels.values())


def _profiles(found: Sequence[_Bundle], models: Sequence[str]) -> list[str]:
    """For each model the SQNR layer by layer, one line a bundle that has it."""
    charts = []
    for model in models:
        lines = {
            label: _keyed(card["layers"])
            for label, card in found
            if card["name"] == model and card.get("layers")
        }
        rows = _merged([list(line) for line in lines.values()])
        # Bundles with the same figures share a line, which would hide the others.
        merged: dict[tuple[float | None, ...], list[str]] = {}
        for label, line in lines.items():
            values = tuple(line.get(row) for row in rows)
            merged.setdefault(values, []).append(label.removeprefix(f"{model} · "))
        curves = [(values, names) for values, names in merged.items() if set(values) != {None}]
        if not curves:
            continue
        series = [
            Series(values, k, k, ", ".join(names)) for k, (values, names) in enumerate(curves)
        ]
        named = [(layer, f"{layer} ({operator})") for layer, operator, _ in rows]
        chart = profile(named, series, Axis(f"{model}: SQNR of each layer, dB", most=_MOST_DB))
        beyond = any(value and value > _MOST_DB for values in merged for value in values)
        note = f"More than {_MOST_DB} dB, the rounding of floats, is drawn at {_MOST_DB} dB."
        key = "".join(
            f"<span class='c{line.colour % COLOURS}'><svg viewBox='-7 -7 14 14'>"
            f"{marker(line.marker, line.colour)}</svg>{escape(line.label)}</span>"
            for line in series
        )
        charts.append(_figure(chart, note if beyond else "", f"<div class='legend'>{key}</div>"))
    return charts


_Row = tuple[str, str, int]


def _keyed(layers: Sequence[Mapping[str, Any]]) -> dict[_Row, float | None]:
    # One layer may become several operators, even of one kind.
    seen: Counter[tuple[str, str]] = Counter()
    keyed = {}
    for entry in layers:
        key = (entry["layer"], entry["operator"])
        keyed[(*key, seen[key])] = entry["sqnr_db"]
        seen[key] += 1
    return keyed


def _merged(orders: Sequence[Sequence[_Row]]) -> list[_Row]:
    """All rows, each after the one that it follows in the first order that has it."""
    rows: list[_Row] = []
    for order in sorted(orders, key=len, reverse=True):
        position = 0
        for row in order:
            if row in rows:
                position = rows.index(row) + 1
            else:
                rows.insert(position, row)
                position += 1
    return rows


def _figure(chart: str, note: str, key: str = "") -> str:
    caption = f"<figcaption>{escape(note)}</figcaption>" if note else ""
    return f"<figure>{key}{chart}{caption}</figure>"


def _table(section: _Section) -> str:
    header, *rows = section.rows
    head = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in header)
    lines = "\n".join(
        f"<tr><th scope='row'>{escape(row[0])}</th>" + "".join(map(_cell, row[1:])) + "</tr>"
        for row in rows
    )
    remark = f"<p>{escape(section.remark)}</p>" if section.remark else ""
    return (
        f"<section><h2>{escape(section.title)}</h2>{remark}<div class='scroll'><table>"
        f"<thead><tr>{head}</tr></thead><tbody>\n{lines}\n</tbody></table></div></section>"
    )


def _cell(text: str) -> str:
    names = []
    if re.match(r"[\d–-]", text):
        names.append("number")
    if text.endswith(f" {_ON_CPU}"):
        names.append("fallback")
    kind = f" class='{' '.join(names)}'" if names else ""
    return f"<td{kind}>{escape(text)}</td>"


_FRAME = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{generator}
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""

_STYLE = """\
:root { --text: #1a202c; --muted: #566173; --line: #d7dce5; --ground: #fff; --panel: #f5f7fa;
  --warn: #9c4221; --c0: #2b6cb0; --c1: #c53030; --c2: #2f855a; --c3: #b7791f; --c4: #6b46c1;
  --c5: #0e7490; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ef; --muted: #a3adbd; --line: #363d4a;
  --ground: #14171c; --panel: #1c2128; --warn: #f6ad55; --c0: #63a4ea; --c1: #f08080;
  --c2: #68c993; --c3: #e0b04c; --c4: #b39af0; --c5: #4fc3d9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; color: var(--text);
  background: var(--ground); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .25rem; }
p { margin: .25rem 0 .5rem; color: var(--muted); }
.headline { margin: .5rem 0 1rem; padding: .75rem 1rem .75rem 2rem; background: var(--panel);
  border-radius: .5rem; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1rem; font-size: .875rem; }
.legend span { display: inline-flex; align-items: center; gap: .35rem; }
.legend i { width: .8rem; height: .8rem; border-radius: 50%; background: currentColor; }
.legend svg { width: 1rem; height: 1rem; }
.charts { display: grid; gap: 1rem; align-items: start; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
figure { margin: 0; padding: .5rem; background: var(--panel); border-radius: .5rem; }
figure svg { display: block; width: 100%; }
figure .legend svg { width: 1rem; }
figcaption { font-size: .8rem; color: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { padding: .3rem .75rem .3rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); max-width: 26rem; }
thead th { color: var(--muted); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 600; position: sticky; left: 0; background: var(--ground);
  min-width: 6.5rem; max-width: min(22rem, 45vw); overflow-wrap: break-word; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.fallback { color: var(--warn); font-weight: 600; }
"""
