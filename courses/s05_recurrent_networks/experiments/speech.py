"""Spoken words and strings of them: from recordings to spectrograms, and what training hears."""

import itertools
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from deploy.runtime.inputs import log_mel
from deploy.runtime.tasks.transcription import best_path, prefix_beam_search
from thinkkeras.datasets.recordings import (
    Recordings,
    changed_recording,
    leave_one_speaker_out,
    masked_bands,
    together,
    word_strings,
)
from thinkkeras.models import crnn, ctc_net
from thinkkeras.optimizers import adamw

# Frames of 32 ms, 16 ms apart: one definition for training, calibration and the device.
FRONT_END: dict[str, Any] = {
    "kind": "log_mel",
    "rate": 8000,
    "window": 256,
    "hop": 128,
    "bins": 40,
    "floor": 1e-4,
}
WORD_SHAPE, STRING_SHAPE = (61, 40), (200, 40)  # a second, and 3.2 seconds
LONGEST_STRING = 5  # words

# How a device listens to what does not end.
STREAM = {"hop": 0.064, "smoothing": 5, "threshold": 0.95, "refractory": 0.8}
SMALL: dict[str, Any] = {"filters": (8, 12, 16), "units": 32, "dropout": 0.1, "name": "small_crnn"}

# What the name of a way to augment stands for: changes of recordings, and whether bands are blank.
CHANGES: dict[str, dict[str, Any]] = {
    "none": {},
    "speed, loudness": {"speed": 0.12, "loudness": 8.0},
    "… and noise": {"speed": 0.12, "loudness": 8.0, "noise": (5.0, 40.0)},
    "… and blank bands": {"speed": 0.12, "loudness": 8.0, "noise": (5.0, 40.0)},
}


class Recipe(NamedTuple):
    """What a set of recordings asks for."""

    copies: int  # of each recording, changed another way each
    epochs: int
    strings: int  # of words, for the network that hears several
    string_epochs: int
    augmentations: tuple[str, ...]  # that are compared
    left_out: int  # speakers, one after the other
    learning_rate: float = 5e-3


RECIPES = {
    "tones": Recipe(
        copies=2,
        epochs=4,
        strings=400,
        string_epochs=10,
        augmentations=("none", "speed, loudness"),
        left_out=1,
    ),
    "spoken_digit": Recipe(
        copies=4,
        epochs=10,
        strings=4000,
        string_epochs=16,
        augmentations=tuple(CHANGES),
        left_out=5,
    ),
}


def spectrograms(
    samples: Sequence[np.ndarray], rate: int, shape: tuple[int, int] = WORD_SHAPE
) -> np.ndarray:
    """The log-mel spectrograms of recordings by the device's front end, `(recordings, *shape)`."""
    return np.stack([log_mel.to_array((one, rate), FRONT_END, shape) for one in samples])


def training_spectrograms(
    recordings: Recordings, copies: int, augmentation: str, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Spectrograms of `copies` changed versions of each recording, and their labels.

    The first copy is the recording itself, so that without augmentation there is but one.
    """
    generator, changes = np.random.default_rng(seed), CHANGES[augmentation]
    x = [spectrograms(recordings.samples, recordings.rate)]
    for _ in range(copies - 1 if changes else 0):
        changed = [changed_recording(one, generator, **changes) for one in recordings.samples]
        found = spectrograms(changed, recordings.rate)
        if augmentation.endswith("blank bands"):
            found = masked_bands(found, generator, frames=10, bins=6)
        x.append(found)
    return np.concatenate(x), np.tile(recordings.labels, len(x))


def normalization(x: np.ndarray) -> keras.layers.Normalization:
    """A layer that brings spectrograms to mean 0 and deviation 1, all bins alike."""
    layer = keras.layers.Normalization(axis=None, name="normalization")
    layer.adapt(x)
    return layer


def compile_for(model: keras.Model, loss: Any, steps: int, learning_rate: float) -> None:
    """The lesson's optimizer: AdamW, warm-up and cosine; gradients are clipped, as recurrent layers
    need it."""
    model.compile(
        adamw(steps, learning_rate, weight_decay=0.01, clipnorm=1.0),
        loss,
        metrics=[] if isinstance(loss, keras.losses.CTC) else ["accuracy"],
        jit_compile=False,  # on a CPU, XLA makes convolutions slower
    )


def trained_on(
    recordings: Recordings,
    recipe: Recipe,
    augmentation: str,
    seed: int,
    verbose: int = 0,
    **options: Any,
) -> keras.Model:
    """A `crnn`, built with these options, trained on recordings."""
    keras.utils.set_random_seed(seed)
    x, y = training_spectrograms(recordings, recipe.copies, augmentation, seed)
    model = crnn(WORD_SHAPE, len(recordings.class_names), preprocessing=normalization(x), **options)
    batch_size = 32
    # As many steps for each: without augmentation the same recordings pass more often.
    epochs = recipe.epochs * (recipe.copies * len(recordings.samples)) // len(x)
    compile_for(
        model,
        "sparse_categorical_crossentropy",
        epochs * -(-len(x) // batch_size),
        recipe.learning_rate,
    )
    model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=verbose)
    return model


def accuracy(model: keras.Model, recordings: Recordings) -> float:
    """The share of recordings whose word is named."""
    predicted = model.predict(spectrograms(recordings.samples, recordings.rate), verbose=0)
    return float(np.mean(predicted.argmax(axis=-1) == recordings.labels))


def by_left_out_speaker(
    parts: Sequence[Recordings], recipe: Recipe, augmentation: str, seed: int
) -> dict[str, float]:
    """The accuracy on each speaker of a network that heard all others alone."""
    found = {}
    each = leave_one_speaker_out(together(*parts))
    for speaker, others, own in itertools.islice(each, recipe.left_out):
        found[speaker] = accuracy(trained_on(others, recipe, augmentation, seed), own)
        print(f"without {speaker}: {found[speaker]:.1%}", flush=True)
    return found


def strings(
    recordings: Recordings, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Strings of words that fit `STRING_SHAPE`.

    Returns:
        Spectrograms `(strings, *STRING_SHAPE)`; the symbols `(strings, LONGEST_STRING)`, a class's
        number plus 1, padded with 0; the samples.
    """
    longest = ((STRING_SHAPE[0] - 1) * FRONT_END["hop"] + FRONT_END["window"]) * (
        recordings.rate / FRONT_END["rate"]
    )
    samples: list[np.ndarray] = []
    y: list[np.ndarray] = []
    while len(samples) < count:
        drawn = word_strings(
            recordings, count, words=(1, LONGEST_STRING), gap=(0.0, 0.25), seed=seed
        )
        for one, labels in zip(*drawn, strict=True):
            if len(one) <= longest and len(samples) < count:
                y.append(np.pad(labels + 1, (0, LONGEST_STRING - len(labels))))
                samples.append(one)
        seed += 1
    return spectrograms(samples, recordings.rate, STRING_SHAPE), np.stack(y), samples


def trained_on_strings(
    recordings: Recordings, recipe: Recipe, seed: int, verbose: int = 0
) -> keras.Model:
    """A `ctc_net` trained on strings of words."""
    keras.utils.set_random_seed(seed)
    x, y, _ = strings(recordings, recipe.strings, seed)
    model = ctc_net(STRING_SHAPE, len(recordings.class_names), preprocessing=normalization(x))
    steps = recipe.string_epochs * -(-len(x) // 32)
    compile_for(model, keras.losses.CTC(), steps, recipe.learning_rate)
    model.fit(x, y, batch_size=32, epochs=recipe.string_epochs, verbose=verbose)
    return model


def decoded(logits: np.ndarray, beam: int = 1) -> list[list[int]]:
    """The symbols of each string, by the device's own search: greedy, or with a beam."""
    log_probabilities = np.asarray(keras.ops.log_softmax(logits))
    if beam == 1:
        found = [best_path(one, 0) for one in log_probabilities]
    else:
        found = [prefix_beam_search(one, 0, beam)[0] for one in log_probabilities]
    return [[int(symbol) for symbol in each.symbols] for each in found]


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    """Writes samples from -1 to 1 as a WAV file of 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(32767 * np.clip(samples, -1, 1)).astype("<i2").tobytes())


def first_steps(logits: np.ndarray) -> list[tuple[int, int]]:
    """The symbols of a string's best path, each after the step at which it begins."""
    found, step = [], 0
    for symbol, run in itertools.groupby(logits.argmax(axis=-1).tolist()):
        if symbol:
            found.append((step, symbol))
        step += len(list(run))
    return found
