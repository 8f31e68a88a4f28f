"""Borders of genes' coding parts: cross-validation, and what a network looks at."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from deploy.runtime.inputs import one_hot_sequence
from thinkkeras.datasets.sequences import AMBIGUOUS, LETTERS, Sequences, folds
from thinkkeras.models import dna_net
from thinkkeras.optimizers import adamw

FRONT_END: dict[str, Any] = {
    "kind": "one_hot_sequence",
    "letters": LETTERS,
    "ambiguous": AMBIGUOUS,
}
SHAPE = (60, 4)


class Recipe(NamedTuple):
    """What a set of pieces asks for."""

    epochs: int
    folds: int


RECIPES = {"motifs": Recipe(5, 3), "splice": Recipe(15, 10)}


def rows_of(letters: Sequence[str]) -> np.ndarray:
    """Pieces as the network takes them, float32 `(pieces, *SHAPE)`."""
    return np.stack([one_hot_sequence.to_array(piece, FRONT_END, SHAPE) for piece in letters])


def cross_validated(
    pieces: Sequences, recipe: Recipe, seed: int
) -> tuple[list[float], keras.Model, np.ndarray]:
    """The accuracy of each fold's test pieces; the last fold's network, and its test pieces."""
    x, accuracies = rows_of(pieces.letters), []
    keras.utils.set_random_seed(seed)
    model = dna_net(SHAPE, len(pieces.class_names))
    steps = recipe.epochs * (len(x) - len(x) // recipe.folds) // 64
    model.compile(
        adamw(steps, 5e-3, weight_decay=0.1, clipnorm=1.0),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    # One graph for all folds, each from the same beginning: to build it takes longer than to train.
    model.optimizer.build(model.trainable_variables)
    variables = [*model.trainable_variables, *model.optimizer.variables]
    beginning = [keras.ops.convert_to_numpy(each) for each in variables]
    for number, (train, test) in enumerate(folds(pieces, recipe.folds, seed), start=1):
        for variable, value in zip(variables, beginning, strict=True):
            variable.assign(value)
        model.fit(x[train], pieces.labels[train], batch_size=64, epochs=recipe.epochs, verbose=0)
        predicted = model.predict(x[test], verbose=0).argmax(axis=-1)
        accuracies.append(float(np.mean(predicted == pieces.labels[test])))
        print(f"fold {number}: {accuracies[-1]:.1%}", flush=True)
    return accuracies, model, test


def what_places_say(model: keras.Model, x: np.ndarray, label: int) -> np.ndarray:
    """How much of its class's probability is lost when a place is unknown, `(places,)`.

    Args:
        model: The classifier.
        x: Pieces of one class, `(pieces, places, 4)`.
        label: That class.
    """
    places = x.shape[1]
    # The pieces as they are, then with the first place unknown, the second, ….
    variants = np.tile(x, (places + 1, 1, 1, 1))
    variants[np.arange(1, places + 1), :, np.arange(places)] = 1 / x.shape[2]
    predicted = model.predict(variants.reshape(-1, *x.shape[1:]), batch_size=256, verbose=0)
    probabilities = predicted[:, label].reshape(places + 1, len(x)).mean(axis=1)
    return np.maximum(probabilities[0] - probabilities[1:], 0)
