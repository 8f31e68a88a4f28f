"""Plausible wrong answers to session 3's exercises, by exercise and mistake."""

import numpy as np

from courses.s03_bias_and_variance import solutions


def _plain_split(classes, fraction, seed):
    order = np.random.default_rng(seed).permutation(len(classes))
    held = round(fraction * len(classes))
    return order[held:], order[:held]


def _split(draw=lambda random, members: random.permutation(members), whole=round):
    """A stratified split: members in the order `draw(random, members)`, counts made `whole`."""

    def stratified_split(classes, fraction, seed):
        random, held = np.random.default_rng(seed), np.zeros(len(classes), bool)
        for label in np.unique(classes):
            members = draw(random, np.flatnonzero(classes == label))
            held[members[: int(whole(fraction * len(members)))]] = True
        return np.flatnonzero(~held), np.flatnonzero(held)

    return stratified_split


def _overlapping(classes, fraction, seed):
    _, held = solutions.stratified_split(classes, fraction, seed)
    return np.arange(len(classes)), held


def _standardize(source=lambda a, b: (a, a), guard=True, ddof=0, scale=True, shift=True):
    """A standardization whose statistics come from `source(train, other)`, one for each part."""

    def standardize(train, other):
        parts = []
        for part, seen in zip((train, other), source(train, other), strict=True):
            mean, deviation = seen.mean(axis=0), seen.std(axis=0, ddof=ddof)
            if guard:
                deviation = np.where(deviation == 0, 1.0, deviation)
            with np.errstate(all="ignore"):
                parts.append((part - mean * shift) / (deviation if scale else 1.0))
        return tuple(parts)

    return standardize


def _ridge(factor=1.0, first=0.0, scale=lambda n: 1.0):
    def ridge_polynomial(x, y, degree, l2):
        design = np.vander(x, degree + 1, increasing=True)
        penalised = np.eye(degree + 1)
        penalised[0, 0] = first
        penalised *= factor * l2 * scale(len(x))
        return np.linalg.pinv(design.T @ design + penalised) @ design.T @ y

    return ridge_polynomial


def _bias_variance(change):
    def bias_variance(predictions, truth):
        return change(predictions, truth, predictions.mean(axis=0))

    return bias_variance


def _smooth(on, off):
    def smooth_labels(classes, count, smoothing):
        targets = np.full((len(classes), count), off(smoothing, count))
        targets[np.arange(len(classes)), classes] = on(smoothing, count)
        return targets

    return smooth_labels


def _stopping(
    better=lambda loss, best, d: loss < best - d, enough=lambda w, p: w >= p, reset=True, index=0
):
    def early_stopping(losses, patience, min_delta=0.0):
        best, waited = 0, 0
        for epoch, loss in enumerate(losses):
            if epoch == 0 or better(loss, losses[best], min_delta):
                best, waited = epoch, 0 if reset else waited
                continue
            waited += 1
            if enough(waited, patience):
                return epoch + 1, best + index
        return len(losses), best + index

    return early_stopping


def _against_the_last(losses, patience, min_delta=0.0):
    best, waited = 0, 0
    for epoch in range(1, len(losses)):
        if losses[epoch] < losses[epoch - 1] - min_delta:
            best, waited = epoch, 0
        else:
            waited += 1
        if waited >= patience:
            return epoch + 1, best
    return len(losses), best


def _stopped_index(losses, patience, min_delta=0.0):
    epochs, best = solutions.early_stopping(losses, patience, min_delta)
    return epochs - 1, best


def _gradients(change):
    def penalty(weights, l1, l2):
        value, gradients = solutions.penalty(weights, l1, l2)
        return change(value, gradients, weights, l1, l2)

    return penalty


WRONG = {
    "stratified_split": {
        "not stratified": _plain_split,
        "rounded down": _split(whole=np.floor),
        "rounded up": _split(whole=np.ceil),
        "not shuffled": _split(lambda random, members: members),
        "one seed for all": _split(
            lambda random, members: np.random.default_rng(0).permutation(members)
        ),
        "unseeded": _split(lambda random, members: np.random.default_rng().permutation(members)),
        "parts swapped": lambda c, fraction, seed: solutions.stratified_split(c, fraction, seed)[
            ::-1
        ],
        "everything kept": _overlapping,
        "masks": lambda c, fraction, seed: tuple(
            np.isin(np.arange(len(c)), part)
            for part in solutions.stratified_split(c, fraction, seed)
        ),
        "classes, not indices": lambda c, fraction, seed: tuple(
            c[part] for part in solutions.stratified_split(c, fraction, seed)
        ),
    },
    "standardize": {
        "fitted on both": _standardize(lambda a, b: (np.concatenate([a, b]),) * 2),
        "each on its own": _standardize(lambda a, b: (a, b)),
        "fitted on the other": _standardize(lambda a, b: (b, b)),
        "constant divides by zero": _standardize(guard=False),
        "sample deviation": _standardize(ddof=1),
        "not scaled": _standardize(scale=False),
        "not shifted": _standardize(shift=False),
        "one mean for all features": lambda a, b: (
            (a - a.mean()) / a.std(),
            (b - a.mean()) / a.std(),
        ),
        "train alone": lambda a, b: solutions.standardize(a, b)[0],
    },
    "ridge_polynomial": {
        "constant penalised": _ridge(first=1.0),
        "no penalty": _ridge(factor=0.0),
        "penalty halved": _ridge(factor=0.5),
        "penalty times examples": _ridge(scale=lambda n: n),
        "l2 squared": lambda x, y, degree, l2: solutions.ridge_polynomial(x, y, degree, l2**2),
        "highest power first": lambda *a: solutions.ridge_polynomial(*a)[::-1],
        "one power short": lambda x, y, degree, l2: solutions.ridge_polynomial(
            x, y, max(degree - 1, 0), l2
        ),
    },
    "bias_variance": {
        "mean over the points": _bias_variance(
            lambda p, t, m: (
                np.mean((p.mean() - t) ** 2),
                np.mean((p - p.mean(axis=1, keepdims=True)) ** 2),
            )
        ),
        "bias not squared": _bias_variance(lambda p, t, m: (np.mean(m - t), p.var(axis=0).mean())),
        "bias squared last": _bias_variance(
            lambda p, t, m: (np.mean(m - t) ** 2, p.var(axis=0).mean())
        ),
        "error for the bias": _bias_variance(
            lambda p, t, m: (np.mean((p - t) ** 2), p.var(axis=0).mean())
        ),
        "error for the variance": _bias_variance(
            lambda p, t, m: (np.mean((m - t) ** 2), np.mean((p - t) ** 2))
        ),
        "sample variance": _bias_variance(
            lambda p, t, m: (np.mean((m - t) ** 2), p.var(axis=0, ddof=1).mean())
        ),
        "deviation": _bias_variance(lambda p, t, m: (np.mean((m - t) ** 2), p.std(axis=0).mean())),
        "swapped": _bias_variance(lambda p, t, m: (p.var(axis=0).mean(), np.mean((m - t) ** 2))),
    },
    "dropout": {
        "not rescaled": lambda x, u, rate, training: np.where(u >= rate, x, 0) if training else x,
        "rate is what is kept": lambda x, u, rate, training: (
            np.where(u < rate, x / max(rate, 1e-9), 0) if training else x
        ),
        "divided by the rate": lambda x, u, rate, training: (
            np.where(u >= rate, x / max(rate, 1e-9), 0) if training else x
        ),
        "at inference too": lambda x, u, rate, training: np.where(u >= rate, x / (1 - rate), 0),
        "scaled at inference": lambda x, u, rate, training: (
            np.where(u >= rate, x, 0) if training else x * (1 - rate)
        ),
        "the limit dropped": lambda x, u, rate, training: (
            np.where(u > rate, x / (1 - rate), 0) if training else x
        ),
        "dropped ones removed": lambda x, u, rate, training: (
            x[u >= rate] / (1 - rate) if training else x
        ),
    },
    "penalty": {
        "half": _gradients(lambda v, g, w, l1, l2: (v / 2, g)),
        "factor 2 missing": _gradients(
            lambda v, g, w, l1, l2: (v, [l1 * np.sign(a) + l2 * a for a in w])
        ),
        "mean, not sum": _gradients(
            lambda v, g, w, l1, l2: (
                sum(l1 * np.abs(a).mean() + l2 * np.square(a).mean() for a in w),
                g,
            )
        ),
        "root of the squares": _gradients(
            lambda v, g, w, l1, l2: (
                sum(l1 * np.abs(a).sum() + l2 * np.linalg.norm(a) for a in w),
                g,
            )
        ),
        "first layer only": _gradients(
            lambda v, g, w, l1, l2: (solutions.penalty(w[:1], l1, l2)[0], g)
        ),
        "L1 without its sign": _gradients(
            lambda v, g, w, l1, l2: (v, [l1 * np.ones_like(a) + 2 * l2 * a for a in w])
        ),
        "sign of zero is one": _gradients(
            lambda v, g, w, l1, l2: (v, [l1 * np.where(a >= 0, 1, -1) + 2 * l2 * a for a in w])
        ),
        "no gradients": _gradients(lambda v, g, w, l1, l2: v),
        "flattened": _gradients(lambda v, g, w, l1, l2: (v, [a.ravel() for a in g])),
    },
    "smooth_labels": {
        "none for the right class": _smooth(lambda s, n: 1 - s, lambda s, n: s / n),
        "spread over the others": _smooth(lambda s, n: 1 - s, lambda s, n: s / (n - 1)),
        "smoothing everywhere": _smooth(lambda s, n: 1 - s, lambda s, n: s),
        "not divided": _smooth(lambda s, n: 1 - s + s / n, lambda s, n: s),
        "one hot": _smooth(lambda s, n: 1.0, lambda s, n: 0.0),
        "half of it": _smooth(lambda s, n: 1 - s / 2 + s / (2 * n), lambda s, n: s / (2 * n)),
        "transposed": lambda c, n, s: solutions.smooth_labels(c, n, s).T,
    },
    "early_stopping": {
        "equal is an improvement": _stopping(better=lambda loss, best, d: loss <= best - d),
        "min_delta forgotten": _stopping(better=lambda loss, best, d: loss < best),
        "one epoch too many": _stopping(enough=lambda waited, patience: waited > patience),
        "never reset": _stopping(reset=False),
        "against the last epoch": _against_the_last,
        "counted from 1": _stopping(index=1),
        "index of the last epoch": _stopped_index,
        "best of all epochs": lambda losses, patience, min_delta=0.0: (
            solutions.early_stopping(losses, patience, min_delta)[0],
            int(np.argmin(losses)),
        ),
    },
}

# Exercise, mistake, and words of the message that names it.
MESSAGES = [
    ("stratified_split", "not stratified", "held out of each class, 0: expected 8, received 9"),
    (
        "stratified_split",
        "rounded down",
        "fraction=0.37, examples held out of each class, 0: expected",
    ),
    ("stratified_split", "everything kept", "each index from 0 to 74 once"),
    ("stratified_split", "not shuffled", "another split for another seed"),
    ("stratified_split", "masks", "two arrays of indices, whole numbers"),
    ("standardize", "fitted on both", "three features, train: expected"),
    ("standardize", "constant divides by zero", "a feature that is 4.0 throughout train"),
    ("ridge_polynomial", "constant penalised", "degree=0, l2=2"),
    ("bias_variance", "bias not squared", "all trainings alike, off by 2, bias²: expected 4"),
    ("dropout", "at inference too", "training=False: expected"),
    ("penalty", "sign of zero is one", "gradients: expected 0"),
    ("smooth_labels", "none for the right class", "count=4, smoothing=0.2: expected 0.85"),
    ("early_stopping", "one epoch too many", "expected (4, 1), received (5, 4)"),
]
