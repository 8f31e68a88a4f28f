"""Session 9, solutions: one way to write each exercise (the tasks are in exercises.py)."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

import keras
import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

BATCH_SIZE, EPOCHS = 40, 25  # of the linear autoencoder's training


def linear_autoencoder(x: np.ndarray, code: int) -> tuple[keras.Model, np.ndarray]:
    """Trains an autoencoder without activations, and says which subspace it has found."""
    mean = x.mean(axis=0)
    inputs = keras.Input(mean.shape)
    centred = keras.layers.Rescaling(1.0, -mean)(inputs)
    codes = keras.layers.Dense(code, use_bias=False)(centred)
    decoder = keras.layers.Dense(len(mean), use_bias=False)
    model = keras.Model(inputs, keras.layers.Rescaling(1.0, mean)(decoder(codes)))
    steps = -(-len(x) // BATCH_SIZE)
    rate = keras.optimizers.schedules.CosineDecay(0.1, EPOCHS * steps)
    model.compile(
        keras.optimizers.Adam(rate),
        "mse",
        jit_compile=False,
        steps_per_execution=steps,  # such small steps take less time than their calls
    )
    model.fit(x, x, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
    basis, _ = np.linalg.qr(keras.ops.convert_to_numpy(decoder.kernel).T)
    return model, basis


def denoising_pairs(
    images: np.ndarray, noise: str, amount: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """What a denoising autoencoder is trained on: noisy images, and the clean ones as targets."""
    targets, generator = images.astype(np.float32), np.random.default_rng(seed)
    if noise == "mask":
        noisy = targets * (generator.random((*images.shape[:3], 1)) >= amount)
    elif noise == "gaussian":
        noisy = np.clip(targets + generator.normal(0, 255 * amount, images.shape), 0, 255)
    else:
        raise ValueError(f"expected the noise 'mask' or 'gaussian', received {noise!r}")
    return noisy.astype(np.float32), targets


def denoising_error(
    reconstruct: Callable[[np.ndarray], np.ndarray], noisy: np.ndarray, clean: np.ndarray
) -> float:
    """How far from the clean images is what a network makes of the noisy ones."""
    missed = reconstruct(noisy.astype(np.float32)) - clean.astype(np.float32)
    return float(np.mean(np.square(missed / 255)))


def sparsity_penalty(codes: np.ndarray, share: float) -> tuple[float, np.ndarray]:
    """The penalty of a sparse autoencoder, and its gradient (Ng's lecture notes, section 3)."""
    mean = codes.mean(axis=0)
    q = np.clip(mean, 1e-6, 1 - 1e-6)
    penalty = np.sum(share * np.log(share / q) + (1 - share) * np.log((1 - share) / (1 - q)))
    slope = np.where(q == mean, (1 - share) / (1 - q) - share / q, 0)
    return float(penalty), np.broadcast_to(slope / len(codes), codes.shape)


def nt_xent(first: np.ndarray, second: np.ndarray, temperature: float) -> float:
    """SimCLR's loss: each view has to find the other view of its image among all the others."""
    views = np.concatenate([first, second]).astype(float)
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    logits = views @ views.T / temperature
    np.fill_diagonal(logits, -np.inf)
    rows, count = np.arange(len(views)), len(first)
    right = logits[rows, (rows + count) % (2 * count)]
    return float(np.mean(logsumexp(logits, axis=1) - right))


def linear_probe(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    strengths: Sequence[float],
) -> tuple[float, float]:
    """What a linear classifier makes of codes, where nothing leaks from the test."""
    fitted = {
        strength: make_pipeline(
            StandardScaler(), LogisticRegression(C=strength, max_iter=1000)
        ).fit(*train)
        for strength in sorted(strengths)
    }
    # `max` keeps the first of equals.
    best = max(fitted, key=lambda strength: fitted[strength].score(*validation))
    return best, float(fitted[best].score(*test))


def alarm_threshold(scores: np.ndarray, false_alarm_rate: float) -> float:
    """The smallest threshold at which healthy examples raise no more than so many alarms."""
    # A product that is whole may come out as a little less.
    alarms = int(false_alarm_rate * len(scores) + 1e-9)
    return float(np.sort(scores)[len(scores) - 1 - alarms])


def roc_curve(anomalous: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What share of the healthy and of the anomalous raises an alarm, threshold by threshold."""
    thresholds = [np.inf, *np.unique(scores)[::-1]]
    shares = [
        np.array([np.mean(scores[anomalous == kind] >= each) for each in thresholds])
        for kind in (0, 1)
    ]
    return shares[0], shares[1]


def area_under_roc(
    false_alarms: np.ndarray, detections: np.ndarray, max_false_alarms: float = 1.0
) -> float:
    """The area under a ROC curve, or of its part with few false alarms, on the scale of the whole.

    Source: McClish, "Analyzing a Portion of the ROC Curve", Medical Decision Making 9, 1989.
    """
    most = max_false_alarms
    inside = false_alarms <= most
    end = np.interp(most, false_alarms, detections)
    x, y = np.append(false_alarms[inside], most), np.append(detections[inside], end)
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))
    least = most**2 / 2
    return (1 + (area - least) / (most - least)) / 2


def arena_bytes(shapes: Sequence[tuple[int, ...]], in_place: Sequence[bool]) -> int:
    """The memory for tensors that a chain of layers needs in int8: the most of any moment."""
    sizes = [-(-prod(shape) // 16) * 16 for shape in shapes]
    moments = zip(pairwise(sizes), in_place, strict=True)
    return max(max(pair) if one else sum(pair) for pair, one in moments)
