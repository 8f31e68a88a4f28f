"""From one language to another: subwords, batches of texts of like length, training, search."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from deploy.runtime.inputs import tokens
from deploy.runtime.tasks.translation import Networks, search, state_shapes
from thinkkeras.datasets.subwords import END, PADDING, START, UNKNOWN, learn_subwords
from thinkkeras.datasets.translations import Translations
from thinkkeras.losses import SmoothedTokenCrossentropy
from thinkkeras.metrics import bleu
from thinkkeras.models import (
    attention_translator,
    attention_translator_parts,
    transformer_translator,
    transformer_translator_parts,
)
from thinkkeras.models.translation import TranslatorParts
from thinkkeras.optimizers import adamw


class Recipe(NamedTuple):
    """What a pair of languages asks for."""

    vocabulary: int  # pieces of each language
    length: int  # of a text, in pieces
    units: int
    layers: int  # of the Transformer
    epochs: int  # of the recurrent translators
    transformer_epochs: int
    batch_tokens: int  # of a batch, padding included
    learning_rate: float
    dropout: float


RECIPES = {
    "dates": Recipe(150, 24, 64, 1, 8, 16, 400, 1e-2, 0.1),
    "multi30k": Recipe(6000, 48, 256, 3, 12, 24, 2000, 2e-3, 0.2),
}

KINDS = ("additive", "dot_product", "transformer")


class Languages(NamedTuple):
    """The front ends of both languages, for training and device alike."""

    source: dict[str, Any]
    target: dict[str, Any]


def learn_languages(train: Translations, size: int) -> Languages:
    """Subword vocabularies of both languages, as front ends."""

    def front_end(texts: Sequence[str], start: int | None, end: int | None) -> dict[str, Any]:
        return {
            "kind": "tokens",
            "unit": "subword",
            "lower": False,
            "strip_punctuation": False,
            "vocabulary": learn_subwords(texts, size),
            "unknown": UNKNOWN,
            "start": start,
            "end": end,
            "padding": PADDING,
            "side": "after",
        }

    return Languages(front_end(train.source, None, END), front_end(train.target, START, END))


def batches(
    pairs: Translations, languages: Languages, recipe: Recipe, seed: int
) -> tf.data.Dataset:
    """Batches `((source, previous), next)` of texts of like length, in a new order each epoch.

    Padding is work for nothing: texts are grouped by length, and a batch of short ones holds more
    of them. What is longer than the recipe's length is left out.
    """
    source, target = (
        [tokens.encode(text, front_end) for text in texts]
        for texts, front_end in zip(pairs, languages, strict=True)
    )
    kept = [
        pair for pair in zip(source, target, strict=True) if max(map(len, pair)) <= recipe.length
    ]
    row = tf.TensorSpec((None,), tf.int32)
    dataset = tf.data.Dataset.from_generator(lambda: iter(kept), output_signature=(row, row))
    dataset = dataset.cache().shuffle(len(kept) + 1, seed=seed)
    boundaries = [8, 12, 16, 20, 24, 32]
    sizes = [max(4, recipe.batch_tokens // each) for each in (*boundaries, recipe.length)]
    dataset = dataset.bucket_by_sequence_length(
        lambda x, y: tf.maximum(tf.shape(x)[0], tf.shape(y)[0] - 1),
        [each + 1 for each in boundaries],
        sizes,
        padded_shapes=([None], [None]),
    )
    return dataset.map(lambda x, y: ((x, y[:, :-1]), y[:, 1:])).prefetch(4)


def build(kind: str, languages: Languages, recipe: Recipe) -> keras.Model:
    """A translator of one of the `KINDS`."""
    sizes = [len(front_end["vocabulary"]) for front_end in languages]
    if kind == "transformer":
        return transformer_translator(
            *sizes,
            layers=recipe.layers,
            units=recipe.units // 2 if recipe.units > 64 else recipe.units,
            hidden=recipe.units,
            dropout=recipe.dropout,
        )
    return attention_translator(
        *sizes,
        embedding=recipe.units,
        units=recipe.units,
        attention=kind,
        dropout=recipe.dropout,
    )


def compile_translator(model: keras.Model, steps: int, learning_rate: float) -> None:
    """Smoothed labels without the padding; AdamW with warm-up and cosine, averaged weights."""
    model.compile(
        adamw(steps, learning_rate, weight_decay=0.01, clipnorm=1.0, ema_momentum=0.995),
        SmoothedTokenCrossentropy(0.1),
        jit_compile=False,
    )


def parts_of(model: keras.Model, recipe: Recipe) -> TranslatorParts:
    """Encoder and decoder step of a trained translator, for texts of the recipe's length."""
    if any(layer.name.startswith("decoder1") for layer in model.layers):
        return transformer_translator_parts(model, recipe.length, recipe.length)
    return attention_translator_parts(model, recipe.length)


def settings_of(parts: TranslatorParts, recipe: Recipe, beam: int = 1) -> dict[str, Any]:
    """How the parts fit, as the device's search and the export take it."""
    options: dict[str, Any] = {"initial_state": {}, "position": None, "attention": None}
    return (
        options
        | parts.wiring
        | {
            "max_length": recipe.length,
            "beam": beam,
            "length_penalty": 0.6,
        }
    )


def translate(
    parts: TranslatorParts,
    texts: Sequence[str],
    languages: Languages,
    recipe: Recipe,
    *,
    beam: int = 1,
    batch_size: int = 64,
) -> list[str]:
    """Translations by the Keras models and the device's own search: greedy, or with a beam."""
    settings = settings_of(parts, recipe, beam)
    numbers = np.stack(
        [tokens.to_array(text, languages.source, (recipe.length,)) for text in texts]
    )
    networks = _networks(parts, settings)
    found: list[str] = []
    for start in range(0, len(numbers), batch_size):
        best = search(networks, numbers[start : start + batch_size], settings, languages.target)
        for each in best:
            pieces = [number for number in each.numbers if number != END]
            found.append(tokens.decode(pieces, languages.target))
    return found


def bleu_score(ground_truth: Sequence[str], predictions: Sequence[dict[str, Any]]) -> float:
    """BLEU of a translator's predictions, as `deploy.export_models` measures it."""
    return bleu([each["text"] for each in predictions], ground_truth).score


def _networks(parts: TranslatorParts, settings: dict[str, Any]) -> Networks:
    # Compiled once for every number of rows: a search's rows become fewer as texts end.
    def compiled(model: keras.Model) -> Any:
        signature = [tf.TensorSpec(each.shape, each.dtype, each.name) for each in model.inputs]
        one = len(signature) == 1
        return tf.function(
            lambda *given: model(given[0] if one else list(given)), input_signature=signature
        )

    encode, step = compiled(parts.encoder), compiled(parts.decoder)

    def arrays(outputs: Any) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in outputs.items()}

    inputs = [{"name": each.name, "shape": each.shape} for each in parts.decoder.inputs]
    names = [each["name"] for each in inputs]
    return Networks(
        lambda numbers: arrays(encode(tf.constant(numbers))),
        lambda given: arrays(step(*(tf.constant(given[name]) for name in names))),
        state_shapes(settings, {"inputs": inputs}),
    )
