"""Session 2, exercises: write the functions below, in any order, then grade them with

    python -m courses check s02

A function that is not written yet counts as "to do", whatever the others do. All of it is NumPy.

Rows are examples, as in Keras: with m examples, a[l] has the shape (m, n[l]) and W[l] the shape
(n[l-1], n[l]). A network's `parameters` are the list [(W[1], b[1]), ..., (W[L], b[L])]: layer l
stands at index l - 1. `forward` and `backward` may use `activation`.
"""

from collections.abc import Callable, Sequence

import numpy as np

Parameters = list[tuple[np.ndarray, np.ndarray]]


def initialize_parameters(
    n: Sequence[int], initializer: str = "he_normal", seed: int = 0
) -> Parameters:
    """The first weights and biases of a network with layers of n[0], n[1], ..., n[L] units.

    Weights are drawn from a normal distribution of mean 0 and the variance

        "he_normal":      2 / n[l-1]
        "glorot_normal":  2 / (n[l-1] + n[l])

    by one generator, `np.random.default_rng(seed)`, for all layers; biases are 0.

    Args:
        n: the units of each layer, n[0] the inputs and n[L] the outputs.
        initializer: "he_normal" or "glorot_normal".
        seed: the same seed draws the same weights.

    Returns:
        [(W[1], b[1]), ..., (W[L], b[L])], W[l] of shape (n[l-1], n[l]), b[l] of shape (n[l],).

    Example:
        [w.shape for w, b in initialize_parameters([64, 5, 10])] == [(64, 5), (5, 10)]
    """
    raise NotImplementedError


def activation(z: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """An activation function and its derivative, element by element.

        name           g(z)
        "sigmoid"      s(z) = 1 / (1 + exp(-z))
        "tanh"         tanh(z)
        "relu"         z where z > 0, else 0
        "leaky_relu"   z where z > 0, else 0.2 z
        "silu"         z s(z)

    At z = 0 the two ReLUs take the derivative from the left: 0 and 0.2.

    Args:
        z: an array of any shape.
        name: one of the names above.

    Returns:
        (g(z), g'(z)), two arrays of numbers of the shape of z.

    Example:
        activation(np.array([-1.0, 0.0, 2.0]), "relu") is ([0, 0, 2], [0, 0, 1]).
    """
    raise NotImplementedError


def forward(
    x: np.ndarray, parameters: Parameters, hidden: str = "relu", output: str = "softmax"
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Forward propagation through any number of layers L.

        a[0] = x
        z[l] = a[l-1] W[l] + b[l]        for l = 1, ..., L
        a[l] = g(z[l])                   for l = 1, ..., L - 1
        a[L] = softmax(z[L]), row by row, or z[L] itself with output="linear"

    Sums z[L] may be as large as 1,000, where exp overflows: softmax does not change when each
    row's largest sum is subtracted first.

    Args:
        x: (m, n[0]).
        parameters: [(W[1], b[1]), ..., (W[L], b[L])].
        hidden: the name of g, as in `activation`.
        output: "softmax" or "linear".

    Returns:
        ([z[1], ..., z[L]], [a[0], a[1], ..., a[L]]): L arrays, and L + 1. z[L] is returned
        unshifted.

    Example:
        With W[1] = [[1, -1]], W[2] = [[1], [1]] and zero biases,
        forward(np.array([[-3.0]]), parameters, output="linear")[1][-1] is [[3.0]]: |x|.
    """
    raise NotImplementedError


def loss(z: np.ndarray, y: np.ndarray, output: str = "softmax") -> float:
    """The mean loss over the examples, from the last layer's sums z[L].

        "softmax": the cross-entropy -sum_k y[k] log softmax(z)[k]
        "linear":  half the squared distance, sum_k (z[k] - y[k])^2 / 2

    for each row, and the mean over the rows. With sums as large as 1,000 a probability may be 0
    in floating point, and its logarithm minus infinity: use
    log softmax(z)[k] = z[k] - max(z) - log sum_j exp(z[j] - max(z)).

    Args:
        z: (m, n[L]).
        y: (m, n[L]): one-hot classes, or the targets of a linear output.
        output: "softmax" or "linear".

    Returns:
        A number.

    Example:
        loss(np.zeros((3, 10)), np.eye(10)[:3]) is log(10), about 2.302585.
    """
    raise NotImplementedError


def backward(
    y: np.ndarray,
    parameters: Parameters,
    z: list[np.ndarray],
    a: list[np.ndarray],
    hidden: str = "relu",
) -> Parameters:
    """Backward propagation: the gradient of the mean loss J for every W[l] and b[l].

    With d[l] = dJ/dz[l], and * element by element,

        d[L] = (a[L] - y) / m                      for both outputs of `loss`
        d[l] = (d[l+1] W[l+1]^T) * g'(z[l])        for l = L - 1, ..., 1
        dJ/dW[l] = a[l-1]^T d[l]
        dJ/db[l] = the sum of d[l] over the examples

    Args:
        y: (m, n[L]).
        parameters: [(W[1], b[1]), ..., (W[L], b[L])].
        z: [z[1], ..., z[L]], as `forward` returns them.
        a: [a[0], ..., a[L]], as `forward` returns them.
        hidden: the name of g, as in `activation`.

    Returns:
        [(dJ/dW[1], dJ/db[1]), ..., (dJ/dW[L], dJ/db[L])], shaped like the parameters.

    Example:
        One linear layer with W = [[2.0]], b = [0.0], on x = [[3.0]] with y = [[5.0]]: the output
        is 6, the error 1, and the gradients are [[3.0]] and [1.0].
    """
    raise NotImplementedError


def numerical_gradients(
    function: Callable[[Parameters], float], parameters: Parameters, step: float = 1e-6
) -> Parameters:
    """The gradient of any function of the parameters, by centred finite differences.

    For each single number p of each array, the others as they are:

        (function with p + step  -  function with p - step) / (2 * step)

    This is what the gradients of `backward` are checked with.

    Args:
        function: takes a list shaped like `parameters` and returns a number.
        parameters: [(W[1], b[1]), ..., (W[L], b[L])], float64.
        step: how far each number is moved.

    Returns:
        The gradients, a list of pairs shaped like the parameters.

    Example:
        For function = lambda p: p[0][0][0, 0] ** 2 at W[1] = [[3.0]], b[1] = [0.0], the gradients
        are [[6.0]] and [0.0].
    """
    raise NotImplementedError


def equal_width(inputs: int, outputs: int, hidden_layers: int, budget: int) -> int:
    """How wide a network may be, when all its hidden layers are equally wide.

    A dense layer from i to o units has i * o weights and o biases. To compare shallow with deep
    networks fairly, each gets the same budget of parameters.

    Args:
        inputs: n[0].
        outputs: n[L].
        hidden_layers: how many hidden layers there are, 1 or more.
        budget: the most parameters that the network may have.

    Returns:
        The largest width that keeps the budget, an `int`; 0 where not even 1 does.

    Example:
        equal_width(2, 2, 1, 1000) == 199, which makes 997 parameters; one more makes 1,002.
    """
    raise NotImplementedError


def interpolating_network(x: np.ndarray, y: np.ndarray) -> Parameters:
    """Weights of a network that runs through given points: universal approximation by hand.

    The network has one input, one hidden layer of ReLU and one linear output. Its graph is

        y[0]                                            left of x[0],
        the straight line from point to point           between x[0] and x[-1],
        the last of these lines, going on               right of x[-1].

    Hint: a unit relu(t - x[i]) does nothing left of x[i] and adds to the slope right of it.

    Args:
        x: (points,), growing; at least two.
        y: (points,), what the network returns there.

    Returns:
        [(W[1], b[1]), (W[2], b[2])] with points - 1 hidden units: shapes (1, points - 1),
        (points - 1,), (points - 1, 1) and (1,). The grader calls `forward` on them itself.

    Example:
        interpolating_network(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0])) is a tent:
        0 at 0, 1 at 1, 0.5 at 1.5 and -1 at 3.
    """
    raise NotImplementedError
