"""Session 4, solutions: one way to write each exercise (the tasks are in exercises.py)."""

import numpy as np


def minibatches(examples: int, batch_size: int, generator: np.random.Generator) -> list[np.ndarray]:
    """The indices of one epoch's mini-batches."""
    order = generator.permutation(examples)
    return [order[start : start + batch_size] for start in range(0, examples, batch_size)]


def momentum_step(
    weights: np.ndarray,
    gradient: np.ndarray,
    velocity: np.ndarray,
    learning_rate: float = 0.01,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of `keras.optimizers.SGD`."""
    velocity = momentum * velocity - learning_rate * gradient
    if nesterov:
        return weights + momentum * velocity - learning_rate * gradient, velocity
    return weights + velocity, velocity


def rmsprop_step(
    weights: np.ndarray,
    gradient: np.ndarray,
    velocity: np.ndarray,
    learning_rate: float = 0.001,
    rho: float = 0.9,
    epsilon: float = 1e-7,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of `keras.optimizers.RMSprop`."""
    velocity = rho * velocity + (1 - rho) * gradient**2
    return weights - learning_rate * gradient / np.sqrt(velocity + epsilon), velocity


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
    """One step of `keras.optimizers.Adam`."""
    momentum = beta_1 * momentum + (1 - beta_1) * gradient
    velocity = beta_2 * velocity + (1 - beta_2) * gradient**2
    rate = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return weights - rate * momentum / (np.sqrt(velocity) + epsilon), momentum, velocity


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
    """One step of `keras.optimizers.AdamW`."""
    decayed = weights - learning_rate * weight_decay * weights
    return adam_step(
        decayed, gradient, momentum, velocity, step, learning_rate, beta_1, beta_2, epsilon
    )


def warm_up_cosine(
    step: int, peak: float, warm_up_steps: int, decay_steps: int, alpha: float = 0.0
) -> float:
    """The learning rate of `keras.optimizers.schedules.CosineDecay` with a warm-up."""
    if step < warm_up_steps:
        return peak * step / warm_up_steps
    progress = min(step - warm_up_steps, decay_steps) / decay_steps
    return peak * (alpha + (1 - alpha) * 0.5 * (1 + float(np.cos(np.pi * progress))))


def clip_by_global_norm(gradients: list[np.ndarray], clip_norm: float) -> list[np.ndarray]:
    """Gradients as an optimizer with `global_clipnorm` uses them."""
    norm = np.sqrt(sum(np.sum(gradient**2) for gradient in gradients))
    factor = min(1.0, clip_norm / norm) if norm else 1.0
    return [factor * gradient for gradient in gradients]


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
    """The forward pass of `keras.layers.BatchNormalization`."""
    mean, variance = moving_mean, moving_variance
    if training:
        mean, variance = x.mean(axis=0), x.var(axis=0)
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_variance = momentum * moving_variance + (1 - momentum) * variance
    y = gamma * (x - mean) / np.sqrt(variance + epsilon) + beta
    return y, moving_mean, moving_variance
