"""Measured figures with their units, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deploy.measure.parity import is_fraction, unit_of_score


def score(measured: Mapping[str, Any], which: str) -> str:
    """One score of a `quality`, with its unit."""
    value = measured[which]
    known = [measured[key] for key in ("keras", "deployed") if key in measured]
    if is_fraction(measured["metric"], *known):
        return f"{100 * value:.2f} %"
    unit = unit_of_score(measured["metric"])
    return f"{value:.2f} {unit}" if unit else f"{value:.4g}"


def further(measured: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What else a `quality` has measured, by its name, each as `score` takes it."""
    return {name: {"metric": name, **of} for name, of in measured.get("further", {}).items()}


def agreement_text(agreement: Mapping[str, Mapping[str, Any]]) -> str:
    """A card's `agreement`, entry by entry: a fraction, or a number with its unit."""
    return ", ".join(
        f"{name} {row['agreement']:.1f} {row['unit']}"
        if "unit" in row
        else f"{name} {100 * row['agreement']:.1f} %"
        for name, row in agreement.items()
    )


def decibels(ratio: float | None) -> str:
    """A signal to quantization noise ratio with its unit; None stands for no noise at all."""
    return "without error" if ratio is None else f"{ratio:.1f} dB"


def dense_text(dense: Mapping[str, Any]) -> str:
    """A card's `dense` in one line."""
    layers = dense["layers"]
    kinds = [
        f"`{layer['layer']}` "
        + (f"one scale, ±{layer['largest']}" if layer["largest"] else "a scale for each channel")
        for layer in layers
    ]
    bits = ", ".join(f"{layer['bits']:.1f}" for layer in layers)
    equalized = "; channels equalized" if dense["equalized"] else ""
    return (
        f"dense layers: {', '.join(kinds)}; bits a weight once compressed: {bits}{equalized}; "
        f"outputs {decibels(dense['sqnr_db'])} on calibration examples, "
        f"{decibels(dense['per_channel_sqnr_db'])} with int8 for each channel"
    )


def kilobytes(count: int) -> str:
    """Bytes in thousands, with the unit."""
    return f"{count / 1000:.1f} kB"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the header first, as a Markdown table."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def plain(cell: str) -> str:
    """One line of Markdown, without what it takes for a column's end or for HTML in a name."""
    return " ".join(cell.split()).replace("|", "\\|").replace("<", "\\<")


def kept_list(entries: Sequence[Mapping[str, Any]]) -> str:
    """These operators with their layers."""
    return ", ".join(f"{entry['layer']} ({entry['operator']})" for entry in entries)


def operator_list(entries: Sequence[Mapping[str, Any]], most: int = 4) -> str:
    """The first of these operators with their layers and their SQNR."""
    return ", ".join(
        f"{entry['layer']} ({entry['operator']}) {decibels(entry['sqnr_db'])}"
        for entry in entries[:most]
    )
