"""Session 9's exercises: the examples in their docstrings, and what the grader lets pass."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from courses import grading
from courses.budget import cortex_m_card
from courses.s09_representation_learning import checks, solutions
from courses.s09_representation_learning.references import (
    CHAINS,
    allocated,
    codes_of_two_classes,
    flat_cloud,
)


def grade(exercise, answer):
    """The grader's result of one exercise, the others being the solutions'."""
    answers = SimpleNamespace(**vars(solutions) | {exercise: answer})
    check = {f"check_{exercise}": getattr(checks, f"check_{exercise}")}
    (result,) = grading.grade(answers, SimpleNamespace(**check))
    return result


def test_examples_in_the_docstrings_are_right():
    noisy, clean = np.full((1, 2, 2, 1), 51, np.uint8), np.zeros((1, 2, 2, 1), np.uint8)
    assert solutions.denoising_error(lambda x: x, noisy, clean) == pytest.approx(0.04)
    penalty, gradient = solutions.sparsity_penalty(np.array([[0.2], [0.6]]), 0.5)
    assert penalty == pytest.approx(0.0204, abs=5e-5)
    assert gradient == pytest.approx(np.full((2, 1), -0.2083), abs=5e-5)
    views = np.eye(2)
    assert solutions.nt_xent(views, views, 1.0) == pytest.approx(0.5514, abs=5e-5)
    scores = np.array([1.0, 2, 3, 4, 5])
    assert [solutions.alarm_threshold(scores, rate) for rate in (0.2, 0.39, 0)] == [4, 4, 5]
    curve = solutions.roc_curve(np.array([0, 1, 0, 1]), np.array([1.0, 2, 2, 3]))
    assert [part.tolist() for part in curve] == [[0, 0, 0.5, 1], [0, 0.5, 1, 1]]
    assert solutions.area_under_roc(*curve) == 0.875
    assert solutions.area_under_roc(*curve, 0.2) == pytest.approx(0.7778, abs=5e-5)
    assert solutions.arena_bytes([(640,), (128,), (128,), (8,)], [False] * 3) == 768


def test_the_line_of_the_docstring_is_found():
    t = np.linspace(-1, 1, 400)[:, None]
    _, basis = solutions.linear_autoencoder(((0, 5) + t * (3, 4)).astype(np.float32), 1)
    assert np.abs(basis[:, 0]) == pytest.approx((0.6, 0.8), abs=0.01)
    assert basis[0, 0] * basis[1, 0] > 0


def _old_generator(images, noise, amount, seed):
    random, clean = np.random.RandomState(seed), np.array(images, "float32")
    if noise == "mask":
        keep = random.uniform(size=images.shape[:3]) > amount
        return np.where(keep[..., None], clean, np.float32(0)), clean
    if noise != "gaussian":
        raise ValueError(noise)
    noisy = clean + 255 * amount * random.standard_normal(images.shape)
    return noisy.clip(0, 255).astype("float32"), clean


def _one_image_at_a_time(reconstruct, noisy, clean):
    pairs = zip(noisy.astype("float32"), clean.astype(float), strict=True)
    return np.mean([np.mean((reconstruct(a[None])[0] / 255 - b / 255) ** 2) for a, b in pairs])


def _from_the_two_halves(first, second, temperature):
    """The matrices of cosines of the same and of other views, as SimCLR's own code has them."""
    a, b = (x / np.linalg.norm(x, axis=1)[:, None] for x in (first, second))
    mask = np.where(np.eye(len(a), dtype=bool), -np.inf, 0)
    losses = []
    for own, other in ((a, b), (b, a)):
        cross = own @ other.T / temperature
        rows = np.concatenate([cross, own @ own.T / temperature + mask], axis=1)
        most = rows.max(axis=1)
        total = most + np.log(np.exp(rows - most[:, None]).sum(axis=1))
        losses.append(np.mean(total - np.diag(cross)))
    return np.mean(losses)


def _another_solver(train, validation, test, strengths):
    mean, deviation = train[0].mean(axis=0), train[0].std(axis=0)
    found = None
    for strength in sorted(strengths):
        model = LogisticRegression(C=strength, solver="newton-cholesky")
        model.fit((train[0] - mean) / deviation, train[1])
        validated, tested = (
            np.mean(model.predict((codes - mean) / deviation) == classes)
            for codes, classes in (validation, test)
        )
        if found is None or validated > found[0]:
            found = validated, strength, tested
    return found[1:]


def _by_counting(scores, false_alarm_rate):
    for threshold in sorted(scores):
        if np.mean(scores > threshold) <= false_alarm_rate + 1e-12:
            return threshold
    return None


def _by_sums(anomalous, scores):
    order = np.argsort(-scores, kind="stable")
    last = np.r_[np.diff(scores[order]) != 0, True]
    hits = np.cumsum(anomalous[order])[last]
    alarms = (np.flatnonzero(last) + 1) - hits
    normal = len(scores) - anomalous.sum()
    return np.r_[0, alarms] / normal, np.r_[0, hits] / anomalous.sum()


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("denoising_pairs", _old_generator),
        ("nt_xent", _from_the_two_halves),
        ("linear_probe", _another_solver),
        ("alarm_threshold", _by_counting),
        ("roc_curve", _by_sums),
        ("arena_bytes", allocated),
    ],
)
def test_other_right_answers_pass(exercise, answer):
    assert grade(exercise, answer) == grading.Result(exercise, True)


def test_an_image_at_a_time_has_the_same_error():
    generator = np.random.default_rng(0)
    clean, noisy = generator.integers(0, 256, (2, 5, 4, 3, 1)).astype(np.uint8)
    expected = _one_image_at_a_time(np.sqrt, noisy, clean)
    assert solutions.denoising_error(np.sqrt, noisy, clean) == pytest.approx(expected)


def test_ties_count_half():
    """The area is the share of pairs in the right order: Mann and Whitney's statistic."""
    generator = np.random.default_rng(4)
    anomalous, scores = generator.integers(0, 2, 80), generator.integers(0, 6, 80).astype(float)
    area = solutions.area_under_roc(*solutions.roc_curve(anomalous, scores))
    positive = int(anomalous.sum())
    ranks = rankdata(scores)[anomalous == 1].sum() - positive * (positive + 1) / 2
    assert area == pytest.approx(ranks / (positive * (80 - positive)))
    assert area == pytest.approx(roc_auc_score(anomalous, scores))


def test_data_are_the_same_for_a_seed_and_not_centred():
    x = flat_cloud((2.0, 1.0, 0.1), seed=3)
    assert x.shape == (400, 3) and x.dtype == np.float32
    assert np.array_equal(x, flat_cloud((2.0, 1.0, 0.1), seed=3))
    assert np.abs(x.mean(axis=0)).max() > 1
    spread = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) / 400**0.5
    assert spread == pytest.approx((2, 1, 0.1), rel=0.1)
    codes, classes = codes_of_two_classes(2000, 0.25, 1.5, np.random.default_rng(0))
    assert np.mean(classes) == pytest.approx(0.25, abs=0.05)
    distances = codes[classes == 1].mean(axis=0) - codes[classes == 0].mean(axis=0)
    assert distances == pytest.approx([3.0] + [0.0] * 12, abs=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHAINS)
def test_the_arenas_are_those_of_litert_micro(name):
    pytest.importorskip("tflite_micro")
    chain = CHAINS[name]
    for size, arena in enumerate(chain.arenas):
        x = np.random.default_rng(0).normal(size=(64, *chain.inputs[size])).astype("float32")
        card = cortex_m_card(chain.network(size), x)
        assert card["memory"]["arena_bytes"] == pytest.approx(arena, abs=32)
