"""Plausible wrong answers to session 4's exercises, by exercise and mistake."""

import numpy as np

from courses.s04_optimisation import solutions


def _minibatches(shuffle=lambda generator, n: generator.permutation(n), last="smaller"):
    def minibatches(examples, batch_size, generator):
        order = shuffle(generator, examples)
        end = {
            "smaller": examples,
            "dropped": examples - examples % batch_size,
            "empty": examples + 1,
        }[last]
        return [order[start : start + batch_size] for start in range(0, end, batch_size)]

    return minibatches


def _shuffled_batches(examples, batch_size, generator):
    """The batches come in random order; within each, neighbours stay together."""
    order = np.arange(examples)
    batches = [order[start : start + batch_size] for start in range(0, examples, batch_size)]
    shuffled = [batches[index] for index in generator.permutation(examples // batch_size)]
    return shuffled + batches[examples // batch_size :]


def _shuffled_within(examples, batch_size, generator):
    batches = _minibatches(lambda generator, n: np.arange(n))(examples, batch_size, generator)
    return [generator.permutation(batch) for batch in batches]


def _momentum_step(keep=None, sign=1, damp=False, ahead="new velocity", order="new"):
    def momentum_step(
        weights, gradient, velocity, learning_rate=0.01, momentum=0.0, nesterov=False
    ):
        slope = sign * (1 - momentum if damp else 1) * learning_rate * gradient
        new = (momentum if keep is None else keep) * velocity - slope
        used = new if order == "new" else velocity
        if nesterov and ahead == "new velocity":
            return weights + momentum * used - slope, new
        if nesterov and ahead == "without gradient":
            return weights + momentum * used, new
        if nesterov and ahead == "old velocity":
            return weights + momentum * velocity - slope, new
        return weights + used, new

    return momentum_step


def _rmsprop_step(denominator=lambda v, e: np.sqrt(v + e), average=None, order="new"):
    average = average or (lambda velocity, g, rho: rho * velocity + (1 - rho) * g**2)

    def rmsprop_step(weights, gradient, velocity, learning_rate=0.001, rho=0.9, epsilon=1e-7):
        new = average(velocity, gradient, rho)
        used = new if order == "new" else velocity
        return weights - learning_rate * gradient / denominator(used, epsilon), new

    return rmsprop_step


def _adam_step(epsilon_at="hat", correct=("1", "2"), shift=0, second=lambda g: g**2, swap=False):
    def adam_step(
        weights,
        gradient,
        momentum,
        velocity,
        step,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
    ):
        beta_1, beta_2 = (beta_2, beta_1) if swap else (beta_1, beta_2)
        momentum = beta_1 * momentum + (1 - beta_1) * gradient
        velocity = beta_2 * velocity + (1 - beta_2) * second(gradient)
        first = 1 - beta_1 ** (step + shift) if "1" in correct else 1.0
        root = np.sqrt(1 - beta_2 ** (step + shift)) if "2" in correct else 1.0
        if epsilon_at == "hat":
            change = root / first * momentum / (np.sqrt(velocity) + epsilon)
        elif epsilon_at == "under the root":
            change = root / first * momentum / np.sqrt(velocity + epsilon)
        else:
            change = momentum / first / (np.sqrt(velocity) / root + epsilon)
        return weights - learning_rate * change, momentum, velocity

    return adam_step


def _kept_corrected(weights, gradient, momentum, velocity, step, **options):
    weights, momentum, velocity = solutions.adam_step(
        weights, gradient, momentum, velocity, step, **options
    )
    beta_1, beta_2 = options.get("beta_1", 0.9), options.get("beta_2", 0.999)
    return weights, momentum / (1 - beta_1**step), velocity / (1 - beta_2**step)


def _adamw_step(before=lambda rate, decay: rate * decay, after=0.0, in_gradient=0.0):
    """Weights that shrink by `before` of them, and by `after` of rate times decay behind Adam."""

    def adamw_step(
        weights, gradient, momentum, velocity, step, learning_rate=0.001, weight_decay=0.004, **rest
    ):
        start = weights - before(learning_rate, weight_decay) * weights
        gradient = gradient + in_gradient * weight_decay * weights
        found, *state = solutions.adam_step(
            start, gradient, momentum, velocity, step, learning_rate, **rest
        )
        return (found - after * learning_rate * weight_decay * found, *state)

    return adamw_step


def _nothing(rate, decay):
    return 0.0


def _rate(change):
    def warm_up_cosine(step, peak, warm_up_steps, decay_steps, alpha=0.0):
        return change(step, peak, warm_up_steps, decay_steps, alpha)

    return warm_up_cosine


def _never_ending(step, peak, warm_up_steps, decay_steps, alpha):
    if step < warm_up_steps:
        return peak * step / warm_up_steps
    progress = (step - warm_up_steps) / decay_steps
    return peak * (alpha + (1 - alpha) * 0.5 * (1 + np.cos(np.pi * progress)))


def _alpha_added(step, peak, warm_up_steps, decay_steps, alpha):
    return solutions.warm_up_cosine(step, peak, warm_up_steps, decay_steps) + alpha


def _linear(step, peak, warm_up_steps, decay_steps, alpha):
    if step < warm_up_steps:
        return peak * step / warm_up_steps
    progress = min(step - warm_up_steps, decay_steps) / decay_steps
    return peak * (alpha + (1 - alpha) * (1 - progress))


def _clip(norm=None, factor=None):
    norm = norm or (lambda gradients: np.sqrt(sum(np.sum(g**2) for g in gradients)))
    factor = factor or (lambda clip_norm, norm: min(1.0, clip_norm / norm) if norm else 1.0)

    def clip_by_global_norm(gradients, clip_norm):
        return [gradient * factor(clip_norm, norm(gradients)) for gradient in gradients]

    return clip_by_global_norm


def _clip_in_place(gradients, clip_norm):
    with np.errstate(invalid="ignore"):
        norm = np.sqrt(sum(np.sum(gradient**2) for gradient in gradients))
        for gradient in gradients:
            gradient *= min(np.float64(clip_norm), norm) / norm
    return gradients


def _normalize(axis=0, ddof=0, root=lambda v, e: np.sqrt(v + e), use="batch", follow="both"):
    def batch_normalization(
        x, gamma, beta, moving_mean, moving_variance, training, momentum=0.99, epsilon=1e-3
    ):
        mean, variance = moving_mean, moving_variance
        if training or use == "always the batch":
            mean, variance = x.mean(axis), x.var(axis, ddof=ddof)
        if follow == "always" or training:
            weight = 1 - momentum if follow == "swapped" else momentum
            moving_mean = weight * moving_mean + (1 - weight) * x.mean(axis)
            moving_variance = weight * moving_variance + (1 - weight) * x.var(axis, ddof=ddof)
        if use == "moving":
            mean, variance = moving_mean, moving_variance
        y = gamma * (x - mean) / root(variance, epsilon) + beta
        return y, moving_mean, moving_variance

    return batch_normalization


WRONG = {
    "minibatches": {
        "not shuffled": _minibatches(lambda generator, n: np.arange(n)),
        "last batch dropped": _minibatches(last="dropped"),
        "empty last batch": _minibatches(last="empty"),
        "drawn with replacement": _minibatches(lambda generator, n: generator.integers(0, n, n)),
        "batches shuffled, not examples": _shuffled_batches,
        "shuffled within batches only": _shuffled_within,
        "the same order each epoch": _minibatches(
            lambda generator, n: np.random.default_rng(0).permutation(n)
        ),
        "generator ignored": _minibatches(lambda generator, n: np.random.permutation(n)),
        "counted from one": _minibatches(lambda generator, n: 1 + generator.permutation(n)),
    },
    "momentum_step": {
        "uphill": _momentum_step(sign=-1),
        "velocity forgotten": _momentum_step(keep=0.0),
        "velocity never fades": _momentum_step(keep=1.0),
        "gradient damped by 1 - momentum": _momentum_step(damp=True),
        "old velocity": _momentum_step(order="old"),
        "Nesterov ignored": _momentum_step(ahead="ignored"),
        "Nesterov without the gradient": _momentum_step(ahead="without gradient"),
        "Nesterov with the old velocity": _momentum_step(ahead="old velocity"),
        "weights alone": lambda *given, **named: solutions.momentum_step(*given, **named)[0],
    },
    "rmsprop_step": {
        "epsilon outside the root": _rmsprop_step(lambda v, e: np.sqrt(v) + e),
        "no root": _rmsprop_step(lambda v, e: v + e),
        "no epsilon": _rmsprop_step(lambda v, e: np.sqrt(v + 1e-30)),
        "old average": _rmsprop_step(order="old"),
        "sum, not average": _rmsprop_step(average=lambda v, g, rho: v + g**2),
        "rho swapped": _rmsprop_step(average=lambda v, g, rho: (1 - rho) * v + rho * g**2),
        "absolute value, not square": _rmsprop_step(
            average=lambda v, g, rho: rho * v + (1 - rho) * np.abs(g)
        ),
        "one velocity for all weights": _rmsprop_step(
            average=lambda v, g, rho: rho * v + (1 - rho) * np.mean(g**2)
        ),
    },
    "adam_step": {
        "no bias correction": _adam_step(correct=()),
        "first average corrected alone": _adam_step(correct=("1",)),
        "second average corrected alone": _adam_step(correct=("2",)),
        "steps counted from the second": _adam_step(shift=1),
        "epsilon of Algorithm 1": _adam_step(epsilon_at="corrected"),
        "epsilon under the root": _adam_step(epsilon_at="under the root"),
        "betas swapped": _adam_step(swap=True),
        "gradient not squared": _adam_step(second=np.abs),
        "corrected averages kept": _kept_corrected,
    },
    "adamw_step": {
        "decay in the gradient": _adamw_step(before=_nothing, in_gradient=1.0),
        "decay without learning rate": _adamw_step(before=lambda rate, decay: decay),
        "decay after the step": _adamw_step(before=_nothing, after=1.0),
        "decay of the squared weights": _adamw_step(before=lambda rate, decay: 2 * rate * decay),
        "weights grow": _adamw_step(before=lambda rate, decay: -rate * decay),
        "plain Adam": _adamw_step(before=_nothing),
    },
    "warm_up_cosine": {
        "no warm-up": _rate(
            lambda step, peak, warm_up, decay, alpha: solutions.warm_up_cosine(
                step, peak, 0, decay, alpha
            )
        ),
        "warm-up counts as decay": _rate(
            lambda step, peak, warm_up, decay, alpha: (
                peak * step / warm_up
                if step < warm_up
                else solutions.warm_up_cosine(step, peak, 0, decay, alpha)
            )
        ),
        "warm-up one step early": _rate(
            lambda step, peak, warm_up, decay, alpha: (
                peak * (step + 1) / warm_up
                if step < warm_up
                else solutions.warm_up_cosine(step, peak, warm_up, decay, alpha)
            )
        ),
        "rises again after the end": _rate(_never_ending),
        "alpha added": _rate(_alpha_added),
        "alpha forgotten": _rate(
            lambda step, peak, warm_up, decay, alpha: solutions.warm_up_cosine(
                step, peak, warm_up, decay
            )
        ),
        "straight fall": _rate(_linear),
        "no warm-up divided by": _rate(
            lambda step, peak, warm_up, decay, alpha: (
                peak * step / warm_up
                if step <= warm_up
                else solutions.warm_up_cosine(step, peak, warm_up, decay, alpha)
            )
        ),
    },
    "clip_by_global_norm": {
        "each array by its own norm": lambda gradients, clip_norm: [
            solutions.clip_by_global_norm([gradient], clip_norm)[0] for gradient in gradients
        ],
        "by value": lambda gradients, clip_norm: [
            np.clip(gradient, -clip_norm, clip_norm) for gradient in gradients
        ],
        "always scaled": _clip(factor=lambda clip_norm, norm: clip_norm / norm if norm else 1.0),
        "largest norm": _clip(norm=lambda gradients: max(np.linalg.norm(g) for g in gradients)),
        "sum of norms": _clip(norm=lambda gradients: sum(np.linalg.norm(g) for g in gradients)),
        "root forgotten": _clip(norm=lambda gradients: sum(np.sum(g**2) for g in gradients)),
        "in place, zero divided by zero": _clip_in_place,
        "norm of 1": _clip(factor=lambda clip_norm, norm: min(1.0, 1 / norm) if norm else 1.0),
        "zero divided by zero": _clip(
            factor=lambda clip_norm, norm: (
                np.minimum(1.0, np.float64(clip_norm) * (1 / norm)) if norm else np.nan
            )
        ),
    },
    "batch_normalization": {
        "each example on its own": lambda x, *rest, **options: _normalize(axis=0)(
            (x.T - x.mean(axis=1)).T, *rest, **options
        ),
        "one mean for all features": _normalize(axis=None),
        "batch at inference": _normalize(use="always the batch"),
        "moving averages in training": _normalize(use="moving"),
        "moving averages at inference follow": _normalize(follow="always"),
        "momentum swapped": _normalize(follow="swapped"),
        "variance over n - 1": _normalize(ddof=1),
        "epsilon outside the root": _normalize(root=lambda v, e: np.sqrt(v) + e),
        "no root": _normalize(root=lambda v, e: v + e),
    },
}

# Exercise, mistake, and words of the message that names it.
MESSAGES = [
    (
        "minibatches",
        "last batch dropped",
        "minibatches(10, 4, generator), sizes: expected [4, 4, 2]",
    ),
    ("minibatches", "not shuffled", "first epoch of 50: expected a random order"),
    ("minibatches", "the same order each epoch", "second epoch of 50: expected a new order"),
    ("minibatches", "generator ignored", "an equal generator, first batch of 50: expected ["),
    ("momentum_step", "Nesterov ignored", "momentum=0.75, nesterov=True, weights: expected"),
    ("momentum_step", "weights alone", "expected a tuple (weights, velocity), received"),
    ("rmsprop_step", "epsilon outside the root", "step 1, weights of shape (3,)"),
    ("adam_step", "epsilon of Algorithm 1", "beta_2=0.9990234375, weights: expected"),
    ("adam_step", "corrected averages kept", "momentum: expected"),
    (
        "warm_up_cosine",
        "no warm-up divided by",
        "step=0, peak=2.0, warm_up_steps=0, decay_steps=12, alpha=0.5: expected 2, received an "
        "error: ",
    ),
    ("clip_by_global_norm", "each array by its own norm", "norm above clip_norm, clip_norm=0.5"),
    ("clip_by_global_norm", "largest norm", "clip_norm=0.5: expected"),
    ("clip_by_global_norm", "zero divided by zero", "zeros, clip_norm=1.0: expected 0"),
    ("clip_by_global_norm", "in place, zero divided by zero", "zeros, clip_norm=1.0: expected 0"),
    ("batch_normalization", "batch at inference", "batch 1, training=False"),
]
