"""What session 5's networks reach on spoken digits and on film reviews, over three seeds.

    TFDS_DATA_DIR=… python -m benchmarks.recurrent                # both
    TFDS_DATA_DIR=… python -m benchmarks.recurrent sentiment      # one of them

Every result is kept in `benchmarks/records/recurrent.json` as soon as it is there; what is there is
not computed again. Times are those of the processor, so that what else the machine does counts for
nobody. Recipes were chosen on validation data; a test set is opened once for each network.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import deploy
import deploy.runtime
from benchmarks import tables
from courses.s05_recurrent_networks.experiments import sentiment, speech
from deploy import environment
from thinkkeras import datasets
from thinkkeras.datasets.recordings import Recordings, word_strings
from thinkkeras.metrics import error_rate

SEEDS = (0, 1, 2)
DEVICES = ("cpu", "cortex-m", "ethos-u55-128")
AUGMENTATION = "speed, loudness"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recurrent")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parts = parser.parse_args().parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"expected parts out of {', '.join(PARTS)}, received {', '.join(unknown)}")
    record = tables.begun("recurrent", {"runs": {}})
    record |= {
        "cpu": environment.cpu_name(),
        "cores": os.cpu_count(),
        "versions": environment.versions(),
    }

    def keep(key: str, measure: Callable[[], dict[str, Any]]) -> None:
        if key not in record["runs"]:
            started = time.process_time()
            found = measure()
            record["runs"][key] = found | {"processor": time.process_time() - started}
            tables.keep("recurrent", record)
            print(f"{key}: {record['runs'][key]}", flush=True)

    for part in parts:
        PARTS[part](keep)
    return tables.main([])


Keep = Callable[[str, Callable[[], dict[str, Any]]], None]


def measure_speech(keep: Keep) -> None:
    """Words, on devices, and in long recordings."""
    train, _, test = datasets.load_recordings("spoken_digit")
    recipe = speech.RECIPES["spoken_digit"]

    def words(seed: int) -> dict[str, Any]:
        model, seconds = timed(lambda: speech.trained_on(train, recipe, AUGMENTATION, seed))
        x = speech.spectrograms(test.samples, test.rate)
        with tempfile.TemporaryDirectory() as folder:
            found = exported(
                model,
                folder,
                calibration=speech.spectrograms(train.samples[:384], train.rate),
                class_names=test.class_names,
                front_end=speech.FRONT_END,
                task={"task": "classification", "stream": speech.STREAM},
                test=(x, test.labels),
            )
            heard = in_a_stream(deploy.runtime.load(Path(folder, "cpu")), test)
        return {"parameters": model.count_params(), "seconds": seconds} | found | {"stream": heard}

    for seed in SEEDS:
        keep(f"speech, seed {seed}", lambda seed=seed: words(seed))


def in_a_stream(bundle: Any, test: Recordings, words: int = 200) -> dict[str, Any]:
    """How many words of long recordings with pauses are heard once, in their order: the share that
    is detected, and what else is heard, a minute."""
    samples, said = word_strings(test, words // 10, words=(10, 10), gap=(0.4, 1.0), seed=7)
    edits, minutes, heard, detected = 0.0, 0.0, 0, 0
    for recording, labels in zip(samples, said, strict=True):
        events = deploy.runtime.stream(bundle, np.array_split(recording, 50))
        names = [event.text.split(" (")[0] for event in events]
        right = [test.class_names[label] for label in labels]
        edits += error_rate([names], [right]) * len(right)
        heard += len(names)
        detected += in_order(names, right)
        minutes += len(recording) / test.rate / 60
    return {
        "words": words,
        "heard": heard,
        "error_rate": edits / words,
        "detected": detected / words,
        "false_alarms_per_minute": (heard - detected) / minutes,
        "minutes": minutes,
    }


def in_order(heard: Sequence[str], said: Sequence[str]) -> int:
    """The most words that both have in the same order, each once (the longest common
    subsequence)."""
    lengths = [0] * (len(said) + 1)
    for name in heard:
        before = lengths
        lengths = [0]
        for place, other in enumerate(said):
            both = before[place] + (name == other)
            lengths.append(max(both, before[place + 1], lengths[place]))
    return lengths[-1]


def measure_sentiment(keep: Keep) -> None:
    """Sentences of film reviews; the labels of SST-2's own test set are not public."""
    known, _, judged = datasets.load_sentences("glue/sst2")
    recipe = sentiment.RECIPES["glue/sst2"]
    vocabulary = sentiment.learn_words(known.texts, recipe.words)

    def sentences(seed: int) -> dict[str, Any]:
        model, seconds = timed(lambda: sentiment.trained(known, vocabulary, recipe, seed))
        with tempfile.TemporaryDirectory() as folder:
            found = exported(
                model,
                folder,
                targets=("cpu",),
                calibration=sentiment.numbers_of(known.texts[:400], vocabulary, recipe.length),
                class_names=judged.class_names,
                front_end=vocabulary,
                test=(
                    sentiment.numbers_of(judged.texts, vocabulary, recipe.length),
                    judged.labels,
                ),
            )
        return {"parameters": model.count_params(), "seconds": seconds} | found

    for seed in SEEDS:
        keep(f"sentiment, seed {seed}", lambda seed=seed: sentences(seed))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` gives, and the seconds of the processor that it took."""
    started = time.process_time()
    return work(), time.process_time() - started


def exported(
    model: keras.Model, folder: str, *, targets: Sequence[str] = DEVICES, **options: Any
) -> dict[str, Any]:
    """A model's score in Keras and on each target, with what it takes there; the bundles are in
    the folder."""
    cards = deploy.export(model, targets, out=folder + "/{target}", verbose=0, **options)
    return {
        "keras": cards[0]["quality"]["keras"],
        "metric": cards[0]["quality"]["metric"],
        "deployed": {
            card["target"]: {
                "score": card["quality"]["deployed"],
                "size_bytes": card["size_bytes"],
                "latency_ms": card["latency_ms"]["median"],
                "arena_bytes": card["memory"] and card["memory"]["arena_bytes"],
                "cycles": card["npu"] and card["npu"]["cycles"],
            }
            for card in cards
        },
    }


PARTS: dict[str, Callable[[Keep], None]] = {
    "speech": measure_speech,
    "sentiment": measure_sentiment,
}


if __name__ == "__main__":
    sys.exit(main())
