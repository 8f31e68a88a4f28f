"""Session 10, checks: what each exercise must compute (graded by `courses.grading`)."""

from typing import Any

import numpy as np

from courses.grading import expect, expect_equal, expect_parts, no_warnings
from courses.s10_generative_models.references import (
    best_answer,
    bound,
    critic,
    decibels,
    decoder,
    differences_of_a_draw,
    distance_of_gaussians,
    divergence_by_quadrature,
    losses_of_codes,
    nearer,
    nearest_neighbours,
    penalty_by_differences,
    posterior_step,
    sampled_log_weights,
    turned_step,
    value_of_the_game,
)

SEED = 10
ROUNDING = 1e-5  # what single precision may cost


def check_reparameterised_gradient(answers: Any) -> None:
    """The example; then losses that square, mix and bend the codes, against differences."""
    received = answers.reparameterised_gradient(
        lambda z: 2 * z, np.ones(1), np.zeros(1), np.array([[1.0], [-1.0]])
    )
    _expect_gradient(received, (np.array([2.0]), np.array([1.0])), case="z², noise 1 and -1")
    for samples, dimensions in ((7, 3), (4, 5), (1, 2)):
        generator = np.random.default_rng(SEED + samples)
        mean = generator.normal(size=dimensions)
        log_variance = generator.uniform(-2, 1.5, dimensions)
        noise = generator.normal(size=(samples, dimensions))
        for name, (loss, slope) in losses_of_codes(dimensions).items():
            _expect_gradient(
                answers.reparameterised_gradient(slope, mean, log_variance, noise),
                differences_of_a_draw(loss, mean, log_variance, noise),
                case=f"{name}, {samples} samples of {dimensions} numbers",
            )


def _expect_gradient(received: Any, expected: tuple[np.ndarray, np.ndarray], *, case: str) -> None:
    expect_parts(received, ("by_mean", "by_log_variance"), case=case)
    for part, value, right in zip(
        ("by the mean", "by the log variance"), received, expected, strict=True
    ):
        expect_equal(value, right, case=f"{case}, {part}", tolerance=ROUNDING)


def check_kl_divergence(answers: Any) -> None:
    """Against quadrature: the standard prior, others, the prior itself, a number all but known."""
    generator = np.random.default_rng(SEED)

    def draw(*shape: int) -> tuple[np.ndarray, np.ndarray]:
        return generator.normal(0, 1.5, shape), generator.uniform(-2, 2, shape)

    standard = np.zeros(3), np.zeros(3)
    prior = draw(3)
    known = np.zeros((2, 3)), np.array([[0.3, -1500.0, 0.1], [-0.4, 0.2, -1500.0]])
    for name, codes, (prior_mean, prior_log_variance) in (
        (
            "means 1 and 0, variances 1 and 4",
            (np.array([[1.0, 0]]), np.log([[1.0, 4]])),
            (np.zeros(2), np.zeros(2)),
        ),
        ("the standard prior", draw(4, 3), standard),
        ("another prior", draw(4, 3), prior),
        ("a batch of one", draw(1, 5), draw(5)),
        ("codes of one number", draw(3, 1), draw(1)),
        ("codes equal to the prior", tuple(np.stack([part] * 2) for part in prior), prior),
        ("a log variance of -1500", known, standard),
    ):
        mean, log_variance = codes
        expected = np.array(
            [
                sum(map(divergence_by_quadrature, *row, prior_mean, prior_log_variance))
                for row in zip(mean, log_variance, strict=True)
            ]
        )
        received = answers.kl_divergence(mean, log_variance, prior_mean, prior_log_variance)
        expect_equal(received, expected, case=name, tolerance=ROUNDING)


def check_log_weights(answers: Any) -> None:
    """Against SciPy's densities: the example, uint8 and float, logits of ±1000."""
    mean, log_variance, noise = np.zeros(1), np.log([4.0]), np.ones((1, 1))
    received = answers.log_weights(
        np.array([1.0, 0.0]), lambda codes: np.zeros((len(codes), 2)), mean, log_variance, noise
    )
    case = "pixels 1 and 0, logits of 0"
    expect_equal(received, np.array([-2.1931472]), case=case, tolerance=ROUNDING)
    for samples, dimensions, pixels, dtype, scale in (
        (5, 2, 7, np.float32, 3.0),
        (8, 3, 4, np.uint8, 5.0),
        (1, 4, 9, np.float64, 1.0),
        (6, 2, 5, np.uint8, 1000.0),
    ):
        generator = np.random.default_rng(SEED + pixels)
        image = (generator.random(pixels) < 0.4).astype(dtype)
        mean, log_variance = generator.normal(size=dimensions), generator.uniform(-2, 1, dimensions)
        noise = generator.normal(size=(samples, dimensions))
        decode = decoder(dimensions, pixels, scale)
        case = (
            f"{samples} samples of {dimensions} numbers, {pixels} pixels of {np.dtype(dtype)}, "
            f"logits up to {scale:g}"
        )
        with no_warnings(case):
            received = answers.log_weights(image, decode, mean, log_variance, noise)
        expected = sampled_log_weights(image, decode, mean, log_variance, noise)
        expect_equal(received, np.array(expected), case=case, tolerance=ROUNDING)


def check_importance_weighted_bound(answers: Any) -> None:
    """The example; groups of every size, of one and of several images; weights that floats can't
    hold."""
    pair = np.log([[1.0, 3.0]])
    for k, expected in ((1, 0.5493061), (2, 0.6931472)):
        expect_equal(
            answers.importance_weighted_bound(pair, k),
            expected,
            case=f"weights 1 and 3, k = {k}",
            tolerance=ROUNDING,
        )
    for images, samples, centre in ((1, 2, 0.0), (3, 12, -90.0), (2, 6, -2000.0), (2, 8, 2000.0)):
        generator = np.random.default_rng(SEED + samples)
        weights = centre + 3 * generator.normal(size=(images, samples))
        for k in (k for k in range(1, samples + 1) if samples % k == 0):
            case = f"log weights of shape {weights.shape} about {centre:g}, k = {k}"
            with no_warnings(case):
                received = answers.importance_weighted_bound(weights, k)
            expect_equal(received, bound(weights, k), case=case, tolerance=ROUNDING)


def check_optimal_discriminator(answers: Any) -> None:
    """Against a search outcome by outcome, and the divergence; with outcomes that don't occur."""
    generator = np.random.default_rng(SEED)
    mixed, even, grid = generator.dirichlet(np.ones(6), 2), np.full(4, 0.25), np.zeros((2, 3, 4))
    grid[0].flat[:9] = generator.dirichlet(np.ones(9))
    grid[1].flat[4:10] = generator.dirichlet(np.ones(6))
    for name, real, generated in (
        ("three outcomes", np.array([0.5, 0.5, 0]), np.array([0.25, 0.25, 0.5])),
        ("six outcomes", *mixed),
        ("the two swapped", *mixed[::-1]),
        ("a perfect generator", even, even),
        ("one that is found out", np.array([0.3, 0.7, 0, 0]), np.array([0, 0, 0.6, 0.4])),
        ("one that has collapsed", np.array([0.2, 0.5, 0.3]), np.array([0.0, 1.0, 0.0])),
        ("a grid where some outcomes never occur", *grid),
    ):
        with no_warnings(name):
            received = answers.optimal_discriminator(real, generated)
        expect_parts(received, ("answers", "value"), case=name)
        best = [best_answer(p, q) for p, q in zip(real.flat, generated.flat, strict=True)]
        expect_equal(
            received[0],
            np.reshape(best, real.shape),
            case=f"{name}, answers",
            tolerance=ROUNDING,
        )
        expect_equal(
            received[1],
            value_of_the_game(real, generated),
            case=f"{name}, value",
            tolerance=ROUNDING,
        )


def check_gradient_penalty(answers: Any) -> None:
    """Critics that add up, that are too flat and too steep; against differences of scores."""
    zeros = np.zeros((1, 2, 2, 1))
    received = answers.gradient_penalty(np.ones_like, zeros, zeros + 1, np.array([0.3]), 10.0)
    expect_equal(received, 10.0, case="a critic that adds up 2 x 2 pixels", tolerance=ROUNDING)
    for batch, shape, scale, strength in (
        (5, (2, 3, 1), 0.2, 10.0),
        (4, (3, 2, 2), 1.0, 10.0),
        (3, (2, 4, 3), 3.0, 2.5),
        (1, (3, 3, 1), 0.5, 1.0),
        (2, (2, 3, 2), 0.0, 10.0),
    ):
        generator = np.random.default_rng(SEED + batch)
        real, generated = generator.uniform(-1, 1, (2, batch, *shape))
        mix = generator.random(batch)
        score, gradient = critic(shape, scale)
        case = f"{batch} images of {shape}, a critic of scale {scale:g}, strength {strength:g}"
        received = answers.gradient_penalty(gradient, real, generated, mix, strength)
        expected = penalty_by_differences(score, real, generated, mix, strength)
        expect_equal(received, expected, case=case, tolerance=ROUNDING)


def check_frechet_distance(answers: Any) -> None:
    """Against singular values: sets that differ in mean, in spread, in direction, in nothing."""
    generator = np.random.default_rng(SEED)
    mixing = generator.normal(size=(2, 4, 4))
    first, second = generator.normal(size=(40, 4)) @ mixing[0], generator.normal(size=(25, 4))
    few = generator.normal(size=(5, 8)), generator.normal(size=(7, 8)) + 0.5
    for name, pair in (
        ("means 0 and 3, variances 2 and 8", (np.array([[-1.0], [1]]), np.array([[1.0], [5]]))),
        ("spreads and directions that differ", (first, second @ mixing[1])),
        ("means that differ too", (first + [1.0, 0, -2, 0.5], second @ mixing[1])),
        ("the same features, moved", (first, first + [0.0, 3, 0, 4])),
        ("the same features", (first, first)),
        ("the same features, three times as large", (first, 3 * first)),
        ("5 and 7 examples of 8 numbers", few),
    ):
        received = answers.frechet_distance(*pair)
        expect(
            not np.iscomplexobj(received), case=name, expected="a real number", received=received
        )
        expect_equal(received, distance_of_gaussians(*pair), case=name, tolerance=1e-3)


def _softmax_of(counts: list[int], unsure: int, confidence: float) -> np.ndarray:
    """A classifier's answers, (samples, classes), in a mixed order: as many as `counts` says to
    each class with at least that confidence, and so many `unsure` ones with less."""
    generator = np.random.default_rng(SEED + unsure)
    classes = len(counts)
    best = [*np.repeat(range(classes), counts), *generator.integers(0, classes, unsure)]
    rows = []
    for index, answer in enumerate(best):
        sure = index < sum(counts)
        most = generator.uniform(*((confidence, 1) if sure else (0.5, confidence)))
        rest = (1 - most) * generator.dirichlet(np.ones(classes - 1))
        rows.append(np.insert(rest, answer, most))
    return generator.permutation(np.array(rows))


def check_mode_coverage(answers: Any) -> None:
    """Every verdict, and what lies on the borders: of a class, of the verdicts, of confidence."""
    one_class = np.array([[0.9, 0.1], [0.8, 0.2], [0.95, 0.05], [0.4, 0.6]])
    on_the_border = np.array([[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.125, 0.875]])
    barely = np.repeat([[0.875, 0.125], [0.25, 0.75], [0.625, 0.375]], 2, axis=0)
    ten = _softmax_of([10] * 10, 20, 0.7)
    for name, probabilities, confidence, expected in (
        ("three samples of four of one class", one_class, 0.75, (0.5, "collapsed")),
        ("ten of each of ten classes, 20 unsure", ten, 0.7, (1.0, "covered")),
        (
            "two of ten classes",
            _softmax_of([60, 0, 0, 40, 0, 0, 0, 0, 0, 0], 5, 0.6),
            0.6,
            (0.2, "collapsed"),
        ),
        # An even share of the 80 recognised is 20, half of it 10; of all 120 it would be 15.
        (
            "four classes of 40, 20, 10 and 10, 40 unsure",
            _softmax_of([40, 20, 10, 10], 40, 0.8),
            0.8,
            (1.0, "covered"),
        ),
        (
            "four classes of 40, 21, 10 and 9, none unsure",
            _softmax_of([40, 21, 10, 9], 0, 0.8),
            0.8,
            (0.75, "collapsed"),
        ),
        ("four of five classes", _softmax_of([8, 9, 0, 8, 7], 3, 0.9), 0.9, (0.8, "covered")),
        (
            "one sample each of many classes",
            _softmax_of([30, 1, 1, 1, 1], 2, 0.7),
            0.7,
            (0.2, "collapsed"),
        ),
        (
            "all classes, 15 of 31 recognised",
            _softmax_of([5, 5, 5], 16, 0.9),
            0.9,
            (1.0, "unrecognisable"),
        ),
        (
            "two of three classes, half of 12 recognised",
            _softmax_of([3, 3, 0], 6, 0.9),
            0.9,
            (2 / 3, "collapsed"),
        ),
        (
            "one of three classes, 4 of 12 recognised",
            _softmax_of([4, 0, 0], 8, 0.9),
            0.9,
            (1 / 3, "unrecognisable"),
        ),
        (
            "none recognised",
            _softmax_of([0, 0, 0], 9, 0.95),
            0.95,
            (0.0, "unrecognisable"),
        ),
        ("probabilities of exactly 0.75", on_the_border, 0.75, (1.0, "covered")),
        ("probabilities of 0.875, 0.75 and 0.625", barely, 0.75, (1.0, "covered")),
        ("the same, more confidence asked for", barely, 0.8, (0.5, "unrecognisable")),
    ):
        case = f"{name}, confidence {confidence:g}"
        received = answers.mode_coverage(probabilities, confidence)
        expect_parts(received, ("coverage", "verdict"), case=case)
        expect_equal(received[0], expected[0], case=f"{case}, coverage")
        expect_equal(received[1], expected[1], case=f"{case}, verdict")


def check_copying(answers: Any) -> None:
    """Generators that copy, nearly and not, that blur; equal images; uint8, where 0 - 1 is 255."""
    generator = np.random.default_rng(SEED)

    def draw(count: int) -> np.ndarray:
        return generator.integers(0, 256, (count, 3, 4, 2)).astype(np.uint8)

    training, held_out = draw(20), draw(9)
    near = np.clip(training[::3].astype(int) + generator.integers(-9, 10, (7, 3, 4, 2)), 0, 255)
    # Black and white, whose distances are equal for whoever divides by 255 as well.
    dots = 255 * generator.integers(0, 2, (30, 2, 3, 1)).astype(np.uint8)
    pixels = np.array([[9.0, 2], [0, 10], [2, 7]]).reshape(3, 2, 1, 1, 1)
    for name, images, known, others in (
        ("images of one pixel", pixels[0], pixels[1], pixels[2]),
        ("an honest generator", draw(12), training, held_out),
        ("a copier", near.astype(np.uint8), training, held_out),
        ("a copier, floats", training[[5, 2, 2, 17]].astype(np.float32), training, held_out),
        ("one that makes the same grey", np.full((4, 3, 4, 2), 127, np.uint8), training, held_out),
        ("held out what is known, too", near.astype(np.uint8), training, training[:4]),
        ("black and white, many equal", dots[:8], dots[8:22], dots[22:]),
        ("one image of each", draw(1), draw(1), draw(1)),
    ):
        received = answers.copying(images, known, others)
        expect_parts(received, ("nearest", "score"), case=name)
        nearest, distances = nearest_neighbours(images, known)
        _, usual = nearest_neighbours(others, known)
        expect_equal(received[0], nearest, case=f"{name}, nearest")
        expect_equal(received[1], nearer(distances, usual), case=f"{name}, score")


def check_signal_to_noise(answers: Any) -> None:
    """Both schedules, of few and of many steps, in decibels; and a name that is none."""
    for schedule in ("linear", "cosine"):
        for steps in (2, 3, 50, 1000):
            case = f"{schedule}, {steps} steps"
            received = answers.signal_to_noise(schedule, steps)
            expect_equal(received, decibels(schedule, steps), case=case, tolerance=1e-3)
    try:
        received = answers.signal_to_noise("quadratic", 10)
    except ValueError:
        return
    expect(False, case="the schedule 'quadratic'", expected="a ValueError", received=received)


def check_ddim_step(answers: Any) -> None:
    """The example; then against clean images with noise of the right size, and, where eta is 1,
    against the posterior."""
    pixel = np.ones((1, 1, 1, 1))
    for eta, value in ((0.0, 1.3358899), (1.0, 0.9 + 0.2814815 + 0.3328185)):
        received = answers.ddim_step(1.4 * pixel, pixel, 0.64, 0.81, eta, pixel)
        case = f"the pixel 1.4, fresh noise of 1, eta = {eta:g}"
        expect_equal(received, value * pixel, case=case, tolerance=ROUNDING)
    generator = np.random.default_rng(SEED)
    for shape in ((2, 3, 4, 1), (3, 2, 2, 3)):
        clean, noise, fresh = generator.normal(0, 1.5, (3, *shape))
        for signal, next_signal in ((0.64, 0.81), (0.02, 0.3), (0.9, 0.97), (0.7, 1.0)):
            images = signal**0.5 * clean + (1 - signal) ** 0.5 * noise
            for eta, expected in (
                (0.0, turned_step(clean, noise, signal, next_signal, 0.0, fresh)),
                (0.4, turned_step(clean, noise, signal, next_signal, 0.4, fresh)),
                (1.0, posterior_step(clean, images, signal, next_signal, fresh)),
            ):
                case = f"a = {signal:g}, b = {next_signal:g}, eta = {eta:g}"
                received = answers.ddim_step(images, noise, signal, next_signal, eta, fresh)
                expect_equal(received, expected, case=case, tolerance=ROUNDING)
