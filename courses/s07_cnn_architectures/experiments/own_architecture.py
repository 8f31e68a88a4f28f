"""A network of one's own: blocks recombined under a budget, and a search for the best of them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np

import deploy
from courses.s07_cnn_architectures.experiments.architectures import Examples, shuffled, train
from thinkkeras.models.blocks import (
    conv_block,
    inverted_residual_block,
    residual_block,
    separable_block,
)

WIDTHS = range(8, 49, 4)  # filters of the stem to choose from
STEP = 4  # the filters of every stage are a multiple of it

# Each takes maps, filters, `strides` and `name`.
BLOCKS: dict[str, Callable[..., keras.KerasTensor]] = {
    "convolution": conv_block,
    "residual": residual_block,
    "separable": separable_block,
    "inverted residual": partial(inverted_residual_block, expansion=2),
}


# Kinds, repeats and growths that a stage may have.
CHOICES: tuple[tuple[Any, ...], ...] = (tuple(BLOCKS), (1, 2, 3), (1.0, 1.5, 2.0))


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


class Costs(NamedTuple):
    """What an inference costs on a microcontroller's NPU."""

    cycles: float  # infinite where it doesn't run there
    arena_bytes: int


def costs(model: keras.Model, target: str = "ethos-u55-128") -> Costs:
    """A network's costs by the target's compiler, which takes seconds.

    Its weights hardly matter for that, only how well they compress: an untrained network costs
    nearly what the trained one will.
    """
    (verdict,) = deploy.check_targets(model, targets=[target], verbose=0)
    if not verdict.fits or verdict.cycles is None or verdict.ram is None:
        return Costs(float("inf"), 0)
    return Costs(verdict.cycles, verdict.ram)


def widest(
    costs_of: Callable[[int], Costs], cycles: int, arena_bytes: int
) -> tuple[int, Costs] | None:
    """The largest of `WIDTHS` within the budget and what it costs, found by bisection.

    Args:
        costs_of: of a network of a width; a wider one costs more.
        cycles: the most an inference may cost.
        arena_bytes: the most RAM it may take.

    Returns:
        The width and its costs; None where not even the least is within the budget.
    """
    found: tuple[int, Costs] | None = None
    low, high = 0, len(WIDTHS)
    while low < high:
        middle = (low + high) // 2
        asked = costs_of(WIDTHS[middle])
        if asked.cycles <= cycles and asked.arena_bytes <= arena_bytes:
            found, low = (WIDTHS[middle], asked), middle + 1
        else:
            high = middle
    return found


def search(
    input_shape: tuple[int, int, int],
    classes: int,
    examples: Examples,
    validation: Examples,
    *,
    batch_size: int,
    cycles: int,
    arena_bytes: int,
    trials: int,
    epochs: int,
    seed: int = 0,
    stages: int = 3,
) -> list[Candidate]:
    """Searches for the blocks that make the most of a budget.

    A candidate is as wide as the budget and `WIDTHS` allow, so that accuracy on held-out pictures
    after a short training alone decides. The first half of the candidates is drawn at random; each
    of the others is the best one so far with one thing changed.

    Args:
        input_shape: `(height, width, channels)` of the images.
        classes: number of classes.
        examples: images and classes to train on.
        validation: others, for the accuracy that is sought.
        batch_size: of the training.
        cycles: the most an inference may cost on `ethos-u55-128`.
        arena_bytes: the most RAM it may take there.
        trials: candidates to train.
        epochs: of each one's training.
        seed: of the draws and of the weights.
        stages: how many times height and width are halved.

    Returns:
        The candidates, the most accurate first; fewer than asked for where hardly any fit.

    Raises:
        ValueError: No candidate fits the budget.

    Source:
        Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture
        Search", AAAI 2019, section 3 (evolution and mutations), with the best as the only parent.
    """
    generator = np.random.default_rng(seed)
    found: list[Candidate] = []
    seen: set[tuple[Stage, ...]] = set()
    for _ in range(5 * trials):
        if len(found) == trials:
            break
        if len(found) < (trials + 1) // 2:
            chosen = drawn(generator, stages)
        else:
            chosen = mutated(max(found, key=lambda one: one.accuracy).stages, generator)
        if chosen in seen:
            continue
        seen.add(chosen)
        build = partial(network, input_shape, classes, stages=chosen)
        fitting = widest(partial(_costs_of, build), cycles, arena_bytes)
        if fitting is None:
            continue
        stem, spent = fitting
        keras.utils.set_random_seed(seed)
        accuracy = short_training(build(stem=stem), examples, validation, epochs, batch_size)
        found.append(Candidate(stem, chosen, accuracy, int(spent.cycles), spent.arena_bytes))
        print(f"{accuracy:.1%}, {found[-1].cycles:,} cycles: {describe(found[-1])}", flush=True)
    if not found:
        raise ValueError(
            f"expected a budget that a network fits, received {cycles:,} cycles and "
            f"{arena_bytes:,} bytes; allow more"
        )
    return sorted(found, key=lambda one: -one.accuracy)


def _costs_of(build: Callable[..., keras.Model], stem: int) -> Costs:
    return costs(build(stem=stem))


def short_training(
    model: keras.Model, examples: Examples, validation: Examples, epochs: int, batch_size: int
) -> float:
    """The validation accuracy after a few epochs, which ranks networks well enough."""
    batches = shuffled(examples, batch_size)
    train(model, batches, None, epochs=epochs, learning_rate=1e-2, verbose=0)
    return model.evaluate(*validation, verbose=0, return_dict=True)["accuracy"]


def drawn(generator: np.random.Generator, stages: int) -> tuple[Stage, ...]:
    """Stages at random."""
    return tuple(
        Stage(*(choices[int(generator.integers(len(choices)))] for choices in CHOICES))
        for _ in range(stages)
    )


def mutated(chosen: Sequence[Stage], generator: np.random.Generator) -> tuple[Stage, ...]:
    """The same stages, but for another kind, number or growth of one of them."""
    number, field = int(generator.integers(len(chosen))), int(generator.integers(len(CHOICES)))
    others = [choice for choice in CHOICES[field] if choice != chosen[number][field]]
    values: list[Any] = list(chosen[number])
    values[field] = others[int(generator.integers(len(others)))]
    return (*chosen[:number], Stage(*values), *chosen[number + 1 :])


def describe(candidate: Candidate) -> str:
    """A candidate in a line, "16 | 2 residual x1.5 | 1 separable x2" say."""
    stages = (f"{repeats} {kind} ×{growth:g}" for kind, repeats, growth in candidate.stages)
    return " | ".join([str(candidate.stem), *stages])
