"""What a sentence thinks of its subject, and which of its words say so."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from deploy.runtime.inputs import tokens
from thinkkeras.datasets.sentences import Sentences
from thinkkeras.models import text_classifier
from thinkkeras.optimizers import adamw


class Recipe(NamedTuple):
    """What a set of sentences asks for."""

    words: int  # of the vocabulary
    length: int  # of a sentence, in words
    size: int  # of a word's vector, and units of the LSTM in each direction
    epochs: int
    batch_size: int


RECIPES = {
    "templated": Recipe(60, 16, 16, 10, 32),
    "glue/sst2": Recipe(12_000, 48, 64, 3, 128),
}


def learn_words(texts: Sequence[str], size: int) -> dict[str, Any]:
    """The front end that knows the most frequent words of these texts.

    The same as a `TextVectorization` in front of the model, which `deploy.export` would cut off.
    """
    layer = keras.layers.TextVectorization(size, standardize="lower")
    layer.adapt(texts)
    return {
        "kind": "tokens",
        "unit": "word",
        "lower": True,
        "strip_punctuation": False,
        "vocabulary": layer.get_vocabulary(),
        "unknown": 1,
        "start": None,
        "end": None,
        "padding": 0,
        "side": "after",
    }


def numbers_of(texts: Sequence[str], front_end: dict[str, Any], length: int) -> np.ndarray:
    """The numbers of each text's words, int32 `(texts, length)`."""
    return np.stack([tokens.to_array(text, front_end, (length,)) for text in texts])


def trained(
    sentences: Sentences, front_end: dict[str, Any], recipe: Recipe, seed: int, verbose: int = 0
) -> keras.Model:
    """A `text_classifier` of one sigmoid trained on sentences."""
    keras.utils.set_random_seed(seed)
    model = text_classifier(
        recipe.length, len(front_end["vocabulary"]), embedding=recipe.size, units=recipe.size
    )
    x = numbers_of(sentences.texts, front_end, recipe.length)
    steps = recipe.epochs * -(-len(x) // recipe.batch_size)
    model.compile(
        adamw(steps, 3e-3, weight_decay=0.05, clipnorm=1.0, ema_momentum=0.99),
        "binary_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    model.fit(
        x,
        sentences.labels,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        verbose=verbose,
    )
    return model


def accuracy(
    model: keras.Model, sentences: Sentences, front_end: dict[str, Any], length: int
) -> float:
    """The share of sentences whose sentiment is told."""
    x = numbers_of(sentences.texts, front_end, length)
    positive = model.predict(x, batch_size=256, verbose=0)[:, 0] > 0.5
    return float(np.mean(positive == sentences.labels))


def what_words_say(
    model: keras.Model, text: str, front_end: dict[str, Any], length: int
) -> tuple[list[str], np.ndarray]:
    """How much each word moves a sentence's score: what is lost when the word is unknown.

    Returns:
        The words that the model sees, and for each the logit of "positive" with it less the logit
        without it.

    Source: Li, Monroe and Jurafsky, "Understanding Neural Networks through Representation
    Erasure", arXiv 1612.08220, 2016.
    """
    numbers = numbers_of([text], front_end, length)[0]
    count = int(np.sum(numbers != front_end["padding"]))
    variants = np.tile(numbers, (count + 1, 1))
    variants[np.arange(1, count + 1), np.arange(count)] = front_end["unknown"]
    probabilities = np.clip(model.predict(variants, verbose=0)[:, 0], 1e-6, 1 - 1e-6)
    logits = np.log(probabilities / (1 - probabilities))
    words = [front_end["vocabulary"][number] for number in numbers[:count]]
    return words, logits[0] - logits[1:]
