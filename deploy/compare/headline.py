"""The headline of a report: what its reader wants to know first."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.compare.bundles import (
    CYCLES,
    LATENCY,
    SIZE,
    Bundle,
    Cost,
    by_metric,
    spaced,
)
from deploy.measure.formatting import decibels, score
from deploy.measure.parity import metric_drop, unit_of_drop
from deploy.schemes import TOLERANCE


def headline(bundles: Sequence[Bundle]) -> list[str]:
    """Sentences: the best, the smallest and the fastest of the bundles of each metric."""
    sentences = []
    for metric, group in by_metric(bundles).items():
        within = group
        if metric is None:
            sentences.append(_closest(group))
        else:
            sentences.append(_most_accurate(group, metric))
            within = [b for b in group if metric_drop(b.card["quality"]) <= TOLERANCE]
        scores = [b.card["quality"][key] for b in group if metric for key in ("keras", "deployed")]
        unit = unit_of_drop(metric or "", *scores)
        limit = f"{TOLERANCE} {unit} of {spaced(metric or '')} against Keras"
        if not within:
            sentences.append(f"None keeps within {limit}.")
        elif len(group) > 1:
            among = "" if metric is None else f" of those that lose at most {limit}"
            sentences.append(f"Smallest{among}: {_least(within, SIZE)}.")
            # The CPU's time says nothing of a model that an accelerator shall run.
            timed = [b for b in within if not b.card.get("npu") and not b.card.get("coral")]
            timed = timed or within
            cpus = sorted({bundle.card["latency_ms"]["cpu"] for bundle in timed})
            fastest = f"Fastest{among and ' of them'} on the CPU it was exported on"
            sentences.append(f"{fastest} ({', '.join(cpus)}): {_least(timed, LATENCY)}.")
            if any(CYCLES.of(bundle.card) for bundle in within):
                sentences.append(f"Fewest NPU cycles: {_least(within, CYCLES)}.")
    return sentences


def _most_accurate(bundles: Sequence[Bundle], metric: str) -> str:
    rises = metric_drop({"metric": metric, "keras": 1.0, "deployed": 2.0}) < 0
    values = [bundle.card["quality"]["deployed"] for bundle in bundles]
    best = max(values) if rises else min(values)
    names = [b.label for b, value in zip(bundles, values, strict=True) if value == best]
    measured = next(b.card["quality"] for b in bundles if b.card["quality"]["deployed"] == best)
    text = score(measured, "deployed")
    what = "Most accurate" if metric == "accuracy" else f"Best {spaced(metric)}"
    return f"{what}: {_listed(names)} with {text}."


def _closest(bundles: Sequence[Bundle]) -> str:
    ratios = [bundle.card["parity"]["sqnr_db"] for bundle in bundles]
    best = None if None in ratios else max(ratios)
    names = [b.label for b, ratio in zip(bundles, ratios, strict=True) if ratio == best]
    return f"Closest to Keras: {_listed(names)}, {decibels(best)}."


def _least(bundles: Sequence[Bundle], cost: Cost) -> str:
    costs = [(cost.of(bundle.card), bundle.label) for bundle in bundles]
    least = min(value for value, _ in costs if value is not None)
    return f"{_listed([name for value, name in costs if value == least])} with {cost.text(least)}"


def _listed(names: Sequence[str]) -> str:
    if len(names) > 3:
        return f"{', '.join(names[:2])} and {len(names) - 2} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
