"""The charts of a report: quality against each cost, and the SQNR layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from deploy.compare.bundles import CYCLES, LATENCY, SIZE, Bundle, by_metric, in_percent, spaced
from deploy.compare.charts import (
    COLOURS,
    Axis,
    Level,
    Point,
    Series,
    marker,
    profile,
    scatter,
)
from deploy.measure.formatting import decibels, score

# Differences above this are no matter of quantization.
_MOST_DB = 90


def quality_charts(
    bundles: Sequence[Bundle], models: Sequence[str], targets: Sequence[str]
) -> list[str]:
    """Quality, or SQNR where there is none, against each cost.

    Args:
        bundles: what the points stand for.
        models: their names, in the order of the colours.
        targets: their names, in the order of the markers.
    """
    charts = []
    for metric, group in by_metric(bundles).items():
        percent = metric is not None and in_percent(group)
        for cost in (SIZE, LATENCY, CYCLES):
            points, missing = [], []
            for label, card in group:
                value, height = cost.of(card), _height(card, percent)
                if not value:
                    continue
                if height is None:
                    missing.append(label)
                    continue
                points.append(
                    Point(
                        value,
                        height,
                        models.index(card["name"]),
                        targets.index(card["target"]),
                        label.removeprefix(f"{card['name']} · "),
                        f"{label}: {_height_text(card)}, {cost.text(value)}",
                    )
                )
            if not points:
                continue
            y = Axis("SQNR against Keras, dB")
            if metric:
                name = f"deployed {spaced(metric)}" + (", %" if percent else "")
                y = Axis(name, most=100 if percent else None)
            chart = scatter(points, _levels(group, models, percent), cost.axis, y)
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
        return f"{spaced(card['quality']['metric'])} {score(card['quality'], 'deployed')}"
    return f"SQNR {decibels(card['parity']['sqnr_db'])}"


def _levels(bundles: Sequence[Bundle], models: Sequence[str], percent: bool) -> list[Level]:
    """The Keras models' own quality; nothing where none is measured."""
    levels = {}
    for _, card in bundles:
        height = _height(card, percent, "keras") if card["quality"] else None
        if height is not None:
            text = "Keras" if len(models) == 1 else f"{card['name']} in Keras"
            levels[card["name"]] = Level(height, models.index(card["name"]), text)
    return list(levels.values())


def layer_charts(bundles: Sequence[Bundle], models: Sequence[str]) -> list[str]:
    """For each model the SQNR layer by layer, one line a bundle that has it."""
    charts = []
    for model in models:
        lines = {
            label: _keyed(card["layers"])
            for label, card in bundles
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
