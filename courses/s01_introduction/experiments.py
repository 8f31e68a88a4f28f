"""Session 1's tables: rows of text, the header first."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from courses.s01_introduction.from_scratch import Step, largest_difference
from deploy.report import score


def agreement(twins: Mapping[str, tuple[Sequence[Step], Sequence[Step]]]) -> list[list[str]]:
    """The same training in NumPy and in Keras.

    Args:
        twins: by network, NumPy's steps (one more) and Keras's.
    """
    rows = [["network", "steps", "last loss, NumPy", "Keras", "losses differ by", "weights by"]]
    for name, (ours, theirs) in twins.items():
        loss, weight = largest_difference(ours, theirs)
        last = len(theirs) - 1
        losses = f"{ours[last].loss:.7f}", f"{theirs[last].loss:.7f}"
        rows.append([name, f"{len(theirs)}", *losses, f"{loss:.0e} at most", f"{weight:.0e}"])
    return rows


def decisions(
    sought: np.ndarray, probability: np.ndarray, cost: float, thresholds: Sequence[float]
) -> list[list[str]]:
    """What thresholds find, miss and cost.

    Args:
        sought: (examples,), whether an example is of the class to be found.
        probability: (examples,), of that class.
        cost: of a miss, in false alarms.
        thresholds: to compare.
    """
    rows = [["threshold", "found", "missed", "false alarms", "sensitivity", "specificity", "cost"]]
    for threshold in thresholds:
        alarm = probability >= threshold
        missed, false_alarms = np.sum(sought & ~alarm), np.sum(~sought & alarm)
        rows.append(
            [
                f"{threshold:.2f}",
                f"{np.sum(sought & alarm):,} of {sought.sum():,}",
                f"{missed:,}",
                f"{false_alarms:,}",
                f"{100 * alarm[sought].mean():.1f} %",
                f"{100 * (~alarm[~sought]).mean():.1f} %",
                f"{cost * missed + false_alarms:,.0f}",
            ]
        )
    return rows


def networks(
    runs: Mapping[str, tuple[keras.Model, keras.callbacks.History]],
) -> list[list[str]]:
    """What trained networks reached at their end, on training and on validation data; the
    cross-entropies are without the penalty on the weights.

    Args:
        runs: by name, a network and what `fit` returned.
    """
    rows = [
        ["network", "trained parameters", "cross-entropy", "accuracy", "in validation", "accuracy"]
    ]
    for name, (model, run) in runs.items():
        count = sum(int(np.prod(weights.shape)) for weights in model.trainable_weights)
        penalty = float(sum(model.losses))
        cells = []
        for prefix in ("", "val_"):
            accuracy = 100 * run.history[f"{prefix}accuracy"][-1]
            cells += [f"{run.history[f'{prefix}loss'][-1] - penalty:.3f}", f"{accuracy:.1f} %"]
        rows.append([name, f"{count:,}", *cells])
    return rows


def float_layers(cards: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """What integers throughout would have cost, and what the bundles hold.

    Args:
        cards: of exports with `fix=True`.
    """
    rows = [["target", "in float32", "Keras accuracy", "deployed", "bytes of model", "of arena"]]
    for card in cards:
        quality, kept, first = card["quality"], card["kept"], card["target"]
        accuracy = score(quality, "keras")
        if kept:
            before = kept["before"]
            deployed = score(quality | before, "deployed")
            rows.append([first, "nothing", accuracy, deployed, f"{before['size_bytes']:,}", "–"])
        layers = dict.fromkeys(entry["layer"] for entry in kept["operators"]) if kept else []
        rows.append(
            [
                first,
                ", ".join(layers) or "nothing",
                accuracy,
                score(quality, "deployed"),
                f"{card['size_bytes']:,}",
                f"{card['memory']['arena_bytes']:,}" if card["memory"] else "–",
            ]
        )
    return rows
