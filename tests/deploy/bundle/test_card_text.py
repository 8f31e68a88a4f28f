"""The card for people: the table of several, and the figures in the text of each."""

import json

import pytest

from deploy.bundle.card_text import card_text, table
from deploy.measure.formatting import decibels


def test_the_table_lines_up():
    card = {
        "target": "cpu",
        "scheme": "int8",
        "quality": {"metric": "accuracy", "keras": 0.9312, "deployed": 0.93, "examples": 10},
        "size_bytes": 12345,
        "latency_ms": {"median": 0.0512},
        "memory": None,
    }
    micro = card | {"target": "cortex-m", "quality": None, "memory": {"arena_bytes": 30240}}
    lines = table([card, micro]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "cpu", "int8", "93.12 %", "93.00 %", "12.3 kB", "0.051 ms", "–",
    ]  # fmt: skip
    assert "30.2 kB" in lines[3]


@pytest.mark.parametrize("target", ["cpu", "cortex-m", "ethos-u55-128"])
def test_the_text_has_the_cards_figures(target, exported):
    folder = exported("convnet", target)
    card = json.loads((folder / "card.json").read_text("utf-8"))
    text = card_text(card)
    assert text == (folder / "card.md").read_text("utf-8")
    figures = [card["name"], f"`{target}`", card["scheme"], str(card["seed"])]
    figures += [f"{card['size_bytes']:,}", f"{card['params']:,}", f"{card['macs']:,}"]
    figures += [f"{100 * card['quality'][key]:.2f} %" for key in ("keras", "deployed")]
    figures += [decibels(card["parity"]["sqnr_db"]), f"{card['latency_ms']['median']:.3f} ms"]
    figures += [f"{name} × {count}" for name, count in card["ops"].items()]
    figures += [card["source"]["path"], card["source"]["sha256"][:16]]
    if card["memory"]:
        figures.append(f"{card['memory']['arena_bytes']:,} bytes")
    if card["npu"]:
        figures.append(f"{card['npu']['cycles']:,} cycles")
    assert [figure for figure in figures if figure not in text] == []
