"""Session 9, checks: what each exercise must compute (graded by `courses.grading`)."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from scipy.linalg import subspace_angles
from scipy.stats import norm
from sklearn import metrics
from sklearn.decomposition import PCA

from courses.grading import expect, expect_equal, expect_parts, no_warnings
from courses.s09_representation_learning.references import (
    CHAINS,
    allocated,
    allowed_scores,
    central_slope,
    codes_of_two_classes,
    contrast,
    divergence,
    flat_cloud,
    probe,
)
from thinkkeras.losses import NTXent
from thinkkeras.regularizers import Sparsity

SEED = 9
LARGEST_ANGLE = 5.0  # degrees between the autoencoder's subspace and PCA's


def check_linear_autoencoder(answers: Any) -> None:
    """Means far from 0, features of unequal deviations; the model, its basis, then PCA's."""
    for code, deviations, seed in (
        (3, (2.0, 1.6, 1.3, 0.5, 0.4, 0.3, 0.3, 0.2), 0),
        (2, (2.0, 1.5, 0.6, 0.5, 0.4, 0.3), 10),
    ):
        x = flat_cloud(deviations, seed)
        features = x.shape[1]
        case = f"{features} features, code of {code}"
        keras.utils.set_random_seed(SEED)
        received = answers.linear_autoencoder(x, code)
        expect_parts(received, ("model", "basis"), case=case)
        model, basis = received
        expect(
            isinstance(model, keras.Model),
            case=f"{case}, model",
            expected="a keras.Model",
            received=type(model).__name__,
        )
        expect_equal(tuple(model.input_shape), (None, features), case=f"{case}, input shape")
        expect_equal(tuple(model.output_shape), (None, features), case=f"{case}, output shape")
        spanned = _expect_linear(model, x, code, case=case)
        basis = np.asarray(basis)
        expect_equal(tuple(basis.shape), (features, code), case=f"{case}, shape of the basis")
        expect_equal(
            basis.T @ basis,
            np.eye(code),
            case=f"{case}, products of the basis's columns, an orthonormal one",
            tolerance=1e-3,
        )
        for name, other, most in (
            ("the model's outputs", spanned, 0.5),
            ("PCA's", PCA(code).fit(x).components_.T, LARGEST_ANGLE),
        ):
            angle = float(np.degrees(subspace_angles(basis, other)).max())
            expect(
                angle <= most,
                case=f"{case}, largest angle of the basis's subspace to that of {name}",
                expected=f"at most {most:g} degrees",
                received=f"{angle:.2f}",
            )


def _expect_linear(model: keras.Model, x: np.ndarray, code: int, *, case: str) -> np.ndarray:
    """The directions in which the outputs move, (features, code), of a model that is linear."""
    features = x.shape[1]
    asked = np.concatenate([x.mean(axis=0) + np.eye(features), x.mean(axis=0)[None], x[:50]])
    outputs = keras.ops.convert_to_numpy(model(asked.astype(np.float32))).astype(float)
    start = outputs[features]
    kernel = outputs[:features] - start
    expect_equal(
        outputs[features + 1 :],
        start + (x[:50] - x.mean(axis=0)) @ kernel,
        case=f"{case}, outputs of a network without activations",
        tolerance=2e-3,
    )
    _, sizes, directions = np.linalg.svd(kernel)
    rank = int(np.sum(sizes > 1e-3))
    expect(
        rank == code,
        case=f"{case}, directions in which the outputs move",
        expected=code,
        received=rank,
    )
    return directions[:code].T


def check_denoising_pairs(answers: Any) -> None:
    """What is left clean, how much is noise, and that all of it is drawn anew."""
    _check_masked(answers.denoising_pairs)
    _check_gaussian(answers.denoising_pairs)
    images = np.full((2, 4, 4, 1), 100.0, np.float32)
    try:
        received = answers.denoising_pairs(images, "salt", 0.1, 0)
    except ValueError:
        return
    expect(False, case="the noise 'salt'", expected="a ValueError", received=received)


def _noised(
    make: Callable[..., Any], images: np.ndarray, noise: str, amount: float, *, case: str
) -> np.ndarray:
    """The noisy images of seed 1, after all that holds for either noise."""
    received = make(images, noise, amount, 1)
    expect_parts(received, ("noisy", "targets"), case=case)
    noisy, targets = received
    clean = images.astype(np.float32)
    expect_equal(targets, clean, case=f"{case}, targets", dtype=np.float32)
    expect_equal(tuple(np.shape(noisy)), images.shape, case=f"{case}, shape of the noisy images")
    noisy = np.asarray(noisy)
    expect_equal(str(noisy.dtype), "float32", case=f"{case}, dtype of the noisy images")
    least, most = float(noisy.min()), float(noisy.max())
    expect(
        least >= 0 and most <= 255,
        case=f"{case}, range",
        expected="0 to 255",
        received=f"{least:.4g} to {most:.4g}",
    )
    again = np.asarray(make(images, noise, amount, 1)[0])
    expect_equal(again, noisy, case=f"{case}, the same seed twice")
    other = np.asarray(make(images, noise, amount, 2)[0])
    expect(
        not np.array_equal(other, noisy),
        case=f"{case}, seeds 1 and 2",
        expected="noise that differs",
        received="the same",
    )
    return noisy


def _check_masked(make: Callable[..., Any]) -> None:
    generator = np.random.default_rng(SEED)
    for amount, dtype in ((0.3, np.float32), (0.75, np.uint8)):
        images = generator.integers(1, 256, (40, 9, 7, 3)).astype(dtype)
        case = f"mask noise of {amount:g}, {np.dtype(dtype)}"
        noisy = _noised(make, images, "mask", amount, case=case)
        kept = noisy != 0
        expect_equal(noisy[kept], images[kept].astype(np.float32), case=f"{case}, what is kept")
        expect(
            np.array_equal(kept.any(axis=-1), kept.all(axis=-1)),
            case=f"{case}, a pixel's channels",
            expected="all kept or all 0",
            received="some of both",
        )
        masked = ~kept.all(axis=-1)
        for name, part in (("all images", masked), ("the first", masked[0])):
            share, margin = float(part.mean()), 5 * np.sqrt(amount * (1 - amount) / part.size)
            expect(
                abs(share - amount) <= margin,
                case=f"{case}, share of the pixels set to 0 in {name}",
                expected=f"{amount:g}, give or take {margin:.3f}",
                received=share,
            )
        # The same place in every image is masked as often as any: not always, not never.
        deviation = float(masked.mean(axis=0).std())
        usual = np.sqrt(amount * (1 - amount) / len(images))
        expect(
            0.5 * usual < deviation < 2 * usual,
            case=f"{case}, deviation over the places of how often one is 0 in 40 images",
            expected=f"about {usual:.3f}, each pixel being drawn by itself",
            received=deviation,
        )


def _check_gaussian(make: Callable[..., Any]) -> None:
    for amount, dtype in ((0.1, np.float32), (0.05, np.uint8)):
        case = f"gaussian noise of {amount:g}, {np.dtype(dtype)}"
        grey = np.full((20, 8, 9, 3), 128, dtype)
        noise = _noised(make, grey, "gaussian", amount, case=f"{case}, grey images") - 128.0
        usual = 255 * amount
        for name, received, expected, margin in (
            ("mean", noise.mean(), 0.0, 5 * usual / np.sqrt(noise.size)),
            ("deviation", noise.std(), usual, 5 * usual / np.sqrt(2 * noise.size)),
            ("share beyond two deviations", np.mean(abs(noise) > 2 * usual), 2 * norm.sf(2), 0.01),
            ("deviation of a pixel's mean", noise.mean(axis=-1).std(), usual / 3**0.5, usual / 8),
            ("deviation of a place's mean", noise.mean(axis=0).std(), usual / 20**0.5, usual / 12),
        ):
            expect(
                abs(received - expected) <= margin,
                case=f"{case}, grey images, {name} of the noise",
                expected=f"{expected:.4g}, give or take {margin:.2g}",
                received=float(received),
            )
        for value, end in ((0, "black"), (255, "white")):
            images = np.full((20, 8, 9, 1), value, dtype)
            noisy = _noised(make, images, "gaussian", amount, case=f"{case}, {end} images")
            share = float(np.mean(noisy == value))
            expect(
                abs(share - 0.5) < 0.07,
                case=f"{case}, {end} images, share of pixels that stay {end}",
                expected="about 0.5, cut there",
                received=share,
            )


def check_denoising_error(answers: Any) -> None:
    """Networks that copy, that smooth, that know the answer; uint8, in which 0 - 1 is 255."""
    generator = np.random.default_rng(SEED)
    for dtype in (np.float32, np.uint8):
        clean = generator.integers(0, 256, (6, 5, 4, 3)).astype(dtype)
        noisy = np.where(generator.random((6, 5, 4, 1)) < 0.4, 0, clean).astype(dtype)
        for name, reconstruct in (
            ("a network that changes nothing", np.array),
            ("a network that halves", lambda x: x / 2),
            ("a network that gives white", lambda x: np.full(x.shape, 255.0, np.float32)),
            ("a network that knows the answer", functools.partial(_known, clean)),
        ):
            made = np.asarray(reconstruct(noisy.astype(np.float32)), float)
            expected = metrics.mean_squared_error(
                clean.astype(float).ravel() / 255, made.ravel() / 255
            )
            expect_equal(
                answers.denoising_error(reconstruct, noisy, clean),
                float(expected),
                case=f"{name}, {np.dtype(dtype)}",
            )


def _known(clean: np.ndarray, noisy: np.ndarray) -> np.ndarray:
    return clean.astype(np.float32)


def check_sparsity_penalty(answers: Any) -> None:
    """Against Keras's divergence and central differences; units never and always active."""
    for batch, units, share, kind in (
        (5, 3, 0.05, "random units"),
        (2, 6, 0.3, "random units"),
        (4, 2, 0.1, "units that are as active as they should be"),
        (3, 4, 0.2, "units of which one is never active, one always"),
    ):
        generator = np.random.default_rng(batch)
        codes = generator.uniform(0.02, 0.9, (batch, units))
        if kind.startswith("units that"):
            codes *= share / codes.mean(axis=0)
        elif kind.startswith("units of"):
            codes[:, 1], codes[:, 2] = 0.0, 1.0
        case = f"{batch} examples, {units} {kind}, share of {share:g}"
        with no_warnings(case):
            received = answers.sparsity_penalty(codes, share)
        expect_parts(received, ("penalty", "gradient"), case=case)
        expect_equal(received[0], divergence(codes, share), case=f"{case}, penalty")
        expect_equal(
            received[0],
            float(keras.ops.convert_to_numpy(Sparsity(share)(codes.astype(np.float32)))),
            case=f"{case}, penalty by thinkkeras.regularizers.Sparsity",
            tolerance=1e-2 if "never" in kind else 1e-5,
        )
        expect_equal(
            received[1], central_slope(codes, share), case=f"{case}, gradient", tolerance=1e-5
        )


def check_nt_xent(answers: Any) -> None:
    """Against one classification a view, and Keras's loss; one image alone; logits of ±1000."""
    for images, dimensions, temperature in (
        (4, 5, 0.5),
        (7, 3, 0.1),
        (3, 8, 1.0),
        (1, 4, 0.2),
        (6, 4, 0.001),
    ):
        generator = np.random.default_rng(images)
        lengths = generator.uniform(0.3, 4, (2, images, 1))
        first = generator.normal(size=(images, dimensions))
        second = first + generator.normal(0, 0.8, (images, dimensions))
        first, second = lengths[0] * first, lengths[1] * second
        case = f"{images} images, {dimensions} dimensions, temperature {temperature:g}"
        with no_warnings(case):
            received = answers.nt_xent(first, second, temperature)
        expect_equal(received, contrast(first, second, temperature), case=case)
        views = np.stack([first, second], axis=1)
        views = (views / np.linalg.norm(views, axis=-1, keepdims=True)).astype(np.float32)
        losses = keras.ops.convert_to_numpy(NTXent(temperature)(views, views))
        expect_equal(
            received,
            float(losses),
            case=f"{case}, by thinkkeras.losses.NTXent",
            tolerance=1e-5 / temperature**0.5,
        )
    same = np.arange(1.0, 7).reshape(2, 3).astype(int)
    expect_equal(
        answers.nt_xent(same, same, 1.0), contrast(same, same, 1.0), case="views of whole numbers"
    )


def check_linear_probe(answers: Any) -> None:
    """Sets that disagree about the best strength, and sets whose numbers lie elsewhere.

    Each set is drawn so that one leak changes what comes out.
    """
    draw = functools.partial(codes_of_two_classes, generator=np.random.default_rng(1))
    sets = [draw(n, 0.5, 0.7) for n in (30, 400, 300)]
    _expect_probe(
        answers.linear_probe, sets, [0.01, 1.0, 100.0], "few training codes, many for validation"
    )
    # The first number tells the classes apart. A scaler that sees what is far off in another set
    # makes it next to nothing.
    for part, name in ((2, "test"), (1, "validation")):
        sets = [draw(n, share, 1.0) for n, share in ((60, 0.4), (150, 0.5), (200, 0.7))]
        sets[part][0][:5, 0] *= 1000
        for codes, _ in sets:
            codes *= np.geomspace(1e-2, 1e2, 13)
        _expect_probe(
            answers.linear_probe,
            sets,
            [0.001, 0.1, 10.0],
            f"codes of unequal sizes, the first number of 5 {name} codes far off",
        )
    train, validation, test = draw(80, 0.25, 0.8), draw(120, 0.1, 0.3), draw(200, 0.5, 1.2)
    strengths = [30.0, 1.0, 0.03, 0.001]
    _expect_probe(
        answers.linear_probe,
        [train, validation, test],
        strengths,
        "rare faults in training and in validation, frequent ones in the test",
    )


def _expect_probe(
    answer: Callable[..., Any],
    sets: list[tuple[np.ndarray, np.ndarray]],
    strengths: list[float],
    case: str,
) -> None:
    train, validation, test = sets
    received = answer(train, validation, test, strengths)
    expect_parts(received, ("strength", "accuracy"), case=case)
    strength, accuracy = probe(train, validation, test, strengths)
    expect_equal(received[0], strength, case=f"{case}, strength out of {strengths}")
    expect_equal(
        received[1],
        accuracy,
        case=f"{case}, accuracy on the test codes",
        tolerance=1.5 / len(test[1]),
    )


def check_alarm_threshold(answers: Any) -> None:
    """Few scores, equal scores, rates that allow no alarm, products that floats spoil."""
    generator = np.random.default_rng(SEED)
    several = generator.gamma(2.0, size=100)
    for name, scores, percents in (
        (
            "the scores 1 to 5 in another order",
            np.array([4.0, 1.0, 5.0, 2.0, 3.0]),
            (0, 20, 39, 40),
        ),
        ("one score", np.array([0.7]), (0, 50, 99)),
        ("100 scores", several, (1, 5, 29, 57, 58)),
        ("37 scores", several[:37], (1, 5, 10, 50)),
        (
            "ties",
            np.array([3.0, 1.0, 2.0, 3.0, 2.0, 3.0, 1.0, 2.0, 2.0, 0.5]),
            (10, 25, 30, 35, 70),
        ),
        ("equal scores", np.full(9, 2.5), (0, 10, 50)),
        ("scores in steps of int8", np.round(several * 4) / 16, (1, 10, 20)),
        ("scores below 0", -several[:20], (5, 12)),
    ):
        for percent in percents:
            expect_equal(
                answers.alarm_threshold(scores, percent / 100),
                allowed_scores(scores, percent),
                case=f"{name}, rate {percent / 100:g}",
            )


def _judged() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Which examples are anomalous, and their scores, by what is particular about them."""
    generator = np.random.default_rng(SEED)
    anomalous = (generator.random(60) < 0.3).astype(np.int64)
    scores = generator.normal(size=60) + 1.2 * anomalous
    five, apart = np.array([1, 0, 0, 1, 0]), np.array([9.0, 1.0, 2.0, 8.0, 3.0])
    return {
        "the docstring's example": (np.array([0, 1, 0, 1]), np.array([1.0, 2.0, 2.0, 3.0])),
        "60 scores": (anomalous, scores),
        "scores in steps of 0.5": (anomalous, np.round(2 * scores) / 2),
        "a perfect detector": (five, apart),
        "a detector that takes one for the other": (five, -apart),
        "equal scores": (five, np.full(5, 0.4)),
        "one anomaly": (np.array([0, 0, 1, 0, 0, 0, 0]), np.array([3.0, 1, 4, 4, 5, 9, 2])),
    }


def check_roc_curve(answers: Any) -> None:
    """Against scikit-learn: ties of both kinds, a perfect order, the reverse, none at all."""
    for name, (anomalous, scores) in _judged().items():
        expected = metrics.roc_curve(anomalous, scores, drop_intermediate=False)[:2]
        received = answers.roc_curve(anomalous, scores)
        expect_parts(received, ("false_alarms", "detections"), case=name)
        for part, value, right in zip(
            ("false alarms", "detections"), received, expected, strict=True
        ):
            expect_equal(value, right, case=f"{name}, {part}")


def check_area_under_roc(answers: Any) -> None:
    """Against scikit-learn, whole and in part; parts that end between two points of the curve."""
    for name, (anomalous, scores) in _judged().items():
        curve = metrics.roc_curve(anomalous, scores, drop_intermediate=False)[:2]
        expect_equal(
            answers.area_under_roc(*curve),
            float(metrics.roc_auc_score(anomalous, scores)),
            case=f"{name}, the whole area",
        )
        for most in (0.1, 0.2, 0.5, 1.0):
            expect_equal(
                answers.area_under_roc(*curve, most),
                float(metrics.roc_auc_score(anomalous, scores, max_fpr=most)),
                case=f"{name}, up to {most:g}",
            )


def check_arena_bytes(answers: Any) -> None:
    """Against an allocator; then by how much LiteRT Micro's arena grows with the input."""
    for shapes, in_place in (
        ([(640,), (128,), (128,), (8,)], [False, False, False]),
        ([(16, 10, 3), (16, 10, 8), (8, 5, 24), (960,), (12,)], [False, False, True, False]),
        ([(9, 7, 2), (9, 7, 11), (9, 7, 11), (9, 7, 11), (5,)], [False, True, False, True]),
        ([(4, 4, 8), (4, 4, 8)], [True]),
        ([(12,), (300,), (7,), (290,), (33,)], [False, False, False, False]),
        ([(50,), (50,), (40,), (90,), (31,)], [True, False, False, False]),
    ):
        expect_equal(
            answers.arena_bytes(shapes, in_place),
            allocated(shapes, in_place),
            case=f"shapes {shapes}, in_place={in_place}",
        )
    for name, chain in CHAINS.items():
        small, large = (
            answers.arena_bytes(chain.shapes(size), [False] * len(chain.layers)) for size in (0, 1)
        )
        grown = chain.arenas[1] - chain.arenas[0]
        expect(
            abs((large - small) - grown) <= 32,
            case=f"{name}, inputs of {chain.inputs[1]} in place of {chain.inputs[0]}",
            expected=f"an arena that grows by LiteRT Micro's {grown:,} bytes, give or take 32",
            received=f"{large - small:,}",
        )
