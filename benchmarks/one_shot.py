"""What one-shot learning reaches on Omniglot's unseen alphabets, over several seeds.

    TFDS_DATA_DIR=… python -m benchmarks.one_shot                 # seeds 0, 1 and 2
    TFDS_DATA_DIR=… python -m benchmarks.one_shot --seed 1        # one of them; the others stay

Trains session 7's prototypical and Siamese networks and writes `benchmarks/records/one_shot.json`
after each of them: a run that was broken off goes on with what is missing. The test alphabets are
used for the record alone: the recipe was chosen on the validation alphabets.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

import keras
import numpy as np

from benchmarks import tables
from courses.s07_cnn_architectures.experiments import one_shot
from deploy.environment import cpu_name
from thinkkeras import datasets
from thinkkeras.metrics import FewShotAccuracy, pair_distances
from thinkkeras.models import embedding_net

DATASET, SEEDS = "omniglot", (0, 1, 2)
RECIPE = one_shot.RECIPES[DATASET]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_shot")
    parser.add_argument("--seed", action="append", type=int, help="may be given several times")
    seeds = parser.parse_args().seed or SEEDS
    record = tables.begun("one_shot", {})
    if record.get("recipe") != json.loads(json.dumps(RECIPE._asdict())):
        record = {"dataset": DATASET, "recipe": RECIPE._asdict(), "networks": {}}
    record |= {"cpu": cpu_name(), "cores": os.cpu_count(), "keras": keras.__version__}
    train, validation, test = datasets.load_characters(DATASET)
    trainings = {"prototypical": prototypical, "siamese": siamese}
    for seed in seeds:
        for network, trained in trainings.items():
            runs = record["networks"].setdefault(network, {})
            if str(seed) not in runs:
                runs[str(seed)] = trained(seed, train, validation, test)
                tables.keep("one_shot", record)
                print(network, seed, runs[str(seed)], flush=True)
    pixels = one_shot.few_shot_results(one_shot.raw_pixels(test), test.alphabets)
    record["pixels"] = written(pixels)
    tables.keep("one_shot", record)
    return tables.main([])


def prototypical(
    seed: int,
    train: datasets.Characters,
    validation: datasets.Characters,
    test: datasets.Characters,
) -> dict[str, Any]:
    """Trains a prototypical network and measures its distances."""
    keras.utils.set_random_seed(seed)
    encoder = embedding_net(filters=RECIPE.filters)
    model = one_shot.prototypical_net(encoder, RECIPE)
    batches = datasets.episodes(
        datasets.rotated_as_classes(train), ways=RECIPE.ways, queries=RECIPE.queries, seed=seed
    )
    seconds = fitted(model, batches, RECIPE.episodes)
    same, different = pair_distances(one_shot.embed(encoder, validation), seed=seed)
    threshold = float(np.quantile(different, 0.01))
    embeddings = one_shot.embed(encoder, test)
    same, different = pair_distances(embeddings, seed=seed)
    # Greek and Latin of the second set are images of the training: what a leak would report.
    second = datasets.characters.omniglot("small2")
    leaky = one_shot.few_shot_results(one_shot.embed(encoder, second), second.alphabets)
    return {
        "parameters": encoder.count_params(),
        "seconds": seconds,
        "tests": written(one_shot.few_shot_results(embeddings, test.alphabets)),
        "leaky": written(leaky),
        "validation": written(
            one_shot.few_shot_results(one_shot.embed(encoder, validation), validation.alphabets)
        ),
        "unknown": {
            "threshold": threshold,
            "accepted": float(np.mean(different <= threshold)),
            "rejected": float(np.mean(same > threshold)),
        },
    }


def siamese(
    seed: int,
    train: datasets.Characters,
    validation: datasets.Characters,
    test: datasets.Characters,
) -> dict[str, Any]:
    """Trains a Siamese network of the same encoder and measures its distances."""
    keras.utils.set_random_seed(seed)
    encoder = embedding_net(filters=RECIPE.filters)
    model = one_shot.compiled_siamese(encoder, RECIPE)
    batches = datasets.pairs(datasets.rotated_as_classes(train), batch_size=RECIPE.pairs, seed=seed)
    seconds = fitted(model, batches, RECIPE.pair_steps)
    distance = one_shot.siamese_distance(model)
    return {
        "parameters": model.count_params(),
        "seconds": seconds,
    } | {
        name: written(
            one_shot.few_shot_results(
                one_shot.embed(encoder, part), part.alphabets, distance=distance
            )
        )
        for name, part in (("tests", test), ("validation", validation))
    }


def fitted(model: keras.Model, batches: Any, steps: int) -> dict[str, float]:
    """Trains, and tells how long it took by the clock and in processor time."""
    start, worked = time.perf_counter(), time.process_time()
    model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=2)
    return {
        "clock": round(time.perf_counter() - start, 1),
        "processor": round(time.process_time() - worked, 1),
    }


def written(results: dict[str, FewShotAccuracy]) -> dict[str, dict[str, float]]:
    """Results as the record keeps them."""
    return {
        test: {"mean": round(each.mean, 5), "interval": round(each.interval, 5)}
        for test, each in results.items()
    }


if __name__ == "__main__":
    sys.exit(main())
