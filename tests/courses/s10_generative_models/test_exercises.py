"""Session 10's exercises: the examples in their docstrings, and what the grader lets pass."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial import KDTree
from scipy.special import expit
from scipy.stats import norm, rankdata

from courses import grading
from courses.s10_generative_models import references, solutions
from tests.courses.conftest import grade, modules


def passes(exercise, answer):
    """Whether the grader takes this answer, and what it says; the others are the solutions."""
    answers = SimpleNamespace(**vars(solutions) | {exercise: answer})
    return grade("s10", exercise, answers) == grading.Result(exercise, True)


def test_examples_in_the_docstrings_are_right():
    noise = np.array([[1.0], [-1.0]])
    found = solutions.reparameterised_gradient(lambda z: 2 * z, np.ones(1), np.zeros(1), noise)
    assert [part.tolist() for part in found] == [[2], [1]]

    standard = np.zeros(1), np.zeros(1)
    far = np.array([[1.0], [0.0]]), np.log([[1.0], [4.0]])
    assert solutions.kl_divergence(*far, *standard) == pytest.approx([0.5, 0.8069], abs=5e-5)
    both = [part.T for part in far]
    divergence = solutions.kl_divergence(*both, np.zeros(2), np.zeros(2))
    assert divergence == pytest.approx([1.3069], abs=5e-5)

    pixels = np.array([1, 0])
    weights = solutions.log_weights(
        pixels, lambda z: np.zeros((len(z), 2)), np.zeros(1), np.log([4.0]), np.ones((1, 1))
    )
    assert weights == pytest.approx([-2.1931], abs=5e-5)
    bounds = [solutions.importance_weighted_bound(np.log([[1.0, 3.0]]), k) for k in (1, 2)]
    assert bounds == pytest.approx([0.5493, 0.6931], abs=5e-5)

    toy = np.array([0.5, 0.5, 0]), np.array([0.25, 0.25, 0.5])
    answers, value = solutions.optimal_discriminator(*toy)
    assert answers.tolist() == [2 / 3, 2 / 3, 0] and value == pytest.approx(-0.9548, abs=5e-5)
    black = np.zeros((1, 2, 2, 1))
    assert solutions.gradient_penalty(np.ones_like, black, black, np.zeros(1), 10) == 10
    pair = np.array([[-1.0], [1]]), np.array([[1.0], [5]])
    assert solutions.frechet_distance(*pair) == pytest.approx(11)

    softmax = np.array([[0.9, 0.1], [0.8, 0.2], [0.95, 0.05], [0.4, 0.6]])
    assert solutions.mode_coverage(softmax, 0.75) == (0.5, "collapsed")
    training, generated, held_out = (
        np.array(values).reshape(2, 1, 1, 1) for values in ([0, 10], [9, 2], [2, 7])
    )
    nearest, score = solutions.copying(generated, training, held_out)
    assert nearest.tolist() == [1, 0] and score == 0.875

    linear, cosine = (solutions.signal_to_noise(name, 2) for name in ("linear", "cosine"))
    assert linear == pytest.approx([40.00, 16.88], abs=5e-3)
    assert cosine == pytest.approx([-0.11, -33.06], abs=5e-3)
    step = [
        float(solutions.ddim_step(np.array(1.4), np.array(1.0), 0.64, 0.81, eta, np.array(fresh)))
        for eta, fresh in ((0, 0.0), (1, 0.0), (1, 1.0))
    ]
    assert step == pytest.approx([1.3359, 0.9 + 0.2815, 0.9 + 0.2815 + 0.3328], abs=1e-4)


def _single(value):
    """Whatever is a float in single precision, what a function returns included."""
    if callable(value):
        return lambda *given: _single(value(*given))
    if isinstance(value, tuple):
        return tuple(map(_single, value))
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(np.float32)
    return np.float32(value) if isinstance(value, float) else value


def _listed(value):
    if isinstance(value, tuple):
        return list(map(_listed, value))
    return value.tolist() if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("exercise", modules("s10").names)
def test_single_precision_and_lists_pass(exercise):
    solution = getattr(solutions, exercise)

    def single(*given):
        return _single(solution(*map(_single, given)))

    def listed(*given):
        return _listed(solution(*given))

    assert passes(exercise, single)
    assert passes(exercise, listed)


def _one_sample_at_a_time(slope, mean, log_variance, noise):
    deviation = np.exp(log_variance) ** 0.5
    by_mean, by_log_variance = [], []
    for each in noise:
        (one,) = slope((mean + deviation * each)[None])
        by_mean.append(one)
        by_log_variance.append(0.5 * deviation * each * one)
    return np.mean(by_mean, axis=0), np.mean(by_log_variance, axis=0)


def _in_deviations(mean, log_variance, prior_mean, prior_log_variance):
    prior = np.exp(prior_log_variance / 2)
    ratio, shift = np.exp(log_variance / 2) / prior, (mean - prior_mean) / prior
    terms = prior_log_variance - log_variance + ratio**2 + shift**2 - 1
    return [sum(row) / 2 for row in terms]


def _densities(image, decode, mean, log_variance, noise):
    deviation = np.exp(log_variance / 2)
    codes = mean + deviation * noise
    logits = decode(codes)
    # A binary cross-entropy as Keras and TensorFlow have it.
    entropy = np.maximum(logits, 0) - logits * image + np.log1p(np.exp(-np.abs(logits)))
    densities = norm.logpdf(codes) - norm.logpdf(codes, mean, deviation)
    return densities.sum(axis=1) - entropy.sum(axis=1)


def _largest_taken_out(log_weights, k):
    parts = np.stack(np.split(log_weights, log_weights.shape[1] // k, axis=1), axis=1)
    most = parts.max(axis=-1, keepdims=True)
    bounds = np.log(np.mean(np.exp(parts - most), axis=-1)) + most[..., 0]
    return np.mean(bounds, axis=1).mean()


def _by_outcome(real, generated):
    answers, value = np.full(real.shape, 0.5), 0.0
    for index in np.ndindex(real.shape):
        p, q = real[index], generated[index]
        if p + q:
            answers[index] = p / (p + q)
        value += p * np.log(p / (p + q)) if p else 0
        value += q * np.log(q / (p + q)) if q else 0
    return answers, value


def _image_by_image(gradient, real, generated, mix, strength):
    found = []
    for one, other, share in zip(real, generated, mix, strict=True):
        slope = gradient((other + share * (one - other))[None])
        found.append((np.linalg.norm(slope) - 1) ** 2)
    return strength * sum(found) / len(found)


def _schur(first, second):
    means = first.mean(axis=0) - second.mean(axis=0)
    a, b = (np.atleast_2d(np.cov(x.T)) for x in (first, second))
    return means @ means + np.trace(a + b - 2 * sqrtm(a @ b).real)


def _symmetric_roots(first, second):
    """The product's eigenvalues as those of a symmetric matrix."""
    means = first.mean(axis=0) - second.mean(axis=0)
    a, b = (np.atleast_2d(np.cov(x.T)) for x in (first, second))
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    roots = np.sqrt(np.clip(np.linalg.eigvalsh(root @ b @ root), 0, None))
    return means @ means + np.trace(a) + np.trace(b) - 2 * roots.sum()


def _in_shares(probabilities, confidence):
    best = probabilities.argmax(axis=1)[probabilities.max(axis=1) >= confidence]
    classes = probabilities.shape[1]
    shares = [np.mean(best == each) if len(best) else 0 for each in range(classes)]
    coverage = sum(share >= 0.5 / classes and share > 0 for share in shares) / classes
    if len(best) / len(probabilities) < 0.5:
        return coverage, "unrecognisable"
    return coverage, "collapsed" if coverage < 0.8 else "covered"


def _of_whites(generated, training, held_out):
    """Pixels of 0-1, roots of distances, ranks."""
    a, b, c = (
        (x.astype("float32") / 255).reshape(len(x), -1) for x in (generated, training, held_out)
    )
    between = np.linalg.norm(a[:, None] - b, axis=2)
    usual = KDTree(b).query(c)[0]
    ranks = rankdata(np.round(np.append(between.min(axis=1), usual), 5))[: len(a)]
    above = ranks.sum() - len(a) * (len(a) + 1) / 2
    return between.argmin(axis=1), 1 - above / (len(a) * len(c))


def _logits_of_the_signal(schedule, steps):
    """The ratio is the sigmoid's inverse; schedules in Python, step by step."""
    if schedule not in ("linear", "cosine"):
        raise ValueError(schedule)
    signal, found = 1.0, []
    for t in range(1, steps + 1):
        if schedule == "linear":
            noise = 1e-4 + (t - 1) / (steps - 1) * (0.02 - 1e-4)
        else:
            angles = [(s / steps + 0.008) / 1.008 * np.pi / 2 for s in (t - 1, t)]
            noise = min(0.999, 1 - (np.cos(angles[1]) / np.cos(angles[0])) ** 2)
        signal *= 1 - noise
        found.append(10 / np.log(10) * np.log(signal / (1 - signal)))
    return found


def _from_the_posterior(images, predicted, signal, next_signal, eta, fresh):
    """As the code of DDIM writes it: the posterior's variance, by the step's own noise."""
    noise = 1 - signal / next_signal
    variance = eta**2 * noise * (1 - next_signal) / (1 - signal)
    clean = images / signal**0.5 - predicted * (1 / signal - 1) ** 0.5
    towards = (1 - next_signal - variance) ** 0.5 * predicted
    return next_signal**0.5 * clean + towards + variance**0.5 * fresh


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("reparameterised_gradient", _one_sample_at_a_time),
        ("kl_divergence", _in_deviations),
        ("log_weights", _densities),
        ("importance_weighted_bound", _largest_taken_out),
        ("optimal_discriminator", _by_outcome),
        ("gradient_penalty", _image_by_image),
        ("frechet_distance", _schur),
        ("frechet_distance", _symmetric_roots),
        ("mode_coverage", _in_shares),
        ("copying", _of_whites),
        ("signal_to_noise", _logits_of_the_signal),
        ("ddim_step", _from_the_posterior),
    ],
)
def test_other_right_answers_pass(exercise, answer):
    assert passes(exercise, answer)


def test_keras_tensors_pass():
    ops = pytest.importorskip("keras").ops

    def kl_divergence(mean, log_variance, prior_mean, prior_log_variance):
        moments = map(ops.convert_to_tensor, (mean, log_variance, prior_mean, prior_log_variance))
        m, v, p, w = (ops.cast(each, "float32") for each in moments)
        return 0.5 * ops.sum(w - v + ops.exp(v - w) + (m - p) ** 2 * ops.exp(-w) - 1, axis=1)

    assert passes("kl_divergence", kl_divergence)


def test_the_mean_log_weight_is_reconstruction_less_divergence():
    """With noise whose moments are exactly 0 and 1 the Monte Carlo ELBO is the closed one."""
    generator = np.random.default_rng(2)
    noise = generator.normal(size=(50, 3))
    noise -= noise.mean(axis=0)
    noise = noise @ np.linalg.inv(np.linalg.cholesky(noise.T @ noise / 50)).T
    mean, log_variance = generator.normal(size=(2, 3))
    image = np.array([1, 0, 0, 1, 1])
    decode = references.decoder(3, 5, 2.0)
    weights = solutions.log_weights(image, decode, mean, log_variance, noise)
    probabilities = expit(decode(mean + np.exp(log_variance / 2) * noise))
    reconstruction = np.log(np.where(image, probabilities, 1 - probabilities)).sum(axis=1).mean()
    zeros = np.zeros(3)
    (divergence,) = solutions.kl_divergence(mean[None], log_variance[None], zeros, zeros)
    assert weights.mean() == pytest.approx(reconstruction - divergence)


def test_the_bound_rises_to_the_likelihood():
    """A code of one number and a decoder that knows it: the evidence by quadrature."""
    image, zeros = np.array([1.0]), np.zeros(1)
    nodes, shares = np.polynomial.hermite_e.hermegauss(40)
    evidence = np.log(shares @ expit(2 * nodes) / shares.sum())
    noise = np.random.default_rng(0).normal(size=(4096, 1))
    weights = solutions.log_weights(image, lambda z: 2 * z, zeros, zeros + 0.5, noise)[None]
    bounds = [solutions.importance_weighted_bound(weights, k) for k in (1, 8, 64, 4096)]
    assert bounds == sorted(bounds) and bounds[0] < evidence - 0.3
    assert bounds[-1] == pytest.approx(evidence, abs=0.03)


def test_the_references_agree_with_each_other():
    score, gradient = references.critic((2, 3, 1), 1.0)
    images = np.random.default_rng(1).normal(size=(1, 2, 3, 1))
    slopes = references.central_differences(lambda x: score(x)[0], images)
    assert gradient(images) == pytest.approx(slopes, abs=1e-8)
    for loss, slope in references.losses_of_codes(3).values():
        codes = np.random.default_rng(2).normal(size=(1, 3))
        slopes = references.central_differences(lambda z, f=loss: f(z)[0], codes)
        assert slope(codes) == pytest.approx(slopes, abs=1e-8)
    clean, noise, fresh = np.random.default_rng(3).normal(size=(3, 1, 2, 2, 1))
    noisy = 0.3**0.5 * clean + 0.7**0.5 * noise
    turned = references.turned_step(clean, noise, 0.3, 0.8, 1.0, fresh)
    assert turned == pytest.approx(references.posterior_step(clean, noisy, 0.3, 0.8, fresh))
    assert references.divergence_by_quadrature(1.0, 0.0, 0.0, 0.0) == pytest.approx(0.5)


def test_a_chain_of_steps_from_a_perfect_network_gives_the_images_back():
    clean, noise = np.random.default_rng(4).normal(size=(2, 3, 4, 4, 1))
    signals = [*(0.01, 0.1, 0.4, 0.9), 1.0]
    images = signals[0] ** 0.5 * clean + (1 - signals[0]) ** 0.5 * noise
    for signal, after in zip(signals, signals[1:], strict=False):
        seen = (images - signal**0.5 * clean) / (1 - signal) ** 0.5
        images = solutions.ddim_step(images, seen, signal, after, 0.0, noise)
    assert images == pytest.approx(clean)
