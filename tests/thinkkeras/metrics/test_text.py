"""BLEU and error rates with known values."""

import pytest

from thinkkeras.metrics import bleu, edit_distance, error_rate


def test_bleu_is_sacrebleus_and_signed():
    hypotheses = ["The cat sat on the mat.", "Two dogs play in the snow."]
    perfect = bleu(hypotheses, hypotheses)
    assert perfect.score == pytest.approx(100)
    assert "tok:13a" in perfect.signature and "case:mixed" in perfect.signature
    # "the" for "The" breaks one n-gram of each length; the full stop is a word of its own.
    small = [text.lower() for text in hypotheses]
    expected = 100 * ((12 / 14) * (10 / 12) * (8 / 10) * (6 / 8)) ** 0.25
    assert bleu(small, hypotheses).score == pytest.approx(expected, abs=0.01)
    lowered = bleu(small, hypotheses, lowercase=True)
    assert lowered.score == pytest.approx(100) and "case:lc" in lowered.signature


@pytest.mark.parametrize(
    ("hypothesis", "reference", "distance"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("abcd", "bcde", 2),
        ([5, 1, 9], [5, 9], 1),
        ("same", "same", 0),
    ],
)
def test_edit_distance(hypothesis, reference, distance):
    assert edit_distance(hypothesis, reference) == distance
    assert edit_distance(reference, hypothesis) == distance


def test_errors_of_all_over_symbols_of_all():
    assert error_rate([[1, 2], [], [4]], [[1, 2, 3], [7], [4]]) == pytest.approx(2 / 5)
    assert error_rate([["a", "a", "a"]], [["a"]]) == 2


@pytest.mark.parametrize("score", [bleu, error_rate])
def test_unequal_numbers_are_refused(score):
    with pytest.raises(ValueError, match="as many hypotheses as references.*received 1 and 2"):
        score(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="received 0 and 0"):
        score([], [])


def test_empty_references_are_refused():
    with pytest.raises(ValueError, match="received empty ones alone"):
        error_rate([[1]], [[]])
