"""The remedies against over-fitting that session 3 compares, and how it measures one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from courses.s03_bias_and_variance import side_by_side, solutions
from thinkkeras import datasets

PATIENCE = 10  # epochs, of early stopping
L1_WEIGHT, L2_WEIGHT = 1e-4, 1e-3  # of the penalties

# By name, what a training with the remedy takes beside the plain one's arguments.
REMEDIES: dict[str, dict[str, Any]] = {
    "none": {},
    "L2": {"kernel_regularizer": keras.regularizers.L2(L2_WEIGHT)},
    "L1": {"kernel_regularizer": keras.regularizers.L1(L1_WEIGHT)},
    "dropout": {"dropout": 0.3},
    "early stopping": {"early_stopping": True},
    "data augmentation": {"augment": True},
    "label smoothing": {"label_smoothing": 0.1},
    "batch normalisation": {"batch_normalization": True},
}


class Measured(NamedTuple):
    """One number for each network, and the weights of their first layers."""

    train: np.ndarray  # fraction of right answers
    validation: np.ndarray
    loss: np.ndarray  # validation's cross-entropy, without penalty or smoothing
    weights: np.ndarray


def ablate(
    info: datasets.DatasetInfo,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    *,
    networks: int,
    early_stopping: bool = False,
    **training: Any,
) -> Measured:
    """Trains networks with one remedy, all on the same examples, and measures them.

    Args:
        info: of the data set.
        train: `(images, classes)` to learn.
        validation: `(images, classes)` to measure on.
        networks: how many, each with its own first weights and order of the examples.
        early_stopping: whether each network goes back to the epoch with the smallest validation
            loss, as `keras.callbacks.EarlyStopping` with `restore_best_weights` does.
        **training: what `side_by_side.fit` takes, the remedy's own arguments among it.
    """
    images, classes = train
    draws = side_by_side.draw(len(images), [len(images)] * networks, len(images), training["seed"])
    targets = np.eye(info.classes, dtype=np.float32)[classes]
    watch = side_by_side.Watch(*validation) if early_stopping else None
    model = side_by_side.fit(info, images, targets, draws, watch=watch, **training)
    said = side_by_side.probabilities(model, validation[0])
    right = np.mean(said.argmax(-1) == validation[1], axis=1)
    loss = side_by_side.cross_entropy(said, validation[1])
    if watch:
        losses, accuracies = np.array(watch.losses), np.array(watch.accuracies)
        best = [solutions.early_stopping(list(curve), PATIENCE)[1] for curve in losses.T]
        loss, right = (values[best, range(networks)] for values in (losses, accuracies))
    # Training accuracy is that of the last epoch, also where an earlier one is kept.
    fitted = side_by_side.accuracies(model, images, classes)
    return Measured(fitted, right, loss, model.get_weights()[0])


def compare(
    info: datasets.DatasetInfo, **training: Any
) -> tuple[dict[str, Measured], dict[str, dict[str, Any]]]:
    """Measures every remedy, and all those together that are above none on average.

    Args:
        info: of the data set.
        **training: what `ablate` takes.

    Returns:
        What was measured, and what the training took, both by remedy. "all that helped" is among
        them where two or more helped.
    """
    recipes = dict(REMEDIES)
    measured = {name: ablate(info, **training, **recipe) for name, recipe in recipes.items()}
    helped = together(measured)
    if len(helped) > 1:
        recipe = recipes["all that helped"] = united(helped)
        measured["all that helped"] = ablate(info, **training, **recipe)
    return measured, recipes


def together(measured: dict[str, Measured]) -> list[str]:
    """The remedies whose networks are right more often in validation than those without one."""
    plain = measured["none"].validation.mean()
    return [name for name, row in measured.items() if row.validation.mean() > plain]


def united(names: Sequence[str]) -> dict[str, Any]:
    """What a training with several remedies takes.

    Args:
        names: of `REMEDIES`.
    """
    recipe = {key: value for name in names for key, value in REMEDIES[name].items()}
    if {"L1", "L2"} <= set(names):  # both go by the same argument
        recipe["kernel_regularizer"] = keras.regularizers.L1L2(L1_WEIGHT, L2_WEIGHT)
    return recipe


def rows(measured: dict[str, Measured]) -> list[list[str]]:
    """The table of an ablation: mean ± standard deviation over the networks."""
    table = [["remedy", "training accuracy", "validation accuracy", "validation loss"]]
    for name, row in measured.items():
        cells = [
            f"{100 * values.mean():.1f} ± {100 * values.std(ddof=1):.1f} %"
            for values in (row.train, row.validation)
        ]
        table.append([name, *cells, f"{row.loss.mean():.3f} ± {row.loss.std(ddof=1):.3f}"])
    return table
