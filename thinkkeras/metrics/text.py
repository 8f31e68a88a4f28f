"""How alike two texts are: BLEU, and the rate of errors."""

from collections.abc import Sequence
from typing import NamedTuple


class Bleu(NamedTuple):
    """A score from 0 to 100, and how it was computed, as `sacrebleu` signs it."""

    score: float
    signature: str


def bleu(hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False) -> Bleu:
    """BLEU of a whole test set, one reference each, by `sacrebleu` with its tokenizer "13a".

    Args:
        hypotheses: The translations.
        references: The ground truth, as many.
        lowercase: Whether capital letters count as small ones.

    Raises:
        ValueError: There are no texts, or not as many of both.

    Source: Papineni, Roukos, Ward and Zhu, "BLEU: a Method for Automatic Evaluation of Machine
    Translation", ACL 2002; Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018.
    """
    _check(hypotheses, references)
    import sacrebleu

    metric = sacrebleu.BLEU(lowercase=lowercase)
    score = metric.corpus_score(list(hypotheses), [list(references)]).score
    return Bleu(float(score), str(metric.get_signature()))


def edit_distance(hypothesis: Sequence, reference: Sequence) -> int:
    """The least number of symbols to substitute, insert and delete in one to get the other.

    Source: Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals",
    Soviet Physics Doklady 10(8), 1966; Wagner and Fischer, Journal of the ACM 21(1), 1974.
    """
    distances = list(range(len(reference) + 1))
    for row, symbol in enumerate(hypothesis, start=1):
        diagonal, distances[0] = distances[0], row
        for column, other in enumerate(reference, start=1):
            cost = min(
                diagonal + (symbol != other), distances[column] + 1, distances[column - 1] + 1
            )
            diagonal, distances[column] = distances[column], cost
    return distances[-1]


def error_rate(hypotheses: Sequence[Sequence], references: Sequence[Sequence]) -> float:
    """Edits over symbols of all references: of words the word error rate, of letters that of these.

    Args:
        hypotheses: Sequences of symbols: a sentence's words, a string's digits.
        references: The ground truth, as many; together one symbol or more.

    Raises:
        ValueError: There are no symbols, or not as many sequences of both.
    """
    _check(hypotheses, references)
    symbols = sum(map(len, references))
    if symbols == 0:
        raise ValueError("expected references with a symbol or more, received empty ones alone")
    return sum(map(edit_distance, hypotheses, references)) / symbols


def _check(hypotheses: Sequence, references: Sequence) -> None:
    if not references or len(hypotheses) != len(references):
        raise ValueError(
            "expected as many hypotheses as references, one or more, received "
            f"{len(hypotheses)} and {len(references)}"
        )
