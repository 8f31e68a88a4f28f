"""Session 5, checks: what each exercise must compute (graded by `courses.grading`)."""

import functools
from typing import Any

import keras
import numpy as np
import sacrebleu
from scipy.special import log_softmax, softmax

from courses.budget import cortex_m_card, expect_budget
from courses.grading import expect, expect_equal, no_warnings
from courses.s05_recurrent_networks.references import (
    CELLS,
    best_sequence,
    cell_weights,
    collapsed,
    keras_step,
    log_spectrogram,
    mel_weights,
    ordered_sequences,
    path_loss,
    simple_outputs,
    slope,
)

BUDGET = {"flash": 16_000, "arena": 6_000}  # bytes
REQUIRED_ACCURACY = 0.95
INPUT_SHAPE, CLASSES, EPOCHS, SEED = (16, 8), 4, 30, 5


def check_lstm_step(answers: Any) -> None:
    """Against Keras's cell; another number of features than units; sums of ±1000."""
    for batch, features, units, size in ((3, 4, 5, 1.0), (2, 6, 2, 0.3), (4, 3, 3, 300.0)):
        generator = np.random.default_rng(units)
        x, h, c = (generator.normal(size=(batch, n)) for n in (features, units, units))
        weights = cell_weights("lstm", features, units, size)
        case = f"{features} features, {units} units, weights around {size:g}"
        with no_warnings(case):
            received = answers.lstm_step(x, h, c, *weights)
        expected = keras_step("lstm", x, (h, c), weights)
        expect(
            isinstance(received, tuple | list) and len(received) == 2,
            case=case,
            expected="(h', c')",
            received=received,
        )
        for name, value, right in zip(("h'", "c'"), received, expected, strict=True):
            expect_equal(value, right, case=f"{case}, {name}")


def check_gru_step(answers: Any) -> None:
    """Against Keras's cell; another number of features than units; sums of ±1000."""
    for batch, features, units, size in ((3, 4, 5, 1.0), (2, 6, 2, 0.3), (4, 3, 3, 300.0)):
        generator = np.random.default_rng(units)
        x, h = (generator.normal(size=(batch, n)) for n in (features, units))
        weights = cell_weights("gru", features, units, size)
        case = f"{features} features, {units} units, weights around {size:g}"
        with no_warnings(case):
            received = answers.gru_step(x, h, *weights)
        expect_equal(received, keras_step("gru", x, (h,), weights)[0], case=case)


def check_backpropagation_through_time(answers: Any) -> None:
    """Against finite differences; a loss of the last output alone, of all, of one in the middle."""
    for steps, features, units, seen in ((5, 3, 4, "all"), (6, 2, 3, "last"), (4, 4, 2, "second")):
        generator = np.random.default_rng(steps)
        kernel, recurrent_kernel, _ = cell_weights("simple", features, units, 0.6, seed=steps)
        x, gradient = generator.normal(size=(steps, features)), np.zeros((steps, units))
        rows = {"all": slice(None), "last": slice(-1, None), "second": slice(1, 2)}[seen]
        gradient[rows] = generator.normal(size=gradient[rows].shape)

        loss = functools.partial(_weighted_outputs, x=x, weights=gradient)
        received = answers.backpropagation_through_time(x, kernel, recurrent_kernel, gradient)
        expected = (
            slope(functools.partial(loss, recurrent_kernel=recurrent_kernel), kernel),
            slope(functools.partial(loss, kernel), recurrent_kernel),
        )
        case = f"{steps} steps, a loss of {seen} of the outputs"
        expect(
            isinstance(received, tuple | list) and len(received) == 2,
            case=case,
            expected="(dL/dkernel, dL/drecurrent_kernel)",
            received=received,
        )
        names = ("dL/dkernel", "dL/drecurrent_kernel")
        for name, value, right in zip(names, received, expected, strict=True):
            expect_equal(value, right, case=f"{case}, {name}")


def _weighted_outputs(
    kernel: np.ndarray, recurrent_kernel: np.ndarray, *, x: np.ndarray, weights: np.ndarray
) -> float:
    return float(np.sum(weights * simple_outputs(x, kernel, recurrent_kernel)))


def check_attention(answers: Any) -> None:
    """Padding at the end and in the middle; large scores; one key alone."""
    for name, valid, size in (
        ("no padding", [1, 1, 1, 1, 1], 1.0),
        ("the last two keys are padding", [1, 1, 1, 0, 0], 2.0),
        ("the second key is padding, large scores", [1, 0, 1, 1, 1], 60.0),
        ("one valid key", [0, 0, 1, 0, 0], 1.0),
    ):
        generator = np.random.default_rng(len(name))
        queries, keys = size * generator.normal(size=(3, 6)), size * generator.normal(size=(5, 6))
        values, mask = generator.normal(size=(5, 4)), np.array(valid, bool)
        with no_warnings(name):
            received = answers.attention(queries, keys, values, mask)
        weights = np.zeros((3, 5))
        weights[:, mask] = softmax(queries @ keys[mask].T / 6**0.5, axis=-1)
        expect(
            isinstance(received, tuple | list) and len(received) == 2,
            case=name,
            expected="(outputs, weights)",
            received=received,
        )
        expect_equal(received[1], weights, case=f"{name}, weights")
        expect_equal(received[0], weights @ values, case=f"{name}, outputs")


def check_beam_search(answers: Any) -> None:
    """What greedy search misses; a beam as wide as all; hypotheses that end early; no end."""

    def expect_found(received: Any, expected: tuple, case: str) -> None:
        expect(
            isinstance(received, tuple | list)
            and len(received) == 2
            and np.ndim(received[0]) == 1
            and np.ndim(received[1]) == 0,
            case=case,
            expected="(tokens, sum of log probabilities)",
            received=received,
        )
        expect_equal(tuple(received[0]), expected[0], case=f"{case}, tokens")
        expect_equal(received[1], expected[1], case=f"{case}, sum of log probabilities")

    with np.errstate(divide="ignore"):
        table = {
            (): np.log([0.0, 0.6, 0.4]),
            (1,): np.log([0.5, 0.5, 0.0]),
            (2,): np.log([1.0, 0.0, 0.0]),
            (1, 1): np.log([0.9, 0.1, 0.0]),
        }

    def known(tokens: tuple[int, ...]) -> np.ndarray:
        return table.get(tuple(int(token) for token in tokens), np.log([0.8, 0.1, 0.1]))

    expect_found(
        answers.beam_search(known, end=0, width=1, max_length=2),
        ((1, 0), float(np.log(0.3))),
        "width 1, the docstring's example",
    )
    expect_found(
        answers.beam_search(known, end=0, width=2, max_length=5),
        ((2, 0), float(np.log(0.4))),
        "width 2, the docstring's example",
    )
    for seed, end, length in ((1, 0, 4), (2, 3, 5), (3, 1, 3)):
        next_token = _random_language(seed, vocabulary=4, end=end)
        case = f"random language {seed}, end {end}, at most {length} tokens"
        expect_found(
            answers.beam_search(next_token, end=end, width=4**length, max_length=length),
            best_sequence(next_token, end, length),
            f"{case}, a beam as wide as all sequences",
        )
    never = np.log([1e-9, 0.5 - 1e-9, 0.3, 0.2])
    expect_found(
        answers.beam_search(lambda tokens: never, end=0, width=3, max_length=4),
        ((1, 1, 1, 1), 4 * float(never[1])),
        "a language that hardly ever ends, at most 4 tokens",
    )


def check_ctc_collapse(answers: Any) -> None:
    """Repeats with and without a blank between; another blank; nothing."""
    for path, blank in (
        ([0, 3, 3, 0, 3, 5, 5, 0], 0),
        ([1, 1, 2, 2, 0, 2, 1], 0),
        ([4, 4, 0, 0, 4, 2, 4, 4, 2], 4),
        ([0, 0, 0], 0),
        ([2], 0),
        ([], 0),
    ):
        received = answers.ctc_collapse(path, blank)
        case = f"path {path}, blank {blank}"
        expect(
            isinstance(received, list | tuple | np.ndarray),
            case=case,
            expected="a list",
            received=received,
        )
        expect_equal([int(one) for one in received], collapsed(path, blank), case=case)
    expect_equal(
        [int(one) for one in answers.ctc_collapse([0, 1, 1, 0])], [1], case="the default blank"
    )


def check_ctc_loss(answers: Any) -> None:
    """Against all paths, listed; repeated labels; another blank; a long recording; no path."""
    for steps, symbols, labels, blank in (
        (4, 3, [1, 2], 0),
        (5, 3, [1, 1], 0),
        (6, 4, [2, 0, 0], 3),
        (5, 3, [2, 1, 2], 0),
        (3, 3, [], 0),
        (3, 3, [1, 1], 0),
        (2, 3, [1, 1], 0),
    ):
        generator = np.random.default_rng(steps + symbols)
        scores = log_softmax(2 * generator.normal(size=(steps, symbols)), axis=-1)
        with np.errstate(all="ignore"):
            received = answers.ctc_loss(scores, labels, blank)
        case = f"{steps} steps, {symbols} symbols, labels {labels}, blank {blank}"
        expected = path_loss(scores, labels, blank)
        if np.isinf(expected):
            expect(
                isinstance(received, float | np.floating) and received == expected,
                case=f"{case}: no path is short enough",
                expected="inf",
                received=received,
            )
        else:
            expect_equal(received, expected, case=case)
    scores = log_softmax(np.random.default_rng(0).normal(size=(900, 6)), axis=-1)
    labels = [1 + k % 5 for k in range(60)]
    expected = float(
        keras.ops.convert_to_numpy(
            keras.ops.ctc_loss(
                np.array([labels]), scores[None].astype("float32"), [60], [900], mask_index=0
            )
        )[0]
    )
    with np.errstate(all="ignore"):
        received = answers.ctc_loss(scores, labels)
    expect_equal(received, expected, case="900 steps, 60 labels", tolerance=1e-4)


def check_word_error_rate(answers: Any) -> None:
    """Each kind of edit, several at once, several sentences of unequal lengths, nothing heard."""
    for hypotheses, references, expected in (
        (["five one nine"], ["five nine"], 0.5),
        (["seven"], ["seven two"], 0.5),
        (["one two four"], ["one two three"], 1 / 3),
        (["a b c d"], ["b c d e"], 0.5),
        (["a rose is"], ["is a rose"], 2 / 3),
        (["zero", "four five six seven"], ["one", "four five six seven"], 0.2),
        (["", "two"], ["one three", "two"], 2 / 3),
        (["one one one one"], ["one"], 3.0),
        (["the  cat sat"], ["the cat sat"], 0.0),
    ):
        received = answers.word_error_rate(hypotheses, references)
        expect_equal(received, float(expected), case=f"{hypotheses} for {references}")


def check_bleu(answers: Any) -> None:
    """Against sacrebleu: clipping, brevity, several sentences, short ones, no fourth n-gram."""
    sentences = [
        ("the cat sat on the mat", "the cat sat on a mat"),
        ("the the the the the the the", "the cat is on the mat and the dog is too"),
        ("a man is riding a red bicycle down the street", "a man rides a red bicycle"),
        ("two dogs play", "two brown dogs play in the deep snow"),
        ("a woman in a blue shirt", "a woman in a blue shirt"),
        ("A Woman in a blue shirt", "a woman in a blue shirt is standing"),
        ("yes", "yes"),
        ("on a mat the cat sat on a mat the cat", "the cat sat on a mat"),
    ]
    for name, chosen in (
        ("one sentence", [0]),
        ("a short translation", [5, 3]),
        ("a long translation", [2, 7, 4]),
        ("eight sentences", list(range(8))),
        ("a perfect one", [4]),
        ("words without order", [1]),
        ("one word", [6]),
    ):
        hypotheses, references = zip(*(sentences[each] for each in chosen), strict=True)
        expected = sacrebleu.corpus_bleu(
            list(hypotheses),
            [list(references)],
            tokenize="none",
            smooth_method="none",
            force=True,
        ).score
        with np.errstate(all="ignore"):
            received = answers.bleu(list(hypotheses), list(references))
        expect_equal(received, float(expected), case=f"{name} ({len(chosen)})", tolerance=1e-6)


def check_log_mel(answers: Any) -> None:
    """Against scipy's periodograms; samples left over; silence."""
    for samples, window, hop, bins in ((1000, 64, 32, 10), (555, 48, 16, 7), (100, 100, 30, 5)):
        generator = np.random.default_rng(samples)
        time = np.arange(samples)
        sound = np.sin(time * 0.4) + 0.3 * np.sin(time**2 / samples) + 0.01
        sound = sound + 0.1 * generator.normal(size=samples)
        weights = mel_weights(bins, window)
        for floor, name in ((1e-6, "a sound"), (5.0, "a high floor")):
            expect_equal(
                answers.log_mel(sound, window, hop, weights, floor),
                log_spectrogram(sound, window, hop, weights, floor),
                case=f"{name} of {samples} samples, window {window}, hop {hop}",
            )
    with no_warnings("silence"):
        received = answers.log_mel(np.zeros(100), 64, 16, mel_weights(4, 64), 1e-6)
    expect_equal(received, np.full((3, 4), np.log(1e-6)), case="silence")


def check_recurrent_parameters(answers: Any) -> None:
    """Against the layers that Keras builds."""
    for cell, features, units, bidirectional in (
        ("lstm", 40, [32], False),
        ("simple", 7, [5, 4], False),
        ("gru", 13, [8], False),
        ("gru", 6, [9, 5, 3], True),
        ("lstm", 10, [12, 6], True),
        ("simple", 3, [2], True),
    ):
        inputs = x = keras.Input((4, features))
        for count in units:
            layer = CELLS[cell](count, return_sequences=True)
            x = keras.layers.Bidirectional(layer)(x) if bidirectional else layer(x)
        expect_equal(
            answers.recurrent_parameters(cell, features, units, bidirectional),
            keras.Model(inputs, x).count_params(),
            case=f"{cell}, {features} features, units {units}, bidirectional={bidirectional}",
        )


def check_build_spotter(answers: Any) -> None:
    """Shapes and budgets before the training, which takes a minute, and its int8 accuracy."""
    x, y = ordered_sequences(1600, INPUT_SHAPE, CLASSES, seed=0)
    test = ordered_sequences(400, INPUT_SHAPE, CLASSES, seed=1)
    keras.utils.set_random_seed(SEED)
    model = answers.build_spotter(INPUT_SHAPE, CLASSES)
    received = type(model).__name__
    expect(isinstance(model, keras.Model), case="type", expected="keras.Model", received=received)
    expect_equal(tuple(model.input_shape), (None, *INPUT_SHAPE), case="input shape")
    expect_equal(tuple(model.output_shape), (None, CLASSES), case="output shape")
    sums = keras.ops.convert_to_numpy(model(x[:8])).sum(axis=1)
    expect(
        np.allclose(sums, 1, atol=1e-4),
        case="output",
        expected="probabilities that sum to 1 (softmax)",
        received=f"sums of {sums.min():.4g} to {sums.max():.4g}",
    )
    expect_budget(cortex_m_card(model, x), BUDGET)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.learning_rate = 0.01
    model.fit(x, y, batch_size=64, epochs=EPOCHS, verbose=0)
    accuracy = cortex_m_card(model, x, test)["quality"]["deployed"]
    expect(
        accuracy >= REQUIRED_ACCURACY,
        case=f"test accuracy of the int8 network after {EPOCHS} epochs",
        expected=f"at least {REQUIRED_ACCURACY:.1%}",
        received=f"{accuracy:.1%}",
    )


def _random_language(seed: int, vocabulary: int, end: int) -> Any:
    """The next token's log probabilities depend on all tokens so far."""

    def log_probabilities(tokens: tuple[int, ...]) -> np.ndarray:
        expect(
            tuple(tokens[-1:]) != (end,),
            case="hypotheses that are asked about",
            expected="none that is finished",
            received=tokens,
        )
        generator = np.random.default_rng([seed, *(int(token) for token in tokens)])
        return log_softmax(1.5 * generator.normal(size=vocabulary))

    return log_probabilities
