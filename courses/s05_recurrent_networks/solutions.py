"""Session 5, solutions: one way to write each exercise (the tasks are in exercises.py)."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby

import keras
import numpy as np
from keras import layers


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # The hyperbolic tangent doesn't overflow where exp does.
    return 0.5 * (1 + np.tanh(0.5 * x))


def lstm_step(
    x: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of an LSTM, as `keras.layers.LSTMCell`."""
    z_i, z_f, z_c, z_o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=-1)
    c = _sigmoid(z_f) * c + _sigmoid(z_i) * np.tanh(z_c)
    return _sigmoid(z_o) * np.tanh(c), c


def gru_step(
    x: np.ndarray,
    h: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray,
) -> np.ndarray:
    """One step of a GRU, as `keras.layers.GRUCell` (with its default `reset_after=True`)."""
    a_z, a_r, a_n = np.split(x @ kernel + bias[0], 3, axis=-1)
    b_z, b_r, b_n = np.split(h @ recurrent_kernel + bias[1], 3, axis=-1)
    z = _sigmoid(a_z + b_z)
    return z * h + (1 - z) * np.tanh(a_n + _sigmoid(a_r + b_r) * b_n)


def backpropagation_through_time(
    x: np.ndarray, kernel: np.ndarray, recurrent_kernel: np.ndarray, output_gradient: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of a simple recurrent network's two kernels, by the chain rule, step by step."""
    h = [np.zeros(len(recurrent_kernel))]
    for row in x:
        h.append(np.tanh(row @ kernel + h[-1] @ recurrent_kernel))
    d_kernel, d_recurrent = np.zeros(kernel.shape), np.zeros(recurrent_kernel.shape)
    later = np.zeros(len(recurrent_kernel))
    for t in range(len(x), 0, -1):
        d_sum = (output_gradient[t - 1] + later) * (1 - h[t] ** 2)
        d_kernel += np.outer(x[t - 1], d_sum)
        d_recurrent += np.outer(h[t - 1], d_sum)
        later = recurrent_kernel @ d_sum
    return d_kernel, d_recurrent


def attention(
    queries: np.ndarray, keys: np.ndarray, values: np.ndarray, valid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scaled dot-product attention that leaves out padding."""
    scores = np.where(valid, queries @ keys.T / np.sqrt(keys.shape[-1]), -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights @ values, weights


def beam_search(
    log_probabilities: Callable[[tuple[int, ...]], np.ndarray],
    end: int,
    width: int,
    max_length: int,
) -> tuple[tuple[int, ...], float]:
    """The best sequence that a beam of hypotheses finds."""
    beam: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    for _ in range(max_length):
        continued = []
        for tokens, total in beam:
            if tokens and tokens[-1] == end:
                continued.append((tokens, total))
                continue
            for token, each in enumerate(log_probabilities(tokens)):
                continued.append(((*tokens, token), total + float(each)))
        beam = sorted(continued, key=lambda one: -one[1])[:width]
        if all(tokens[-1] == end for tokens, _ in beam):
            break
    return max(beam, key=lambda one: one[1])


def ctc_collapse(path: Sequence[int], blank: int = 0) -> list[int]:
    """The labels that a path of one symbol a time step stands for (Graves et al., 2006)."""
    return [int(symbol) for symbol, _ in groupby(path) if symbol != blank]


def ctc_loss(log_probabilities: np.ndarray, labels: Sequence[int], blank: int = 0) -> float:
    """Minus the log of the probability of `labels`: that of all paths that collapse to them."""
    states = [blank]
    for label in labels:
        states += [label, blank]
    # Of each state the log of the probability of all ways that are in it now.
    reached = np.full(len(states), -np.inf)
    reached[:2] = log_probabilities[0, states[:2]]
    for row in log_probabilities[1:]:
        before, reached = reached, reached.copy()
        for k, symbol in enumerate(states):
            if k > 0:
                reached[k] = np.logaddexp(reached[k], before[k - 1])
            # A blank may be left out, but for one that keeps two equal labels apart.
            if k > 1 and symbol not in (blank, states[k - 2]):
                reached[k] = np.logaddexp(reached[k], before[k - 2])
            reached[k] += row[symbol]
    return -float(np.logaddexp.reduce(reached[-2:]))


def word_error_rate(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """The least number of words to substitute, insert and delete, over the words to be said."""
    edits = words = 0
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        said, right = hypothesis.split(), reference.split()
        distances = list(range(len(right) + 1))
        for row, word in enumerate(said, start=1):
            before, distances = distances, [row]
            for column, other in enumerate(right, start=1):
                substituted = before[column - 1] + (word != other)
                distances.append(min(substituted, before[column] + 1, distances[-1] + 1))
        edits, words = edits + distances[-1], words + len(right)
    return edits / words


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """BLEU of a whole test set with one reference a sentence (Papineni et al., 2002), 0 to 100."""
    right, counted, lengths = np.zeros(4), np.zeros(4), np.zeros(2)
    for pair in zip(hypotheses, references, strict=True):
        words = [text.split() for text in pair]
        lengths += [len(part) for part in words]
        for n in range(1, 5):
            found, wanted = (
                Counter(tuple(part[start : start + n]) for start in range(len(part) - n + 1))
                for part in words
            )
            right[n - 1] += (found & wanted).total()
            counted[n - 1] += found.total()
    if not right.all():
        return 0.0
    penalty = min(1.0, np.exp(1 - lengths[1] / lengths[0]))
    return float(100 * penalty * np.exp(np.mean(np.log(right / counted))))


def log_mel(
    samples: np.ndarray, window: int, hop: int, mel_weights: np.ndarray, floor: float
) -> np.ndarray:
    """The log-mel spectrogram of a recording."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop] * hann
    power = np.abs(np.fft.rfft(frames)) ** 2
    return np.log(np.maximum(power @ mel_weights, floor))


def recurrent_parameters(
    cell: str, features: int, units: Sequence[int], bidirectional: bool = False
) -> int:
    """The weights of a stack of Keras's recurrent layers, biases included."""
    gates, biases = {"simple": (1, 1), "lstm": (4, 1), "gru": (3, 2)}[cell]
    directions = 2 if bidirectional else 1
    total = 0
    for count in units:
        total += directions * gates * (features * count + count * count + biases * count)
        features = directions * count
    return total


def build_spotter(input_shape: tuple[int, int], classes: int) -> keras.Model:
    """A recurrent network for a microcontroller, within 16 kB of flash and 6 kB of arena."""
    inputs = keras.Input(input_shape)
    x = layers.LSTM(24)(inputs)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))
