"""Plausible wrong answers to session 1's exercises, by exercise and mistake."""

import numpy as np

from courses.s01_introduction import solutions


def _naive(z):
    return 1 / (1 + np.exp(-z))


def _neuron(sums=lambda x, w, b: x @ w + b, sigmoid=None, step=None, relu=None):
    def neuron(x, weights, bias, activation="sigmoid"):
        z = sums(x, weights, bias)
        own = {"sigmoid": sigmoid, "step": step, "relu": relu}.get(activation)
        return own(z) if own else solutions._activated(z, activation)

    return neuron


def _softmax(shift=lambda z: z.max(axis=1, keepdims=True), axis=1):
    def softmax(logits):
        powers = np.exp(logits - shift(logits))
        return powers / powers.sum(axis=axis, keepdims=True)

    return softmax


def _entropy_of_probabilities(epsilon):
    def binary_cross_entropy(logits, labels):
        p = np.clip(_naive(logits), epsilon, 1 - epsilon)
        return float(-np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p)))

    return binary_cross_entropy


def _gradients(change):
    """The right gradients, changed by `change(slopes, slope, x, labels, weights, bias)`."""

    def logistic_gradients(x, labels, weights, bias):
        right = solutions.logistic_gradients(x, labels, weights, bias)
        return change(*right, x, labels, weights, bias)

    return logistic_gradients


def _squared_error_gradients(x, labels, weights, bias):
    p = solutions.neuron(x, weights, bias)
    error = 2 * (p - labels) * p * (1 - p) / len(x)
    return x.T @ error, float(error.sum())


def _fit(
    direction=-1, factor=2.0, penalise_bias=False, late_losses=False, one_by_one=False, seed=None
):
    def fit_logistic_regression(x, labels, *, learning_rate, steps, penalty=0.0):
        weights, bias, losses = np.zeros(x.shape[1]), 0.0, []
        if seed is not None:
            weights = np.random.default_rng(seed).normal(size=x.shape[1])

        def loss():
            entropy = solutions.binary_cross_entropy(x @ weights + bias, labels)
            return entropy + penalty * float(weights @ weights)

        for _ in range(steps):
            losses.append(loss())
            slopes, slope = solutions.logistic_gradients(x, labels, weights, bias)
            weights = weights + direction * learning_rate * (slopes + factor * penalty * weights)
            if one_by_one:
                _, slope = solutions.logistic_gradients(x, labels, weights, bias)
            slope = slope + (2 * penalty * bias if penalise_bias else 0.0)
            bias = bias + direction * learning_rate * slope
            if late_losses:
                losses[-1] = loss()
        return weights, bias, losses

    return fit_logistic_regression


def _without_penalty_in_losses(x, labels, *, learning_rate, steps, penalty=0.0):
    options = {"learning_rate": learning_rate, "penalty": penalty}
    weights, bias, _ = solutions.fit_logistic_regression(x, labels, steps=steps, **options)
    losses = []
    for step in range(steps):
        w, b, _ = solutions.fit_logistic_regression(x, labels, steps=step, **options)
        losses.append(solutions.binary_cross_entropy(x @ w + b, labels))
    return weights, bias, losses


def _fractions(sensitivity, specificity):
    def sensitivity_and_specificity(labels, probabilities, threshold=0.5):
        alarm, ill = probabilities >= threshold, labels == 1
        with np.errstate(all="ignore"):
            return float(sensitivity(alarm, ill)), float(specificity(alarm, ill))

    return sensitivity_and_specificity


def _found(alarm, ill):
    return np.sum(alarm & ill) / np.sum(ill)


def _left_alone(alarm, ill):
    return np.sum(~alarm & ~ill) / np.sum(~ill)


def _hidden(change):
    def one_hidden_layer(x, kernel, bias, weights, offset, activation="relu"):
        return change(x, kernel, bias, weights, offset, activation)

    return one_hidden_layer


WRONG = {
    "neuron": {
        "sigmoid overflows": _neuron(sigmoid=_naive),
        "sigmoid of the wrong sign": _neuron(sigmoid=lambda z: solutions._activated(-z, "sigmoid")),
        "other form for every sum": _neuron(sigmoid=lambda z: np.exp(z) / (1 + np.exp(z))),
        "clipped sums": _neuron(sigmoid=lambda z: _naive(np.clip(z, -10, 10))),
        "no bias": _neuron(sums=lambda x, w, b: x @ w),
        "bias subtracted": _neuron(sums=lambda x, w, b: x @ w - b),
        "not summed": _neuron(sums=lambda x, w, b: x * w + b),
        "step at zero is one": _neuron(step=lambda z: (z >= 0).astype(float)),
        "step of -1 and 1": _neuron(step=np.sign),
        "relu keeps the size": _neuron(relu=np.abs),
        "sigmoid always": lambda x, w, b, activation="sigmoid": solutions.neuron(x, w, b),
    },
    "softmax": {
        "logits clipped": lambda logits: solutions.softmax(np.clip(logits, -700, 700)),
        "overflows": _softmax(shift=lambda z: 0.0),
        "one maximum for all rows": _softmax(shift=lambda z: z.max()),
        "over the examples": _softmax(axis=0),
        "over everything": _softmax(axis=None),
        "sigmoids": lambda z: solutions._activated(z, "sigmoid"),
        "fractions of the logits": lambda z: z / z.sum(axis=1, keepdims=True),
    },
    "binary_cross_entropy": {
        "from probabilities": _entropy_of_probabilities(0.0),
        "from clipped probabilities": _entropy_of_probabilities(1e-7),
        "the sum": lambda z, y: len(z) * solutions.binary_cross_entropy(z, y),
        "one value an example": lambda z, y: np.logaddexp(0, z) - y * z,
        "logits as probabilities": lambda p, y: float(
            -np.mean(y * np.log(np.clip(p, 1e-7, 1)) + (1 - y) * np.log(np.clip(1 - p, 1e-7, 1)))
        ),
        "labels swapped": lambda z, y: solutions.binary_cross_entropy(z, 1 - y),
        "class 1 alone": lambda z, y: float(np.mean(y * np.logaddexp(0, -z))),
        "base 2": lambda z, y: solutions.binary_cross_entropy(z, y) / np.log(2),
        "squared error": lambda z, y: float(np.mean((solutions._activated(z, "sigmoid") - y) ** 2)),
    },
    "logistic_gradients": {
        "sum, not mean": _gradients(lambda w, b, x, *rest: (w * len(x), b * len(x))),
        "wrong sign": _gradients(lambda w, b, *rest: (-w, -b)),
        "bias not averaged": _gradients(lambda w, b, x, *rest: (w, b * len(x))),
        "of the squared error": _squared_error_gradients,
        "no sigmoid": lambda x, y, w, b: (
            x.T @ (x @ w + b - y) / len(x),
            float(np.mean(x @ w + b - y)),
        ),
        "bias forgotten in the sum": lambda x, y, w, b: solutions.logistic_gradients(x, y, w, 0.0),
        "one slope for all features": _gradients(
            lambda w, b, *rest: (np.full_like(w, w.mean()), b)
        ),
        "order swapped": _gradients(lambda w, b, *rest: (b, w)),
        "weights alone": _gradients(lambda w, b, *rest: w),
    },
    "fit_logistic_regression": {
        "uphill": _fit(direction=1),
        "penalty without the 2": _fit(factor=1.0),
        "no penalty": _fit(factor=0.0),
        "bias penalised": _fit(penalise_bias=True),
        "losses after the steps": _fit(late_losses=True),
        "losses without the penalty": _without_penalty_in_losses,
        "bias after the weights have moved": _fit(one_by_one=True),
        "random start": _fit(seed=0),
        "one step too many": lambda x, y, *, learning_rate, steps, penalty=0.0: (
            solutions.fit_logistic_regression(
                x, y, learning_rate=learning_rate, steps=steps + 1, penalty=penalty
            )
        ),
        "no losses": lambda x, y, **options: solutions.fit_logistic_regression(x, y, **options)[:2],
    },
    "boundary": {
        "wrong sign": lambda w, b, first: (w[0] * first + b) / w[1],
        "bias forgotten": lambda w, b, first: -w[0] * first / w[1],
        "bias added": lambda w, b, first: -(w[0] * first - b) / w[1],
        "features swapped": lambda w, b, first: -(w[1] * first + b) / w[0] if w[0] else first,
        "bias not divided": lambda w, b, first: -w[0] / w[1] * first - b,
        "points as pairs": lambda w, b, first: np.stack(
            [first, solutions.boundary(w, b, first)], axis=1
        ),
    },
    "sensitivity_and_specificity": {
        "precision": _fractions(
            lambda alarm, ill: np.sum(alarm & ill) / np.sum(alarm), _left_alone
        ),
        "false alarms, not specificity": _fractions(_found, lambda alarm, ill: alarm[~ill].mean()),
        "order swapped": _fractions(_left_alone, _found),
        "accuracy": _fractions(lambda alarm, ill: np.mean(alarm == ill), _left_alone),
        "fractions of all examples": _fractions(
            lambda alarm, ill: np.mean(alarm & ill), lambda alarm, ill: np.mean(~alarm & ~ill)
        ),
        "above the threshold alone": lambda y, p, threshold=0.5: (
            solutions.sensitivity_and_specificity(y, p, threshold + 1e-9)
        ),
        "threshold ignored": lambda y, p, threshold=0.5: solutions.sensitivity_and_specificity(
            y, p
        ),
        "zero for a missing class": lambda y, p, threshold=0.5: tuple(
            np.nan_to_num(solutions.sensitivity_and_specificity(y, p, threshold)).tolist()
        ),
    },
    "one_hidden_layer": {
        "hidden bias forgotten": _hidden(
            lambda x, k, b, w, o, act: solutions.one_hidden_layer(x, k, 0 * b, w, o, act)
        ),
        "output bias forgotten": _hidden(
            lambda x, k, b, w, o, act: solutions.one_hidden_layer(x, k, b, w, 0.0, act)
        ),
        "no activation": _hidden(
            lambda x, k, b, w, o, act: solutions.one_hidden_layer(x, k, b, w, o, "linear")
        ),
        "relu always": _hidden(
            lambda x, k, b, w, o, act: solutions.one_hidden_layer(x, k, b, w, o)
        ),
        "sigmoid at the output": _hidden(
            lambda x, k, b, w, o, act: _naive(solutions.one_hidden_layer(x, k, b, w, o, act))
        ),
        "activation at the output": _hidden(
            lambda x, k, b, w, o, act: solutions._activated(
                solutions.one_hidden_layer(x, k, b, w, o, act), act
            )
        ),
        "bias after the activation": _hidden(
            lambda x, k, b, w, o, act: (solutions._activated(x @ k, act) + b) @ w + o
        ),
        "a column": _hidden(
            lambda x, k, b, w, o, act: solutions.one_hidden_layer(x, k, b, w, o, act)[:, None]
        ),
    },
    "xor_network": {
        "and": lambda: (np.ones((2, 2)), np.array([-1.0, -1.0]), np.ones(2), -0.5),
        "or": lambda: (np.ones((2, 2)), np.zeros(2), np.ones(2), -0.5),
        "for steps": lambda: (np.ones((2, 2)), np.array([-0.5, -1.5]), np.array([1.0, -1.0]), -0.5),
        "no offset": lambda: (np.ones((2, 2)), np.array([0.0, -1.0]), np.array([1.0, -2.0]), 0.0),
        "the opposite": lambda: (
            np.ones((2, 2)),
            np.array([0.0, -1.0]),
            np.array([-1.0, 2.0]),
            0.5,
        ),
        "one unit": lambda: (np.ones((2, 1)), np.zeros(1), np.ones(1), -0.5),
        "weights alone": lambda: np.ones((2, 2)),
    },
}

# Exercise, mistake, and words of the message that names it.
MESSAGES = [
    ("neuron", "sigmoid overflows", "expected no warning on the way, received RuntimeWarning"),
    ("neuron", "other form for every sum", "sigmoid of the sums 1000 and -1000"),
    ("neuron", "not summed", "expected shape (4,), received shape (4, 3)"),
    ("softmax", "overflows", "logits [[1000.0, 1000.0], [0.0, 0.0]]"),
    ("binary_cross_entropy", "from clipped probabilities", "expected 500, received"),
    ("binary_cross_entropy", "one value an example", "received an array of shape (6,)"),
    ("logistic_gradients", "weights alone", "expected a tuple (dL/dweights, dL/dbias)"),
    ("logistic_gradients", "bias not averaged", "7 examples of 3 features, dL/dbias"),
    ("fit_logistic_regression", "penalty without the 2", "penalty=0.1, weights"),
    ("fit_logistic_regression", "losses without the penalty", "penalty=0.1, losses"),
    ("sensitivity_and_specificity", "zero for a missing class", "three examples of class 1 alone"),
    ("one_hidden_layer", "a column", "expected shape (5,), received shape (5, 1)"),
    ("xor_network", "for steps", "input (0, 1): expected a logit of at least 0.1, received 0"),
    ("xor_network", "one unit", "shapes: expected [(2, 2), (2,), (2,), ()], received [(2, 1)"),
]
