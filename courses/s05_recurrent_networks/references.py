"""What the exercises are held against, computed another way than the solutions do.

Keras's own cells and layers, finite differences, all paths listed, scipy's transforms.
"""

import itertools
from collections.abc import Callable, Sequence

import keras
import numpy as np
from scipy import signal

CELLS = {
    "simple": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
}


def cell_weights(
    cell: str, features: int, units: int, size: float = 1.0, seed: int = 0
) -> list[np.ndarray]:
    """Random kernel, recurrent kernel and bias of a cell, float64, `size` their deviation."""
    generator = np.random.default_rng(seed)
    gates = {"simple": 1, "lstm": 4, "gru": 3}[cell]
    bias = (2, gates * units) if cell == "gru" else (gates * units,)
    shapes = [(features, gates * units), (units, gates * units), bias]
    return [size * generator.normal(size=shape) for shape in shapes]


def keras_step(
    cell: str, x: np.ndarray, states: Sequence[np.ndarray], weights: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The new states, by Keras's own cell in double precision, the output first."""
    units = states[0].shape[-1]
    made = {"lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell}[cell](
        units, dtype="float64"
    )
    made.build(x.shape)
    made.set_weights(weights)
    found = made(keras.ops.convert_to_tensor(x), [keras.ops.convert_to_tensor(s) for s in states])
    return [keras.ops.convert_to_numpy(state) for state in keras.tree.flatten(found[1])]


def simple_outputs(x: np.ndarray, kernel: np.ndarray, recurrent_kernel: np.ndarray) -> np.ndarray:
    """All outputs (T, units) of a recurrent network without biases."""
    outputs = [np.zeros(len(recurrent_kernel))]
    for row in x:
        outputs.append(np.tanh(row @ kernel + outputs[-1] @ recurrent_kernel))
    return np.stack(outputs[1:])


def slope(function: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """The gradient of a function of an array, by central differences."""
    gradient, width = np.zeros(at.shape), 1e-6
    for index in np.ndindex(at.shape):
        step = np.zeros(at.shape)
        step[index] = width
        gradient[index] = (function(at + step) - function(at - step)) / (2 * width)
    return gradient


def best_sequence(
    log_probabilities: Callable[[tuple[int, ...]], np.ndarray],
    end: int,
    max_length: int,
    so_far: tuple[int, ...] = (),
) -> tuple[tuple[int, ...], float]:
    """The most probable of all sequences that end, or are of `max_length`."""
    if len(so_far) == max_length or so_far[-1:] == (end,):
        return so_far, 0.0
    found = []
    for token, each in enumerate(log_probabilities(so_far)):
        tokens, rest = best_sequence(log_probabilities, end, max_length, (*so_far, token))
        found.append((tokens, float(each) + rest))
    return max(found, key=lambda one: one[1])


def collapsed(path: Sequence[int], blank: int) -> list[int]:
    """Labels of a path: a symbol counts where the one before is another."""
    before = [None, *path]
    return [int(now) for last, now in zip(before, path, strict=False) if now not in (last, blank)]


def path_loss(log_probabilities: np.ndarray, labels: Sequence[int], blank: int) -> float:
    """Minus the log of the summed probability of every path that collapses to the labels."""
    steps, symbols = log_probabilities.shape
    total = 0.0
    for path in itertools.product(range(symbols), repeat=steps):
        if collapsed(path, blank) == list(labels):
            total += np.exp(log_probabilities[np.arange(steps), path].sum())
    return -float(np.log(total)) if total else float("inf")


def mel_weights(bins: int, window: int) -> np.ndarray:
    """Overlapping triangles over the frequencies, (window // 2 + 1, bins)."""
    corners = np.linspace(0, window // 2, bins + 2) ** 1.5 / (window // 2) ** 0.5
    frequencies = np.arange(window // 2 + 1)[:, None]
    rising = (frequencies - corners[:-2]) / np.diff(corners)[:-1]
    falling = (corners[2:] - frequencies) / np.diff(corners)[1:]
    return np.maximum(0, np.minimum(rising, falling))


def log_spectrogram(
    samples: np.ndarray, window: int, hop: int, weights: np.ndarray, floor: float
) -> np.ndarray:
    """The log-mel spectrogram by scipy's short-time Fourier transform."""
    starts = range(0, len(samples) - window + 1, hop)
    hann = signal.get_window("hann", window)
    power = [
        signal.periodogram(samples[start : start + window], window=hann, detrend=False)[1]
        for start in starts
    ]
    # A periodogram is one-sided, and normalised by the window's power.
    one_sided = np.full(window // 2 + 1, 2.0)
    one_sided[[0, -1]] = 1.0
    scale = np.sum(hann**2) / one_sided
    return np.log(np.clip(np.stack(power) * scale @ weights, floor, None))


def ordered_sequences(
    examples: int, input_shape: tuple[int, int], classes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sequences whose classes hold the same frames in another order, `(x, y)`.

    Two bursts, of the first and of the second half of the features, stand in a random place each;
    the class says which comes first and, of more than two, how far apart they are. Averages over
    time tell nothing.
    """
    frames, features = input_shape
    generator = np.random.default_rng(seed)
    y = generator.integers(classes, size=examples)
    x = generator.normal(0, 0.3, (examples, frames, features))
    for row, label in enumerate(y):
        gap = frames // 4 * (1 + label // 2)
        first = generator.integers(0, frames - gap)
        halves = (slice(0, features // 2), slice(features // 2, None))
        early, late = halves if label % 2 == 0 else halves[::-1]
        x[row, first, early] += 2.0
        x[row, first + gap, late] += 2.0
    return x.astype(np.float32), y
