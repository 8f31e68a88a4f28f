"""Plausible wrong answers to session 9's exercises, by exercise and mistake."""

import functools
from itertools import pairwise
from math import prod

import keras
import numpy as np
from scipy.special import logsumexp
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from courses.s09_representation_learning import solutions


@functools.cache
def _solved(content, code):
    x = np.frombuffer(content, np.float32).reshape(400, -1)
    return solutions.linear_autoencoder(x, code)


def _solution(x, code):
    return _solved(x.tobytes(), code)


def _decoder(model):
    return model.layers[-2].get_weights()[0].T


def _network(x, code, activation=None, mean=True, bias=False):
    middle = x.mean(axis=0) if mean else np.zeros(x.shape[1], np.float32)
    inputs = keras.Input(middle.shape)
    y = keras.layers.Rescaling(1.0, -middle)(inputs)
    y = keras.layers.Dense(code, activation, use_bias=bias)(y)
    y = keras.layers.Dense(len(middle), use_bias=bias)(y)
    return keras.Model(inputs, keras.layers.Rescaling(1.0, middle)(y))


def _components(model, x, code):
    """A model whose encoder and decoder are the directions of largest variance of `x`."""
    basis = PCA(code).fit(x).components_.T.astype(np.float32)
    model.layers[-3].set_weights([basis])
    model.layers[-2].set_weights([basis.T])
    return basis


def _untrained(x, code):
    model = _network(x, code)
    return model, np.linalg.qr(_decoder(model))[0]


def _pca_beside_an_untrained_model(x, code):
    return _network(x, code), PCA(code).fit(x).components_.T


def _standardised(x, code):
    model = _network(x, code)
    return model, _components(model, x / x.std(axis=0), code)


def _mean_left_in(x, code):
    """What a network without biases learns: its first direction is that of the mean."""
    model = _network(x, code, mean=False)
    basis = np.linalg.svd(x, full_matrices=False)[2][:code].T
    model.layers[-3].set_weights([basis])
    model.layers[-2].set_weights([basis.T])
    return model, basis


def _with_relu(x, code):
    model = _network(x, code, "relu")
    return model, _components(model, x, code)


def _least_variance(x, code):
    model = _network(x, code)
    basis = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][-code:].T
    model.layers[-3].set_weights([basis])
    model.layers[-2].set_weights([basis.T])
    return model, basis


def _not_orthogonal(x, code):
    model, _ = _solution(x, code)
    kernel = _decoder(model)
    return model, kernel / np.linalg.norm(kernel, axis=0)


def _pairs(
    each="pixel",
    rescaled=False,
    in_place=False,
    swapped=False,
    clipped=True,
    scale=255,
    seeded=True,
):
    def denoising_pairs(images, noise, amount, seed):
        generator = np.random.default_rng(seed if seeded else 0)
        targets = images.astype(np.float32)
        noisy = targets if in_place else targets.copy()
        count, rows, columns, channels = images.shape
        shape = {
            "pixel": (count, rows, columns, 1),
            "number": images.shape,
            "place": (1, rows, columns, 1),
            "image": (count, 1, 1, 1),
        }[each]
        if noise == "mask":
            noisy *= generator.random(shape) >= amount
            if rescaled:
                noisy /= 1 - amount
        elif noise == "gaussian":
            shape = images.shape if each == "pixel" else shape
            noisy += generator.normal(0, scale * amount, shape).astype(np.float32)
            if clipped:
                np.clip(noisy, 0, 255, out=noisy)
        else:
            raise ValueError(noise)
        return (targets, noisy) if swapped else (noisy, targets)

    return denoising_pairs


def _share_kept(images, noise, amount, seed):
    return solutions.denoising_pairs(images, noise, 1 - amount if noise == "mask" else amount, seed)


def _uniform(images, noise, amount, seed):
    if noise != "gaussian":
        return solutions.denoising_pairs(images, noise, amount, seed)
    generator, width = np.random.default_rng(seed), 255 * amount * 3**0.5
    noisy = np.clip(images + generator.uniform(-width, width, images.shape), 0, 255)
    return noisy.astype(np.float32), images.astype(np.float32)


def _one_for_all_channels(images, noise, amount, seed):
    if noise != "gaussian":
        return solutions.denoising_pairs(images, noise, amount, seed)
    generator = np.random.default_rng(seed)
    added = generator.normal(0, 255 * amount, (*images.shape[:3], 1))
    return np.clip(images + added, 0, 255).astype(np.float32), images.astype(np.float32)


def _any_name(images, noise, amount, seed):
    known = noise if noise == "mask" else "gaussian"
    return solutions.denoising_pairs(images, known, amount, seed)


def _exactly_so_many(images, noise, amount, seed):
    """A block of pixels at the top, as many as asked for: no probability at all."""
    if noise != "mask":
        return solutions.denoising_pairs(images, noise, amount, seed)
    targets = images.astype(np.float32)
    mask = np.ones((len(images), images[0, ..., 0].size, 1), np.float32)
    mask[:, : round(amount * mask.shape[1]) + seed] = 0
    return targets * mask.reshape(*images.shape[:3], 1), targets


def _uint8(images, noise, amount, seed):
    noisy, targets = solutions.denoising_pairs(images, noise, amount, seed)
    return noisy.astype(images.dtype), targets.astype(images.dtype)


def _error(
    against="clean", given="noisy", root=False, of_pixels=False, absolute=False, whole=False
):
    def denoising_error(reconstruct, noisy, clean):
        images = {"noisy": noisy, "clean": clean}
        made = reconstruct(images[given].astype(np.float32))
        missed = (made - images[against].astype(np.float32)) / (1 if of_pixels else 255)
        error = np.abs(missed) if absolute else missed**2
        error = error.sum() / len(noisy) if whole else error.mean()
        return float(error**0.5 if root else error)

    return denoising_error


def _wraps_round(reconstruct, noisy, clean):
    made = reconstruct(noisy.astype(np.float32)).astype(clean.dtype)
    return float(np.mean(((made - clean) / 255) ** 2))


def _sparsity(
    swapped=False, one_sided=False, mean="units", clip=True, over=None, sign=1.0, still=True
):
    def sparsity_penalty(codes, share):
        q = codes.mean(axis=0) if mean == "units" else codes
        before = q
        q = np.clip(q, 1e-6, 1 - 1e-6) if clip else q
        p = np.full(q.shape, share)
        first, second = (q, p) if swapped else (p, q)
        each = first * np.log(first / second)
        if not one_sided:
            each = each + (1 - first) * np.log((1 - first) / (1 - second))
        if swapped:
            slope = np.log(q / p) - np.log((1 - q) / (1 - p))
        else:
            slope = -p / q if one_sided else (1 - p) / (1 - q) - p / q
        if still:
            slope = np.where(q == before, slope, 0)
        slope = slope / (len(codes) if over is None else over)
        return float(each.sum()), np.broadcast_to(sign * slope, codes.shape)

    return sparsity_penalty


def _mean_of_the_units(codes, share):
    penalty, gradient = solutions.sparsity_penalty(codes, share)
    return penalty / codes.shape[1], gradient / codes.shape[1]


def _by_unit(codes, share):
    penalty, gradient = solutions.sparsity_penalty(codes, share)
    return penalty, gradient[0]


def _contrast(
    normalised=True,
    itself=False,
    negatives="all",
    directions=2,
    stable=True,
    positive=True,
    pairs="halves",
    cold=False,
):
    def nt_xent(first, second, temperature):
        count = len(first)
        views = np.concatenate([first, second]).astype(float)
        if normalised:
            views /= np.linalg.norm(views, axis=1, keepdims=True)
        logits = views @ views.T * (temperature if cold else 1 / temperature)
        rows = np.arange(2 * count)
        right = rows ^ 1 if pairs == "neighbours" else (rows + count) % (2 * count)
        found = logits[rows, right]
        if not itself:
            np.fill_diagonal(logits, -np.inf)
        if negatives == "other views":
            logits[:count, :count] = logits[count:, count:] = -np.inf
        if not positive:
            logits[rows, right] = -np.inf
        total = logsumexp(logits, axis=1) if stable else np.log(np.exp(logits).sum(axis=1))
        losses = (total - found)[: directions * count]
        return float(losses.mean())

    return nt_xent


def _probe(
    scaler="train", chosen_by="validation", refit=False, scaled=True, last=False, train_share=None
):
    def linear_probe(train, validation, test, strengths):
        def scaled_by(sets):
            scale = StandardScaler().fit(np.concatenate([each[0] for each in sets]))
            return lambda one: (scale.transform(one[0]), one[1])

        known = {
            "train": [train],
            "train and test": [train, test],
            "train and validation": [train, validation],
        }
        if not scaled:
            parts = [train, validation, test]
        elif scaler == "each its own":
            parts = [scaled_by([each])(each) for each in (train, validation, test)]
        else:
            parts = [scaled_by(known[scaler])(each) for each in (train, validation, test)]
        judge = dict(zip(("train", "validation", "test"), parts, strict=True))[chosen_by]
        fitted = {
            strength: LogisticRegression(C=strength, max_iter=1000).fit(*parts[0])
            for strength in sorted(strengths, reverse=last)
        }
        best = max(fitted, key=lambda strength: fitted[strength].score(*judge))
        if refit:
            both = [np.concatenate(two) for two in zip(*parts[:2], strict=True)]
            fitted[best].fit(*both)
        return best, float(fitted[best].score(*parts[2]))

    return linear_probe


def _refitted_with_its_scaler(train, validation, test, strengths):
    best, _ = solutions.linear_probe(train, validation, test, strengths)
    both = [np.concatenate(two) for two in zip(train, validation, strict=True)]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=best, max_iter=1000)).fit(*both)
    return best, float(model.score(*test))


def _threshold(count=None, past=0, reverse=False):
    def alarm_threshold(scores, false_alarm_rate):
        alarms = (count or (lambda share: int(share + 1e-9)))(false_alarm_rate * len(scores))
        ordered = np.sort(scores)[::-1]
        return float(ordered[::-1][alarms] if reverse else ordered[max(alarms - past, 0)])

    return alarm_threshold


def _reaches(scores, false_alarm_rate):
    """An alarm at a score that equals the threshold: one number further up."""
    for threshold in np.unique(scores):
        if np.sum(scores >= threshold) <= false_alarm_rate * len(scores) + 1e-9:
            return float(threshold)
    return float(np.nextafter(scores.max(), np.inf))


def _roc(start=True, ties="together", swapped=False, order=-1, over="own", strict=False):
    def roc_curve(anomalous, scores):
        if ties == "together":
            thresholds = np.unique(scores)[::order]
            alarms = [scores > each if strict else scores >= each for each in thresholds]
        else:
            ranked = np.argsort(-scores, kind="stable")
            alarms = [np.isin(np.arange(len(scores)), ranked[: k + 1]) for k in range(len(scores))]
        if start:
            alarms = [np.zeros(len(scores), bool), *alarms]
        parts = []
        for kind in (0, 1):
            count = np.sum(anomalous == kind) if over == "own" else len(scores)
            parts.append(np.array([np.sum(each & (anomalous == kind)) / count for each in alarms]))
        return tuple(parts[::-1] if swapped else parts)

    return roc_curve


def _without_useless_points(anomalous, scores):
    """scikit-learn's default: points on a straight line are left out."""
    x, y = solutions.roc_curve(anomalous, scores)
    bends = np.diff(x, 2) + np.diff(y, 2) != 0
    kept = np.r_[True, bends, True]
    return x[kept], y[kept]


def _precision(anomalous, scores):
    x, y = solutions.roc_curve(anomalous, scores)
    alarms = x * np.sum(anomalous == 0) + y * np.sum(anomalous == 1)
    return 1 - y * np.sum(anomalous == 1) / np.maximum(alarms, 1), y


def _area(scale="McClish", end="between", steps=False):
    def area_under_roc(false_alarms, detections, max_false_alarms=1.0):
        most = max_false_alarms
        inside = false_alarms <= most
        x, y = false_alarms[inside], detections[inside]
        if end == "between":
            x, y = np.append(x, most), np.append(y, np.interp(most, false_alarms, detections))
        elif end == "flat":
            x, y = np.append(x, most), np.append(y, y[-1])
        height = y[1:] if steps == "above" else y[:-1] if steps else (y[1:] + y[:-1]) / 2
        area = float(np.sum(np.diff(x) * height))
        least = most**2 / 2
        return {
            "none": area,
            "share": area / most,
            "McClish": (1 + (area - least) / (most - least)) / 2,
            "0 to 1": (area - least) / (most - least),
        }[scale]

    return area_under_roc


def _ignores_the_part(false_alarms, detections, max_false_alarms=1.0):
    return solutions.area_under_roc(false_alarms, detections)


def _arena(moment=sum, aligned=16, rule=True, size=prod, over="pairs"):
    def arena_bytes(shapes, in_place):
        sizes = [-(-size(shape) // aligned) * aligned for shape in shapes]
        if over == "all":
            return sum(sizes)
        if over == "outputs":
            return max(sizes[1:])
        if over == "one":
            return max(sizes)
        if over == "ends":
            return sizes[0] + sizes[-1]
        if over == "two largest":
            return sum(sorted(sizes)[-2:])
        moments = list(zip(pairwise(sizes), in_place, strict=True))
        if over == "hidden":
            moments = moments[1:] or moments
        return max(max(pair) if one and rule else moment(pair) for pair, one in moments)

    return arena_bytes


WRONG = {
    "linear_autoencoder": {
        "not trained": _untrained,
        "PCA beside a network that is not trained": _pca_beside_an_untrained_model,
        "features standardised": _standardised,
        "mean left in": _mean_left_in,
        "ReLU in the code": _with_relu,
        "directions of least variance": _least_variance,
        "kernel's columns, not orthogonal": _not_orthogonal,
        "basis transposed": lambda x, code: (_solution(x, code)[0], _solution(x, code)[1].T),
        "basis alone": lambda x, code: _solution(x, code)[1],
    },
    "denoising_pairs": {
        "channels masked apart": _pairs(each="number"),
        "one mask for all images": _pairs(each="place"),
        "whole images": _pairs(each="image"),
        "what is kept made up for": _pairs(rescaled=True),
        "noise in the targets too": _pairs(in_place=True),
        "swapped": _pairs(swapped=True),
        "not cut": _pairs(clipped=False),
        "deviation of pixels / 255": _pairs(scale=1),
        "always the same": _pairs(seeded=False),
        "share kept": _share_kept,
        "uniform noise": _uniform,
        "one noise for all channels": _one_for_all_channels,
        "a block": _exactly_so_many,
        "any name is Gaussian": _any_name,
        "dtype of the images": _uint8,
    },
    "denoising_error": {
        "against the noisy images": _error(against="noisy"),
        "of the clean images": _error(given="clean"),
        "root": _error(root=True),
        "of pixels of 0-255": _error(of_pixels=True),
        "absolute": _error(absolute=True),
        "sum over an image": _error(whole=True),
        "difference of uint8": _wraps_round,
    },
    "sparsity_penalty": {
        "divergence the other way": _sparsity(swapped=True),
        "active share alone": _sparsity(one_sided=True),
        "of each activation": _sparsity(mean="examples", over=1),
        "not clipped": _sparsity(clip=False),
        "slope goes on where it is clipped": _sparsity(still=False),
        "gradient by the mean": _sparsity(over=1),
        "gradient downhill": _sparsity(sign=-1.0),
        "mean of the units": _mean_of_the_units,
        "gradient of a unit": _by_unit,
        "penalty alone": lambda codes, share: solutions.sparsity_penalty(codes, share)[0],
    },
    "nt_xent": {
        "not normalised": _contrast(normalised=False),
        "compared with itself": _contrast(itself=True),
        "other views alone as negatives": _contrast(negatives="other views"),
        "one direction": _contrast(directions=1),
        "right answer not among the answers": _contrast(positive=False),
        "neighbours as pairs": _contrast(pairs="neighbours"),
        "times the temperature": _contrast(cold=True),
        "overflow": _contrast(stable=False),
        "sum": lambda first, *given: 2 * len(first) * solutions.nt_xent(first, *given),
        "sum of both views": lambda *given: 2 * solutions.nt_xent(*given),
    },
    "linear_probe": {
        "chosen by the test": _probe(chosen_by="test"),
        "chosen by the training": _probe(chosen_by="train"),
        "scaled by the test too": _probe(scaler="train and test"),
        "scaled by the validation too": _probe(scaler="train and validation"),
        "each set scaled by itself": _probe(scaler="each its own"),
        "not scaled": _probe(scaled=False),
        "fitted anew with the validation": _probe(refit=True),
        "fitted anew, scaler too": _refitted_with_its_scaler,
        "the largest of equals": _probe(last=True),
        "accuracy on the validation": lambda train, validation, test, strengths: (
            solutions.linear_probe(train, validation, validation, strengths)
        ),
    },
    "alarm_threshold": {
        "quantile between two scores": lambda scores, rate: float(np.quantile(scores, 1 - rate)),
        "quantile rounded up": lambda scores, rate: float(
            np.quantile(scores, 1 - rate, method="higher")
        ),
        "alarms rounded": _threshold(round),
        "alarms rounded up": _threshold(lambda share: int(np.ceil(share - 1e-9))),
        "floats cut off": _threshold(int),
        "one alarm less": _threshold(past=1),
        "from the low end": _threshold(reverse=True),
        "alarm at the threshold": _reaches,
        "mean and deviations": lambda scores, rate: float(scores.mean() + 3 * scores.std()),
        "the largest score": lambda scores, rate: float(scores.max()),
    },
    "roc_curve": {
        "no point at 0": _roc(start=False),
        "ties one by one": _roc(ties="apart"),
        "swapped": _roc(swapped=True),
        "lowest first": _roc(order=1),
        "shares of all": _roc(over="all"),
        "above the threshold": _roc(strict=True),
        "straight parts left out": _without_useless_points,
        "precision": _precision,
    },
    "area_under_roc": {
        "not on the scale": _area(scale="none"),
        "divided by the width": _area(scale="share"),
        "from 0 to 1": _area(scale="0 to 1"),
        "ends at the last point": _area(end="point"),
        "flat from the last point": _area(end="flat"),
        "steps": _area(steps="below"),
        "steps above": _area(steps="above"),
        "the whole": _ignores_the_part,
    },
    "arena_bytes": {
        "all tensors": _arena(over="all"),
        "the largest output": _arena(over="outputs"),
        "the largest tensor": _arena(over="one"),
        "input and output of the network": _arena(over="ends"),
        "the two largest": _arena(over="two largest"),
        "first layer left out": _arena(over="hidden"),
        "not in multiples of 16": _arena(aligned=1),
        "never in place": _arena(rule=False),
        "always in place": _arena(moment=max),
        "four bytes a number": _arena(size=lambda shape: 4 * prod(shape)),
        "last axis alone": _arena(size=lambda shape: shape[-1]),
        "a float": lambda *given: float(solutions.arena_bytes(*given)),
    },
}

# Exercise, mistake, and words of the message that names it.
MESSAGES = [
    ("linear_autoencoder", "mean left in", "that of PCA's: expected at most 5 degrees"),
    ("linear_autoencoder", "features standardised", "that of PCA's: expected at most 5 degrees"),
    ("linear_autoencoder", "ReLU in the code", "a network without activations"),
    ("linear_autoencoder", "kernel's columns, not orthogonal", "an orthonormal one"),
    ("linear_autoencoder", "PCA beside a network that is not trained", "the model's outputs"),
    ("denoising_pairs", "noise in the targets too", "targets: expected"),
    ("denoising_pairs", "channels masked apart", "channels: expected all kept or all 0"),
    ("denoising_pairs", "one mask for all images", "each pixel being drawn by itself"),
    ("denoising_pairs", "what is kept made up for", "range: expected 0 to 255"),
    ("denoising_pairs", "uniform noise", "share beyond two deviations"),
    ("denoising_pairs", "not cut", "expected 0 to 255"),
    ("denoising_error", "against the noisy images", "a network that changes nothing"),
    ("denoising_error", "difference of uint8", "uint8: expected"),
    ("sparsity_penalty", "gradient by the mean", "gradient: expected"),
    ("sparsity_penalty", "not clipped", "expected no warning, received divide by zero"),
    ("sparsity_penalty", "slope goes on where it is clipped", "one is never active"),
    ("nt_xent", "overflow", "temperature 0.001: expected no warning, received overflow"),
    ("nt_xent", "compared with itself", "4 images"),
    ("linear_probe", "chosen by the test", "strength out of [0.001, 0.1, 10.0]: expected 0.1"),
    ("linear_probe", "scaled by the test too", "5 test codes far off, accuracy"),
    ("linear_probe", "scaled by the validation too", "5 validation codes far off"),
    ("linear_probe", "fitted anew with the validation", "many for validation, accuracy"),
    ("linear_probe", "the largest of equals", "expected 0.1, received 10"),
    ("alarm_threshold", "floats cut off", "100 scores, rate 0.29"),
    ("alarm_threshold", "alarm at the threshold", "rate 0.2: expected 4, received 5"),
    ("roc_curve", "ties one by one", "expected shape"),
    ("area_under_roc", "ends at the last point", "up to 0.1"),
    ("area_under_roc", "steps", "the whole area"),
    ("arena_bytes", "never in place", "in_place=[True]: expected 128, received 256"),
    ("arena_bytes", "not in multiples of 16", "expected"),
]
