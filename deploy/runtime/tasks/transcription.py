"""Transcription: a sequence of symbols from scores at each step, by connectionist temporal
classification (CTC). A blank stands between symbols; a symbol held over several steps is one.

Source: Graves et al., "Connectionist Temporal Classification", ICML 2006, section 3; the search
over prefixes: Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using
Bi-Directional Recurrent DNNs", 2014, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deploy.runtime.checks import is_whole
from deploy.runtime.draw.drawing import draw_caption
from deploy.runtime.tasks.checks import wrong_model
from deploy.runtime.text import class_name

if TYPE_CHECKING:
    from PIL.Image import Image

HAS_SCORES = False

# The outputs tell it alone.
judge = None

# Its own steps are a time already.
events = None

# A softmax in int8 rounds what is improbable to zero.
_SMALLEST = 1e-8
_WIDEST = 1000


class Transcript(NamedTuple):
    """Numbers of outputs, none of them the blank's, (N,) int64; and their log probability."""

    symbols: np.ndarray
    score: float


def check(card: Mapping[str, Any]) -> None:
    """Whether there is one output (1, steps, symbols + 1), with a blank among them.

    Raises:
        DeployError: there is not.
    """
    shapes = [tuple(entry["shape"]) for entry in card["outputs"]]
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][2] < 2:
        raise wrong_model(card["task"], "one output (1, steps, symbols + 1)", shapes)
    if card.get("activation") not in ("softmax", "linear"):
        raise wrong_model(
            card["task"], "the activation softmax or linear", [card.get("activation")]
        )
    settings = card.get("transcription")
    if not isinstance(settings, Mapping) or set(settings) != {"blank", "beam"}:
        raise wrong_model(card["task"], "a blank and a beam", [settings])
    if not is_whole(settings["blank"], 0) or settings["blank"] >= shapes[0][2]:
        raise wrong_model(card["task"], f"a blank from 0 to {shapes[0][2] - 1}", [settings])
    if not is_whole(settings["beam"], 1) or settings["beam"] > _WIDEST:
        raise wrong_model(card["task"], f"a beam from 1 to {_WIDEST}", [settings])


def class_names(card: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """The names of all symbols, without the blank; their numbers where they have none."""
    return [class_name(labels, index) for index in range(card["outputs"][0]["shape"][-1] - 1)]


def predict(
    card: Mapping[str, Any],
    outputs: Sequence[np.ndarray],
    labels: Sequence[str],
    image_size: tuple[int, int],
    score_threshold: float | None = None,
) -> dict[str, Any]:
    """What is most probably transcribed.

    Returns:
        `text`, the symbols' names, with spaces between them where one has several letters;
        `symbols`, their numbers among the outputs, (N,) int64; `score`, the natural logarithm of
        the probability, of a beam of 1 that of the best path alone.
    """
    symbols, score = transcribe(card, outputs[0])
    blank, names = card["transcription"]["blank"], class_names(card, labels)
    gap = " " if any(len(name) > 1 for name in names) else ""
    text = gap.join(names[symbol - (symbol > blank)] for symbol in symbols)
    return {"text": text, "symbols": symbols, "score": score}


def to_text(prediction: Mapping[str, Any], classes: Sequence[str]) -> str:
    """The text and its log probability."""
    return f"{prediction['text'] or '(nothing)'} (log probability {prediction['score']:.2f})"


def draw(image: Image, prediction: Mapping[str, Any], classes: Sequence[str]) -> Image:
    """The image with the text beneath it."""
    title = prediction["text"] or "(nothing)"
    return draw_caption(image, title, f"log probability {prediction['score']:.2f}")


def transcribe(card: Mapping[str, Any], output: np.ndarray) -> Transcript:
    """The transcript of one example's output (steps, symbols + 1), by the card's `transcription`:
    of a beam of 1 the best path's, of a wider one that of the search over prefixes."""
    settings = card["transcription"]
    scores = log_probabilities(output, card["activation"])
    if settings["beam"] == 1:
        return best_path(scores, settings["blank"])
    return prefix_beam_search(scores, settings["blank"], settings["beam"])[0]


def log_probabilities(output: np.ndarray, activation: str) -> np.ndarray:
    """The logarithms of the symbols' probabilities at each step, float64 of the same shape.

    `activation` is what the model ends in: "softmax" or "linear" (logits).
    """
    output = np.asarray(output, np.float64)
    if activation == "softmax":
        return np.log(np.maximum(output, _SMALLEST))
    shifted = output - output.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def best_path(scores: np.ndarray, blank: int) -> Transcript:
    """The most probable symbol at each step, those held counted once, without the blanks.

    Args:
        scores: log probabilities (steps, symbols + 1).
        blank: the blank's number.
    """
    path = np.argmax(scores, axis=-1)
    begins = np.concatenate([[True], path[1:] != path[:-1]])
    symbols = path[begins & (path != blank)]
    return Transcript(symbols.astype(np.int64), float(scores.max(axis=-1).sum()))


def prefix_beam_search(scores: np.ndarray, blank: int, width: int) -> list[Transcript]:
    """The most probable transcripts, over all paths that lead to each, the best first; at most
    `width`, as many as are kept after each step.

    Args:
        scores: log probabilities (steps, symbols + 1).
        blank: the blank's number.
        width: how many prefixes are kept.
    """
    symbols = np.delete(np.arange(scores.shape[-1]), blank)
    prefixes: list[tuple[int, ...]] = [()]
    # Of the paths to each prefix, those that end in a blank and those in its last symbol.
    blanks, held = np.zeros(1), np.full(1, -np.inf)
    for step in scores:
        total = np.logaddexp(blanks, held)
        last = np.array([prefix[-1] if prefix else -1 for prefix in prefixes])
        # The same prefix after this step: a blank, or its last symbol again.
        stays_blank = total + step[blank]
        stays_held = np.where(last >= 0, held + step[last], -np.inf)
        # One symbol more, (prefixes, symbols); the last one again only after a blank.
        longer = np.where(last[:, None] == symbols, blanks[:, None], total[:, None])
        longer = longer + step[symbols]
        where = {prefix: index for index, prefix in enumerate(prefixes)}
        for index, prefix in enumerate(prefixes):
            parent = where.get(prefix[:-1]) if prefix else None
            if parent is not None:
                column = prefix[-1] - (prefix[-1] > blank)
                stays_held[index] = np.logaddexp(stays_held[index], longer[parent, column])
                longer[parent, column] = -np.inf
        candidates = np.concatenate([np.logaddexp(stays_blank, stays_held), longer.ravel()])
        best = np.argsort(-candidates, kind="stable")[:width]
        best = best[candidates[best] > -np.inf]
        count, old = len(prefixes), prefixes
        prefixes, blanks_now, held_now = [], [], []
        for index in best:
            if index < count:
                prefixes.append(old[index])
                blanks_now.append(stays_blank[index])
                held_now.append(stays_held[index])
            else:
                row, column = divmod(int(index) - count, len(symbols))
                prefixes.append((*old[row], int(symbols[column])))
                blanks_now.append(-np.inf)
                held_now.append(candidates[index])
        blanks, held = np.array(blanks_now), np.array(held_now)
    total = np.logaddexp(blanks, held)
    return [
        Transcript(np.array(prefixes[index], np.int64), float(total[index]))
        for index in np.argsort(-total, kind="stable")
    ]
