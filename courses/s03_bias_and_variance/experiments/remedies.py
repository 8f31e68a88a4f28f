"""The remedies against over-fitting that session 3 compares, and how it measures one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import keras
import numpy as np

from courses.s03_bias_and_variance import solutions
from courses.s03_bias_and_variance.experiments import training
from courses.s03_bias_and_variance.experiments.training import Recipe
from thinkkeras import datasets

L1_WEIGHT, L2_WEIGHT = 1e-4, 1e-3  # of the penalties

# By name, what of a `Recipe` the remedy changes.
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

    train: np.ndarray  # accuracy
    validation: np.ndarray
    loss: np.ndarray  # validation's cross-entropy, without penalty or smoothing
    weights: np.ndarray


def ablate(
    info: datasets.DatasetInfo,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    recipe: Recipe,
    *,
    networks: int,
) -> Measured:
    """Trains networks with one recipe, all on the same examples, and measures them.

    Args:
        info: of the data set.
        train: `(images, classes)` to learn.
        validation: `(images, classes)` to measure on.
        recipe: the remedy among it. With early stopping each network goes back to the epoch with
            the smallest validation loss, as `keras.callbacks.EarlyStopping` with
            `restore_best_weights` does.
        networks: how many, each with its own first weights and order of the examples.
    """
    images, classes = train
    draws = training.draw(len(images), [len(images)] * networks, len(images), recipe.seed)
    targets = np.eye(info.classes, dtype=np.float32)[classes]
    watch = training.Watch(*validation) if recipe.early_stopping else None
    model = training.fit_side_by_side(info, images, targets, draws, recipe, watch)
    predicted = training.probabilities(model, validation[0])
    accuracy = np.mean(predicted.argmax(-1) == validation[1], axis=1)
    loss = training.cross_entropy(predicted, validation[1])
    if watch:
        losses, accuracies = np.array(watch.losses), np.array(watch.accuracies)
        patience = training.PATIENCE
        best = [solutions.early_stopping(list(curve), patience)[1] for curve in losses.T]
        loss, accuracy = (values[best, range(networks)] for values in (losses, accuracies))
    # Training accuracy is that of the last epoch, also where an earlier one is kept.
    fitted = training.accuracies(model, images, classes)
    return Measured(fitted, accuracy, loss, model.get_weights()[0])


def compare(
    info: datasets.DatasetInfo,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    recipe: Recipe,
    *,
    networks: int,
) -> tuple[dict[str, Measured], dict[str, dict[str, Any]]]:
    """Measures every remedy, and all those together that are above none on average.

    Args:
        info, train, validation, networks: what `ablate` takes.
        recipe: the one without a remedy.

    Returns:
        What was measured, and what of the recipe changed, both by remedy. "all that helped" is
        among them where two or more helped.
    """
    changes = dict(REMEDIES)
    measured = {
        name: ablate(info, train, validation, replace(recipe, **change), networks=networks)
        for name, change in changes.items()
    }
    helped = together(measured)
    if len(helped) > 1:
        change = changes["all that helped"] = united(helped)
        united_recipe = replace(recipe, **change)
        measured["all that helped"] = ablate(
            info, train, validation, united_recipe, networks=networks
        )
    return measured, changes


def together(measured: dict[str, Measured]) -> list[str]:
    """The remedies whose networks are right more often in validation than those without one."""
    plain = measured["none"].validation.mean()
    return [name for name, row in measured.items() if row.validation.mean() > plain]


def united(names: Sequence[str]) -> dict[str, Any]:
    """What of a `Recipe` several remedies change together.

    Args:
        names: of `REMEDIES`.
    """
    change = {key: value for name in names for key, value in REMEDIES[name].items()}
    if {"L1", "L2"} <= set(names):  # both go by the same argument
        change["kernel_regularizer"] = keras.regularizers.L1L2(L1_WEIGHT, L2_WEIGHT)
    return change


def ablation_table(measured: dict[str, Measured]) -> list[list[str]]:
    """The table of an ablation: mean ± standard deviation over the networks."""
    rows = [["remedy", "training accuracy", "validation accuracy", "validation loss"]]
    for name, row in measured.items():
        cells = [
            f"{100 * values.mean():.1f} ± {100 * values.std(ddof=1):.1f} %"
            for values in (row.train, row.validation)
        ]
        rows.append([name, *cells, f"{row.loss.mean():.3f} ± {row.loss.std(ddof=1):.3f}"])
    return rows
