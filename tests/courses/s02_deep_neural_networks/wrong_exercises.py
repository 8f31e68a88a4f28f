"""Plausible wrong answers to session 2's exercises, by exercise and mistake."""

import numpy as np

from courses.s02_deep_neural_networks import solutions


def _initialize(scale, draw="normal", one_seed=False, bias=0.0, transposed=False, seeded=True):
    """Drawn with the standard deviation `scale(fan_in, fan_out, initializer)`."""

    def initialize_parameters(n, initializer="he_normal", seed=0):
        random = np.random.default_rng(seed if seeded else None)
        parameters = []
        for i, o in zip(n[:-1], n[1:], strict=True):
            random = np.random.default_rng(seed) if one_seed else random
            deviation = scale(i, o, initializer)
            shape = (o, i) if transposed else (i, o)
            if draw == "normal":
                weights = random.normal(scale=deviation, size=shape)
            else:
                limit = np.sqrt(3) * deviation
                weights = random.uniform(-limit, limit, size=shape)
            parameters.append((weights, np.full(o, bias)))
        return parameters

    return initialize_parameters


def _right(i, o, initializer):
    return np.sqrt(2 / i if initializer == "he_normal" else 2 / (i + o))


def _activation(**changed):
    """`changed[name](z, value, slope)` replaces the answer for one name."""

    def activation(z, name):
        value, slope = solutions.activation(z, name)
        return changed[name](z, value, slope) if name in changed else (value, slope)

    return activation


def _forward(last_activated=False, every_softmax=False, bias=True, stable=True, axis=1, kept="all"):
    def forward(x, parameters, hidden="relu", output="softmax"):
        z, a = [], [x]
        for layer, (weights, b) in enumerate(parameters, start=1):
            z.append(a[-1] @ weights + (b if bias else 0))
            last = layer == len(parameters)
            value = solutions.activation(z[-1], hidden)[0]
            if last and not last_activated:
                value = z[-1]
            if last and (output == "softmax" or every_softmax):
                top = z[-1].max(axis=axis, keepdims=True) if stable else 0
                with np.errstate(all="ignore"):
                    powers = np.exp(z[-1] - top)
                    value = powers / powers.sum(axis=axis, keepdims=True)
            a.append(value)
        if kept == "output":
            return a[-1]
        return (z, a[1:]) if kept == "no input" else (z, a)

    return forward


def _softmax_of(output_layer):
    """`output_layer(z)` replaces the softmax."""

    def forward(x, parameters, hidden="relu", output="softmax"):
        z, a = solutions.forward(x, parameters, hidden, output)
        if output == "softmax":
            with np.errstate(all="ignore"):
                a[-1] = output_layer(z[-1])
        return z, a

    return forward


def _fractions(powers):
    return powers / powers.sum(axis=1, keepdims=True)


def _loss_shifted_by_the_batch(z, y, output="softmax"):
    if output == "linear":
        return solutions.loss(z, y, output)
    with np.errstate(all="ignore"):
        shifted = z - z.max()
        log_sums = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return float(-(y * (shifted - log_sums)).sum() / len(z))


def _unstable_loss(z, y, output="softmax"):
    if output == "linear":
        return solutions.loss(z, y, output)
    with np.errstate(all="ignore"):
        probabilities = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return float(-(y * np.log(probabilities)).sum() / len(z))


def _clipped_loss(z, y, output="softmax"):
    if output == "linear":
        return solutions.loss(z, y, output)
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    probabilities = np.maximum(powers / powers.sum(axis=1, keepdims=True), 1e-7)
    return float(-(y * np.log(probabilities)).sum() / len(z))


def _backward(
    scale=len,
    slope=True,
    at="z",
    bias=lambda delta: delta.sum(axis=0),
    updated=False,
    reverse=True,
    transpose=True,
    stop=0,
):
    def backward(y, parameters, z, a, hidden="relu"):
        delta = (a[-1] - y) / scale(y)
        gradients = []
        for index in reversed(range(len(parameters))):
            weights = parameters[index][0]
            for_weights = a[index].T @ delta
            gradients.append((for_weights if transpose else for_weights.T, bias(delta)))
            if index > stop:
                if updated:
                    weights = weights - 0.1 * for_weights
                argument = z[index - 1] if at == "z" else a[index]
                factor = solutions.activation(argument, hidden)[1] if slope else 1.0
                delta = delta @ weights.T * factor
            elif index:
                delta = delta @ weights.T
        return gradients[::-1] if reverse else gradients

    return backward


def _numerical(quotient, arrays=("W", "b")):
    """`quotient(function at shift, step)`, where `at(shift)` moves one number by `shift`."""

    def numerical_gradients(function, parameters, step=1e-6):
        gradients = []
        for pair in parameters:
            found = []
            for name, array in zip("Wb", pair, strict=True):
                gradient = np.zeros_like(array)
                for index, value in np.ndenumerate(array):

                    def at(shift, array=array, index=index, value=value):
                        array[index] = value + shift
                        result = function(parameters)
                        array[index] = value
                        return result

                    if name in arrays:
                        gradient[index] = quotient(at, step)
                found.append(gradient)
            gradients.append(tuple(found))
        return gradients

    return numerical_gradients


def _drifting(function, parameters, step=1e-6):
    """Forgets to put each number back."""
    gradients = []
    for pair in parameters:
        found = []
        for array in pair:
            gradient = np.zeros_like(array)
            for index in np.ndindex(array.shape):
                array[index] += step
                above = function(parameters)
                array[index] -= 2 * step
                gradient[index] = (above - function(parameters)) / (2 * step)
                array[index] += 1e3 * step
            found.append(gradient)
        gradients.append(tuple(found))
    return gradients


def _width(count, strict=False, closest=False):
    def equal_width(inputs, outputs, hidden_layers, budget):
        width = 0
        while count(inputs, outputs, hidden_layers, width + 1) < budget + (not strict):
            width += 1
        return width + 1 if closest else width

    return equal_width


def _count(i, o, layers, w, bias=1):
    return (i + bias) * w + (layers - 1) * (w + bias) * w + (w + bias) * o


def _interpolating(bends, bias=lambda x: -x[:-1], last=lambda y: y[:1]):
    def interpolating_network(x, y):
        hidden = np.ones((1, len(x) - 1)), bias(x)
        return [hidden, (bends(np.diff(y) / np.diff(x))[:, None], last(y))]

    return interpolating_network


def _bends(slopes):
    return np.diff(slopes, prepend=0.0)


WRONG = {
    "initialize_parameters": {
        "standard deviation for variance": _initialize(lambda i, o, k: _right(i, o, k) ** 2),
        "fan-out": _initialize(lambda i, o, k: np.sqrt(2 / o)),
        "He for both": _initialize(lambda i, o, k: np.sqrt(2 / i)),
        "Glorot with 1": _initialize(
            lambda i, o, k: np.sqrt(2 / i if k == "he_normal" else 1 / (i + o))
        ),
        "uniform": _initialize(_right, draw="uniform"),
        "one seed for each layer": _initialize(_right, one_seed=True),
        "seed ignored": _initialize(_right, seeded=False),
        "columns are examples": _initialize(_right, transposed=True),
        "biases of 0.01": _initialize(_right, bias=0.01),
        "zeros": _initialize(lambda *_: 0.0),
        "weights alone": lambda n, *_: [w for w, _ in solutions.initialize_parameters(n)],
    },
    "activation": {
        "derivatives of tanh from z": _activation(tanh=lambda z, g, d: (g, 1 - z**2)),
        "sigmoid without its factor": _activation(sigmoid=lambda z, g, d: (g, g)),
        "relu's slope at 0": _activation(relu=lambda z, g, d: (g, (z >= 0).astype(float))),
        "relu's slope everywhere": _activation(relu=lambda z, g, d: (g, np.ones_like(z))),
        "leaky slope of 0.01": _activation(
            leaky_relu=lambda z, g, d: (np.where(z > 0, z, 0.01 * z), np.where(z > 0, 1, 0.01))
        ),
        "silu with sigmoid's slope": _activation(
            silu=lambda z, g, d: (g, solutions.activation(z, "sigmoid")[1])
        ),
        "value alone": lambda z, name: solutions.activation(z, name)[0],
        "order swapped": lambda z, name: solutions.activation(z, name)[::-1],
        "nothing returned": lambda z, name: None,
    },
    "forward": {
        "last layer activated": _forward(last_activated=True),
        "no bias": _forward(bias=False),
        "exp overflows": _forward(stable=False),
        "softmax over the examples": _forward(axis=0),
        "softmax for every output": _forward(every_softmax=True),
        "output alone": _forward(kept="output"),
        "input not kept": _forward(kept="no input"),
        "always relu": lambda x, parameters, hidden="relu", output="softmax": solutions.forward(
            x, parameters, "relu", output
        ),
        "largest sum of the whole batch": _softmax_of(lambda z: _fractions(np.exp(z - z.max()))),
        "sums clipped": _softmax_of(lambda z: _fractions(np.exp(np.clip(z, -500, 500)))),
        "NaN for 1": _softmax_of(lambda z: np.nan_to_num(_fractions(np.exp(z)), nan=1)),
        "two layers only": lambda x, p, *rest: solutions.forward(x, p[:2], *rest),
    },
    "loss": {
        "overflows": _unstable_loss,
        "clipped": _clipped_loss,
        "largest sum of the whole batch": _loss_shifted_by_the_batch,
        "sum in place of the mean": lambda z, y, *rest: len(z) * solutions.loss(z, y, *rest),
        "mean over the classes too": lambda z, y, *rest: solutions.loss(z, y, *rest) / z.shape[1],
        "sign": lambda z, y, *rest: -solutions.loss(z, y, *rest),
        "whole squared distance": lambda z, y, output="softmax": (
            solutions.loss(z, y, output) * (2 if output == "linear" else 1)
        ),
        "binary logarithm": lambda z, y, output="softmax": (
            solutions.loss(z, y, output) / (np.log(2) if output == "softmax" else 1)
        ),
    },
    "backward": {
        "mean forgotten": _backward(scale=lambda y: 1),
        "divided by the outputs": _backward(scale=lambda y: y.size),
        "g' forgotten": _backward(slope=False),
        "g' at a": _backward(at="a"),
        "g' forgotten in the first layer": _backward(stop=1),
        "mean for the bias": _backward(bias=lambda delta: delta.mean(axis=0)),
        "bias by rows": _backward(bias=lambda delta: delta.sum(axis=1)),
        "updated weights": _backward(updated=True),
        "from the output": _backward(reverse=False),
        "columns are examples": _backward(transpose=False),
        "sign": lambda *arguments: [(-w, -b) for w, b in solutions.backward(*arguments)],
    },
    "numerical_gradients": {
        "one-sided": _numerical(lambda at, h: (at(h) - at(0)) / h),
        "divided by the step": _numerical(lambda at, h: (at(h) - at(-h)) / h),
        "half a step": _numerical(lambda at, h: (at(h / 2) - at(-h / 2)) / h),
        "sign": _numerical(lambda at, h: (at(-h) - at(h)) / (2 * h)),
        "weights alone": _numerical(lambda at, h: (at(h) - at(-h)) / (2 * h), arrays="W"),
        "step too small": _numerical(lambda at, h: (at(1e-13) - at(-1e-13)) / 2e-13),
        "not put back": _drifting,
    },
    "equal_width": {
        "biases forgotten": _width(lambda *a: _count(*a, bias=0)),
        "below the budget": _width(_count, strict=True),
        "over the budget": _width(_count, closest=True),
        "one hidden layer": _width(lambda i, o, layers, w: _count(i, o, 1, w)),
        "one hidden layer too many": _width(lambda i, o, layers, w: _count(i, o, layers + 1, w)),
        "a float": lambda *arguments: float(solutions.equal_width(*arguments)),
    },
    "interpolating_network": {
        "slopes, not their changes": _interpolating(lambda slopes: slopes),
        "sign of the bias": _interpolating(_bends, bias=lambda x: x[:-1]),
        "next point": _interpolating(_bends, bias=lambda x: -x[1:]),
        "first height forgotten": _interpolating(_bends, last=lambda y: np.zeros(1)),
        "first slope forgotten": _interpolating(lambda s: np.diff(s, prepend=s[0])),
        "equal distances": lambda x, y: solutions.interpolating_network(
            np.linspace(x[0], x[-1], len(x)), y
        ),
        "columns": lambda x, y: [(w.T, b) for w, b in solutions.interpolating_network(x, y)],
    },
}

# Exercise, mistake, and words of the message that names it.
MESSAGES = [
    ("initialize_parameters", "columns are examples", "shape of W[1]: expected"),
    ("initialize_parameters", "uniform", "fraction beyond two standard deviations: expected about"),
    ("initialize_parameters", "one seed for each layer", "W[1] and W[2]: expected different"),
    ("activation", "relu's slope at 0", "relu, g'(0): expected 0 at index (0,), received 1"),
    ("forward", "last layer activated", "output='linear', a[1]: expected"),
    ("forward", "input not kept", "expected two lists, of 1 sums z and 2 activations a"),
    ("forward", "sums clipped", "expected 0.7310586 at index (0, 0), received 0.5"),
    ("forward", "largest sum of the whole batch", "at index (1, 0), received nan"),
    ("loss", "largest sum of the whole batch", "classes 1 and 2: expected 1.587628, received nan"),
    ("loss", "clipped", "z=(1000, 0, -1000), class 1: expected 1000, received 16.1"),
    ("backward", "mean forgotten", "Keras, gradient for W[1]: expected"),
    ("backward", "g' forgotten", "n=[4, 5, 3], hidden='tanh'"),
    ("backward", "columns are examples", "expected shape (3, 4), received shape (4, 3)"),
    ("numerical_gradients", "one-sided", "p^3 at p=2, step=0.5: expected 12.25"),
    ("equal_width", "a float", "of type float"),
    ("interpolating_network", "next point", "at the points: expected"),
]
