"""A network of one's own: blocks recombined under a budget, and a search for the best of them."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import keras
import keras_tuner
import tensorflow as tf

import deploy
from deploy.commands.targets import Verdict
from thinkkeras.models.blocks import (
    conv_block,
    inverted_residual_block,
    residual_block,
    separable_block,
)
from thinkkeras.optimizers import adamw

WIDTHS = range(8, 49, 4)  # filters of the stem to choose from
STEP = 4  # the filters of every stage are a multiple of it

# Each takes maps, filters, `strides` and `name`.
BLOCKS: dict[str, Callable[..., keras.KerasTensor]] = {
    "convolution": conv_block,
    "residual": residual_block,
    "separable": separable_block,
    "inverted residual": partial(inverted_residual_block, expansion=2),
}


class Stage(NamedTuple):
    """Blocks of one resolution; the first of them halves height and width."""

    kind: str  # a name in BLOCKS
    repeats: int
    growth: float  # filters, relative to those of the stage before


class Candidate(NamedTuple):
    """A network that the search tried."""

    stem: int
    stages: tuple[Stage, ...]
    accuracy: float  # on validation data, after a short training
    cycles: int
    arena_bytes: int


def network(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    stem: int,
    stages: Sequence[Stage],
    name: str = "own_network",
) -> keras.Model:
    """Builds a classifier: a 3x3 convolution, stages of blocks, the average, a dense layer.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255.
        classes: number of classes.
        stem: filters of the first convolution.
        stages: what follows it.
        name: of the model.

    Returns:
        An uncompiled model: images `(batch, height, width, channels)` to `(batch, classes)`.
    """
    inputs = keras.Input(input_shape, name="image")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = conv_block(x, stem, name="stem")
    width: float = stem
    for number, (kind, repeats, growth) in enumerate(stages, start=1):
        width *= growth
        filters = max(STEP, STEP * round(width / STEP))
        for repeat in range(repeats):
            strides = 2 if repeat == 0 else 1
            x = BLOCKS[kind](x, filters, strides=strides, name=f"stage{number}_block{repeat + 1}")
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    outputs = keras.layers.Dense(classes, activation="softmax", name="classifier")(x)
    return keras.Model(inputs, outputs, name=name)


def cost(model: keras.Model, target: str = "ethos-u55-128") -> Verdict:
    """What an inference costs on a microcontroller's NPU: `cycles`, `ram` and `store` in bytes.

    Its weights don't matter for that: an untrained network costs what the trained one will.
    """
    (verdict,) = deploy.check_targets(model, targets=[target], verbose=0)
    return verdict


def widest(fits: Callable[[int], bool]) -> int | None:
    """The largest of `WIDTHS` that fits, found by bisection; None where not even the least does.

    Args:
        fits: whether a network of this width is within the budget.
    """
    found, low, high = None, 0, len(WIDTHS)
    while low < high:
        middle = (low + high) // 2
        if fits(WIDTHS[middle]):
            found, low = WIDTHS[middle], middle + 1
        else:
            high = middle
    return found


def search(
    input_shape: tuple[int, int, int],
    classes: int,
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    *,
    cycles: int,
    arena_bytes: int,
    trials: int,
    epochs: int,
    folder: Path,
    seed: int = 0,
    stages: int = 3,
) -> list[Candidate]:
    """Keras Tuner's search for the blocks that make the most of a budget.

    The tuner chooses kinds, repeats and growths; the width is the widest that the budget pays for,
    so that every candidate spends it and validation accuracy alone decides. Bayesian optimisation,
    since a trial costs a training and there can be few of them.

    Args:
        input_shape: `(height, width, channels)` of the images, pixels in 0-255.
        classes: number of classes.
        train: batches of images and classes.
        validation: the same, for the accuracy that is sought.
        cycles: the most an inference may cost on `ethos-u55-128`.
        arena_bytes: the most RAM it may take there.
        trials: candidates to train.
        epochs: of each one's training.
        folder: what the tuner writes goes there; what an earlier search wrote is replaced.
        seed: of the choices.
        stages: how many times height and width are halved.

    Returns:
        The candidates, the most accurate first.
    """

    @cache
    def costs(stem: int, chosen: tuple[Stage, ...]) -> Verdict:
        return cost(network(input_shape, classes, stem=stem, stages=chosen))

    def within(stem: int, chosen: tuple[Stage, ...]) -> bool:
        verdict = costs(stem, chosen)
        return verdict.fits and verdict.cycles <= cycles and verdict.ram <= arena_bytes

    def build(choices: keras_tuner.HyperParameters) -> keras.Model:
        chosen = chosen_stages(choices, stages)
        stem = widest(lambda width: within(width, chosen))
        if stem is None:
            raise keras_tuner.errors.FailedTrialError("even the narrowest exceeds the budget")
        model = network(input_shape, classes, stem=stem, stages=chosen)
        model.compile(
            optimizer=adamw(epochs * len(train), 1e-2, weight_decay=0.05),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=False,
        )
        return model

    tuner = keras_tuner.BayesianOptimization(
        build,
        objective="val_accuracy",
        max_trials=trials,
        num_initial_points=max(2, trials // 2),
        seed=seed,
        directory=folder,
        project_name="search",
        overwrite=True,
    )
    tuner.search(train, validation_data=validation, epochs=epochs, shuffle=False, verbose=0)
    found = []
    for trial in tuner.oracle.trials.values():
        if trial.status == "COMPLETED":
            chosen = chosen_stages(trial.hyperparameters, stages)
            stem = widest(lambda width, chosen=chosen: within(width, chosen))
            verdict = costs(stem, chosen)
            found.append(Candidate(stem, chosen, trial.score, verdict.cycles, verdict.ram))
    return sorted(found, key=lambda candidate: -candidate.accuracy)


def chosen_stages(choices: keras_tuner.HyperParameters, stages: int) -> tuple[Stage, ...]:
    """The stages that the tuner chooses, or chose."""
    return tuple(
        Stage(
            choices.Choice(f"kind{stage}", list(BLOCKS)),
            choices.Int(f"repeats{stage}", 1, 3),
            choices.Choice(f"growth{stage}", [1.0, 1.5, 2.0]),
        )
        for stage in range(1, stages + 1)
    )


def describe(candidate: Candidate) -> str:
    """A candidate in a line, "16 | 2 residual x1.5 | 1 separable x2" say."""
    stages = (f"{repeats} {kind} ×{growth:g}" for kind, repeats, growth in candidate.stages)
    return " | ".join([str(candidate.stem), *stages])
