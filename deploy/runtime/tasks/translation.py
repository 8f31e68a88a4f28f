"""Translation by two models: an encoder of the text, and a decoder that gives one piece a step.

The card of the whole says how the two fit, by the names of their inputs and outputs:

- `memory`: the decoder's input for each of the encoder's outputs that every step reads.
- `initial_state`: the same for what the first step alone reads; other states begin as zeros.
- `state`: the decoder's input that takes each of its own outputs at the next step.
- `token`: the input that takes the piece before, (1,), `start` at the first step; its front end
  is that of the language translated into, the one of the encoder's input that translated from.
- `position`: the input that takes the number of the step, (1,), 0 at the first; null: none does.
- `logits`: the output with the logits of all pieces, (V,); `attention`: that with the weights of
  the encoder's positions, (S,), or null.
- `max_length`: the most pieces of a translation; `beam`: as many hypotheses are followed at once, 1
  is greedy; `length_penalty`: see `normalized`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.errors import DeployError
from deploy.runtime.inputs import tokens

if TYPE_CHECKING:
    from deploy.runtime.model import Model

MODELS = ("encoder", "decoder")

# A translation is text, not drawn.
draw = None

_NAMES = ("memory", "initial_state", "state")
_WHOLE = ("token", "position", "logits", "attention")

# Arrays by the names of inputs or outputs, each (rows, …).
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Networks:
    """Both models as functions of arrays by name, on a device or in Keras.

    `encode` takes the numbers of texts, (rows, S), and gives the encoder's outputs; `step` takes
    the decoder's inputs and gives its outputs; `state_shapes` are those of the inputs that hold the
    state, without the rows.
    """

    encode: Callable[[np.ndarray], Arrays]
    step: Callable[[Arrays], Arrays]
    state_shapes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Hypothesis:
    """The pieces so far of text number `text`, `end` among them where they are finished; the sum of
    their log probabilities; and the weights of the encoder's positions at each."""

    text: int
    numbers: tuple[int, ...] = ()
    log_probability: float = 0.0
    attention: tuple[np.ndarray, ...] = ()


class Translator:
    """A translating bundle on the device.

    `card` is that of the whole, with the encoder's `inputs`; `folder` is the bundle's.
    """

    def __init__(self, card: Mapping[str, Any], models: Mapping[str, Model], folder: Path | None):
        parts = {name: model.card for name, model in models.items()}
        self.settings = check(card.get("translation"), parts)
        self.folder = folder
        entries = parts["encoder"]["inputs"]
        self.card = {**card, "state": None, "inputs": entries, "outputs": []}
        self.source = entries[0]["front_end"]
        self.target = target_front_end(self.settings, parts["decoder"])
        self._length = int(entries[0]["shape"][1])
        self.networks = Networks(
            lambda numbers: _run(models["encoder"], {entries[0]["name"]: numbers}),
            lambda arrays: _run(models["decoder"], arrays),
            state_shapes(self.settings, parts["decoder"]),
        )

    def predict(self, example: Any, score_threshold: float | None = None) -> Any:
        """The translation of a text, or a list of them for a list.

        Args:
            example: a text, or a list or an array of texts; or the path of a file with one a line
                (a `Path`: a string is a text). Of one that is longer than the encoder's input the
                beginning is translated.
            score_threshold: none, as there is nothing to be found.

        Returns:
            `text`, the translation; `tokens`, its pieces, a list of strings; `score`, its
            length-normalized log probability; `attention`, float32 (pieces, pieces of the source),
            None where the decoder gives none; `source`, the pieces of the text that it is over,
            a list of strings.

        Raises:
            DeployError: no text, one without words, or one of which the vocabulary has no piece.
        """
        if score_threshold is not None:
            raise DeployError(
                "expected a detector for a score threshold, received a model for translation; "
                "leave the threshold out"
            )
        if isinstance(example, Path):
            example = [text for _, text in tokens.open_several(example)]
        several = isinstance(example, list | tuple | np.ndarray)
        texts = list(example) if several else [example]
        if not texts:
            raise DeployError("expected at least one text, received none")
        # One after the other, as a device has the memory of one.
        predictions = [self._translation(self.read(text)) for text in texts]
        return predictions if several else predictions[0]

    def _translation(self, numbers: np.ndarray) -> dict[str, Any]:
        (found,) = self.search(numbers[None])
        return self.prediction(numbers, found)

    def read(self, text: Any) -> np.ndarray:
        """The numbers of a text to translate, int32 (S,).

        Raises:
            DeployError: no text, one without words, or one of which the vocabulary has no piece.
        """
        numbers = tokens.to_array(text, self.source, (self._length,))
        if tokens.is_unknown(numbers.tolist(), self.source):
            raise DeployError(
                f"expected a text in the language of the model, received {str(text)!r:.60}, of "
                "which its vocabulary has no piece"
            )
        return numbers

    def search(
        self, numbers: np.ndarray, beam: int | None = None, networks: Networks | None = None
    ) -> list[Hypothesis]:
        """The best translations, as of `search`, of the texts with these numbers, (texts, S), by
        the bundle's models or by others of the same inputs and outputs."""
        return search(networks or self.networks, numbers, self.settings, self.target, beam)

    def prediction(self, numbers: np.ndarray, found: Hypothesis) -> dict[str, Any]:
        """What `predict` gives for the text with these numbers, (S,), of which that is found."""
        shown = np.flatnonzero(numbers != self.source["padding"])
        pieces = [number for number in found.numbers if number != self.target["end"]]
        rows = found.attention[: len(pieces)]
        attention = np.stack(rows) if rows else np.zeros((0, len(numbers)), np.float32)
        return {
            "text": tokens.decode(pieces, self.target),
            "tokens": [self.target["vocabulary"][number] for number in pieces],
            "score": normalized(found, self.settings["length_penalty"]),
            "attention": None if self.settings["attention"] is None else attention[:, shown],
            "source": [self.source["vocabulary"][number] for number in numbers[shown]],
        }

    def class_names(self) -> list[str]:
        """There are no classes."""
        return []


def open_bundle(
    card: Mapping[str, Any], models: Mapping[str, Model], folder: Path | None
) -> Translator:
    """The bundle of a translating encoder and decoder, ready to run.

    Raises:
        DeployError: a card that doesn't fit them.
    """
    return Translator(card, models, folder)


def to_text(prediction: Mapping[str, Any], classes: Sequence[str]) -> str:
    """The translation."""
    return prediction["text"] or "(nothing)"


def search(
    networks: Networks,
    sources: np.ndarray,
    settings: Mapping[str, Any],
    target: Mapping[str, Any],
    beam: int | None = None,
) -> list[Hypothesis]:
    """The best translation of each text that a beam search finds; greedy with a beam of 1.

    A text's search ends when `beam` hypotheses are finished, or none is left, or at `max_length`.

    Args:
        networks: both models.
        sources: the numbers of the texts, (texts, S).
        settings: the card's `translation`.
        target: the front end of the language translated into.
        beam: another one than the settings'.

    Raises:
        DeployError: logits that are NaN or infinite.
    """
    width, encoded = beam or settings["beam"], networks.encode(sources)
    memory = {taken: encoded[output] for output, taken in settings["memory"].items()}
    state = first_state(networks, encoded, settings, len(sources))
    rows = [Hypothesis(text) for text in range(len(sources))]
    finished: list[list[Hypothesis]] = [[] for _ in rows]
    for position in range(settings["max_length"]):
        last = [row.numbers[-1] if row.numbers else target["start"] for row in rows]
        texts = [row.text for row in rows]
        of_rows = {taken: array[texts] for taken, array in memory.items()}
        outputs = networks.step(step_inputs(settings, last, position, of_rows | state))
        followed, parents = [], []
        for text in dict.fromkeys(texts):
            own = [index for index, row in enumerate(rows) if row.text == text]
            extended = _extend(rows, own, outputs, settings, width)
            finished[text] += [each for each, _ in extended if each.numbers[-1] == target["end"]]
            if len(finished[text]) < width:
                kept = [pair for pair in extended if pair[0].numbers[-1] != target["end"]]
                followed += [each for each, _ in kept]
                parents += [parent for _, parent in kept]
        rows = followed
        state = {taken: outputs[output][parents] for output, taken in settings["state"].items()}
        if not rows:
            break
    for row in rows:
        finished[row.text].append(row)
    penalty = settings["length_penalty"]
    return [max(found, key=lambda each: normalized(each, penalty)) for found in finished]


def _extend(
    rows: Sequence[Hypothesis],
    own: Sequence[int],
    outputs: Mapping[str, np.ndarray],
    settings: Mapping[str, Any],
    width: int,
) -> list[tuple[Hypothesis, int]]:
    """The `width` best of one text's hypotheses `own` with one more piece, each with the row that
    it goes on from."""
    logits = outputs[settings["logits"]][own].astype(np.float64)
    if not np.isfinite(logits).all():
        raise DeployError(
            f"expected finite logits, received NaN or infinity from '{settings['logits']}'; export "
            "the bundle again for a target with more precision"
        )
    shifted = logits - logits.max(axis=1, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    totals = logarithms + np.array([rows[index].log_probability for index in own])[:, None]
    flat = totals.ravel()
    best = [int(flat.argmax())] if width == 1 else np.argsort(-flat, kind="stable")[:width]
    extended = []
    for place in best:
        row, number = divmod(int(place), logits.shape[1])
        before = rows[own[row]]
        attention = before.attention
        if settings["attention"] is not None:
            attention = (*attention, outputs[settings["attention"]][own[row]])
        numbers = (*before.numbers, number)
        longer = Hypothesis(before.text, numbers, float(flat[place]), attention)
        extended.append((longer, own[row]))
    return extended


def normalized(hypothesis: Hypothesis, length_penalty: float) -> float:
    """The log probability over ((5 + length) / 6) ^ `length_penalty`, without which short
    translations would win.

    Source: Wu et al. 2016, "Google's Neural Machine Translation System", equation 14, without the
    coverage penalty.
    """
    length = len(hypothesis.numbers)
    return float(hypothesis.log_probability / ((5 + length) / 6) ** length_penalty)


def first_state(
    networks: Networks, encoded: Arrays, settings: Mapping[str, Any], rows: int
) -> Arrays:
    """What the decoder's inputs that hold the state take at the first step."""
    zeros = {
        taken: np.zeros((rows, *shape), np.float32)
        for taken, shape in networks.state_shapes.items()
    }
    return zeros | {taken: encoded[output] for output, taken in settings["initial_state"].items()}


def step_inputs(
    settings: Mapping[str, Any], last: Sequence[int], position: int, others: Arrays
) -> Arrays:
    """The decoder's inputs at a step: the pieces before, (rows,), the number of the step, and what
    the other inputs take."""
    given = {settings["token"]: np.array(last, np.int32)[:, None]}
    if settings["position"] is not None:
        given[settings["position"]] = np.full((len(last), 1), position, np.int32)
    return given | others


def state_shapes(
    settings: Mapping[str, Any], decoder: Mapping[str, Any]
) -> dict[str, tuple[int, ...]]:
    """The shapes of the decoder's inputs that hold the state, without the batch axis."""
    shapes = {entry["name"]: tuple(entry["shape"][1:]) for entry in decoder["inputs"]}
    return {taken: shapes[taken] for taken in settings["state"].values()}


def target_front_end(settings: Mapping[str, Any], decoder: Mapping[str, Any]) -> Mapping[str, Any]:
    """The front end of the language translated into."""
    found: Mapping[str, Any] = next(
        entry["front_end"] for entry in decoder["inputs"] if entry["name"] == settings["token"]
    )
    return found


def check(settings: Any, parts: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The card's `translation`, if it fits the two models.

    Args:
        settings: see this module.
        parts: of `encoder` and `decoder` the `inputs` (name, shape, front end) and `outputs` (name,
            shape).

    Raises:
        DeployError: it does not.
    """
    if set(parts) != set(MODELS):
        raise _error("the models encoder and decoder", ", ".join(parts))
    _check_values(settings)
    encoder, decoder = parts["encoder"], parts["decoder"]
    given, encoded = _shapes(encoder["inputs"]), _shapes(encoder["outputs"])
    taken, outputs = _shapes(decoder["inputs"]), _shapes(decoder["outputs"])
    if len(given) != 1 or encoder["inputs"][0]["front_end"]["kind"] != "tokens":
        raise _error("an encoder of one input with the front end tokens", ", ".join(given))
    singles = [settings[key] for key in ("token", "position") if settings[key] is not None]
    inputs = [*singles, *settings["memory"].values(), *settings["state"].values()]
    if sorted(inputs) != sorted(taken):
        raise _error(
            f"token, position, memory and state for each of the decoder's inputs {', '.join(taken)}"
            " once",
            ", ".join(inputs),
        )
    if not set(settings["initial_state"].values()) <= set(settings["state"].values()):
        raise _error("initial_state for inputs of the state", settings["initial_state"])
    pairs = [
        *((output, name, encoded) for output, name in settings["memory"].items()),
        *((output, name, encoded) for output, name in settings["initial_state"].items()),
        *((output, name, outputs) for output, name in settings["state"].items()),
    ]
    for output, name, shapes in pairs:
        if shapes.get(output) != taken[name]:
            raise _error(
                f"an output of shape {taken[name]} for the decoder's input '{name}'",
                f"'{output}' of shape {shapes.get(output, 'that does not exist')}",
            )
    for name in singles:
        if taken[name] != (1,):
            raise _error(f"the shape (1,) of the decoder's input '{name}'", taken[name])
    front_end = target_front_end(settings, decoder)
    if front_end["kind"] != "tokens" or None in (front_end["start"], front_end["end"]):
        raise _error(
            f"the front end tokens with start and end for the input '{settings['token']}'",
            {key: front_end.get(key) for key in ("kind", "start", "end")},
        )
    wanted: list[tuple[str, tuple[int, ...]]] = [
        (settings["logits"], (len(front_end["vocabulary"]),))
    ]
    if settings["attention"] is not None:
        wanted.append((settings["attention"], next(iter(given.values()))))
    for name, shape in wanted:
        if outputs.get(name) != shape:
            raise _error(
                f"an output '{name}' of shape {shape}", outputs.get(name, ", ".join(outputs))
            )
    return dict(settings)


def _check_values(settings: Any) -> None:
    known = (*_NAMES, *_WHOLE, "max_length", "beam", "length_penalty")
    if not isinstance(settings, Mapping) or set(settings) != set(known):
        found = ", ".join(settings) if isinstance(settings, Mapping) else type(settings).__name__
        raise _error(", ".join(known), found)
    for key in _NAMES:
        names = settings[key]
        right = isinstance(names, Mapping)
        if not right or not all(isinstance(name, str) for pair in names.items() for name in pair):
            raise _error(f"{key} as the names of outputs with those of inputs", names)
    for key in _WHOLE:
        optional = key in ("position", "attention")
        if not isinstance(settings[key], str) and not (optional and settings[key] is None):
            raise _error(f"{key} as a name", settings[key])
    for key in ("max_length", "beam"):
        value = settings[key]
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10_000:
            raise _error(f"{key} as a whole number from 1 to 10000", value)
    penalty = settings["length_penalty"]
    if not isinstance(penalty, int | float) or isinstance(penalty, bool) or not 0 <= penalty <= 10:
        raise _error("length_penalty as a number from 0 to 10", penalty)


def _shapes(entries: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, ...]]:
    return {entry["name"]: tuple(entry["shape"][1:]) for entry in entries}


def _run(model: Model, arrays: Arrays) -> Arrays:
    given = [arrays[entry["name"]] for entry in model.card["inputs"]]
    names = [entry["name"] for entry in model.card["outputs"]]
    return dict(zip(names, model.run(given), strict=True))


def _error(expected: str, received: Any) -> DeployError:
    return DeployError(
        f"expected of a translation {expected}, received {str(received) or 'none':.200}; correct "
        "it, and export the models again"
    )
