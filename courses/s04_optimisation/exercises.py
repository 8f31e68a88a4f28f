"""Session 4, exercises: write the functions below, in any order, then grade them with

    python -m courses check s04

A function that is not written yet counts as "to do", whatever the others do. Everything is NumPy.
The optimizers are checked step by step against Keras's own, in double precision, to 1e-6: what
they keep from step to step comes in and goes out, zeros before the first step. Arithmetic is
element by element: each weight has its own gradient, momentum and velocity.
"""

import numpy as np


def minibatches(examples: int, batch_size: int, generator: np.random.Generator) -> list[np.ndarray]:
    """The indices of one epoch's mini-batches: every example once, in a new random order.

    Args:
        examples: number of training examples, at least 1.
        batch_size: examples in each batch; the last batch holds what is left, and is never empty.
        generator: draws the order, anew at each call; nothing else may be random.

    Returns:
        Arrays (or lists) of whole numbers 0 ... examples - 1, one for each batch.

    Example:
        minibatches(10, 4, np.random.default_rng(0)) gives three arrays of 4, 4 and 2 indices,
        which together hold each of 0 ... 9 once.
    """
    raise NotImplementedError


def momentum_step(
    weights: np.ndarray,
    gradient: np.ndarray,
    velocity: np.ndarray,
    learning_rate: float = 0.01,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of gradient descent with momentum, as `keras.optimizers.SGD`.

        velocity <- momentum * velocity - learning_rate * gradient
        weights  <- weights + velocity

    With nesterov=True the weights already take the next step's momentum with them: the second
    line becomes, with the new velocity,

        weights  <- weights + momentum * velocity - learning_rate * gradient

    With momentum 0 all of it is plain gradient descent.

    Args:
        weights: an array of any shape.
        gradient: the loss's gradient at `weights`, of the same shape.
        velocity: what the step before returned, zeros at first, of the same shape.
        learning_rate: the step's size.
        momentum: the fraction of the velocity that is kept, at least 0 and below 1.
        nesterov: which of the two second lines.

    Returns:
        (weights, velocity) after the step.

    Example:
        With weights [1.0], gradient [2.0], velocity [0.5], learning_rate=0.25 and momentum=0.5
        the step gives ([0.75], [-0.25]), and with nesterov=True ([0.375], [-0.25]).
    """
    raise NotImplementedError


def rmsprop_step(
    weights: np.ndarray,
    gradient: np.ndarray,
    velocity: np.ndarray,
    learning_rate: float = 0.001,
    rho: float = 0.9,
    epsilon: float = 1e-7,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of `keras.optimizers.RMSprop`: each weight's gradient, over its own usual size.

        velocity <- rho * velocity + (1 - rho) * gradient**2
        weights  <- weights - learning_rate * gradient / sqrt(velocity + epsilon)

    `epsilon` stands under the root, and the new velocity is used at once.

    Args:
        weights: an array of any shape.
        gradient: the loss's gradient at `weights`, of the same shape.
        velocity: moving average of squared gradients that the step before returned, zeros at
            first, of the same shape.
        learning_rate: the step's size.
        rho: weight of the past in the average.
        epsilon: keeps the quotient finite where all gradients were zero.

    Returns:
        (weights, velocity) after the step.

    Example:
        With weights [1.0], gradient [2.0], velocity [0.0], learning_rate=0.5, rho=0.75 and
        epsilon=0.0 the step gives ([0.0], [1.0]).
    """
    raise NotImplementedError


def adam_step(
    weights: np.ndarray,
    gradient: np.ndarray,
    momentum: np.ndarray,
    velocity: np.ndarray,
    step: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One step of `keras.optimizers.Adam`: momentum over RMSprop's root, without their bias.

        momentum <- beta_1 * momentum + (1 - beta_1) * gradient
        velocity <- beta_2 * velocity + (1 - beta_2) * gradient**2
        rate      = learning_rate * sqrt(1 - beta_2**step) / (1 - beta_1**step)
        weights  <- weights - rate * momentum / (sqrt(velocity) + epsilon)

    `rate` corrects both averages for their start at zero. `epsilon` stands outside the root, and
    beside the velocity that is not corrected: it is the "epsilon hat" that Kingma and Ba write
    just before their section 2.1, not the epsilon of their Algorithm 1.

    Args:
        weights: an array of any shape.
        gradient: the loss's gradient at `weights`, of the same shape.
        momentum: moving average of gradients, from the step before, zeros at first.
        velocity: moving average of squared gradients, likewise.
        step: 1 for the first step, 2 for the second ...
        learning_rate: the step's size.
        beta_1: weight of the past in `momentum`.
        beta_2: weight of the past in `velocity`.
        epsilon: keeps the quotient finite where all gradients were zero.

    Returns:
        (weights, momentum, velocity) after the step.

    Example:
        The first step is `learning_rate` long whatever the gradient: with weights [1.0],
        gradient [4.0], zeros, step=1, learning_rate=0.5, beta_1=0.5, beta_2=0.75, epsilon=0.0
        it gives ([0.5], [2.0], [4.0]).
    """
    raise NotImplementedError


def adamw_step(
    weights: np.ndarray,
    gradient: np.ndarray,
    momentum: np.ndarray,
    velocity: np.ndarray,
    step: int,
    learning_rate: float = 0.001,
    weight_decay: float = 0.004,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One step of `keras.optimizers.AdamW`: the weights shrink first, then Adam steps.

        weights <- weights - learning_rate * weight_decay * weights

    and then `adam_step` from there, with the same gradient. The decay is decoupled: it is no part
    of the gradient, so neither average ever sees it and no root divides it.

    Args:
        weights: an array of any shape.
        gradient: the loss's gradient at the weights before they shrank, of the same shape.
        momentum: moving average of gradients, from the step before, zeros at first.
        velocity: moving average of squared gradients, likewise.
        step: 1 for the first step, 2 for the second ...
        learning_rate: the step's size, and a factor of the decay.
        weight_decay: the other factor of the decay.
        beta_1: weight of the past in `momentum`.
        beta_2: weight of the past in `velocity`.
        epsilon: keeps the quotient finite where all gradients were zero.

    Returns:
        (weights, momentum, velocity) after the step.

    Example:
        With weights [1.0], gradient [4.0], zeros, step=1, learning_rate=0.5, weight_decay=0.5,
        beta_1=0.5, beta_2=0.75 and epsilon=0.0 it gives ([0.25], [2.0], [4.0]).
    """
    raise NotImplementedError


def warm_up_cosine(
    step: int, peak: float, warm_up_steps: int, decay_steps: int, alpha: float = 0.0
) -> float:
    """The learning rate at one step: a straight line up, then half a cosine down.

    It agrees with `keras.optimizers.schedules.CosineDecay(0.0, decay_steps, alpha,
    warmup_target=peak, warmup_steps=warm_up_steps)`:

        step < warm_up_steps:  peak * step / warm_up_steps
        afterwards:            peak * (alpha + (1 - alpha) * (1 + cos(pi * progress)) / 2)

    where `progress` runs from 0 to 1 over the `decay_steps` steps that follow the warm-up, and
    stays 1 from then on.

    Args:
        step: steps done before this one, 0 for the first.
        peak: the highest rate.
        warm_up_steps: steps of the rise; 0 for none: then the first line holds for no step, and
            nothing may be divided by it.
        decay_steps: steps of the fall, the warm-up not counted.
        alpha: the fraction of `peak` at which the fall ends.

    Returns:
        The rate, a number.

    Example:
        warm_up_cosine(5, peak=0.1, warm_up_steps=10, decay_steps=100) == 0.05, and with step=60
        it is 0.05 again: half of the fall.
    """
    raise NotImplementedError


def clip_by_global_norm(gradients: list[np.ndarray], clip_norm: float) -> list[np.ndarray]:
    """Gradients as an optimizer with `global_clipnorm` uses them.

    The global norm is that of all gradients laid end to end, the root of the sum of all their
    squares. Where it exceeds `clip_norm`, every gradient is multiplied by clip_norm / norm, so
    that the direction of the step stays; otherwise none is changed.

    Args:
        gradients: arrays of any shapes, one for each weight array; all of them may be zero.
        clip_norm: the longest step allowed, above 0.

    Returns:
        Arrays of the same shapes.

    Example:
        clip_by_global_norm([np.array([3.0]), np.array([0.0, 4.0])], 1.0) is [[0.6], [0.0, 0.8]].
    """
    raise NotImplementedError


def batch_normalization(
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    moving_mean: np.ndarray,
    moving_variance: np.ndarray,
    training: bool,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The forward pass of `keras.layers.BatchNormalization` on a batch of feature vectors.

        y = gamma * (x - mean) / sqrt(variance + epsilon) + beta

    In training `mean` and `variance` are those of the batch, feature by feature (the variance
    divides by the number of examples), and the moving averages follow them:

        moving <- momentum * moving + (1 - momentum) * of the batch

    Otherwise `mean` and `variance` are the moving averages, which stay as they are.

    Args:
        x: (batch, features).
        gamma: (features,), the learned scale.
        beta: (features,), the learned offset.
        moving_mean: (features,).
        moving_variance: (features,).
        training: which of the two.
        momentum: weight of the past in the moving averages.
        epsilon: keeps the quotient finite.

    Returns:
        (y, moving_mean, moving_variance): y of shape (batch, features), and both averages, after
        this batch.

    Example:
        With x [[1.0], [3.0]], gamma [2.0], beta [10.0], moving averages [0.0] and [1.0],
        training=True, momentum=0.5 and epsilon=0.0: ([[8.0], [12.0]], [1.0], [1.0]).
    """
    raise NotImplementedError
