"""What session 5's translators reach on Multi30k, English to French, and what of it is deployed.

    TFDS_DATA_DIR=… python -m benchmarks.translation                      # all kinds
    TFDS_DATA_DIR=… python -m benchmarks.translation transformer          # one of them

Trains on the 29,000 captions and writes `benchmarks/records/translation.json` after each kind;
what is there is not trained again. The recipe was chosen on the validation captions; the test set,
`test_2016_flickr`, is opened once for each kind.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

import deploy
import deploy.runtime
from benchmarks import tables
from courses.s05_recurrent_networks.experiments import translation
from deploy import environment
from thinkkeras import datasets
from thinkkeras.metrics import bleu
from thinkkeras.models.translation import TranslatorParts

RECIPE = translation.RECIPES["multi30k"]
BEAMS = (1, 4)
# The first hundred sentences for the float form's equality, all for what the other one loses.
TEXTS = {"cpu-float": 100, "cpu-dynamic": None}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.translation")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(translation.KINDS))
    kinds = parser.parse_args().kinds or translation.KINDS
    if unknown := set(kinds) - set(translation.KINDS):
        parser.error(
            f"expected kinds out of {', '.join(translation.KINDS)}, received {', '.join(unknown)}"
        )
    record = tables.begun("translation", {"kinds": {}})
    record |= {"cpu": environment.cpu_name(), "cores": os.cpu_count(), "keras": keras.__version__}
    for kind in kinds:
        if kind not in record["kinds"]:
            record["kinds"][kind] = measured(kind)
            tables.keep("translation", record)
            print(f"{kind}: {record['kinds'][kind]}", flush=True)
    return tables.main([])


def measured(kind: str) -> dict[str, Any]:
    """Trains a kind of translator, and deploys it."""
    keras.utils.set_random_seed(0)
    train, validation, test = datasets.load_translations("multi30k")
    languages = translation.learn_languages(train, RECIPE.vocabulary)
    model = translation.build(kind, languages, RECIPE)
    batches = translation.batches(train, languages, RECIPE, 0)
    epochs = RECIPE.transformer_epochs if kind == "transformer" else RECIPE.epochs
    steps = sum(1 for _ in batches)
    translation.compile_translator(model, epochs * steps, RECIPE.learning_rate)
    started, worked = time.perf_counter(), time.process_time()
    model.fit(batches, epochs=epochs, shuffle=False, verbose=2)
    seconds = {
        "clock": time.perf_counter() - started,
        "processor": time.process_time() - worked,
    }
    parts = translation.parts_of(model, RECIPE)
    scores = {}
    for name, part in (("validation", validation), ("test", test)):
        for beam in BEAMS:
            written = translation.translate(parts, part.source, languages, RECIPE, beam=beam)
            cased, lower = (bleu(written, part.target, lowercase=each) for each in (False, True))
            scores[f"{name}, beam {beam}"] = {
                "cased": cased.score,
                "lower": lower.score,
                "signature": cased.signature,
            }
    return {
        "parameters": model.count_params(),
        "epochs": epochs,
        "seconds": seconds,
        "bleu": scores,
        "deployed": {
            target: deployed(parts, languages, train, test, target, texts)
            for target, texts in TEXTS.items()
        },
    }


def deployed(
    parts: TranslatorParts,
    languages: translation.Languages,
    train: datasets.Translations,
    test: datasets.Translations,
    target: str,
    texts: int | None,
) -> dict[str, Any]:
    """What of a translator arrives on a target, greedily, on the first so many test sentences."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder, "bundle")
        cards = deploy.export_models(
            {"encoder": parts.encoder, "decoder": parts.decoder},
            target,
            out=bundle,
            pipeline={
                "task": "translation",
                **translation.settings_of(parts, RECIPE),
                "source": languages.source,
                "target": languages.target,
            },
            calibration=(train.source[:256], train.target[:256]),
            test=deploy.TestData(test.source[:texts], test.target[:texts], translation.bleu_score),
            verbose=0,
        )
        whole = cards["translation"]
        return {
            "quality": whole["quality"],
            "same": whole["parity"]["same"],
            "size_bytes": whole["size_bytes"],
            "tokens_per_second": tokens_per_second(bundle, test.source),
        }


def tokens_per_second(bundle: Path, sentences: Sequence[str], count: int = 50) -> float:
    """Pieces that a translator writes in a second, one sentence after the other."""
    translator = deploy.runtime.load(bundle)
    translator.predict(sentences[0])
    started = time.perf_counter()
    written = sum(len(translator.predict(one)["tokens"]) for one in sentences[:count])
    return written / (time.perf_counter() - started)


if __name__ == "__main__":
    sys.exit(main())
