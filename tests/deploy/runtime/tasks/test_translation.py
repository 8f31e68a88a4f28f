"""The search: greedy, by beam, with the state of every hypothesis; and what a card must say."""

import itertools

import numpy as np
import pytest

from deploy import DeployError
from deploy.runtime.tasks import translation
from deploy.runtime.tasks.translation import Hypothesis, Networks, normalized, search

V, S, T = 5, 3, 4
END = 3
TARGET = {
    "kind": "tokens", "unit": "word", "lower": True, "strip_punctuation": True, "unknown": 1,
    "vocabulary": ["", "[UNK]", "[start]", "[end]", "la"], "start": 2, "end": END, "padding": 0,
    "side": "after",
}  # fmt: skip
SOURCE = TARGET | {"start": None, "end": None}
SETTINGS = {
    "memory": {"code": "code_in"}, "initial_state": {"last": "h"}, "state": {"new_h": "h"},
    "token": "before", "position": "place", "logits": "logits", "attention": "weights",
    "max_length": T, "beam": 1, "length_penalty": 0.6,
}  # fmt: skip


def networks(seed):
    """A random recurrent decoder: everything that it is given changes its logits."""
    generator = np.random.default_rng(seed)
    first, second, third = (generator.normal(size=size) for size in ((V, 6), (6, 6), (6, V)))
    code, places = generator.normal(size=(V, 6)), generator.normal(size=(T, 6))

    def encode(numbers):
        codes = code[numbers]
        return {"code": codes, "last": codes[:, -1]}

    def step(given):
        assert {array.shape[0] for array in given.values()} == {len(given["before"])}
        context = given["code_in"].mean(axis=1) + places[given["place"][:, 0]]
        h = np.tanh(first[given["before"][:, 0]] + given["h"] @ second + context)
        weights = given["code_in"][..., 0]
        return {"logits": 2 * h @ third, "new_h": h, "weights": weights}

    return Networks(encode, step, {"h": (6,)})


def exhaustive(both, source, penalty):
    """The best of all sequences, each scored by itself from the first step on."""
    best = None
    settings = SETTINGS | {"max_length": T}
    for length in range(1, T + 1):
        for inner in itertools.product([n for n in range(V) if n != END], repeat=length - 1):
            lasts = [END] if length < T else range(V)
            for last in lasts:
                numbers = (*inner, last)
                encoded = both.encode(source[None])
                h, total, before = encoded["last"], 0.0, TARGET["start"]
                for place, number in enumerate(numbers):
                    others = {"code_in": encoded["code"], "h": h}
                    given = translation.step_inputs(settings, [before], place, others)
                    outputs = both.step(given)
                    logits = outputs["logits"][0]
                    total += logits[number] - np.log(np.exp(logits).sum())
                    h, before = outputs["new_h"], number
                found = Hypothesis(0, numbers, float(total))
                if best is None or normalized(found, penalty) > normalized(best, penalty):
                    best = found
    return best


@pytest.mark.parametrize("seed", range(6))
def test_greedy_takes_the_likeliest_piece_at_each_step(seed):
    both, source = networks(seed), np.array([4, 1, 0])
    (found,) = search(both, source[None], SETTINGS, TARGET)
    encoded = both.encode(source[None])
    h, expected, total = encoded["last"], [], 0.0
    for place in range(T):
        before = expected[-1] if expected else 2
        given = {"before": [[before]], "place": [[place]], "code_in": encoded["code"], "h": h}
        outputs = both.step({name: np.asarray(array) for name, array in given.items()})
        logits, h = outputs["logits"][0], outputs["new_h"]
        expected.append(int(logits.argmax()))
        total += logits.max() - np.log(np.exp(logits).sum())
        if expected[-1] == END:
            break
    assert list(found.numbers) == expected and found.log_probability == pytest.approx(total)
    assert len(found.attention) == len(expected)
    np.testing.assert_array_equal(found.attention[0], encoded["code"][0, :, 0])


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_best_of_all(seed, penalty):
    both, source = networks(seed), np.array([2, 4, 1])
    # So wide that nothing is left out, and the search does not end before the longest.
    settings = SETTINGS | {"beam": V**T, "length_penalty": penalty}
    (found,) = search(both, source[None], settings, TARGET)
    expected = exhaustive(both, source, penalty)
    assert found.numbers == expected.numbers
    assert found.log_probability == pytest.approx(expected.log_probability)


def test_a_beam_is_better_than_greedy_somewhere():
    better = 0
    for seed in range(20):
        both, source = networks(seed), np.array([[2, 4, 1]])
        scores = [
            normalized(search(both, source, SETTINGS, TARGET, beam)[0], 0.6) for beam in (1, 3)
        ]
        better += scores[1] > scores[0] + 1e-9
    assert better >= 3


@pytest.mark.parametrize("beam", [1, 2, 3])
def test_texts_at_once_are_those_one_by_one(beam):
    both, settings = networks(3), SETTINGS | {"beam": beam}
    sources = np.random.default_rng(0).integers(0, V, (12, S))
    together = search(both, sources, settings, TARGET)
    assert [found.text for found in together] == list(range(12))
    for row, found in zip(sources, together, strict=True):
        (alone,) = search(both, row[None], settings, TARGET)
        assert alone.numbers == found.numbers
        assert alone.log_probability == pytest.approx(found.log_probability)
    assert len({found.numbers for found in together}) > 1


def test_the_length_is_normalized_as_in_gnmt():
    hypothesis = Hypothesis(0, (4, 4, 4, END), -6.0)
    assert normalized(hypothesis, 0.6) == pytest.approx(-6 / (9 / 6) ** 0.6)
    assert normalized(hypothesis, 0.0) == -6.0


def test_logits_that_are_no_numbers_are_refused():
    both, nan = networks(0), np.full((1, V), np.nan)
    spoilt = Networks(both.encode, lambda given: both.step(given) | {"logits": nan}, {"h": (6,)})
    with pytest.raises(DeployError, match="finite logits, received NaN or infinity from 'logits'"):
        search(spoilt, np.array([[4, 4, 4]]), SETTINGS, TARGET)


def entry(name, *shape, front_end=None):
    return {"name": name, "shape": [1, *shape], "front_end": front_end or {"kind": "array"}}


PARTS = {
    "encoder": {
        "inputs": [entry("text", S, front_end=SOURCE)],
        "outputs": [entry("code", S, 6), entry("last", 6)],
    },
    "decoder": {
        "inputs": [
            entry("before", 1, front_end=TARGET), entry("place", 1), entry("code_in", S, 6),
            entry("h", 6),
        ],
        "outputs": [entry("logits", V), entry("new_h", 6), entry("weights", S)],
    },
}  # fmt: skip


def test_settings_that_fit_are_taken():
    assert translation.check(SETTINGS, PARTS) == SETTINGS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"memory": {}}, "for each of the decoder's inputs before, place, code_in, h once"),
        ({"memory": {"codes": "code_in"}}, "for the decoder's input 'code_in', received 'codes'"),
        ({"memory": {"last": "code_in"}}, r"shape \(3, 6\) .*, received 'last' of shape \(6,\)"),
        ({"memory": "code"}, "memory as the names of outputs"),
        ({"state": {"weights": "h"}}, r"shape \(6,\) .*, received 'weights' of shape \(3,\)"),
        ({"initial_state": {"last": "code_in"}}, "initial_state for inputs of the state"),
        ({"position": None}, "token, position, memory and state"),
        ({"token": "place", "position": "before"}, "tokens with start and end for the input 'pl"),
        ({"logits": "weights"}, r"an output 'weights' of shape \(5,\), received \(3,\)"),
        ({"logits": None}, "logits as a name"),
        ({"attention": "logits"}, r"an output 'logits' of shape \(3,\)"),
        ({"max_length": 0}, "max_length as a whole number"),
        ({"beam": 1.5}, "beam as a whole number"),
        ({"length_penalty": -1}, "length_penalty as a number"),
        ({"temperature": 1}, "received .*temperature"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(DeployError, match=message) as error:
        translation.check(SETTINGS | changes, PARTS)
    assert "\n" not in str(error.value)
    with pytest.raises(DeployError, match="received NoneType"):
        translation.check(None, PARTS)
    with pytest.raises(DeployError, match="the models encoder and decoder, received encoder"):
        translation.check(SETTINGS, {"encoder": PARTS["encoder"]})
