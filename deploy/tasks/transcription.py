"""Transcription by CTC: sequences of symbols, measured by the symbol error rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.runtime.card import ClassAgreement
from deploy.runtime.errors import DeployError
from deploy.runtime.tasks import transcription
from deploy.tasks.classification import as_array, check_count, sums_to_one

if TYPE_CHECKING:
    from deploy.load.source import Source

# As in `keras.losses.CTC`, the first output is the blank; and the best path alone.
_DEFAULTS = {"blank": 0, "beam": 1}


def infer(
    source: Source,
    outputs: Sequence[np.ndarray],
    class_names: Sequence[str],
    settings: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """The card's `activation` and `transcription`, the blank's number and the beam's width. None
    where nobody asks: scores at each step may stand for anything.

    Raises:
        DeployError: not one output (batch, steps, symbols + 1), a setting that can't be, or not as
            many class names as symbols without the blank.
    """
    if settings is None:
        return None
    if len(outputs) != 1 or outputs[0].ndim != 3 or outputs[0].shape[2] < 2:
        raise DeployError(
            "expected one output of shape (batch, steps, symbols + 1) for the task transcription, "
            f"received outputs of shapes {[output.shape for output in outputs]}"
        )
    unknown = sorted(set(settings) - set(_DEFAULTS))
    if unknown:
        raise DeployError(
            f"expected the parameters {', '.join(_DEFAULTS)} of the task transcription, received "
            f"'{unknown[0]}'; correct its name"
        )
    inferred = {
        "activation": "softmax" if sums_to_one(outputs[0]) else "linear",
        "transcription": {**_DEFAULTS, **settings},
    }
    shape = [1, *outputs[0].shape[1:]]
    transcription.check({"task": "transcription", **inferred, "outputs": [{"shape": shape}]})
    check_count(class_names, outputs[0].shape[2] - 1)
    return inferred


def symbol_error_rate(
    card: Mapping[str, Any], ground_truth: Any, outputs: Sequence[np.ndarray]
) -> float:
    """The symbols to insert, delete or replace, over those of the ground truth: 0 of a faultless
    transcription, and perhaps more than 1.

    Args:
        card: its `activation` and `transcription`.
        ground_truth: the symbols' numbers among the outputs, whole numbers (examples, most),
            filled up with -1 or the blank, as `keras.losses.CTC` takes them.
        outputs: the model's.

    Raises:
        DeployError: ground truth of another shape, numbers that are no symbols, or none at all.
    """
    truth, symbols = as_array(ground_truth, len(outputs[0])), outputs[0].shape[-1]
    whole = truth.ndim == 2 and truth.dtype.kind in "iuf" and bool((truth == truth // 1).all())
    if not whole or truth.min(initial=0) < -1 or truth.max(initial=0) >= symbols:
        raise DeployError(
            f"expected symbols y from 0 to {symbols - 1}, (examples, most) filled up with -1, "
            f"received {truth.dtype} of shape {truth.shape}"
        )
    truth, blank = truth.astype(int), card["transcription"]["blank"]
    expected = [row[(row >= 0) & (row != blank)] for row in truth]
    if not sum(map(len, expected)):
        raise DeployError("expected symbols y to transcribe, received none but blanks")
    received = _transcripts(card, outputs)
    edits = sum(map(edit_distance, expected, received))
    return edits / sum(map(len, expected))


metric = symbol_error_rate
further_metrics = None


def agreement(
    card: Mapping[str, Any],
    class_names: Sequence[str],
    keras: Sequence[np.ndarray],
    deployed: Sequence[np.ndarray],
) -> dict[str, ClassAgreement]:
    """How often both models transcribe the very same."""
    pairs = zip(_transcripts(card, keras), _transcripts(card, deployed), strict=True)
    same = [np.array_equal(*pair) for pair in pairs]
    return {"whole transcripts": {"examples": len(same), "agreement": float(np.mean(same))}}


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """How the outputs become symbols."""
    told, output = card["transcription"], card["outputs"][0]
    search = "the most probable symbol of each step"
    if told["beam"] > 1:
        search = f"a search over prefixes, of which {told['beam']} are kept"
    return [
        "## Transcription",
        "",
        f"- `{output['name']}` scores {output['shape'][2] - 1} symbols and the blank, number "
        f"{told['blank']}, at {output['shape'][1]} steps; `labels.txt` names the symbols without "
        "the blank.",
        f"- Read by {search}; what is held counts once, and blanks do not (CTC).",
        "",
    ]


def edit_distance(one: np.ndarray, other: np.ndarray) -> int:
    """The fewest symbols to insert, delete or replace that make one sequence the other.

    Source: Wagner & Fischer, "The String-to-String Correction Problem", 1974.
    """
    steps = np.arange(len(other) + 1)
    row = steps
    for count, symbol in enumerate(one, start=1):
        changed = np.minimum(row[1:] + 1, row[:-1] + (other != symbol))
        # Insertions on the way: the least of what stands to the left, and one for each step.
        row = np.minimum.accumulate(np.concatenate([[count], changed]) - steps) + steps
    return int(row[-1])


def _transcripts(card: Mapping[str, Any], outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [transcription.transcribe(card, example).symbols for example in outputs[0]]
