"""Plausible wrong answers to session 10's exercises, by exercise and mistake."""

import numpy as np
from scipy.linalg import sqrtm
from scipy.special import expit, logsumexp, xlogy

from courses.s10_generative_models import solutions


def _gradient(
    deviation=lambda log_variance: np.exp(log_variance / 2),
    half=0.5,
    by_deviation=False,
    at_mean=False,
    through_noise=True,
    over="samples",
):
    def reparameterised_gradient(slope, mean, log_variance, noise):
        spread = deviation(log_variance)
        codes = mean + spread * noise
        slopes = slope(np.broadcast_to(mean, noise.shape) if at_mean else codes)
        drawn = slopes * noise if through_noise else slopes
        turned = drawn if by_deviation else drawn * spread * half
        if over == "sum":
            return slopes.sum(axis=0), turned.sum(axis=0)
        if over == "none":
            return slopes, turned
        if over == "all":
            return slopes.mean(), turned.mean()
        return slopes.mean(axis=0), turned.mean(axis=0)

    return reparameterised_gradient


def _mean_of_the_noise(slope, mean, log_variance, noise):
    """The slopes' mean times the noise's: what the two have in common is lost."""
    spread = np.exp(log_variance / 2)
    slopes = slope(mean + spread * noise).mean(axis=0)
    return slopes, slopes * noise.mean(axis=0) * spread / 2


def _score_function(slope, mean, log_variance, noise):
    """REINFORCE, which needs f, with the slopes in its place."""
    spread = np.exp(log_variance / 2)
    slopes = slope(mean + spread * noise)
    return (slopes * noise / spread).mean(axis=0), (slopes * (noise**2 - 1) / 2).mean(axis=0)


def _divergence(
    swapped=False,
    sign=1.0,
    half=True,
    prior=True,
    spread="variance",
    over="dimensions",
    squared=True,
    less=1.0,
    weighted=True,
):
    def kl_divergence(mean, log_variance, prior_mean, prior_log_variance):
        if not prior:
            prior_mean, prior_log_variance = np.zeros_like(mean), np.zeros_like(mean)
        if swapped:
            mean, prior_mean = prior_mean, mean
            log_variance, prior_log_variance = prior_log_variance, log_variance
        log_ratio = sign * (log_variance - prior_log_variance)
        if spread == "deviation":  # the logarithm taken for that of the deviation
            log_ratio = 2 * log_ratio
        shift = mean - prior_mean
        shift = np.square(shift) if squared else np.abs(shift)
        if weighted:
            shift = shift * np.exp(-prior_log_variance)
        with np.errstate(over="ignore"):
            terms = np.exp(sign * log_ratio) + shift - less - log_ratio
        terms = terms / 2 if half else terms
        if over == "batch":
            return terms.sum(axis=0)
        if over == "mean of dimensions":
            return terms.mean(axis=1)
        if over == "all":
            return terms.sum(axis=1).mean()
        return terms.sum(axis=1)

    return kl_divergence


def _of_variances(mean, log_variance, prior_mean, prior_log_variance):
    variance, prior = np.exp(log_variance), np.exp(prior_log_variance)
    with np.errstate(divide="ignore"):
        terms = (variance + (mean - prior_mean) ** 2) / prior - 1 - np.log(variance / prior)
    return terms.sum(axis=1) / 2


def _weights(
    prior=True,
    posterior=True,
    likelihood=True,
    volume=True,
    spread=0.5,
    constant=0.0,
    over="sum",
    stable=True,
    sign=1.0,
    ones_alone=False,
):
    def log_weights(image, decode, mean, log_variance, noise):
        codes = mean + np.exp(spread * log_variance) * noise
        logits = decode(codes)
        if stable:
            pixels = image * logits - np.logaddexp(0, logits)
        else:
            probabilities = expit(logits)
            pixels = image * np.log(probabilities)
            pixels = pixels + (1.0 - image) * np.log(1 - probabilities)
        if ones_alone:
            pixels = image * -np.logaddexp(0, -logits)
        found = getattr(pixels, over)(axis=1) if likelihood else 0.0
        if prior:
            found = found - np.sum(codes**2, axis=1) / 2 - constant * len(mean)
        if posterior:
            density = noise**2 + (log_variance if volume else 0)
            found = found + sign * np.sum(density, axis=1) / 2
        return found

    return log_weights


def _analytic_divergence(image, decode, mean, log_variance, noise):
    """The divergence in closed form in each sample: the same mean, other weights."""
    logits = decode(mean + np.exp(log_variance / 2) * noise)
    likelihood = np.sum(image * logits - np.logaddexp(0, logits), axis=1)
    zeros = np.zeros(len(mean))
    return likelihood - solutions.kl_divergence(mean[None], log_variance[None], zeros, zeros)


def _probabilities_for_logits(image, decode, mean, log_variance, noise):
    return solutions.log_weights(image, lambda z: expit(decode(z)), mean, log_variance, noise)


def _bound(groups="rows", mean=True, stable=True, outside=False, per_image=True):
    def importance_weighted_bound(log_weights, k):
        images, samples = log_weights.shape
        if groups == "columns":  # every so many apart
            parts = log_weights.reshape(images, k, samples // k).swapaxes(1, 2)
        elif groups == "first":
            parts = log_weights[:, None, :k]
        elif groups == "all":
            parts = log_weights[:, None]
        elif groups == "count":  # k groups in place of groups of k
            parts = log_weights.reshape(images, k, samples // k)
        elif groups == "across images":
            parts = log_weights.T.reshape(-1, 1, k)
        else:
            parts = log_weights.reshape(images, samples // k, k)
        found = logsumexp(parts, axis=-1) if stable else np.log(np.sum(np.exp(parts), axis=-1))
        found = found - (np.log(parts.shape[-1]) if mean else 0)
        if not per_image:
            return float(found.mean(axis=1).sum())
        return float(logsumexp(found) - np.log(found.size) if outside else found.mean())

    return importance_weighted_bound


def _game(swapped=False, nothing=0.5, value="natural", safe=True, of="both"):
    def optimal_discriminator(real, generated):
        first, second = (generated, real) if swapped else (real, generated)
        below = {"both": first + second, "generated": second, "mean": (first + second) / 2}[of]
        if safe:
            answers = np.divide(first, below, out=np.full(first.shape, nothing), where=below > 0)
        else:
            answers = first / below
        if value == "non-saturating":
            return answers, float(np.sum(xlogy(real, answers) + xlogy(generated, answers)))
        with np.errstate(all="ignore"):
            terms = xlogy(real, answers), xlogy(generated, 1 - answers)
            if value == "unsafe":
                terms = real * np.log(answers), generated * np.log(1 - answers)
        total = float(np.sum(terms[0] + terms[1]))
        return answers, {
            "log 2": total / np.log(2),
            "loss": -total,
            "mean": total / 2,
            "divergence": (total + np.log(4)) / 2,
            "outcomes": total / real.size,
        }.get(value, total)

    return optimal_discriminator


def _most_probable(real, generated):
    answers = np.where(real == generated, 0.5, np.where(real > generated, 1.0, 0.0))
    return answers, solutions.optimal_discriminator(real, generated)[1]


def _penalty(
    axes=(1, 2, 3),
    root=True,
    target=1.0,
    one_sided=False,
    at="between",
    over="batch",
    weighted=True,
    absolute=False,
    mixing="image",
):
    def gradient_penalty(gradient, real, generated, mix, strength):
        share = mix[:, None, None, None]
        if mixing == "one":
            share = mix[0]
        elif mixing == "half":
            share = 0.5
        x = {
            "between": share * real + (1 - share) * generated,
            "swapped": share * generated + (1 - share) * real,
            "real": real,
            "generated": generated,
            "added": real + share * generated,
        }[at]
        lengths = np.sum(np.square(gradient(x)), axis=axes)
        lengths = np.sqrt(lengths) if root else lengths
        missed = lengths - target
        missed = np.maximum(missed, 0) if one_sided else missed
        terms = np.abs(missed) if absolute else missed**2
        total = terms.sum() if over == "sum" else terms.mean()
        return float(strength * total if weighted else total)

    return gradient_penalty


def _length_of_the_batch(gradient, real, generated, mix, strength):
    share = mix[:, None, None, None]
    slopes = gradient(share * real + (1 - share) * generated)
    return float(strength * (np.linalg.norm(slopes) - 1) ** 2)


def _frechet(
    ddof=1, mean="squared", covariance="full", root="product", twice=2.0, outer=False, whole=False
):
    def frechet_distance(first, second):
        shift = first.mean(axis=0) - second.mean(axis=0)
        a, b = (
            np.atleast_2d(np.cov(x, rowvar=False, ddof=1 if ddof else 0)) for x in (first, second)
        )
        if covariance == "diagonal":
            a, b = np.diag(np.diag(a)), np.diag(np.diag(b))
        elif covariance == "moments":
            a, b = (x.T @ x / (len(x) - 1) for x in (first, second))
        moved = {
            "squared": shift @ shift,
            "length": np.linalg.norm(shift),
            "mean": np.mean(shift**2),
            "none": 0.0,
        }[mean]
        if root == "product":
            rooted = np.sum(np.sqrt(np.maximum(np.linalg.eigvals(a @ b).real, 0)))
        elif root == "elements":
            rooted = np.sum(np.sqrt(np.maximum(np.diag(a @ b), 0)))
        elif root == "roots":  # the roots' product, which is the product's if the two commute
            rooted = np.trace(sqrtm(a).real @ sqrtm(b).real)
        elif root == "none":
            rooted = np.trace(a @ b)
        distance = float(moved + np.trace(a) + np.trace(b) - twice * rooted)
        return float(np.sqrt(np.maximum(distance, 0))) if outer else distance

    return frechet_distance


def _root_of_rounding(first, second):
    """NaN where rounding makes an eigenvalue less than 0."""
    shift = first.mean(axis=0) - second.mean(axis=0)
    a, b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (first, second))
    with np.errstate(invalid="ignore"):
        root = np.sum(np.sqrt(np.linalg.eigvals(a @ b).real))
    return float(shift @ shift + np.trace(a + b) - 2 * root)


def _left_complex(first, second):
    shift = first.mean(axis=0) - second.mean(axis=0)
    a, b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (first, second))
    return shift @ shift + np.trace(a + b) - 2 * np.trace(sqrtm((a @ b).astype(complex)))


def _coverage(
    recognised="at least",
    share_of="recognised",
    least=0.5,
    strict=False,
    border="below",
    check=True,
    nothing=0.0,
    over="all",
    enough=0.5,
    counted="best",
):
    def mode_coverage(probabilities, confidence):
        samples, classes = probabilities.shape
        most = probabilities.max(axis=1)
        sure = {"at least": most >= confidence, "above": most > confidence, "all": most >= 0}
        sure = sure[recognised]
        found = int(sure.sum())
        if counted == "best":
            counts = np.bincount(probabilities[sure].argmax(axis=1), minlength=classes)
        else:
            counts = probabilities[sure].sum(axis=0)
        even = {"recognised": found, "samples": samples, "one": 0.0}[share_of] / classes
        bar = least * even
        covered = counts > bar if strict else counts >= bar
        coverage = float(covered.mean()) if found else nothing
        if over == "occurring" and found:
            coverage = float(covered.sum() / np.count_nonzero(counts))
        if check and found < enough * samples:
            return coverage, "unrecognisable"
        low = coverage <= 0.8 if border == "up to" else coverage < 0.8
        if border == "all":
            low = coverage < 1
        return coverage, "collapsed" if low else "covered"

    return mode_coverage


def _collapsed_first(probabilities, confidence):
    coverage, verdict = solutions.mode_coverage(probabilities, confidence)
    return coverage, "collapsed" if coverage < 0.8 else verdict


def _no_classes_covered(probabilities, confidence):
    coverage, verdict = solutions.mode_coverage(probabilities, confidence)
    return 1 - coverage, verdict


def _copied(
    wraps=False,
    ties=0.5,
    reverse=False,
    score="pairs",
    last=False,
    distance="euclidean",
    against="training",
    per_pixel=False,
):
    def copying(generated, training, held_out):
        def differences(images, known):
            if wraps:
                # All of the three are uint8 where one of them is.
                return (images[:, None] - known[None]).reshape(len(images), len(known), -1)
            a, b = (x.reshape(len(x), -1).astype(float) for x in (images, known))
            return a[:, None] - b[None]

        def distances(images, known):
            apart = differences(images, known)
            if distance == "sum of absolute":
                return np.abs(apart.astype(float)).sum(axis=2)
            if distance == "largest":
                return np.abs(apart.astype(float)).max(axis=2)
            if distance == "cosine":
                a, b = (x.reshape(len(x), -1) + 1e-9 for x in (images, known))
                a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
                return 1 - a @ b.T
            return (apart.astype(apart.dtype if wraps else float) ** 2).sum(axis=2)

        between = distances(generated, training)
        nearest = between.argmin(axis=1)
        if last:
            nearest = between.shape[1] - 1 - between[:, ::-1].argmin(axis=1)
        own = between.min(axis=1)
        if against == "generated":
            others = distances(held_out, generated).min(axis=1)
        elif against == "all":
            others = distances(held_out, training).ravel()
        else:
            others = distances(held_out, training).min(axis=1)
        less, same = own[:, None] < others, own[:, None] == others
        value = float(np.mean(less + ties * same))
        if score == "smallest":
            value = float(np.mean(own < others.min()))
        elif score == "mean":
            value = float(np.mean(own < others.mean()))
        elif score == "ratio":
            value = float(own.mean() / max(others.mean(), 1e-9))
        elif score == "exact":
            value = float(np.mean(own == 0))
        return nearest, 1 - value if reverse else value

    return copying


def _nearest_generated(generated, training, held_out):
    _, score = solutions.copying(generated, training, held_out)
    return solutions.copying(training, generated, held_out)[0], score


def _nearest_distances(generated, training, held_out):
    a, b = (x.reshape(len(x), -1).astype(float) for x in (generated, training))
    distances = np.linalg.norm(a[:, None] - b, axis=2).min(axis=1)
    return distances, solutions.copying(generated, training, held_out)[1]


def _ratio(
    first=1e-4,
    last=0.02,
    shift=0.008,
    over=1.008,
    squared=2,
    most=0.999,
    start=1,
    factor=10.0,
    powers=(1, 1),
    product=True,
    any_name=False,
):
    def signal_to_noise(schedule, steps):
        if schedule == "linear":
            noise = np.linspace(first, last, steps)
        elif schedule == "cosine" or any_name:
            time = np.arange(start - 1, steps + start) / steps
            kept = np.cos((time + shift) / over * np.pi / 2) ** squared
            noise = 1 - kept[1:] / kept[:-1]
            noise = np.clip(noise, 0, most) if most else noise
        else:
            raise ValueError(schedule)
        signal = np.cumprod(1 - noise) if product else 1 - noise
        with np.errstate(divide="ignore"):
            ratio = signal ** powers[0] / (1 - signal) ** powers[1]
            return factor * np.log10(ratio) if factor else ratio

    return signal_to_noise


def _cosine_itself(schedule, steps):
    """The signal is the curve, not the product of what the steps keep: nothing cuts at 0.999."""
    if schedule != "cosine":
        return solutions.signal_to_noise(schedule, steps)
    kept = np.cos((np.linspace(0, 1, steps + 1) + 0.008) / 1.008 * np.pi / 2) ** 2
    signal = kept[1:] / kept[0]
    return 10 * np.log10(signal / (1 - signal))


def _from_the_start(schedule, steps):
    """The ratio before each step, of which the first is infinite."""
    found = solutions.signal_to_noise(schedule, steps)
    return np.append(np.inf, found[:-1])


def _step(
    clip=False,
    kept="less",
    drawn="posterior",
    rooted=True,
    scaled=True,
    swapped=False,
    eta_squared=False,
    renoised=False,
    last_fresh=False,
):
    def ddim_step(images, predicted, signal, next_signal, eta, fresh):
        if swapped:
            signal, next_signal = next_signal, signal
            signal = min(signal, 1 - 1e-9)
        root = np.sqrt if rooted else np.asarray
        clean = images - root(1 - signal) * predicted
        clean = clean / root(signal) if scaled else clean
        clean = np.clip(clean, -1, 1) if clip else clean
        variance = {
            "posterior": (1 - next_signal) / (1 - signal) * (1 - signal / next_signal),
            "beta": 1 - signal / next_signal,
            "all": 1 - next_signal,
        }[drawn]
        spread = (eta if not eta_squared else eta**0.5) * np.sqrt(np.maximum(variance, 0))
        if kept == "less":
            rest = np.sqrt(np.maximum(1 - next_signal - spread**2, 0))
        elif kept == "all":
            rest = np.sqrt(1 - next_signal)
        else:
            rest = np.sqrt(1 - next_signal) - spread
        predicted = fresh if renoised else predicted
        return root(next_signal) * clean + rest * predicted + spread * fresh

    return ddim_step


def _clean_at_once(images, predicted, signal, next_signal, eta, fresh):
    return (images - np.sqrt(1 - signal) * predicted) / np.sqrt(signal)


def _always_ddim(images, predicted, signal, next_signal, eta, fresh):
    return solutions.ddim_step(images, predicted, signal, next_signal, 0.0, fresh)


def _one_for_all_images(images, predicted, signal, next_signal, eta, fresh):
    fresh = np.broadcast_to(fresh[:1], images.shape)
    return solutions.ddim_step(images, predicted, signal, next_signal, eta, fresh)


WRONG = {
    "reparameterised_gradient": {
        "the log variance for the variance": _gradient(lambda log_variance: log_variance),
        "the variance for the deviation": _gradient(np.exp),
        "one over the deviation": _gradient(lambda log_variance: np.exp(-log_variance / 2)),
        "no half": _gradient(half=1.0),
        "by the deviation": _gradient(by_deviation=True),
        "slope at the mean": _gradient(at_mean=True),
        "noise forgotten": _gradient(through_noise=False),
        "sum of the samples": _gradient(over="sum"),
        "sample by sample": _gradient(over="none"),
        "mean over the numbers too": _gradient(over="all"),
        "means multiplied": _mean_of_the_noise,
        "score function": _score_function,
        "swapped": lambda *given: solutions.reparameterised_gradient(*given)[::-1],
        "by the mean alone": lambda *given: solutions.reparameterised_gradient(*given)[0],
    },
    "kl_divergence": {
        "the other way": _divergence(swapped=True),
        "no half": _divergence(half=False),
        "standard prior": _divergence(prior=False),
        "log of the deviation": _divergence(spread="deviation"),
        "logarithm added": _divergence(sign=-1.0),
        "mean not squared": _divergence(squared=False),
        "distance not in the prior's deviations": _divergence(weighted=False),
        "1 left out": _divergence(less=0.0),
        "added over the batch": _divergence(over="batch"),
        "mean of the numbers": _divergence(over="mean of dimensions"),
        "mean of the batch": _divergence(over="all"),
        "logarithm of a variance": _of_variances,
    },
    "log_weights": {
        "no prior": _weights(prior=False),
        "no posterior": _weights(posterior=False),
        "no likelihood": _weights(likelihood=False),
        "posterior subtracted twice": _weights(sign=-1.0),
        "deviations left out of the posterior": _weights(volume=False),
        "variance for the deviation": _weights(spread=1.0),
        "prior's constant, not the posterior's": _weights(constant=np.log(2 * np.pi) / 2),
        "mean of the pixels": _weights(over="mean"),
        "pixels of 1 alone": _weights(ones_alone=True),
        "logarithm of the sigmoid": _weights(stable=False),
        "divergence in closed form": _analytic_divergence,
        "logits of probabilities": _probabilities_for_logits,
        "the mean of them": lambda *given: float(np.mean(solutions.log_weights(*given))),
        "negative": lambda *given: -solutions.log_weights(*given),
    },
    "importance_weighted_bound": {
        "sum of the weights": _bound(mean=False),
        "overflow": _bound(stable=False),
        "k groups": _bound(groups="count"),
        "groups of samples far apart": _bound(groups="columns"),
        "the first k": _bound(groups="first"),
        "all samples": _bound(groups="all"),
        "groups across the images": _bound(groups="across images"),
        "logarithm of the groups' mean": _bound(outside=True),
        "sum of the images": _bound(per_image=False),
        "the ELBO": lambda log_weights, k: float(np.mean(log_weights)),
        "the largest weight": lambda log_weights, k: float(
            np.mean(log_weights.reshape(-1, k).max(axis=1))
        ),
    },
    "optimal_discriminator": {
        "swapped": _game(swapped=True),
        "ratio": _game(of="generated"),
        "over the mean": _game(of="mean"),
        "0 where nothing occurs": _game(nothing=0.0),
        "0 over 0": _game(safe=False),
        "0 times infinity": _game(value="unsafe"),
        "bits": _game(value="log 2"),
        "loss": _game(value="loss"),
        "half the value": _game(value="mean"),
        "Jensen-Shannon divergence": _game(value="divergence"),
        "mean of the outcomes": _game(value="outcomes"),
        "non-saturating": _game(value="non-saturating"),
        "hard answers": _most_probable,
        "answers alone": lambda *given: solutions.optimal_discriminator(*given)[0],
    },
    "gradient_penalty": {
        "length of a pixel's channels": _penalty(axes=3),
        "length of the batch": _length_of_the_batch,
        "over the batch's axis": _penalty(axes=(0, 1, 2)),
        "no root": _penalty(root=False),
        "towards 0": _penalty(target=0.0),
        "too steep alone": _penalty(one_sided=True),
        "absolute": _penalty(absolute=True),
        "at the real images": _penalty(at="real"),
        "at the generated images": _penalty(at="generated"),
        "shares swapped": _penalty(at="swapped"),
        "added": _penalty(at="added"),
        "one share for all": _penalty(mixing="one"),
        "half way": _penalty(mixing="half"),
        "sum of the batch": _penalty(over="sum"),
        "not weighted": _penalty(weighted=False),
    },
    "frechet_distance": {
        "sums over n": _frechet(ddof=0),
        "length of the means' difference": _frechet(mean="length"),
        "mean of the means' difference": _frechet(mean="mean"),
        "covariances alone": _frechet(mean="none"),
        "variances alone": _frechet(covariance="diagonal"),
        "not centred": _frechet(covariance="moments"),
        "root of the elements": _frechet(root="elements"),
        "product of the roots": _frechet(root="roots"),
        "no root": _frechet(root="none"),
        "root once": _frechet(twice=1.0),
        "root of the whole": _frechet(outer=True),
        "root of rounding": _root_of_rounding,
        "complex": _left_complex,
    },
    "mode_coverage": {
        "confidence not asked for": _coverage(recognised="all"),
        "above the confidence": _coverage(recognised="above"),
        "even share of all samples": _coverage(share_of="samples"),
        "a whole share": _coverage(least=1.0),
        "a tenth of a share": _coverage(least=0.1),
        "more than half a share": _coverage(strict=True),
        "any sample will do": _coverage(share_of="one", strict=True),
        "collapsed at 0.8": _coverage(border="up to"),
        "collapsed below 1": _coverage(border="all"),
        "recognised or not": _coverage(check=False),
        "most must be recognised": _coverage(enough=0.75),
        "all covered by nothing": _coverage(nothing=1.0),
        "of the classes that occur": _coverage(over="occurring"),
        "sums of probabilities": _coverage(counted="soft"),
        "collapsed whatever is recognised": _collapsed_first,
        "share that is missing": _no_classes_covered,
        "verdict alone": lambda *given: solutions.mode_coverage(*given)[1],
    },
    "copying": {
        "difference of uint8": _copied(wraps=True),
        "ties not counted": _copied(ties=0.0),
        "ties count whole": _copied(ties=1.0),
        "farther": _copied(reverse=True),
        "the last of equals": _copied(last=True),
        "absolute differences": _copied(distance="sum of absolute"),
        "largest difference": _copied(distance="largest"),
        "cosine": _copied(distance="cosine"),
        "held out against generated": _copied(against="generated"),
        "held out against all": _copied(against="all"),
        "nearer than all held out": _copied(score="smallest"),
        "nearer than the mean": _copied(score="mean"),
        "ratio of the means": _copied(score="ratio"),
        "equal to a training image": _copied(score="exact"),
        "generated one nearest to each training image": _nearest_generated,
        "distances": _nearest_distances,
        "training and held out swapped": lambda generated, training, held_out: solutions.copying(
            generated, held_out, training
        ),
    },
    "signal_to_noise": {
        "amplitudes": _ratio(powers=(0.5, 0.5)),
        "signal alone": _ratio(powers=(1, 0)),
        "noise to signal": _ratio(powers=(-1, -1)),
        "amplitude over variance": _ratio(powers=(0.5, 1)),
        "20 log10": _ratio(factor=20.0),
        "no decibels": _ratio(factor=0.0),
        "no product": _ratio(product=False),
        "linear from 0.001": _ratio(first=1e-3),
        "linear to 0.01": _ratio(last=0.01),
        "no shift": _ratio(shift=0.0, over=1.0),
        "shift not divided out": _ratio(over=1.0),
        "cosine not squared": _ratio(squared=1),
        "cut at 0.99": _ratio(most=0.99),
        "not cut": _ratio(most=0),
        "one step early": _ratio(start=0),
        "any name is cosine": _ratio(any_name=True),
        "the cosine itself": _cosine_itself,
        "before each step": _from_the_start,
        "last first": lambda *given: solutions.signal_to_noise(*given)[::-1],
    },
    "ddim_step": {
        "clean images at once": _clean_at_once,
        "clean images cut": _step(clip=True),
        "no roots": _step(rooted=False),
        "clean images not scaled": _step(scaled=False),
        "times swapped": _step(swapped=True),
        "noise added to what was there": _step(kept="all"),
        "deviations subtracted": _step(kept="rest"),
        "variance of the forward step": _step(drawn="beta"),
        "all noise drawn anew": _step(drawn="all"),
        "eta of the variance": _step(eta_squared=True),
        "fresh noise for the predicted": _step(renoised=True),
        "eta forgotten": _always_ddim,
        "one noise for all images": _one_for_all_images,
        "of the first image": lambda *given: solutions.ddim_step(*given)[0],
    },
}

# Exercise, mistake, and words of the message that names it.
MESSAGES = [
    ("reparameterised_gradient", "no half", "by the log variance: expected"),
    ("reparameterised_gradient", "means multiplied", "noise 1 and -1, by the log variance"),
    ("reparameterised_gradient", "sample by sample", "expected shape (1,), received shape (2, 1)"),
    ("reparameterised_gradient", "by the mean alone", "expected a tuple (by_mean, by_log"),
    ("kl_divergence", "no half", "means 1 and 0, variances 1 and 4: expected 1.306853"),
    ("kl_divergence", "mean not squared", "the standard prior"),
    ("kl_divergence", "standard prior", "another prior"),
    (
        "kl_divergence",
        "logarithm of a variance",
        "-1500: expected 749.5275 at",
    ),
    ("kl_divergence", "mean of the batch", "expected shape (1,), received shape ()"),
    ("log_weights", "logarithm of the sigmoid", "logits up to 1000: expected no warning"),
    ("log_weights", "the mean of them", "expected shape (1,), received shape ()"),
    ("importance_weighted_bound", "sum of the weights", "k = 2: expected"),
    ("importance_weighted_bound", "overflow", "about -2000, k = 1: expected no warning"),
    ("importance_weighted_bound", "groups of samples far apart", "shape (3, 12) about -90, k = 2"),
    ("optimal_discriminator", "0 over 0", "never occur: expected no warning"),
    ("optimal_discriminator", "0 where nothing occurs", "never occur, answers: expected 0.5"),
    ("optimal_discriminator", "bits", "three outcomes, value: expected"),
    ("gradient_penalty", "not weighted", "2 x 2 pixels: expected 10, received 1"),
    ("gradient_penalty", "one share for all", "5 images of (2, 3, 1)"),
    ("frechet_distance", "sums over n", "means 0 and 3, variances 2 and 8: expected 11"),
    ("frechet_distance", "product of the roots", "spreads and directions that differ"),
    ("frechet_distance", "root of rounding", "5 and 7 examples of 8 numbers: expected"),
    ("frechet_distance", "complex", "expected a real number"),
    ("mode_coverage", "even share of all samples", "40 unsure, confidence 0.8, coverage"),
    ("mode_coverage", "above the confidence", "probabilities of exactly 0.75"),
    ("mode_coverage", "all covered by nothing", "none recognised"),
    ("mode_coverage", "collapsed at 0.8", "verdict: expected covered, received collapsed"),
    ("mode_coverage", "recognised or not", "verdict: expected unrecognisable"),
    ("copying", "difference of uint8", "an honest generator, nearest"),
    ("copying", "ties not counted", "images of one pixel, score: expected 0.875"),
    ("copying", "the last of equals", "many equal, nearest"),
    ("signal_to_noise", "not cut", "cosine, 2 steps"),
    ("signal_to_noise", "any name is cosine", "'quadratic': expected a ValueError"),
    ("signal_to_noise", "no decibels", "linear, 2 steps: expected"),
    ("ddim_step", "eta forgotten", "eta = 1: expected 1.5143"),
    ("ddim_step", "clean images cut", "eta = 0: expected"),
    ("ddim_step", "of the first image", "expected shape (1, 1, 1, 1)"),
]
