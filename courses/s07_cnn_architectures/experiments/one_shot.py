"""One-shot learning: what the lesson trains, and what it measures of the learned distances."""

from typing import NamedTuple

import keras
import numpy as np

from thinkkeras.datasets import Characters
from thinkkeras.metrics import Distance, FewShotAccuracy, few_shot_accuracy, squared_euclidean
from thinkkeras.models import prototypical_logits, siamese_net
from thinkkeras.optimizers import adamw


class Recipe(NamedTuple):
    """What a set of characters asks for; chosen on validation alphabets."""

    filters: tuple[int, ...]
    ways: int  # of a training episode: more than in any test
    queries: int
    episodes: int  # training steps of the prototypical network
    pairs: int  # in a batch of the Siamese network
    pair_steps: int
    learning_rate: float


RECIPES = {
    "drawn": Recipe((16, 32, 48, 64), 30, 2, 300, 64, 300, 2e-2),
    "omniglot": Recipe((16, 32, 64, 64), 60, 2, 4000, 128, 4000, 2e-2),
}

# Averages the weights over the last fifty steps.
EMA_MOMENTUM = 0.98

# The tests that the literature reports: ways, shots, and whether within one alphabet.
TESTS = {
    "5-way 1-shot": (5, 1, False),
    "5-way 5-shot": (5, 5, False),
    "20-way 1-shot": (20, 1, False),
    "20-way 5-shot": (20, 5, False),
    "20-way 1-shot, one alphabet": (20, 1, True),
}


def prototypical_net(encoder: keras.Model, recipe: Recipe) -> keras.Model:
    """The encoder with the distances to an episode's prototypes, compiled for one shot."""
    logits = prototypical_logits(encoder.output, ways=recipe.ways, shots=1)
    model = keras.Model(encoder.input, logits, name="prototypical_net")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return _compiled(model, loss, recipe.episodes, recipe.learning_rate)


def compiled_siamese(encoder: keras.Model, recipe: Recipe) -> keras.Model:
    """Twins of the encoder, compiled to tell same from different."""
    model = siamese_net(encoder)
    return _compiled(model, "binary_crossentropy", recipe.pair_steps, recipe.learning_rate)


def _compiled(
    model: keras.Model, loss: keras.losses.Loss | str, steps: int, learning_rate: float
) -> keras.Model:
    model.compile(
        adamw(steps, learning_rate, weight_decay=0.01, ema_momentum=EMA_MOMENTUM),
        loss,
        metrics=["accuracy"],
        jit_compile=False,  # on a CPU, XLA makes convolutions slower
    )
    return model


def embed(encoder: keras.Model, characters: Characters) -> np.ndarray:
    """The embedding of every drawing, float32 `(classes, drawings, dimensions)`."""
    classes, drawings, *shape = characters.images.shape
    flat = characters.images.reshape(-1, *shape).astype("float32")
    return encoder.predict(flat, batch_size=256, verbose=0).reshape(classes, drawings, -1)


def as_examples(characters: Characters) -> tuple[np.ndarray, np.ndarray]:
    """Drawings one after the other, `(examples, height, width, 1)`, and the class of each."""
    classes, drawings = characters.images.shape[:2]
    return characters.images.reshape(-1, *characters.images.shape[2:]), np.repeat(
        np.arange(classes), drawings
    )


def raw_pixels(characters: Characters) -> np.ndarray:
    """The pixels themselves as embeddings: what a distance is worth that nobody learned."""
    classes, drawings = characters.images.shape[:2]
    return characters.images.reshape(classes, drawings, -1).astype("float32") / 255


def siamese_distance(model: keras.Model) -> Distance:
    """How sure the twins are that two embeddings differ: minus the logit of "same"."""
    weights, _ = model.get_layer("same").get_weights()

    def distance(queries: np.ndarray, prototypes: np.ndarray) -> np.ndarray:
        return -(np.abs(queries[..., :, None, :] - prototypes[..., None, :, :]) @ weights[:, 0])

    return distance


def few_shot_results(
    embeddings: np.ndarray,
    alphabets: np.ndarray,
    *,
    distance: Distance = squared_euclidean,
    episodes: int = 1000,
    seed: int = 0,
) -> dict[str, FewShotAccuracy]:
    """The accuracy in each of `TESTS`, over so many episodes.

    Args:
        embeddings: `(classes, drawings, dimensions)` of characters that training never saw.
        alphabets: Of each class.
        distance: As in `few_shot_accuracy`.
        episodes: Of each test.
        seed: Seeds the episodes: the same ones for every network.
    """
    return {
        test: few_shot_accuracy(
            embeddings,
            ways=ways,
            shots=shots,
            episodes=episodes,
            groups=alphabets if within else None,
            distance=distance,
            seed=seed,
        )
        for test, (ways, shots, within) in TESTS.items()
    }


def one_shot_table(results: dict[str, dict[str, FewShotAccuracy]]) -> list[list[str]]:
    """Rows of text: each network's accuracies with their 95 % intervals.

    Args:
        results: By network, what `few_shot_results` gives.
    """
    rows = [["distance in", *TESTS]]
    for network, measured in results.items():
        cells = (measured[test] for test in TESTS)
        rows.append([network, *(f"{100 * c.mean:.1f} ± {100 * c.interval:.1f} %" for c in cells)])
    return rows


def unknown_table(
    same: np.ndarray, different: np.ndarray, false_accepts: tuple[float, ...] = (0.1, 0.01, 0.001)
) -> list[list[str]]:
    """Rows of text: for each rate of false accepts the threshold, and what it rejects wrongly.

    Args:
        same: Distances of pairs of the same class, of held-out characters.
        different: Distances of pairs of different classes.
        false_accepts: The rates.
    """
    rows = [["different characters accepted", "distance", "same character rejected"]]
    for rate in false_accepts:
        threshold = np.quantile(different, rate)
        missed = np.mean(same > threshold)
        rows.append([f"{100 * rate:g} %", f"{threshold:.2f}", f"{100 * missed:.1f} %"])
    return rows
