"""What session 1 measures, in tables: rows of text, the header first."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer

from courses.s01_introduction.references import Step, largest_difference
from deploy.measure.formatting import score
from thinkkeras.datasets import as_arrays, load

# The names of `breast_cancer`'s features.
MEASURES = list(map(str, load_breast_cancer().feature_names))


def standardised_measures(chosen: Sequence[str], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Some measures of the training split of `breast_cancer`, each of mean 0 and deviation 1.

    Args:
        chosen: names of measures, as scikit-learn has them.
        seed: orders the examples.

    Returns:
        (x, y): `x` float64 of shape (examples, measures), `y` 0 for malignant and 1 for benign.
    """
    (train, _, _), _ = load("breast_cancer", seed=seed)
    table, y = as_arrays(train)
    x = table[:, [MEASURES.index(name) for name in chosen]].astype(np.float64)
    return (x - x.mean(axis=0)) / x.std(axis=0), y


def agreement_table(
    counterparts: Mapping[str, tuple[Sequence[Step], Sequence[Step]]],
) -> list[list[str]]:
    """The same training in NumPy and in Keras.

    Args:
        counterparts: by network, NumPy's steps (one more) and Keras's.
    """
    rows = [["network", "steps", "last loss, NumPy", "Keras", "losses differ by", "weights by"]]
    for name, (ours, theirs) in counterparts.items():
        loss, weight = largest_difference(ours, theirs)
        last = len(theirs) - 1
        losses = f"{ours[last].loss:.7f}", f"{theirs[last].loss:.7f}"
        rows.append([name, f"{len(theirs)}", *losses, f"{loss:.0e} at most", f"{weight:.0e}"])
    return rows


def decision_table(
    positive: np.ndarray, probability: np.ndarray, cost: float, thresholds: Sequence[float]
) -> list[list[str]]:
    """What thresholds find, miss and cost.

    Args:
        positive: (examples,), whether an example is of the class to be found.
        probability: (examples,), of that class.
        cost: of a miss, in false alarms.
        thresholds: to compare.
    """
    rows = [["threshold", "found", "missed", "false alarms", "sensitivity", "specificity", "cost"]]
    for threshold in thresholds:
        alarm = probability >= threshold
        missed, false_alarms = np.sum(positive & ~alarm), np.sum(~positive & alarm)
        rows.append(
            [
                f"{threshold:.2f}",
                f"{np.sum(positive & alarm):,} of {positive.sum():,}",
                f"{missed:,}",
                f"{false_alarms:,}",
                f"{100 * alarm[positive].mean():.1f} %",
                f"{100 * (~alarm[~positive]).mean():.1f} %",
                f"{cost * missed + false_alarms:,.0f}",
            ]
        )
    return rows


def network_table(
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


def float_layer_table(cards: Sequence[Mapping[str, Any]]) -> list[list[str]]:
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
