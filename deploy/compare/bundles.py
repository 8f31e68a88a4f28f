"""The bundles of a report: read, told apart, grouped by their metric; what each costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from deploy.compare.charts import Axis
from deploy.measure.parity import is_fraction
from deploy.runtime.bundle import load_model
from deploy.runtime.errors import DeployError

# What is read of a card beyond what the runtime checks.
_CARD = ("name", "scheme", "ops", "params", "quality", "parity", "latency_ms", "memory", "tools")


class Bundle(NamedTuple):
    """A bundle's card, and the `label` by which the report tells it from the others."""

    label: str
    card: dict[str, Any]


class Cost(NamedTuple):
    """What quality is weighed against: `of` a card (None where it has no such figure), on an axis
    and as a text with its unit."""

    axis: Axis
    of: Callable[[Mapping[str, Any]], float | None]
    text: Callable[[float], str]


SIZE = Cost(
    Axis("model size, kB", log=True),
    lambda card: card["size_bytes"] / 1000,
    lambda size: f"{size:.1f} kB",
)
LATENCY = Cost(
    Axis("median latency on the exporting CPU, ms", log=True),
    lambda card: card["latency_ms"]["median"],
    lambda milliseconds: f"{milliseconds:.3f} ms",
)
CYCLES = Cost(
    Axis("NPU cycles, estimated by its compiler", log=True),
    lambda card: (card.get("npu") or {}).get("cycles"),
    lambda cycles: f"{cycles:,.0f} cycles",
)


def read_bundles(folders: Sequence[str | Path]) -> list[Bundle]:
    """The bundles in these folders, one named twice only once.

    Raises:
        DeployError: no bundle, or a damaged one.
    """
    if not folders:
        raise DeployError("expected at least one bundle to compare, received none; name folders")
    paths = list({path.resolve(): path for path in map(Path, folders)}.values())
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
    return list(map(Bundle, labels, cards))


def _read_card(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise DeployError(f"expected the folder of a bundle, received '{path}', which is none")
    card = load_model(path).card
    missing = [key for key in _CARD if key not in card]
    if missing:
        raise DeployError(
            f"expected a card with {', '.join(missing)}, received '{path}' without; export the "
            "bundle again"
        )
    return card


def by_metric(bundles: Sequence[Bundle]) -> dict[str | None, list[Bundle]]:
    """The bundles of each metric; None stands for those without one."""
    grouped: dict[str | None, list[Bundle]] = {}
    for bundle in bundles:
        quality = bundle.card["quality"]
        metric = quality["metric"] if quality else None
        grouped.setdefault(metric, []).append(bundle)
    return grouped


def in_percent(bundles: Sequence[Bundle]) -> bool:
    """Whether the quality of all of them is measured, and a fraction."""
    measured = [bundle.card["quality"] for bundle in bundles]
    return all(m and is_fraction(m["metric"], m["keras"], m["deployed"]) for m in measured)


def spaced(name: str) -> str:
    """A metric's name in words."""
    return name.replace("_", " ")
