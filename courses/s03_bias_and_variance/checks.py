"""Session 3, checks: what each exercise must compute (graded by `courses.grading`).

Where Keras has the same thing, Keras itself is the judge.
"""

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from courses.grading import expect, expect_equal
from courses.s03_bias_and_variance import solutions

SEED = 3


def check_stratified_split(answers: Any) -> None:
    """Unequal classes in blocks and shuffled, several fractions; disjoint, complete, seeded."""
    random = np.random.default_rng(SEED)
    blocks = np.repeat([0, 1, 2], [40, 10, 25])
    for classes, fraction in (
        (blocks, 0.2),
        (blocks, 0.37),  # rounds up for two of the classes, down for the third
        (random.permutation(blocks), 0.4),
        (np.repeat([5, 7], [12, 48]), 0.25),
        (np.array([0, 0, 0, 0, 1, 1]), 0.5),
    ):
        case = f"{np.bincount(classes)} examples of each class, fraction={fraction}"
        kept, held_out = _split(answers, classes, fraction, SEED, case)
        together = np.sort(np.concatenate([kept, held_out]))
        expect(
            np.array_equal(together, np.arange(len(classes))),
            case=f"{case}, both parts together",
            expected=f"each index from 0 to {len(classes) - 1} once",
            received=together,
        )
        counts = {int(label): round(fraction * np.sum(classes == label)) for label in set(classes)}
        held = classes[held_out]
        received = {label: int(np.sum(held == label)) for label in counts}
        expect_equal(received, counts, case=f"{case}, examples held out of each class")
    first, again, other = (_split(answers, blocks, 0.4, seed, "seeds")[1] for seed in (1, 1, 2))
    expect_equal(np.sort(again), np.sort(first), case="the same seed twice, what is held out")
    expect(
        set(other) != set(first),
        case="seeds 1 and 2",
        expected="another split for another seed",
        received="the same indices held out",
    )
    drawn = [_split(answers, blocks, 0.4, seed, "seeds")[1] for seed in range(30)]
    missing = set(range(len(blocks))) - set(np.concatenate(drawn).tolist())
    expect(
        not missing,
        case="held out with the seeds 0 to 29",
        expected="every example at least once",
        received=f"never {sorted(missing)}",
    )


def check_standardize(answers: Any) -> None:
    """Two sets that differ in mean and spread, a constant feature, several features."""
    random = np.random.default_rng(SEED)
    train = random.normal([0.0, 50.0, -3.0], [1.0, 10.0, 0.1], size=(20, 3))
    constant = np.column_stack([train[:, 0], np.full(20, 4.0)])
    cases = {
        "three features": (train, random.normal(2.0, 5.0, size=(7, 3))),
        "one row in other": (train, np.array([[1.0, 2.0, 3.0]])),
        "a feature that is 4.0 throughout train": (constant, np.array([[0.0, 4.0], [1.0, 6.0]])),
        "the example": (np.array([[1.0], [3.0]]), np.array([[4.0]])),
    }
    for case, (left, right) in cases.items():
        received = _pair(answers.standardize(left, right), case, "(train, other)")
        expected = solutions.standardize(left, right)
        expect_equal(received[0], expected[0], case=f"{case}, train")
        expect_equal(received[1], expected[1], case=f"{case}, other")


def check_ridge_polynomial(answers: Any) -> None:
    """With and without a penalty, off-centre data (where the constant matters), high degrees."""
    random = np.random.default_rng(SEED)
    x = random.uniform(-1, 1, 12)
    y = 5 + np.sin(3 * x) + random.normal(scale=0.1, size=12)
    for degree, l2 in ((0, 0.0), (1, 0.0), (3, 0.0), (0, 2.0), (1, 0.5), (3, 0.1), (9, 0.01)):
        received = answers.ridge_polynomial(x, y, degree, l2)
        expected = solutions.ridge_polynomial(x, y, degree, l2)
        expect_equal(received, expected, case=f"degree={degree}, l2={l2}", tolerance=1e-5)


def check_bias_variance(answers: Any) -> None:
    """Trainings that are biased, that scatter, and both; more trainings than points and fewer."""
    random = np.random.default_rng(SEED)
    truth = np.array([0.0, 1.0, -2.0, 4.0])
    for case, predictions in (
        ("all trainings alike, off by 2", np.tile(truth + 2, (5, 1))),
        ("right on average, scattered", truth + np.array([[-1.0], [1.0]])),
        ("off by a different amount at each point", np.tile([1.0, 1.0, 1.0, 1.0], (3, 1))),
        ("7 trainings, 4 points", truth + random.normal(1.0, [0.1, 1.0, 2.0, 0.5], (7, 4))),
        ("2 trainings, 4 points", truth + random.normal(0.0, 1.0, (2, 4))),
    ):
        received = _pair(answers.bias_variance(predictions, truth), case, "(bias², variance)")
        expected = solutions.bias_variance(predictions, truth)
        expect_equal(received[0], expected[0], case=f"{case}, bias²")
        expect_equal(received[1], expected[1], case=f"{case}, variance")


def check_dropout(answers: Any) -> None:
    """Several rates, a number that equals the rate, negative activations, and inference."""
    random = np.random.default_rng(SEED)
    x = random.normal(size=(4, 5))
    uniform = random.random((4, 5))
    uniform[0, 0] = 0.25
    for rate in (0.25, 0.5, 0.8, 0.0):
        for training in (True, False):
            expect_equal(
                answers.dropout(x, uniform, rate, training),
                solutions.dropout(x, uniform, rate, training),
                case=f"activations (4, 5), rate={rate}, training={training}",
            )


def check_penalty(answers: Any) -> None:
    """Keras's own L1L2, on several layers, with weights that are 0, and each part alone."""
    random = np.random.default_rng(SEED)
    layers = [random.normal(size=(3, 4)), random.normal(size=5), np.array([[0.0, -2.0]])]
    for weights in (layers, layers[2:]):
        for l1, l2 in ((0.5, 0.0), (0.0, 0.25), (0.1, 0.3)):
            case = f"weights {[w.shape for w in weights]}, l1={l1}, l2={l2}"
            received = _pair(answers.penalty(weights, l1, l2), case, "(penalty, gradients)")
            regularizer = keras.regularizers.L1L2(l1, l2)
            expected = sum(float(regularizer(w.astype(np.float32))) for w in weights)
            expect_equal(received[0], expected, case=f"{case}, penalty", tolerance=1e-5)
            gradients = solutions.penalty(weights, l1, l2)[1]
            expect_equal(received[1], gradients, case=f"{case}, gradients")


def check_smooth_labels(answers: Any) -> None:
    """Several numbers of classes and fractions, none spread among them."""
    random = np.random.default_rng(SEED)
    for count, smoothing in ((4, 0.2), (10, 0.1), (2, 0.3), (3, 0.0)):
        classes = random.integers(0, count, 6)
        case = f"classes {classes.tolist()}, count={count}, smoothing={smoothing}"
        received = answers.smooth_labels(classes, count, smoothing)
        expect_equal(received, solutions.smooth_labels(classes, count, smoothing), case=case)


def check_early_stopping(answers: Any) -> None:
    """What the callback itself does with the same losses."""
    random = np.random.default_rng(SEED)
    valley = [1.0, 0.8, 0.6, 0.7, 0.65, 0.62, 0.59, 0.9, 1.0]
    for losses, patience, min_delta in (
        ([1.0, 0.8, 0.9, 0.85, 0.7], 2, 0.0),
        (valley, 1, 0.0),
        (valley, 3, 0.0),
        (valley, 4, 0.0),
        (valley, 4, 0.05),
        # In eighths, which are exact: no way to write the comparison is wrong by a rounding.
        ([1.0, 0.875, 0.75, 0.625, 0.5], 2, 0.25),
        ([1.0, 1.0, 1.0, 1.0], 2, 0.0),
        ([1.0, 0.9, 0.8, 0.7], 2, 0.0),
        ([0.5, 0.6, 0.7, 0.8], 3, 0.0),
        ([0.7], 1, 0.0),
        ((1 + random.normal(scale=0.2, size=30).cumsum()).round(3).tolist(), 5, 0.1),
    ):
        case = f"losses={losses}, patience={patience}, min_delta={min_delta}"
        received = answers.early_stopping(losses, patience, min_delta)
        expect_equal(received, _keras_stops(losses, patience, min_delta), case=case)
    defaults = answers.early_stopping([0.5, 0.4, 0.5], 1)
    expect_equal(defaults, (3, 1), case="losses=[0.5, 0.4, 0.5], patience=1")


def _keras_stops(losses: list[float], patience: int, min_delta: float) -> tuple[int, int]:
    """Runs `keras.callbacks.EarlyStopping` through the losses, without a network."""
    callback = keras.callbacks.EarlyStopping("val_loss", min_delta, patience, mode="min")
    model = SimpleNamespace(stop_training=False)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        if model.stop_training:
            break
    return epoch + 1, callback.best_epoch


def _split(
    answers: Any, classes: np.ndarray, fraction: float, seed: int, case: str
) -> list[np.ndarray]:
    received = _pair(answers.stratified_split(classes, fraction, seed), case, "(kept, held_out)")
    parts = [np.asarray(part) for part in received]
    for part in parts:
        expect(
            part.ndim == 1 and (part.dtype.kind in "iu" or not part.size),
            case=case,
            expected="two arrays of indices, whole numbers",
            received=received,
        )
    return [part.astype(int) for part in parts]


def _pair(received: Any, case: str, names: str) -> Any:
    pair = isinstance(received, tuple | list) and len(received) == 2
    expect(pair, case=case, expected=f"a pair {names}", received=received)
    return received
