"""What is inferred of a transcriber, its error rate, and its bundle from end to end."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import deploy
from deploy import DeployError, runtime
from deploy.__main__ import main as deploy_main
from deploy.measure.parity import metric_drop
from deploy.runtime.__main__ import main
from deploy.tasks.transcription import agreement, edit_distance, infer, symbol_error_rate

SYMBOLS = ["a", "b", "c"]


def outputs_of(*paths, blank=0):
    """Logits (examples, steps, 4) whose best paths these are."""
    return [10 * np.eye(4, dtype="float32")[np.array(paths)]]


def card(blank=0, beam=1):
    told = {"blank": blank, "beam": beam}
    return {"task": "transcription", "activation": "linear", "transcription": told}


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("", "", 0),
        ("abc", "abc", 0),
        ("abc", "bc", 1),
        ("intention", "execution", 5),
        ("saturday", "sunday", 3),
    ],
)
def test_the_edit_distance_of_known_words(one, other, distance):
    numbers = [np.array([ord(letter) for letter in word], int) for word in (one, other)]
    assert edit_distance(*numbers) == edit_distance(*numbers[::-1]) == distance


def test_the_edit_distance_of_random_sequences_is_the_recursions():
    def slow(one, other):
        if not one or not other:
            return len(one) + len(other)
        change = slow(one[:-1], other[:-1]) + (one[-1] != other[-1])
        return min(change, slow(one[:-1], other) + 1, slow(one, other[:-1]) + 1)

    generator = np.random.default_rng(0)
    for _ in range(30):
        one, other = (tuple(generator.integers(0, 3, generator.integers(0, 6))) for _ in "ab")
        assert edit_distance(np.array(one), np.array(other)) == slow(one, other)


def test_the_error_rate_by_hand():
    # "ab" heard as "ab", and "ccb" as "cab": one of five symbols is wrong.
    outputs = outputs_of([1, 1, 0, 2, 2, 0], [3, 0, 1, 1, 2, 0])
    truth = np.array([[1, 2, -1, -1], [3, 3, 2, -1]])
    assert symbol_error_rate(card(), truth, outputs) == pytest.approx(1 / 5)
    # The blank fills up as well, as keras.losses.CTC has it.
    assert symbol_error_rate(card(), np.maximum(truth, 0), outputs) == pytest.approx(1 / 5)
    # Three heard where there is one: more wrong than there is.
    assert symbol_error_rate(card(), [[1]], outputs_of([1, 0, 2, 0, 3, 0])) == 2
    assert symbol_error_rate(card(), [[1, 1]], outputs_of([1, 0, 1, 0, 0, 0])) == 0
    # Another blank: 3 there, and 0 is a symbol.
    assert symbol_error_rate(card(blank=3), [[0, 1, 0]], outputs_of([0, 1, 1, 3, 0, 3])) == 0
    assert symbol_error_rate(card(beam=4), truth, outputs) == pytest.approx(1 / 5)


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ([1, 2], r"\(examples, most\) filled up with -1, received int64 of shape \(2,\)"),
        ([[1, 4], [0, 0]], "symbols y from 0 to 3"),
        ([[1, -2], [0, 0]], "symbols y from 0 to 3"),
        ([[1, 0.5], [0, 0]], "received float64"),
        ([["a"], ["b"]], "received <U1"),
        ([[0, -1], [0, 0]], "received none but blanks"),
        ([[1, 2]], "a target y for each of the 2 examples"),
    ],
)
def test_ground_truth_that_does_not_fit_is_refused(truth, message):
    outputs = outputs_of([1, 0, 0], [2, 0, 0])
    with pytest.raises(DeployError, match=message):
        symbol_error_rate(card(), truth, outputs)


def test_less_errors_are_better():
    measured = {"metric": "symbol_error_rate", "keras": 0.10, "deployed": 0.13}
    assert metric_drop(measured) == pytest.approx(3)
    assert metric_drop(measured | {"deployed": 0.08}) == pytest.approx(-2)
    assert metric_drop(measured | {"keras": 0.0, "deployed": 1.5}) == pytest.approx(150)


def test_agreement_is_of_whole_transcripts():
    keras_outputs = outputs_of([1, 0, 0], [2, 0, 0], [3, 0, 0], [0, 0, 0])
    deployed = outputs_of([1, 1, 0], [2, 0, 2], [3, 0, 0], [0, 0, 0])
    received = agreement(card(), SYMBOLS, keras_outputs, deployed)
    assert received == {"whole transcripts": {"examples": 4, "agreement": 0.75}}


def test_it_is_known_by_its_name_alone():
    source, outputs = SimpleNamespace(outputs=("x",)), outputs_of([1, 0, 0])
    assert infer(source, outputs, SYMBOLS, None) is None
    expected = {"activation": "linear", "transcription": {"blank": 0, "beam": 1}}
    assert infer(source, outputs, SYMBOLS, {}) == expected
    softmax = [np.full((2, 5, 4), 0.25, np.float32)]
    told = infer(source, softmax, (), {"blank": 3, "beam": 8})
    assert told == {"activation": "softmax", "transcription": {"blank": 3, "beam": 8}}


@pytest.mark.parametrize(
    ("outputs", "names", "settings", "message"),
    [
        ([np.zeros((1, 4))], (), {}, r"\(batch, steps, symbols \+ 1\) .*\(1, 4\)"),
        ([np.zeros((1, 5, 4))], ["a", "b"], {}, "expected 3 class names, received 2"),
        ([np.zeros((1, 5, 4))], (), {"width": 3}, "blank, beam of the task .* received 'width'"),
        ([np.zeros((1, 5, 4))], (), {"blank": 4}, "a blank from 0 to 3"),
        ([np.zeros((1, 5, 4))], (), {"beam": 1.5}, "a beam from 1 to 1000"),
    ],
)
def test_what_is_no_transcriber_is_refused(outputs, names, settings, message):
    with pytest.raises(DeployError, match=message):
        infer(SimpleNamespace(outputs=("x",)), outputs, names, settings)


LETTERS = {"kind": "one_hot_sequence", "letters": "abc", "ambiguous": {"x": "ab", "_": "abc"}}


def network():
    """Copies 12 letters; "_", a third of each, is a blank to it."""
    text = keras.Input((12, 3), name="letters")
    kernel = keras.initializers.Constant(KERNEL)
    scores = keras.layers.Dense(4, kernel_initializer=kernel, name="scores")
    return keras.Model(text, scores(text), name="copier")


KERNEL = np.concatenate([np.full((3, 1), 16.0), 24 * np.eye(3)], axis=1)


TEXTS = ["aa_a_bb__c__", "____________", "abcabcabcabc", "cc_cc__bb__a"]
TRUTH = [[1, 1, 2, 3], [], [1, 2, 3] * 4, [3, 3, 2, 1]]


@pytest.fixture(scope="module")
def copier(tmp_path_factory):
    out = tmp_path_factory.mktemp("copier") / "bundle"
    y = np.array([row + [-1] * (12 - len(row)) for row in TRUTH])
    deploy.export(
        network(),
        "cpu",
        out=out,
        calibration=TEXTS,
        class_names=SYMBOLS,
        task={"task": "transcription", "beam": 5},
        front_end=LETTERS,
        test=(TEXTS, y),
        verbose=0,
    )
    return out


def test_a_bundle_transcribes_from_end_to_end(copier, tmp_path, capsys):
    card = json.loads((copier / "card.json").read_text("utf-8"))
    assert card["task"] == "transcription"
    assert card["transcription"] == {"blank": 0, "beam": 5}
    quality = {"metric": "symbol_error_rate", "keras": 0, "deployed": 0, "examples": 4}
    assert card["quality"] == quality
    text = (copier / "card.md").read_text("utf-8")
    assert "scores 3 symbols and the blank, number 0, at 12 steps" in text
    assert "Symbol error rate over 4 test examples: Keras 0.00 %, deployed 0.00 %" in text
    device = runtime.load(copier)
    for sequence, truth in zip(TEXTS, TRUTH, strict=True):
        prediction = device.predict(sequence)
        assert prediction["symbols"].tolist() == truth
        assert prediction["text"] == "".join(SYMBOLS[symbol - 1] for symbol in truth)
        assert -1 < prediction["score"] < 0
    (tmp_path / "a.fasta").write_text(f">first one\n{TEXTS[0][:6]}\n{TEXTS[0][6:]}\n>2\n{TEXTS[2]}")
    assert main(["run", str(copier), str(tmp_path / "a.fasta")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("first: aabc (log probability -0.")
    assert lines[1].startswith("2: abcabcabcabc (log probability ") and len(lines) == 2
    (tmp_path / "a.fasta").write_text(">one\nabcabcabcabz")
    assert main(["run", str(copier), str(tmp_path / "a.fasta")]) == 2
    error = capsys.readouterr().err
    assert "received 'z' at position 12" in error and error.count("\n") == 1


def test_it_is_verified_and_fewer_errors_are_no_loss(copier, tmp_path, capsys):
    x = np.stack([deploy.runtime.inputs.prepare(text, LETTERS, (12, 3)) for text in TEXTS])
    y = np.full((4, 12), -1)
    for index, row in enumerate(TRUTH):
        y[index, : len(row)] = row
    np.savez(tmp_path / "test.npz", x=x, y=y)
    assert deploy_main(["verify", str(copier), "--data", str(tmp_path / "test.npz")]) == 0
    assert "symbol_error_rate 0.00 % in Keras, 0.00 % deployed" in capsys.readouterr().out
    worse = network()
    worse.layers[-1].set_weights([KERNEL * [2, 1, 1, 1], np.zeros(4)])
    report = deploy.verify(copier, (x, y), model=worse)
    # Keras hears nothing but blanks now; the bundle is better, which is no loss.
    assert report["quality"]["keras"] == 1 and report["quality"]["deployed"] == 0
    assert report["loss"] == pytest.approx(-100) and report["passed"]
