"""Translation by an encoder and a decoder step: how they fit, what calibrates them, what both
frameworks translate alike."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deploy.runtime.card import PipelineParity, Quality
from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import tokens
from deploy.runtime.tasks import translation as on_device
from deploy.tasks.metrics import metric_name, score_of

if TYPE_CHECKING:
    from deploy.load.source import Source
    from deploy.tasks.evaluation import TestData

# Pairs of texts of which the encoder is shown all and the decoder some, step by step.
PAIRS = 256
_STEPPED = 64

# So many texts are translated by Keras at once.
_BATCH = 64

_DEFAULTS: dict[str, Any] = {
    "initial_state": {},
    "position": None,
    "attention": None,
    "beam": 1,
    "length_penalty": 0.6,
}


class Plan(NamedTuple):
    """What the export of the two models needs: the card's `settings`, the options of `export` by
    their names and the models', and the pairs of texts that these come from."""

    settings: dict[str, Any]
    options: dict[str, dict[str, Any]]
    pairs: tuple[list[Any], list[Any]]


class Comparison(NamedTuple):
    """Sections of the card of the whole; `milliseconds` are those of a text, the median."""

    quality: Quality | None
    parity: PipelineParity
    milliseconds: float


def plan(
    sources: Mapping[str, Source], parameters: Mapping[str, Any], calibration: Any, seed: int
) -> Plan:
    """How the two models fit, and what each is exported with.

    Args:
        sources: the Keras models by name, `encoder` and `decoder`.
        parameters: the card's `translation` (see `runtime.tasks.translation`), of which
            `initial_state`, `position`, `attention`, `beam` and `length_penalty` may be left out;
            `source` and `target`, the front ends of both languages (`source` where the encoder has
            no TextVectorization).
        calibration: pairs of training texts, `(sources, targets)`.
        seed: draws some of them.

    Raises:
        DeployError: models that don't fit each other, or no pairs of texts.
    """
    settings = {**_DEFAULTS, **parameters}
    given = {name: settings.pop(name, None) for name in ("source", "target")}
    parts = _parts(sources, settings, given)
    settings = dict(on_device.check(settings, parts))
    pairs = _read_pairs(calibration)
    order = np.random.default_rng(seed).permutation(len(pairs[0]))[:PAIRS]
    drawn = [pairs[0][k] for k in order], [pairs[1][k] for k in order]
    front_ends = {
        name: [entry["front_end"] for entry in part["inputs"]] for name, part in parts.items()
    }
    target = on_device.target_front_end(settings, parts["decoder"])
    source, length = front_ends["encoder"][0], sources["encoder"].inputs[0].shape
    numbers = np.stack([tokens.to_array(text, source, length) for text in drawn[0]])
    networks = keras_networks(sources, settings)
    answers = [tokens.encode(text, target) for text in drawn[1][:_STEPPED]]
    options: dict[str, dict[str, Any]] = {
        "calibration": {
            "encoder": [numbers],
            "decoder": decoder_examples(networks, settings, numbers[:_STEPPED], answers),
        },
        "front_end": front_ends,
        "task": dict.fromkeys(sources, "regression"),
    }
    return Plan(settings, options, drawn)


def keras_networks(
    sources: Mapping[str, Source], settings: Mapping[str, Any]
) -> on_device.Networks:
    """The two Keras models as the search takes them."""
    encoder, decoder = sources["encoder"], sources["decoder"]

    def run(source: Source, arrays: Mapping[str, np.ndarray]) -> on_device.Arrays:
        outputs = source.predict([arrays[entry.name] for entry in source.inputs])
        return dict(zip(source.outputs, outputs, strict=True))

    shapes = {entry.name: entry.shape for entry in decoder.inputs}
    return on_device.Networks(
        lambda numbers: run(encoder, {encoder.inputs[0].name: numbers}),
        lambda arrays: run(decoder, arrays),
        {taken: shapes[taken] for taken in settings["state"].values()},
    )


def decoder_examples(
    networks: on_device.Networks,
    settings: Mapping[str, Any],
    numbers: np.ndarray,
    answers: Sequence[Sequence[int]],
) -> on_device.Arrays:
    """What the decoder's inputs take at every step of known translations, by their names, each
    (steps, …): the piece before is that of the translation (teacher forcing).

    Args:
        networks: both models.
        settings: the card's `translation`.
        numbers: the numbers of the texts, (texts, S).
        answers: those of their translations, from `start` to `end`.
    """
    encoded = networks.encode(numbers)
    memory = {taken: encoded[output] for output, taken in settings["memory"].items()}
    state = on_device.first_state(networks, encoded, settings, len(numbers))
    rows = list(range(len(numbers)))
    steps: list[on_device.Arrays] = []
    for position in range(settings["max_length"]):
        going = [k for k, row in enumerate(rows) if position + 1 < len(answers[row])]
        if not going:
            break
        rows = [rows[k] for k in going]
        of_rows = {taken: array[rows] for taken, array in memory.items()}
        state = {taken: array[going] for taken, array in state.items()}
        last = [answers[row][position] for row in rows]
        steps.append(on_device.step_inputs(settings, last, position, of_rows | state))
        outputs = networks.step(steps[-1])
        state = {taken: outputs[output] for output, taken in settings["state"].items()}
    return {name: np.concatenate([step[name] for step in steps]) for name in steps[0]}


def compare(
    keras: on_device.Networks, translator: on_device.Translator, test: TestData, data: str
) -> Comparison:
    """Both on the same texts: what the metric makes of their translations where there is one, and
    the share of which the greedy ones are the same.

    Args:
        keras: the Keras models.
        translator: the deployed ones.
        test: the texts `x`, and with a metric the translations `y` that are right.
        data: what the texts are, for the card.

    Raises:
        DeployError: a text that can't be translated, or a metric that gives no finite number.
    """
    texts = as_texts(test.x)
    numbers = np.stack([translator.read(text) for text in texts])
    found, milliseconds = {}, []
    for beam in {1, translator.settings["beam"]}:
        by_keras = [
            hypothesis
            for start in range(0, len(numbers), _BATCH)
            for hypothesis in translator.search(numbers[start : start + _BATCH], beam, keras)
        ]
        by_device = []
        for row in numbers:
            begun = time.perf_counter()
            by_device += translator.search(row[None], beam)
            if beam == translator.settings["beam"]:
                milliseconds.append(1000 * (time.perf_counter() - begun))
        found[beam] = by_keras, by_device
    same = [a.numbers == b.numbers for a, b in zip(*found[1], strict=True)]
    quality: Quality | None = None
    if test.metric is not None:
        scores = [
            score_of(
                test.metric,
                test.y,
                [translator.prediction(*pair) for pair in zip(numbers, each, strict=True)],
            )
            for each in found[translator.settings["beam"]]
        ]
        quality = {
            "metric": metric_name(test.metric),
            "keras": scores[0],
            "deployed": scores[1],
            "examples": len(texts),
        }
    parity: PipelineParity = {"same": float(np.mean(same)), "examples": len(texts), "data": data}
    return Comparison(quality, parity, float(np.median(milliseconds)))


def as_texts(texts: Any) -> list[str]:
    """A list of texts.

    Raises:
        DeployError: something else, or none.
    """
    several = isinstance(texts, list | tuple | np.ndarray) and len(np.shape(texts)) == 1
    if not several or not len(texts):
        raise DeployError(
            f"expected a list of texts, received {type(texts).__name__} of shape "
            f"{np.shape(texts)}; give one string a text"
        )
    return list(texts)


def card_lines(settings: Mapping[str, Any]) -> list[str]:
    """A section of the card of the whole that says how the two models fit."""
    fits = [
        f"encoder's {output} → decoder's {taken}" for output, taken in settings["memory"].items()
    ]
    fits += [
        f"encoder's {output} → decoder's {taken} at the first step"
        for output, taken in settings["initial_state"].items()
    ]
    fits += [
        f"decoder's {output} → decoder's {taken} of the next step"
        for output, taken in settings["state"].items()
    ]
    how = "greedy" if settings["beam"] == 1 else f"beam search with {settings['beam']} hypotheses"
    return [
        "## How they fit",
        "",
        *(f"- {line}." for line in fits),
        f"- {how[:1].upper()}{how[1:]}, at most {settings['max_length']} pieces.",
        "",
    ]


def _parts(
    sources: Mapping[str, Source], settings: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """What `runtime.tasks.translation.check` asks of the models."""
    parts = {}
    for name, source in sources.items():
        told = dict(source.front_ends)
        only = {"encoder": source.inputs[0].name, "decoder": settings.get("token")}.get(name)
        front_end = given["source" if name == "encoder" else "target"]
        if front_end is not None and only is not None:
            told[only] = front_end
        outputs = source.predict([np.zeros((1, *e.shape), e.dtype) for e in source.inputs])
        parts[name] = {
            "inputs": [
                {
                    "name": entry.name,
                    "shape": (1, *entry.shape),
                    "front_end": _checked(told.get(entry.name, {"kind": "array"}), entry.shape),
                }
                for entry in source.inputs
            ],
            "outputs": [
                {"name": output, "shape": array.shape}
                for output, array in zip(source.outputs, outputs, strict=True)
            ],
        }
    return parts


def _checked(front_end: Any, shape: Sequence[int]) -> dict[str, Any]:
    if not isinstance(front_end, Mapping) or front_end.get("kind") not in ("tokens", "array"):
        raise DeployError(
            f"expected the front ends source and target of the kind tokens, received "
            f"{str(front_end):.60}; see deploy.runtime.inputs.tokens"
        )
    if front_end["kind"] == "tokens":
        tokens.check(front_end, shape)
    return dict(front_end)


def _read_pairs(calibration: Any) -> tuple[list[Any], list[Any]]:
    if isinstance(calibration, str | Path):
        try:
            with np.load(calibration, allow_pickle=False) as archive:
                calibration = archive["x"], archive["y"]
        except Exception as error:
            raise DeployError(
                f"expected an .npz file with the texts x and their translations y, received "
                f"'{calibration}': {error}"
            ) from error
    paired = isinstance(calibration, tuple | list) and len(calibration) == 2
    if not paired or np.shape(calibration[0]) != np.shape(calibration[1]):
        shown = "none" if calibration is None else type(calibration).__name__
        raise DeployError(
            "expected pairs of training texts for a translation, (sources, targets), received "
            f"{shown}; give two lists of the same length"
        )
    return as_texts(calibration[0]), as_texts(calibration[1])
