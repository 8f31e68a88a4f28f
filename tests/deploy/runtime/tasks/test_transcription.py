"""CTC's two searches by hand, against all paths, and against Keras's own."""

import itertools

import keras
import numpy as np
import pytest

from deploy import DeployError
from deploy.runtime.tasks.transcription import (
    best_path,
    check,
    class_names,
    log_probabilities,
    predict,
    prefix_beam_search,
    to_text,
)


def card(blank=0, beam=1, activation="linear", symbols=3):
    return {
        "task": "transcription",
        "activation": activation,
        "transcription": {"blank": blank, "beam": beam},
        "outputs": [{"shape": [1, 6, symbols + 1]}],
    }


def scores(steps, symbols, seed, scale=2.0):
    logits = np.random.default_rng(seed).normal(0, scale, (steps, symbols)).astype("float32")
    return logits, log_probabilities(logits, "linear")


def collapsed(path, blank):
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != blank)


def test_the_best_path_by_hand():
    # b stands for the blank: 1 1 b 1 2 2.
    probabilities = np.full((6, 3), 0.1)
    probabilities[range(6), [1, 1, 0, 1, 2, 2]] = 0.8
    symbols, score = best_path(np.log(probabilities), 0)
    assert symbols.tolist() == [1, 1, 2] and symbols.dtype == np.int64
    assert score == pytest.approx(6 * np.log(0.8))
    assert best_path(np.log(probabilities), 2).symbols.tolist() == [1, 0, 1]
    nothing = best_path(np.log(np.array([[0.9, 0.1], [0.8, 0.2]])), 0)
    assert nothing.symbols.tolist() == [] and nothing.score == pytest.approx(np.log(0.72))


def test_the_search_over_prefixes_by_hand():
    """The classic: the best path is blank, blank (0.36), but three paths give one symbol (0.64)."""
    probabilities = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))
    assert best_path(probabilities, 0).symbols.tolist() == []
    first, second = prefix_beam_search(probabilities, 0, 10)
    assert first.symbols.tolist() == [1] and np.exp(first.score) == pytest.approx(0.64)
    assert second.symbols.tolist() == [] and np.exp(second.score) == pytest.approx(0.36)


@pytest.mark.parametrize("blank", [0, 1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_a_wide_search_finds_what_all_paths_add_up_to(blank, seed):
    steps, symbols = 5, 4
    _, logs = scores(steps, symbols, seed)
    found = {}
    for path in itertools.product(range(symbols), repeat=steps):
        text = collapsed(path, blank)
        found[text] = found.get(text, 0.0) + np.exp(logs[range(steps), path].sum())
    received = prefix_beam_search(logs, blank, 1000)
    assert len(received) == len(found)
    for transcript in received:
        assert np.exp(transcript.score) == pytest.approx(found[tuple(transcript.symbols)])
    totals = [transcript.score for transcript in received]
    assert totals == sorted(totals, reverse=True)
    assert sum(np.exp(totals)) == pytest.approx(1)


def keras_decode(logits, blank, **options):
    decoded, found = keras.ops.ctc_decode(
        logits[None], np.array([len(logits)]), mask_index=blank, **options
    )
    text = np.asarray(decoded)[0, 0]
    return text[text >= 0].tolist(), float(np.asarray(found)[0, 0])


@pytest.mark.parametrize("blank", [0, 2, 7])
@pytest.mark.parametrize("seed", range(4))
def test_both_are_those_of_keras(blank, seed):
    logits, logs = scores(20, 8, seed, scale=3.0)
    symbols, score = best_path(logs, blank)
    text, _ = keras_decode(logits, blank, strategy="greedy")
    assert symbols.tolist() == text
    assert score == pytest.approx(logs.max(axis=1).sum())
    # What falls out of a narrow beam is not lost in quite the same way.
    best = prefix_beam_search(logs, blank, 300)[0]
    text, score = keras_decode(logits, blank, strategy="beam_search", beam_width=300)
    assert best.symbols.tolist() == text
    assert best.score == pytest.approx(score, abs=2e-3)


def test_the_loss_of_keras_is_the_score_of_a_wide_search():
    logits, logs = scores(6, 4, 1)
    for transcript in prefix_beam_search(logs, 0, 5000)[:20]:
        if len(transcript.symbols):
            loss = keras.ops.ctc_loss(
                transcript.symbols[None], logits[None], [len(transcript.symbols)], [6]
            )
            assert float(loss[0]) == pytest.approx(-transcript.score, abs=1e-4)


def test_a_narrow_search_keeps_as_many_as_it_is_told():
    _, logs = scores(12, 6, 3)
    assert len(prefix_beam_search(logs, 0, 1)) == 1 and len(prefix_beam_search(logs, 0, 7)) == 7


@pytest.mark.parametrize("beam", [1, 5])
def test_a_softmax_may_hold_zeros(beam):
    output = np.zeros((6, 4), np.float32)
    output[range(6), [0, 2, 2, 0, 3, 1]] = 1
    prediction = predict(card(beam=beam, activation="softmax"), [output], ["a", "b", "c"], (0, 0))
    assert prediction["text"] == "bca" and prediction["symbols"].tolist() == [2, 3, 1]
    assert prediction["score"] == pytest.approx(0, abs=1e-5)
    assert (
        to_text(prediction, ["a", "b", "c"]) == f"bca (log probability {prediction['score']:.2f})"
    )


def test_words_stand_apart_and_symbols_without_names_are_numbers():
    output = np.full((6, 4), -9.0)
    output[range(6), [3, 3, 1, 1, 0, 0]] = 9
    told = predict(card(), [output], ["one", "two", "b"], (0, 0))
    assert told["text"] == "b one"
    assert predict(card(blank=1), [output], ["a", "b", "c"], (0, 0))["text"] == "ca"
    assert predict(card(), [output], [], (0, 0))["text"] == "20"
    assert class_names(card(), []) == ["0", "1", "2"]
    blanks = np.tile([9.0, 0, 0, 0], (6, 1))
    assert to_text(predict(card(), [blanks], [], (0, 0)), []).startswith("(nothing) (log ")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"outputs": [{"shape": [1, 4]}]}, r"one output \(1, steps, symbols \+ 1\), received"),
        ({"activation": "sigmoid"}, "softmax or linear, received sigmoid"),
        ({"transcription": None}, "a blank and a beam, received None"),
        ({"transcription": {"blank": 4, "beam": 1}}, "a blank from 0 to 3"),
        ({"transcription": {"blank": -1, "beam": 1}}, "a blank from 0 to 3"),
        ({"transcription": {"blank": 0, "beam": 0}}, "a beam from 1 to 1000"),
        ({"transcription": {"blank": 0, "beam": 10**9}}, "a beam from 1 to 1000"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(changed, message):
    check(card())
    with pytest.raises(DeployError, match=message):
        check(card() | changed)
