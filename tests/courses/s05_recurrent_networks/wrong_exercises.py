"""Plausible wrong answers to session 5's exercises, by exercise and mistake."""

from collections import Counter
from itertools import groupby

import keras
import numpy as np
from keras import layers

from courses.s05_recurrent_networks import solutions


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def _lstm(order="ifco", squash=sigmoid, candidate=np.tanh, output=np.tanh, swapped=False, mixed=0):
    def lstm_step(x, h, c, kernel, recurrent_kernel, bias):
        z = dict(
            zip(
                order,
                np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=-1),
                strict=True,
            )
        )
        new = squash(z["f"]) * c + squash(z["i"]) * candidate(z["c"])
        h = squash(z["o"]) * output(c if mixed else new)
        return (new, h) if swapped else (h, new)

    return lstm_step


def _exp_sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _gru(order="zrn", keeps_new=False, reset="product", bias_rows=(0, 1)):
    def gru_step(x, h, kernel, recurrent_kernel, bias):
        a = np.split(x @ kernel + bias[bias_rows[0]], 3, axis=-1)
        b = np.split(h @ recurrent_kernel + bias[bias_rows[1]], 3, axis=-1)
        a, b = (dict(zip(order, parts, strict=True)) for parts in (a, b))
        z, r = sigmoid(a["z"] + b["z"]), sigmoid(a["r"] + b["r"])
        if reset == "product":
            n = np.tanh(a["n"] + r * b["n"])
        elif reset == "before":
            units = h.shape[-1]
            last = slice(2 * units, None)
            n = np.tanh(a["n"] + (r * h) @ recurrent_kernel[:, last] + bias[1, last])
        elif reset == "without the bias":
            units = h.shape[-1]
            n = np.tanh(a["n"] + bias[1, 2 * units :] + r * (b["n"] - bias[1, 2 * units :]))
        else:
            n = np.tanh(a["n"] + b["n"])
        return (1 - z) * h + z * n if keeps_new else z * h + (1 - z) * n

    return gru_step


def _bptt(later=True, slope="h", transposed=False, before=-1, backward=True):
    def backpropagation_through_time(x, kernel, recurrent_kernel, output_gradient):
        units = len(recurrent_kernel)
        h = [np.zeros(units)]
        for row in x:
            h.append(np.tanh(row @ kernel + h[-1] @ recurrent_kernel))
        d_kernel, d_recurrent = np.zeros(kernel.shape), np.zeros(recurrent_kernel.shape)
        coming = np.zeros(units)
        for t in range(len(x), 0, -1):
            derivative = 1 - h[t] ** 2 if slope == "h" else 1 - h[t] if slope == "no square" else 1
            d_sum = (output_gradient[t - 1] + (coming if later else 0)) * derivative
            d_kernel += np.outer(x[t - 1], d_sum)
            d_recurrent += np.outer(h[t + before], d_sum)
            coming = (recurrent_kernel.T if transposed else recurrent_kernel) @ d_sum
        return d_kernel, d_recurrent

    return backpropagation_through_time


def _bptt_last_only(x, kernel, recurrent_kernel, output_gradient):
    gradient = np.zeros_like(output_gradient)
    gradient[-1] = output_gradient[-1]
    return solutions.backpropagation_through_time(x, kernel, recurrent_kernel, gradient)


def _attention(scale=None, mask="before", stable=True, axis=-1):
    def attention(queries, keys, values, valid):
        scores = queries @ keys.T / (np.sqrt(keys.shape[-1]) if scale is None else scale(keys))
        if mask == "before":
            scores = np.where(valid, scores, -np.inf)
        elif mask == "zero":
            scores = np.where(valid, scores, 0)
        if stable:
            scores = scores - np.max(scores, axis=axis, keepdims=True)
        weights = np.exp(scores)
        weights = weights / weights.sum(axis=axis, keepdims=True)
        if mask == "after":
            weights = weights * valid
        return weights @ values, weights

    return attention


def _beam(normalised=False, reverse=True, stops_at_first=False, continues=False, product=False):
    def beam_search(log_probabilities, end, width, max_length):
        beam = [((), 1.0 if product else 0.0)]
        for _ in range(max_length):
            found = []
            for tokens, total in beam:
                if tokens and tokens[-1] == end and not continues:
                    found.append((tokens, total))
                    continue
                for token, each in enumerate(log_probabilities(tokens)):
                    value = total * float(np.exp(each)) if product else total + float(each)
                    found.append(((*tokens, token), value))

            def rank(one):
                value = one[1] / len(one[0]) if normalised else one[1]
                return -value if reverse else value

            beam = sorted(found, key=rank)[:width]
            ended = [tokens[-1] == end for tokens, _ in beam]
            if any(ended) if stops_at_first else all(ended):
                break
        return beam[0]

    return beam_search


def _greedy(log_probabilities, end, width, max_length):
    return solutions.beam_search(log_probabilities, end, 1, max_length)


def _without_end(log_probabilities, end, width, max_length):
    tokens, total = solutions.beam_search(log_probabilities, end, width, max_length)
    return (tokens[:-1] if tokens[-1] == end else tokens), total


def _ctc(start=2, skips="unequal", ends=2, log_sum=True, blanks=True):
    def ctc_loss(log_probabilities, labels, blank=0):
        states = [blank]
        for label in labels:
            states += [label, blank] if blanks else [label]
        add = np.logaddexp if log_sum else np.maximum
        reached = np.full(len(states), -np.inf)
        reached[:start] = log_probabilities[0, states[:start]]
        for row in log_probabilities[1:]:
            before, reached = reached, reached.copy()
            for k, symbol in enumerate(states):
                if k > 0:
                    reached[k] = add(reached[k], before[k - 1])
                may = {"unequal": k > 1 and symbol not in (blank, states[k - 2]), "never": False}
                may["all labels"] = k > 1 and symbol != blank
                may["always"] = k > 1
                if may[skips]:
                    reached[k] = add(reached[k], before[k - 2])
                reached[k] += row[symbol]
        return -float(add.reduce(reached[-ends:]))

    return ctc_loss


def _in_probabilities(log_probabilities, labels, blank=0):
    states = [blank]
    for label in labels:
        states += [label, blank]
    reached = np.zeros(len(states))
    reached[:2] = np.exp(log_probabilities[0, states[:2]])
    for row in np.exp(log_probabilities[1:]):
        before, reached = reached, reached.copy()
        for k, symbol in enumerate(states):
            reached[k] += before[k - 1] if k > 0 else 0
            if k > 1 and symbol not in (blank, states[k - 2]):
                reached[k] += before[k - 2]
            reached[k] *= row[symbol]
    return -float(np.log(reached[-2:].sum()))


def _wer(substitution=1, averaged=False, over="references", bag=False, letters=False):
    def word_error_rate(hypotheses, references):
        rates, edits, words = [], 0, 0
        for pair in zip(hypotheses, references, strict=True):
            said, right = (list(text) if letters else text.split() for text in pair)
            if bag:
                total = max(
                    (Counter(said) - Counter(right)).total(),
                    (Counter(right) - Counter(said)).total(),
                )
            else:
                row = list(range(len(right) + 1))
                for number, word in enumerate(said, start=1):
                    before, row = row, [number]
                    for column, other in enumerate(right, start=1):
                        row.append(
                            min(
                                before[column - 1] + substitution * (word != other),
                                before[column] + 1,
                                row[-1] + 1,
                            )
                        )
                total = row[-1]
            count = len(right) if over == "references" else max(len(said), len(right))
            edits, words = edits + total, words + count
            rates.append(total / count)
        return float(np.mean(rates)) if averaged else edits / words

    return word_error_rate


def _position_by_position(hypotheses, references):
    edits = words = 0
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        said, right = hypothesis.split(), reference.split()
        edits += sum(a != b for a, b in zip(said, right, strict=False))
        edits += abs(len(said) - len(right))
        words += len(right)
    return edits / words


def _bleu(clip=True, penalty="brevity", mean="geometric", lower=False, per_sentence=False, most=4):
    def score(pairs):
        right, counted, lengths = np.zeros(most), np.zeros(most), np.zeros(2)
        for pair in pairs:
            words = [(text.lower() if lower else text).split() for text in pair]
            lengths += [len(part) for part in words]
            for n in range(1, most + 1):
                found, wanted = (
                    Counter(tuple(part[k : k + n]) for k in range(len(part) - n + 1))
                    for part in words
                )
                if clip:
                    right[n - 1] += (found & wanted).total()
                else:
                    right[n - 1] += sum(count for gram, count in found.items() if gram in wanted)
                counted[n - 1] += found.total()
        if not right.all():
            return 0.0
        factor = np.exp(1 - lengths[1] / lengths[0])
        if penalty == "brevity":
            factor = min(1.0, factor)
        elif penalty == "ratio":
            factor = min(1.0, lengths[0] / lengths[1])
        elif penalty == "none":
            factor = 1.0
        precisions = right / counted
        mid = np.exp(np.mean(np.log(precisions))) if mean == "geometric" else precisions.mean()
        return float(100 * factor * mid)

    def bleu(hypotheses, references):
        pairs = list(zip(hypotheses, references, strict=True))
        return float(np.mean([score([one]) for one in pairs])) if per_sentence else score(pairs)

    return bleu


def _mel(window_of=None, power=2, log=np.log, floor="max", partial=False):
    def log_mel(samples, window, hop, mel_weights, floor_value):
        n = np.arange(window)
        taper = (
            0.5 - 0.5 * np.cos(2 * np.pi * n / window) if window_of is None else window_of(window)
        )
        if partial:
            samples = np.pad(samples, (0, window))
        frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop] * taper
        energy = np.abs(np.fft.rfft(frames)) ** power @ mel_weights
        return log(np.maximum(energy, floor_value) if floor == "max" else energy + floor_value)

    return log_mel


def _floor_first(samples, window, hop, mel_weights, floor):
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop] * taper
    return np.log(np.maximum(np.abs(np.fft.rfft(frames)) ** 2, floor) @ mel_weights)


def _parameters(table=None, joined=True, doubled=True, recurrent=True, chained=True):
    def recurrent_parameters(cell, features, units, bidirectional=False):
        gates, biases = (table or {"simple": (1, 1), "lstm": (4, 1), "gru": (3, 2)})[cell]
        total = 0
        for count in units:
            square = count * count if recurrent else count
            each = gates * (features * count + square + biases * count)
            total += each * (2 if bidirectional and doubled else 1)
            if chained:
                features = count * (2 if bidirectional and joined else 1)
        return total

    return recurrent_parameters


def _spotter(build):
    def build_spotter(input_shape, classes):
        inputs = keras.Input(input_shape)
        return keras.Model(inputs, build(inputs, classes))

    return build_spotter


WRONG = {
    "lstm_step": {
        "gates in another order": _lstm("icfo"),
        "output gate first": _lstm("oifc"),
        "sigmoid for the candidate": _lstm(candidate=sigmoid),
        "no tanh on the way out": _lstm(output=lambda c: c),
        "old cell state goes out": _lstm(mixed=1),
        "swapped": _lstm(swapped=True),
        "overflow": _lstm(squash=_exp_sigmoid),
        "output alone": lambda *given: solutions.lstm_step(*given)[0],
        "hard sigmoid": _lstm(squash=lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    },
    "gru_step": {
        "update gate the other way": _gru(keeps_new=True),
        "reset before the product": _gru(reset="before"),
        "bias not reset": _gru(reset="without the bias"),
        "never reset": _gru(reset="none"),
        "gates in another order": _gru("rzn"),
        "biases swapped": _gru(bias_rows=(1, 0)),
        "one bias twice": _gru(bias_rows=(0, 0)),
    },
    "backpropagation_through_time": {
        "truncated to one step": _bptt(later=False),
        "no derivative of tanh": _bptt(slope="none"),
        "derivative without the square": _bptt(slope="no square"),
        "recurrent kernel transposed": _bptt(transposed=True),
        "this step's output for the one before": _bptt(before=0),
        "last output alone": _bptt_last_only,
        "swapped": lambda *given: solutions.backpropagation_through_time(*given)[::-1],
    },
    "attention": {
        "not scaled": _attention(scale=lambda keys: 1),
        "divided by the dimensions": _attention(scale=lambda keys: keys.shape[-1]),
        "root of the number of keys": _attention(scale=lambda keys: np.sqrt(len(keys))),
        "masked after the softmax": _attention(mask="after"),
        "score of 0 for padding": _attention(mask="zero"),
        "padding not masked": _attention(mask="none"),
        "overflow": _attention(stable=False),
        "softmax over the queries": _attention(axis=0),
        "swapped": lambda *given: solutions.attention(*given)[::-1],
    },
    "beam_search": {
        "greedy": _greedy,
        "divided by the length": _beam(normalised=True),
        "the least probable": _beam(reverse=False),
        "stops at the first end": _beam(stops_at_first=True),
        "goes on after the end": _beam(continues=True),
        "probabilities, not logs": _beam(product=True),
        "without the end": _without_end,
        "tokens alone": lambda *given, **named: solutions.beam_search(*given, **named)[0],
    },
    "ctc_collapse": {
        "blanks first": lambda path, blank=0: [
            int(k) for k, _ in groupby(s for s in path if s != blank)
        ],
        "repeats kept": lambda path, blank=0: [s for s in path if s != blank],
        "blanks kept": lambda path, blank=0: [int(k) for k, _ in groupby(path)],
        "blank always 0": lambda path, blank=0: [int(k) for k, _ in groupby(path) if k != 0],
        "each label once": lambda path, blank=0: [k for k in dict.fromkeys(path) if k != blank],
    },
    "ctc_loss": {
        "begins with a blank": _ctc(start=1),
        "ends with a blank": _ctc(ends=1),
        "no blank is left out": _ctc(skips="never"),
        "equal labels need no blank": _ctc(skips="all labels"),
        "labels left out": _ctc(skips="always"),
        "the best path alone": _ctc(log_sum=False),
        "no blanks": _ctc(blanks=False),
        "products of probabilities": _in_probabilities,
        "not negated": lambda *given: -solutions.ctc_loss(*given),
    },
    "word_error_rate": {
        "mean of the sentences": _wer(averaged=True),
        "substitution costs two": _wer(substitution=2),
        "over the longer one": _wer(over="longer"),
        "order ignored": _wer(bag=True),
        "letters": _wer(letters=True),
        "position by position": _position_by_position,
        "at most 1": lambda *given: min(1.0, solutions.word_error_rate(*given)),
    },
    "bleu": {
        "no clipping": _bleu(clip=False),
        "no brevity penalty": _bleu(penalty="none"),
        "long ones rewarded": _bleu(penalty="both"),
        "ratio of the lengths": _bleu(penalty="ratio"),
        "arithmetic mean": _bleu(mean="arithmetic"),
        "lower-cased": _bleu(lower=True),
        "mean of the sentences": _bleu(per_sentence=True),
        "bigrams": _bleu(most=2),
        "0 to 1": lambda *given: solutions.bleu(*given) / 100,
    },
    "log_mel": {
        "no window": _mel(window_of=np.ones),
        "symmetric window": _mel(window_of=np.hanning),
        "Hamming": _mel(window_of=np.hamming),
        "magnitude": _mel(power=1),
        "decibels": _mel(log=lambda power: 10 * np.log10(power)),
        "floor added": _mel(floor="added"),
        "padded last frame": _mel(partial=True),
        "floor before the bins": _floor_first,
        "transposed": lambda *given: solutions.log_mel(*given).T,
    },
    "recurrent_parameters": {
        "one bias for a GRU": _parameters({"simple": (1, 1), "lstm": (4, 1), "gru": (3, 1)}),
        "two biases for an LSTM": _parameters({"simple": (1, 1), "lstm": (4, 2), "gru": (3, 2)}),
        "three gates": _parameters({"simple": (1, 1), "lstm": (3, 1), "gru": (3, 2)}),
        "no biases": _parameters({"simple": (1, 0), "lstm": (4, 0), "gru": (3, 0)}),
        "one direction": _parameters(doubled=False),
        "directions added, not joined": _parameters(joined=False),
        "recurrent kernel as a vector": _parameters(recurrent=False),
        "features of the first for all": _parameters(chained=False),
        "float": lambda *given: float(solutions.recurrent_parameters(*given)),
    },
    "build_spotter": {
        "too many weights": _spotter(
            lambda x, classes: layers.Dense(classes, activation="softmax")(layers.LSTM(64)(x))
        ),
        "a GRU": _spotter(
            lambda x, classes: layers.Dense(classes, activation="softmax")(layers.GRU(16)(x))
        ),
        "logits": _spotter(lambda x, classes: layers.Dense(classes)(layers.LSTM(24)(x))),
        "one class short": _spotter(
            lambda x, classes: layers.Dense(classes - 1, activation="softmax")(layers.LSTM(24)(x))
        ),
        "averages over time": _spotter(
            lambda x, classes: layers.Dense(classes, activation="softmax")(
                layers.Dense(32, activation="relu")(layers.GlobalAveragePooling1D()(x))
            )
        ),
    },
}

# Exercise, mistake, and words of the message that names it.
MESSAGES = [
    ("lstm_step", "gates in another order", "4 features, 5 units, weights around 1, h'"),
    ("lstm_step", "swapped", "h': expected"),
    ("lstm_step", "output alone", "expected (h', c')"),
    ("lstm_step", "overflow", "weights around 300: expected no warning, received overflow"),
    ("gru_step", "reset before the product", "4 features, 5 units"),
    ("backpropagation_through_time", "truncated to one step", "a loss of all of the outputs"),
    ("backpropagation_through_time", "last output alone", "a loss of all of the outputs"),
    ("attention", "masked after the softmax", "the last two keys are padding, weights"),
    ("attention", "not scaled", "no padding, weights"),
    ("beam_search", "greedy", "width 2, the docstring's example, tokens: expected (2, 0)"),
    ("beam_search", "goes on after the end", "none that is finished"),
    ("ctc_collapse", "blanks first", "expected [3, 3, 5], received [3, 5]"),
    ("ctc_collapse", "blank always 0", "blank 4"),
    ("ctc_loss", "equal labels need no blank", "labels [1, 1]"),
    ("ctc_loss", "products of probabilities", "900 steps, 60 labels"),
    ("word_error_rate", "mean of the sentences", "['zero', 'four five six seven']"),
    ("bleu", "no clipping", "expected"),
    ("bleu", "no brevity penalty", "a short translation"),
    ("log_mel", "padded last frame", "expected shape"),
    ("log_mel", "floor before the bins", "a high floor"),
    ("recurrent_parameters", "one bias for a GRU", "gru, 13 features"),
    ("build_spotter", "a GRU", "expected flash of at most 16,000 bytes"),
    ("build_spotter", "averages over time", "after 30 epochs: expected at least 95.0%"),
]
